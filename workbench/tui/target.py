"""What a person types for a rewind or a rate limit, understood: a commit, a time, an offset, a speed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import tzinfo

from workbench.moments import CLOCK, moment, speed
from workbench.tui.engine_api import Argument
from workbench.tui.numbers import stamp

COMMIT = re.compile(r"(?:commit\s*|#)?(\d[\d,_]*)", re.IGNORECASE)
OFFSET = re.compile(r"(.+):\s*((?:row|line)\s+)?(\d[\d,_]*)", re.IGNORECASE)


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
    if (at := moment(text, now, zone)) is not None:
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
    rows = speed(text)
    if rows is None:
        return Target({"rows": None}, "no limit")
    return Target({"rows": rows}, f"{rows:,.0f} rows/s" if rows >= 10 else f"{rows:g} rows/s")


def _whole(digits: str) -> int:
    return int(re.sub("[,_]", "", digits))
