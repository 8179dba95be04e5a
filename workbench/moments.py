"""Moments as people write them: a time of day, a date, so long ago."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
AGO = re.compile(r"-?\s*(\d+(?:\.\d+)?)\s*(s|sec|seconds?|m|min|minutes?|h|hours?|d|days?)(?:\s+ago)?", re.IGNORECASE)
CLOCK = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d(?:\.\d{1,6})?))?")
DAY = re.compile(r"(\d{1,2})\s+([a-z]{3})[a-z]*(?:\s+(\d{4}))?(?:\s+(\S+))?", re.IGNORECASE)


def moment(text: str, now: float, zone: tzinfo | None = None) -> datetime | None:
    """What moment is meant, with its zone; None when it is none.

    Args:
        text: `10:30` (the last one that was), `21 Nov 09:00`, `2026-11-21 09:00+01`, `10 min ago`.
        now: seconds since 1970.
        zone: of times without one; the machine's own by default.
    """
    text = " ".join(text.split())
    try:
        if found := AGO.fullmatch(text):
            return datetime.fromtimestamp(now - float(found[1]) * UNITS[found[2][0].lower()], UTC).astimezone(zone)
        here = datetime.fromtimestamp(now, zone).replace(tzinfo=None)
        if CLOCK.fullmatch(text):
            at = _at_clock(here, text)
            at = at if at <= here else at - timedelta(days=1)
        elif found := DAY.fullmatch(text):
            at = _on_day(here, found)
        else:
            at = datetime.fromisoformat(text)
        if at.tzinfo is None:
            return at.replace(tzinfo=zone) if zone is not None else at.astimezone()
        return at
    except (ValueError, OverflowError, OSError):
        return None


def _at_clock(day: datetime, text: str) -> datetime:
    found = CLOCK.fullmatch(text)
    if found is None:
        raise ValueError(text)
    seconds = float(found[3] or 0)
    whole = day.replace(hour=int(found[1]), minute=int(found[2]), second=int(seconds), microsecond=0)
    return whole + timedelta(seconds=seconds - int(seconds))


def _on_day(today: datetime, found: re.Match[str]) -> datetime:
    """`21 Nov`, `21 Nov 09:00`, `21 Nov 2025 09:00`; without a year the last one that was."""
    month = [name.lower() for name in MONTHS].index(found[2].lower()) + 1
    year = int(found[3]) if found[3] else today.year
    at = _at_clock(today.replace(year=year, month=month, day=int(found[1])), found[4] or "00:00")
    return at if at <= today or found[3] else at.replace(year=year - 1)
