"""Numbers and names as they stand in a sentence."""

from __future__ import annotations

from collections.abc import Iterable

MOST_NAMED = 4
"""Names that a list spells out."""


def count(number: int, noun: str) -> str:
    """`1,204 rows`, `1 row`, `no rows`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}" if number else f"no {noun}s"


def listed(names: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and 7 more`."""
    found = list(names)
    if len(found) > MOST_NAMED:
        found = [*found[: MOST_NAMED - 1], f"{len(found) - MOST_NAMED + 1} more"]
    return " and ".join([", ".join(found[:-1]), found[-1]]) if len(found) > 1 else "".join(found)


def hinted(what: str, hint: str) -> str:
    """What is wrong, and what to do about it, on one line."""
    return f"{what.rstrip('.')}. {hint}" if hint else what


def commit_name(commit: int) -> str:
    return f"commit {commit:,}" if commit else "its beginning"
