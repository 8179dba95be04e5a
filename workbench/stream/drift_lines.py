"""What the records of a chunk tell about drift: a few lines looked at, and what decoding has found out anyway."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from workbench.batch import ACCEPTED, Batch
from workbench.store.session import Session
from workbench.stream.decode_lines import Lines, Positions
from workbench.stream.decode_types import Family, Typed
from workbench.stream.drift import MOST, SAMPLE, SETTLED, STEADY, Drift
from workbench.stream.infer import json_kind, json_object
from workbench.stream.json_exact import RESCUED, rescued_sql, trimmed_sql
from workbench.stream.json_fast import unknown_fields
from workbench.stream.validate import TYPE_BIT

LOOKS = 16
"""Lines of a chunk whose values' sorts are looked at, of a small one fewer: one in `SPACING`, since each costs 3 µs."""
SPACING = 256
COUNTED = 256
"""Lines up to which those of another sort are counted one by one; of more as many are taken for all."""
WHOLE = 3_000
"""Lines up to which every one is asked for fields without a column; of a larger chunk as many in a row, but for a decoder's first."""
SHAPES = 256
"""Sets of fields with their types that a decoder remembers."""
KINDS = 16
"""Values of a new field by which the type is told, of each chunk."""
KEPT = 256
"""Records that are kept parsed: one may bring thousands of new fields."""
GOLDEN = 0.6180339887498949
"""Its multiples, modulo 1, are spread evenly and meet no rhythm of the lines."""
WRONG_LOOKS = 64
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
        rescue: the rows have a column `_rescued_data` with the fields that no column is declared for.
        stored: and the table keeps it.
    """

    def __init__(self, session: Session, columns: Sequence[Typed], drift: Drift, stream: str, rescue: bool, stored: bool = True) -> None:
        self._session, self._columns, self._drift = session, tuple(columns), drift
        self._where = f"{stream}: " if stream else ""
        self._rescue = rescue
        self._kept = rescue and stored
        self._chunks = 0
        self._names = {column.name for column in columns}
        self._takes = {c.name: TAKES[c.family] for c in columns if c.family in TAKES}
        self._shapes: dict[Any, int] = {}
        self._said: list[str] = []

    def of_json(self, batch: Batch, lines: Lines) -> list[str]:
        """Notices about a chunk of JSON lines."""
        self._unnamed(batch, lines)
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
            kept = f"all are kept in {RESCUED}, " if self._kept else ""
            self._said.append(f"{self._where}{MOST} fields do not fit the columns: {kept}no more are told")
        said, self._said = self._said, []
        return said

    def _unnamed(self, batch: Batch, lines: Lines) -> None:
        """Every field without a column."""
        if self._rescue:
            rescued = batch.table.column(RESCUED)
            rows, rest, asked = np.arange(len(rescued)), rescued, 1.0
            if rescued.null_count == len(rescued):
                return
        else:
            rows, rest, asked = self._beyond(batch, lines)
        if not len(rows):
            return
        table = pa.table({"row": rows, "rest": rest, "known": batch.verdict[rows] == ACCEPTED})
        with self._session.relation("_rescued", table):
            found = self._session.execute(
                f"SELECT field, min(row), count(*), list(row ORDER BY row)[:{KINDS}] FROM"
                f" (SELECT row, unnest(json_keys(rest)) AS field FROM _rescued WHERE known AND rest IS NOT NULL)"
                " GROUP BY field ORDER BY min(row), field"
            )
        place = {int(row): i for i, row in enumerate(rows)} if len(rows) < len(batch.verdict) else None
        objects: dict[int, dict[str, Any]] = {}
        for field, row, count, some in found:
            if len(objects) > KEPT:
                objects.clear()
            for one in some:
                if one not in objects:
                    objects[one] = json_object(str(rest[place[one] if place else one]))
            values = [objects[one].get(field) for one in some]
            if self._rescue or any(value is not None for value in values):
                kinds = {json_kind(value) for value in values if self._rescue or value is not None}
                self._new(batch, str(field), int(row), round(int(count) * asked), kinds, lines.begin(row, SAMPLE))

    def _beyond(self, batch: Batch, lines: Lines) -> tuple[Positions, Any, float]:
        """Rows that may have fields without a column, with these as JSON, and for how many rows each of the rows asked stands."""
        count, self._chunks = len(lines), self._chunks + 1
        begin, end = 0, count
        if count > WHOLE and self._chunks > 1:
            begin = int(self._chunks * GOLDEN % 1 * (count - WHOLE))
            end = begin + WHOLE
        starts = lines.starts[begin : end + 1]
        suspects = unknown_fields(lines.bytes[starts[0] : starts[-1]], starts - starts[0], batch.table.slice(begin, end - begin))
        rows = begin + np.flatnonzero(suspects & (batch.verdict[begin:end] == ACCEPTED))
        if not len(rows):
            return rows, None, 1.0
        share = len(rows) / max(1, int((batch.verdict[begin:end] == ACCEPTED).sum())) if end - begin < count else 0.0
        if share:
            rows = rows[:: 1 + len(rows) // COUNTED]
        asked = share * int((batch.verdict == ACCEPTED).sum()) / len(rows) if share else 1.0
        with self._session.relation("_lines", pa.table({"raw": lines.take(rows).cast(pa.string())})):
            sql = f"SELECT {rescued_sql(trimmed_sql('raw'), [column.name for column in self._columns])} AS rest FROM _lines"
            rest = self._session.arrow(sql).column(0)
        return rows, rest, asked

    def _new(self, batch: Batch, field: str, row: int, count: int, kinds: Iterable[str], sample: bytes) -> None:
        if self._drift.seen("new", field, count, kinds, sample):
            fate = f"is kept in {RESCUED}" if self._kept else "has no column and is not stored"
            self._say(f"new field `{field}` at line {batch.raw.start.line + 1 + row:,} {fate}", sample)

    def _looked_at(self, batch: Batch, lines: Lines) -> None:
        """Lines spread over the chunk: columns whose values are of another sort than before."""
        count = len(lines)
        looks = min(LOOKS, 1 + count // SPACING)
        unusual: dict[str, tuple[int, Any]] = {}
        for look in range(looks if count else 0):
            row = int(look * GOLDEN % 1 * count)
            if batch.verdict[row] != ACCEPTED:
                continue
            found = json_object(lines.line(row))
            shape = (tuple(found), tuple(map(type, found.values())))
            if self._shapes.get(shape, 0) < SETTLED:
                for name in self._compared(found, shape):
                    unusual.setdefault(name, (row, found[name]))
        if unusual:
            self._counted(batch, lines, unusual)

    def _compared(self, found: dict[str, Any], shape: Any) -> list[str]:
        """What is unusual in a line; the shape of one that fits, often enough to be usual, is not looked into any more."""
        known = {name: value for name, value in found.items() if value is not None and name in self._names}
        unusual = self._drift.unusual({name: sort_of(value) for name, value in known.items()})
        if not unusual and (shape in self._shapes or len(self._shapes) < SHAPES):
            self._shapes[shape] = self._shapes.get(shape, 0) + 1
        return unusual

    def _counted(self, batch: Batch, lines: Lines, unusual: dict[str, tuple[int, Any]]) -> None:
        """The lines of a chunk in which columns have an unusual sort."""
        accepted = np.flatnonzero(batch.verdict == ACCEPTED)
        some = accepted[np.unique(np.linspace(0, len(accepted) - 1, COUNTED).astype(np.int64))]
        objects = [json_object(lines.line(int(row))) for row in some]
        for name, (row, value) in unusual.items():
            alike = sum(one.get(name) is not None and sort_of(one[name]) == sort_of(value) for one in objects)
            count = max(1, round(alike * len(accepted) / len(some)))
            self._retyped(batch, name, row, count, value, lines.line(row), "it is taken, as far as it can be")

    def _mistyped(self, batch: Batch, lines: Lines) -> None:
        """Fields of lines that were rejected as `_type` because their values are of another sort than the columns."""
        rows = np.flatnonzero(batch.mask & np.uint64(TYPE_BIT)) if len(batch.rejected) else ()
        looks = min(WRONG_LOOKS, len(rows))
        found: dict[tuple[str, str], tuple[int, int, Any]] = {}
        for look in range(looks):
            row = int(rows[look * len(rows) // looks])
            fields = json_object(lines.line(row))
            for name, takes in self._takes.items():
                value = fields.get(name)
                if value is not None and sort_of(value) not in takes:
                    count, first, sample = found.get((name, json_kind(value)), (0, row, value))
                    found[name, json_kind(value)] = (count + _share(len(rows), look, looks), first, sample)
        for (name, _), (count, row, value) in found.items():
            self._retyped(batch, name, row, count, value, lines.line(row), "such lines are rejected as _type")

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
