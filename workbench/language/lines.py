"""Lines of text have one column, `value`: what else is declared of them."""

from __future__ import annotations

from collections.abc import Sequence

from workbench.language.definitions import Column, ReadRate, SourceSpec, StreamRef

LINE = "value"


def is_text(source: SourceSpec | StreamRef) -> bool:
    """Whether a source gives lines that are not taken apart."""
    return not isinstance(source, StreamRef | ReadRate) and source.format == "text"


def strange(columns: Sequence[Column]) -> str | None:
    """The first declared column that no line has."""
    return next((column.name for column in columns if column.name.lower() != LINE), None)


def mistake(name: str) -> tuple[str, str]:
    """What is wrong with such a column, and what to do."""
    message = f"the source is read as text, which has one column, `{LINE}`, and no {name}"
    return message, f"Say format => 'json' or 'csv'; or declare {LINE} alone, and give it another name in the SELECT: {LINE} AS {name}."
