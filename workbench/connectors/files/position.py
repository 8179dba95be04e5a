"""A place in a file: so many bytes in, so many records in (Parquet: row groups and rows)."""

from __future__ import annotations

from typing import NamedTuple


class Position(NamedTuple):
    byte: int = 0
    line: int = 0


BEGINNING = Position()
