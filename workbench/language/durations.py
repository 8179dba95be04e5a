"""Lengths of time as people write them, in microseconds."""

from __future__ import annotations

import re

UNITS = {
    "MICROSECOND": 1,
    "MILLISECOND": 1_000,
    "SECOND": 1_000_000,
    "MINUTE": 60_000_000,
    "HOUR": 3_600_000_000,
    "DAY": 86_400_000_000,
    "WEEK": 604_800_000_000,
}
_SHORT = {"US": "MICROSECOND", "MS": "MILLISECOND", "S": "SECOND", "SEC": "SECOND", "MIN": "MINUTE", "H": "HOUR", "HR": "HOUR", "D": "DAY"}

LONGEST = 1 << 60
"""Microseconds, 36,000 years; with it every sum of times stays a number of 64 bits."""


def unit(word: str) -> int | None:
    """Microseconds of a unit (`minute`, `MINUTES`, `min`), None when it is not one."""
    up = word.upper()
    for name in (up, up.removesuffix("S")):
        if name in UNITS or name in _SHORT:
            return UNITS[_SHORT.get(name, name)]
    return None


def duration(text: str) -> int | None:
    """Microseconds of `'1 minute'` or `'1 hour 30 minutes'`; None when it is no length of time, has no fixed length, or is
    longer than any event time is away."""
    parts = re.findall(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*", text)
    if not parts or re.sub(r"\s*\d+(?:\.\d+)?\s*[A-Za-z]+\s*", "", text):
        return None
    total = 0.0
    for count, word in parts:
        micros = unit(word)
        if micros is None:
            return None
        total += float(count) * micros
    return fixed(total)


def fixed(micros: float) -> int | None:
    """A length in whole microseconds; None when it is longer than any event time is away."""
    return round(micros) if micros <= LONGEST else None
