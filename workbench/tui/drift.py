"""Fields that no longer fit their stream's columns: in words, and with a line that shows them."""

from __future__ import annotations

from workbench.protocol import DriftStatus
from workbench.tui.numbers import count
from workbench.tui.text import cut, visible

VALUE = 24
"""Cells that a value behind its field's name is given when a line is cut."""


def drift_text(drift: DriftStatus) -> str:
    """`new field coupon, in 41 rows`; what became of it in words."""
    rows = _many_rows(drift.count)
    if drift.kind == "vanished":
        return f"field {drift.field} is gone from {rows}"
    if drift.kind == "retyped":
        return f"field {drift.field} comes as {drift.type} in {rows}"
    return f"new field {drift.field} in {rows}"


def drift_key(drift: DriftStatus) -> str:
    """The name of a drift, for answers and for those that were looked at."""
    return f"{drift.stream}\x1f{drift.field}\x1f{drift.kind}"


def around(sample: str, field: str, cells: int) -> str:
    """As much of a line as fits: its beginning, or its end, or from a field on, whichever shows that field first."""
    text = visible(sample)
    place = max(0, text.lower().find(field.lower()) - 1)
    if len(text) <= cells or place + len(field) + VALUE <= cells:
        return cut(text, cells)
    start = min(place, len(text) - cells)
    return cut(text[max(start, text.find(",", start, place) + 1) :], cells)


def _many_rows(number: int) -> str:
    return "1 row" if number == 1 else f"{count(number)} rows"
