"""What a person types for a rewind or a rate limit, understood: a commit, a time, an offset, a speed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from workbench.tui.engine_api import Argument
from workbench.tui.numbers import MONTHS, stamp

UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
SIZES = {"": 1, "k": 1_000, "m": 1_000_000}
COMMIT = re.compile(r"(?:commit\s*|#)?(\d[\d,_]*)", re.IGNORECASE)
AGO = re.compile(r"-?\s*(\d+(?:\.\d+)?)\s*(s|sec|seconds?|m|min|minutes?|h|hours?|d|days?)(?:\s+ago)?", re.IGNORECASE)
CLOCK = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d(?:\.\d{1,6})?))?")
DAY = re.compile(r"(\d{1,2})\s+([a-z]{3})[a-z]*(?:\s+(\d{4}))?(?:\s+(\S+))?", re.IGNORECASE)
OFFSET = re.compile(r"(.+):\s*((?:row|line)\s+)?(\d[\d,_]*)", re.IGNORECASE)
SPEED = re.compile(r"(\d[\d,_]*(?:\.\d+)?)\s*([km]?)(?:\s*(?:rows)?\s*/\s*s(?:ec)?)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Target:
    """The arguments of a command, and the same in words for its heading."""

    arguments: Mapping[str, Argument]
    words: str


def rewind_target(text: str, now: float, zone: tzinfo | None = None) -> Target:
    """Where to read again from.

    Args:
        text: `beginning`, a commit, a time (of day, a date, so long ago), `file:byte` or `file:row N`.
        now: seconds since 1970.
        zone: of times without one; the machine's own by default.

    Raises:
        ValueError: it is none of these; the message says so to a person.
    """
    text = " ".join(text.split())
    if text.lower() in {"beginning", "start", "the beginning"}:
        return Target({"beginning": True}, "the beginning")
    if found := COMMIT.fullmatch(text):
        number = _whole(found[1])
        return Target({"commit": number}, f"commit {number:,}")
    if (at := _time(text, now, zone)) is not None:
        if at.timestamp() > now:
            raise ValueError(f"{stamp(at.timestamp(), now, zone)} is yet to come")
        return Target({"time": at.isoformat()}, stamp(at.timestamp(), now, zone))
    if (found := OFFSET.fullmatch(text)) and not CLOCK.fullmatch(text):
        number, unit = _whole(found[3]), "row" if found[2] else "byte"
        return Target({"row" if found[2] else "offset": f"{found[1]}:{number}"}, f"{unit} {number:,} of {found[1]}")
    raise ValueError("neither beginning, a commit, a time nor file:byte" if text else "")


def limit_target(text: str) -> Target:
    """A speed in rows/s; `none` lifts the limit.

    Raises:
        ValueError: it is no speed; the message says so to a person.
    """
    text = " ".join(text.split())
    if text.lower() in {"none", "off", "no", "no limit"}:
        return Target({"rows": None}, "no limit")
    found = SPEED.fullmatch(text)
    if found is None:
        raise ValueError("not a number of rows a second" if text else "")
    rows = float(re.sub("[,_]", "", found[1])) * SIZES[found[2].lower()]
    if rows <= 0:
        raise ValueError("a limit of nothing would be a pause: p")
    return Target({"rows": rows}, f"{rows:,.0f} rows/s" if rows >= 10 else f"{rows:g} rows/s")


def _whole(digits: str) -> int:
    return int(re.sub("[,_]", "", digits))


def _time(text: str, now: float, zone: tzinfo | None) -> datetime | None:
    """A moment; one without a zone is meant in `zone`."""
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
