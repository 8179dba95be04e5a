"""Moments and speeds as people write them: a time of day, a date, so long ago, rows a second."""

from __future__ import annotations

import math
import re
from calendar import isleap
from datetime import UTC, datetime, timedelta, tzinfo

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
AGO = re.compile(r"-?\s*(\d+(?:\.\d+)?)\s*(s|sec|seconds?|m|min|minutes?|h|hours?|d|days?)(?:\s+ago)?", re.IGNORECASE)
CLOCK = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d(?:\.\d{1,6})?))?")
DAY = re.compile(r"(\d{1,2})\s+([a-z]{3})[a-z]*(?:\s+(\d{4}))?(?:\s+(\S+))?", re.IGNORECASE)
SIZES = {"": 1, "k": 1_000, "m": 1_000_000}
SPEED = re.compile(r"(\d[\d,_]*(?:\.\d+)?)\s*([km]?)(?:\s*(?:rows)?\s*/\s*s(?:ec)?)?", re.IGNORECASE)


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
    day = int(found[1])
    if found[3]:
        return _at_clock(today.replace(year=int(found[3]), month=month, day=day), found[4] or "00:00")
    years = range(today.year, today.year - 9, -1)  # a 29 February is at most eight years ago
    days = (today.replace(year=year, month=month, day=day) for year in years if (month, day) != (2, 29) or isleap(year))
    return next(at for at in (_at_clock(one, found[4] or "00:00") for one in days) if at <= today)


def speed(text: str) -> float | None:
    """Rows a second of `20k`, `5,000 rows/s`; None for `none`, which lifts a limit.

    Raises:
        ValueError: it is no speed; the message says so to a person.
    """
    text = " ".join(text.split())
    if text.lower() in {"none", "off", "no", "no limit"}:
        return None
    found = SPEED.fullmatch(text)
    if found is None:
        raise ValueError("not a number of rows a second" if text else "")
    rows = float(re.sub("[,_]", "", found[1])) * SIZES[found[2].lower()]
    if rows <= 0:
        raise ValueError("a limit of nothing would be a pause")
    if math.isinf(rows):
        raise ValueError("no source is that fast")
    return rows
