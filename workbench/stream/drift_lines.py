"""What the records of a chunk tell about drift: a few lines looked at, and what decoding has found out anyway."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from workbench.batch import ACCEPTED, Batch
from workbench.store.session import Session
from workbench.stream.decode_lines import Lines
from workbench.stream.decode_types import Family, Typed
from workbench.stream.drift import MOST, SETTLED, STEADY, Drift
from workbench.stream.infer import json_kind
from workbench.stream.json_exact import RESCUED
from workbench.stream.validate import TYPE_BIT

LOOKS = 16
"""Lines of a chunk that are looked at, of a small one fewer: one in `SPACING`, since each costs 3 µs."""
SPACING = 256
SHAPES = 256
"""Sets of fields with their types that a decoder remembers."""
GOLDEN = 0.6180339887498949
"""Its multiples, modulo 1, are spread evenly and meet no rhythm of the lines."""
WRONG_LOOKS = 8
"""Lines with a type error that are looked at, of each chunk."""
SHOWN = 160
"""Characters of a sample line in a notice."""

TAKES: dict[Family, frozenset[str]] = {
    "whole": frozenset({"number"}),
    "real": frozenset({"number"}),
    "number": frozenset({"number"}),
    "boolean": frozenset({"boolean"}),
    "time": frozenset({"string"}),
    "string": frozenset({"string"}),
}
"""The sorts of JSON values that a column takes; others take any."""


class DriftLines:
    """Tells the drift of one decoder's batches into the Drift that it shares with the other threads'.

    A field that the source's columns lack is news, declared or inferred as they are; which of them a SELECT chooses is not.

    Args:
        rescue: fields without a column are kept in `_rescued_data`.
    """

    def __init__(self, session: Session, columns: Sequence[Typed], drift: Drift, stream: str, rescue: bool) -> None:
        self._session, self._columns, self._drift = session, tuple(columns), drift
        self._where = f"{stream}: " if stream else ""
        self._rescue = rescue
        self._names = {column.name for column in columns}
        self._takes = {c.name: TAKES[c.family] for c in columns if c.family in TAKES}
        self._shapes: dict[Any, int] = {}
        self._said: list[str] = []

    def of_json(self, batch: Batch, lines: Lines) -> list[str]:
        """Notices about a chunk of JSON lines."""
        if self._rescue:
            self._rescued(batch, lines)
        self._looked_at(batch, lines)
        self._mistyped(batch, lines)
        self._missing(batch, lambda: lines.line(len(lines) - 1))
        return self._told()

    def of_csv(self, batch: Batch, lines: Lines, header: Sequence[str] | None, kinds: dict[str, set[str]]) -> list[str]:
        """Notices about a chunk of CSV. Args: header: when the chunk begins with it; kinds: of the first values of its columns."""
        if header is not None:
            self._columns_of(batch, header, kinds, lines.line(0))
        self._missing(batch, lambda: lines.line(len(lines) - 1))
        return self._told()

    def of_table(self, batch: Batch, table: pa.Table) -> list[str]:
        """Notices about a row group."""
        names = {name.lower() for name in self._names}
        if any(name.lower() not in names for name in table.column_names):
            with self._session.relation("_drifted", table.slice(0, 0)):
                types = {name: {kind} for name, kind in self._session.describe("SELECT * FROM _drifted")}
            self._columns_of(batch, table.column_names, types, b"")
        self._missing(batch, lambda: b"")
        return self._told()

    def _told(self) -> list[str]:
        if self._drift.overflows():
            kept = f"all are kept in {RESCUED}, " if self._rescue else ""
            self._said.append(f"{self._where}{MOST} fields do not fit the columns: {kept}no more are told")
        said, self._said = self._said, []
        return said

    def _rescued(self, batch: Batch, lines: Lines) -> None:
        """Every field that `_rescued_data` holds."""
        rescued = batch.table.column(RESCUED)
        if rescued.null_count == len(rescued):
            return
        rows = pa.table({"row": np.arange(len(rescued)), "rest": rescued, "known": batch.verdict == ACCEPTED})
        with self._session.relation("_rescued", rows):
            found = self._session.execute(
                "SELECT field, min(row), count(*) FROM"
                " (SELECT row, unnest(json_keys(rest)) AS field FROM _rescued WHERE known AND rest IS NOT NULL)"
                " GROUP BY field ORDER BY min(row), field"
            )
        for field, row, count in found:
            value = _object(str(rescued[row])).get(field)
            self._new(batch, str(field), int(row), int(count), {json_kind(value)}, lines.line(row))

    def _new(self, batch: Batch, field: str, row: int, count: int, kinds: Iterable[str], sample: bytes) -> None:
        if self._drift.seen("new", field, count, kinds, sample):
            fate = f"is kept in {RESCUED}" if self._rescue else "has no column and is not stored"
            self._say(f"new field `{field}` at line {batch.raw.start.line + 1 + row:,} {fate}", sample)

    def _looked_at(self, batch: Batch, lines: Lines) -> None:
        """Lines spread over the chunk: fields without a column, and columns whose values are of another sort than before."""
        count = len(lines)
        looks = min(LOOKS, 1 + count // SPACING)
        for look in range(looks if count else 0):
            row = int(look * GOLDEN % 1 * count)
            if batch.verdict[row] != ACCEPTED:
                continue
            line = lines.line(row)
            found = _object(line)
            shape = (tuple(found), tuple(map(type, found.values())))
            if self._shapes.get(shape, 0) < SETTLED:
                self._compared(batch, row, _share(count, look, looks), found, shape, line)

    def _compared(self, batch: Batch, row: int, count: int, found: dict[str, Any], shape: Any, line: bytes) -> None:
        """One line; the shape of a line that fits, often enough to be usual, is not looked into any more."""
        known = {name: value for name, value in found.items() if value is not None and name in self._names}
        fits = True
        if not self._rescue:
            others = [name for name in found if name not in self._names and found[name] is not None]
            for name in others:
                self._new(batch, name, row, count, {json_kind(found[name])}, line)
            fits = not others
        unusual = self._drift.unusual({name: sort_of(value) for name, value in known.items()})
        for name in unusual:
            self._retyped(batch, name, row, count, found[name], line, "it is taken, as far as it can be")
        if fits and not unusual and (shape in self._shapes or len(self._shapes) < SHAPES):
            self._shapes[shape] = self._shapes.get(shape, 0) + 1

    def _mistyped(self, batch: Batch, lines: Lines) -> None:
        """Fields of lines that were rejected as `_type` because their values are of another sort than the columns."""
        rows = np.flatnonzero(batch.mask & np.uint64(TYPE_BIT)) if len(batch.rejected) else ()
        looks = min(WRONG_LOOKS, len(rows))
        for look, row in enumerate(rows[:looks]):
            line = lines.line(int(row))
            found = _object(line)
            for name, takes in self._takes.items():
                value = found.get(name)
                if value is not None and sort_of(value) not in takes:
                    self._retyped(batch, name, int(row), _share(len(rows), look, looks), value, line, "such lines are rejected as _type")

    def _retyped(self, batch: Batch, field: str, row: int, count: int, value: Any, line: bytes, fate: str) -> None:
        if self._drift.seen("retyped", field, count, {json_kind(value)}, line):
            declared = next(column.type for column in self._columns if column.name == field)
            self._say(f"field `{field}`, {declared}, is a {sort_of(value)} at line {batch.raw.start.line + 1 + row:,}: {fate}", line)

    def _columns_of(self, batch: Batch, names: Sequence[str], kinds: dict[str, set[str]], sample: bytes) -> None:
        """A header, or the columns of a row group."""
        known = {name.lower() for name in self._names}
        for name in names:
            if name and name.lower() not in known and self._drift.seen("new", name, 1, kinds.get(name, ()), sample):
                self._say(f"new column `{name}` in {batch.raw.start.file} has no column in the table and is not stored", sample)
        there = {name.lower() for name in names}
        for column in self._columns:
            if column.name.lower() in there:
                self._drift.had(column.name)
            elif self._drift.lacks(column.name) and self._drift.seen("vanished", column.name, 1, (), sample):
                self._say(f"column `{column.name}`, which files before had, is not in {batch.raw.start.file}: NULL", sample)

    def _missing(self, batch: Batch, last: Any) -> None:
        rows = len(batch.verdict) - len(batch.rejected)
        if not rows:
            return
        present = {c.name: len(batch.verdict) - batch.table.column(i).null_count for i, c in enumerate(self._columns)}
        for name in self._drift.vanished(rows, present):
            sample = last()
            if self._drift.seen("vanished", name, rows, (), sample):
                self._say(f"field `{name}`, which most records had, is missing or null in the last {STEADY:,}", sample)

    def _say(self, text: str, sample: bytes) -> None:
        shown = shown_line(sample[:SHOWN])
        self._said.append(f"{self._where}{text}{f': {shown}' if shown else ''}")


def _share(count: int, look: int, looks: int) -> int:
    """How many of the lines one of the looks stands for; together they stand for all."""
    return count * (look + 1) // looks - count * look // looks


def sort_of(value: Any) -> str:
    """The sort of a JSON value, as people say it."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "string" if isinstance(value, str) else "list" if isinstance(value, list) else "object"


def shown_line(line: bytes) -> str:
    """A line as text on one line."""
    return "".join(c if c.isprintable() else "�" for c in line.decode(errors="replace").replace("\t", " ").strip())


def _object(line: bytes | str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
