"""A streaming table over two streams whose rows are joined where they lie near each other in time.

What holds, for every cut and interleaving of the two inputs, and is tested:
1. A row is late when its time is less than its own stream's watermark before it; late rows are listed in `workbench.late` and joined
   with nothing, and neither is a row without a time.
2. The table gets each pair of rows that are on time and satisfy the query's conditions, exactly once: in the commit of the later one.
3. A row is kept as long as a partner that is on time can come: its time plus the join's bound is not behind the other's watermark.
   Nothing of the rows is stored twice: after a start they are read from the streams' own tables, late ones (by place) left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from workbench.language.definitions import Column, IntervalJoin, StreamingTable
from workbench.protocol import ViewStatus
from workbench.store.commit import Counts, LateRows, StateDelta, StreamDelta
from workbench.store.names import quote, stored
from workbench.store.owned import PROGRESS, forget_progress, last_progress, owned, progress_rows
from workbench.store.session import Session
from workbench.stream.arrival import Arrival
from workbench.stream.buffer import Buffer
from workbench.stream.derived import accepted, spread
from workbench.stream.pairs import Pairs, pairs
from workbench.stream.rejections import RuleBook, derived_rejections, stop_on_fail
from workbench.stream.select import Selector
from workbench.stream.side import Side, Timed, Times, times_of
from workbench.stream.window import NEVER

MANY = 20_000
"""Kept rows from which it pays to look for their keys first."""
LATE = (Column("side", "BIGINT"), Column("place", "BIGINT"), Column("time", "BIGINT"))
"""The late rows of each input, by their place in its stream: they take no part when the buffers are filled again."""


@dataclass(frozen=True, slots=True)
class _Came:
    """What one commit brings to one input; `rows` are those on time, with their `times`."""

    judged: Timed
    rows: pa.Table | None = None
    times: Times = field(default_factory=lambda: np.zeros(0, np.int64))
    listed: pa.Table | None = None


@dataclass(slots=True)
class JoinFlow:
    """One flow that joins two streams; see the module for what it promises.

    `delta` changes nothing; `advance` takes over what it computed, after a verified commit. `session`: the cursor on which `selector`
    runs. `kept`: for each input the columns that the SELECT uses. `columns`: the table's, with `_violations` where it marks.
    """

    session: Session
    name: str
    table: StreamingTable
    join: IntervalJoin
    sides: tuple[Side, Side]
    kept: tuple[tuple[str, ...], tuple[str, ...]]
    columns: tuple[str, ...]
    book: RuleBook
    selector: Selector
    totals: Counts = field(default_factory=Counts)
    violations: bool = False
    buffers: tuple[Buffer, Buffer] = field(default_factory=lambda: (Buffer(), Buffer()))
    _next: tuple[StreamDelta, tuple[_Came, _Came]] | None = None

    @property
    def inputs(self) -> tuple[str, ...]:
        return tuple(side.stream for side in self.sides)

    @property
    def owned(self) -> dict[str, tuple[Column, ...]]:
        """The tables that it needs for itself, to be made (create_owned) before it runs."""
        return {self._owned("progress"): PROGRESS, self._owned("late"): LATE}

    def restore(self, session: Session) -> None:
        """Go on where the last commit ended: fill the buffers from the stored rows of both streams."""
        for side, (rows, progress) in zip(self.sides, last_progress(session, self._owned("progress"), 2), strict=True):
            side.rows, side.progress = rows, progress
        self.buffers = (Buffer(), Buffer())
        for place, buffer in enumerate(self.buffers):
            self._refill(session, place, buffer)

    def delta(
        self, session: Session, arrivals: Mapping[str, Sequence[Arrival]], idle: frozenset[str], at: float, first_id: int
    ) -> tuple[StreamDelta, Arrival] | None:
        came = (self._came(session, 0, arrivals, idle), self._came(session, 1, arrivals, idle))
        records = sum(len(one.judged.times) for one in came)
        if not records:
            return None
        found = self._pairs(came, at)
        stop_on_fail(self.name, self.table, self.book, found.mask, "pair", self.inputs)
        rejected = np.flatnonzero(found.verdict == 1)
        counts = _counts(records, len(found.verdict), len(rejected))
        rows = found.table.append_column("_verdict", pa.array(found.verdict))
        if self.violations:
            rows = rows.append_column("_violations", self.book.violations(found.mask))
        arrival = Arrival(self.name, rows, found.verdict, ((self.name, len(found.verdict)),))
        delta = StreamDelta(
            flow=self.name,
            stream=self.table.name,
            columns=self.columns,
            rows=rows,
            rejections=derived_rejections(
                self.book,
                found.mask[rejected],
                found.raw,
                f"STREAM {' JOIN STREAM '.join(self.inputs)}",
                self.name,
                rejected + self.totals.accepted + self.totals.rejected,
                at,
                first_id,
            ),
            counts=counts,
            totals=self.totals + counts,
            bytes=records,
            offset=self.totals.rows_in + records,
            origins=arrival.accepted_origins(),
            rules=self.book.counts(found.mask, first_id + len(rejected) - 1 if len(rejected) else None),
            states=self._states(came),
            late=tuple(LateRows(side.stream, one.listed) for side, one in zip(self.sides, came, strict=True) if one.listed is not None),
        )
        self._next = (delta, came)
        return delta, arrival

    def advance(self, delta: StreamDelta) -> None:
        assert self._next is not None
        assert self._next[0] is delta
        for side, one, buffer in zip(self.sides, self._next[1], self.buffers, strict=True):
            side.advance(one.judged)
            if one.rows is not None:
                buffer.add(one.rows, one.times)
        for place, buffer in enumerate(self.buffers):
            if (floor := self._floor(place)) is not None:
                buffer.expire(floor)
        self.totals, self._next = delta.totals, None

    def prune(self, session: Session) -> None:
        """Let go of what no start will ask for; between commits."""
        forget_progress(session, self._owned("progress"))
        for place in (0, 1):
            if (floor := self._floor(place)) is not None:
                session.execute(f"DELETE FROM {stored(self._owned('late'))} WHERE side = {place} AND time < {floor}")

    def status(self) -> ViewStatus:
        left, right = self.sides
        marks = [side.watermark for side in self.sides]
        return ViewStatus(
            name=self.name,
            stream=f"{left.stream}, {right.stream}",
            kind="join",
            watermark=None if None in marks else min(mark for mark in marks if mark is not None) / 1e6,
            late=sum(side.progress.late for side in self.sides),
            state_rows=sum(buffer.rows for buffer in self.buffers),
            state_bytes=sum(buffer.bytes for buffer in self.buffers),
            expires=self._expires(),
            waits_for=tuple(dict.fromkeys((*left.waits_for, *right.waits_for))),
        )

    def _owned(self, part: str) -> str:
        return owned(self.table.name, self.name, part)

    def _floor(self, place: int) -> int | None:
        """Rows of an input before this time have no partner any more that would be on time; None while that is not known."""
        watermark = self.sides[1 - place].watermark
        if watermark is None:
            return None
        return watermark - self.join.high if place == 0 else watermark + self.join.low

    def _expires(self) -> str:
        left, right = self.sides
        low, high = self.join.low / 1e6, self.join.high / 1e6
        return (
            f"a row of {left.stream} when the watermark of {right.stream} is {high:,.6g} s after it,"
            f" one of {right.stream} when that of {left.stream} is {-low:,.6g} s after it"
        )

    def _came(self, session: Session, place: int, arrivals: Mapping[str, Sequence[Arrival]], idle: frozenset[str]) -> _Came:
        side = self.sides[place]
        rows, origins = accepted(arrivals.get(side.stream, ()))
        if rows is None:
            return _Came(side.judge(np.zeros(0, np.int64), (), idle))
        judged = side.judge(times_of(rows, side.time), spread(origins, np.arange(len(origins))), idle)
        timely = judged.timely
        used = rows.select(list(self.kept[place]))
        taken = used if timely.all() else used.filter(pa.array(timely))
        return _Came(judged, taken if taken.num_rows else None, judged.times[timely], judged.listed(session, rows, rows.column_names))

    def _pairs(self, came: tuple[_Came, _Came], at: float) -> Pairs:
        """Old rows of the left with new ones of the right, then new rows of the left with all of the right."""
        left, right = came
        near: list[pa.Table | None] = [None, None]
        if left.rows is not None:
            near[1] = self.buffers[1].near(int(left.times.min()) + self.join.low, int(left.times.max()) + self.join.high)
        if right.rows is not None:
            near[0] = self.buffers[0].near(int(right.times.min()) - self.join.high, int(right.times.max()) - self.join.low)
        near = [self._alike(place, rows, came[1 - place].rows) for place, rows in enumerate(near)]
        old = pairs(self.session, self.selector, near[0], right.rows, at)
        new = pairs(self.session, self.selector, left.rows, _both(near[1], right.rows), at)
        return Pairs.together([part for part in (old, new) if part is not None])

    def _alike(self, place: int, near: pa.Table | None, new: pa.Table | None) -> pa.Table | None:
        """Of many kept rows those whose key some new row has: it takes a tenth of the time that the query takes to find them."""
        if near is None or new is None or near.num_rows < MANY or near.num_rows < 4 * new.num_rows:
            return near
        for names in self.join.equal:
            own, other = _column(near, names[place]), _column(new, names[1 - place])
            if own is not None and other is not None and own.type == other.type and _exact(own.type):
                return near.filter(pc.is_in(own, value_set=other.combine_chunks().unique()))
        return near

    def _refill(self, session: Session, place: int, buffer: Buffer) -> None:
        side, floor = self.sides[place], self._floor(place)
        if not side.rows:
            return
        table = stored(side.stream)
        kinds = {name.lower(): kind for name, kind in session.describe(f"FROM {table}")}
        make = "make_timestamptz" if kinds[side.time.lower()].endswith("TIME ZONE") else "make_timestamp"
        where = [f"rowid < coalesce((SELECT rowid FROM {table} LIMIT 1 OFFSET {side.rows}), {1 << 62})"]
        if floor is not None:
            where.append(f"{quote(side.time)} >= {make}({floor})")
        late = f"SELECT place FROM {stored(self._owned('late'))} WHERE side = {place}"
        late += f" AND time >= {floor}" if floor is not None else ""
        if session.execute(f"{late} LIMIT 1"):
            numbered = f"SELECT rowid AS r, row_number() OVER (ORDER BY rowid) - 1 AS n FROM {table}"
            where.append(f"rowid NOT IN (SELECT r FROM ({numbered}) WHERE n IN ({late}))")
        names = ", ".join(map(quote, self.kept[place]))
        rows = session.arrow(f"SELECT {names} FROM {table} WHERE {' AND '.join(where)} ORDER BY rowid")
        times = times_of(rows, side.time)
        timed = times != NEVER
        buffer.add(rows if timed.all() else rows.filter(pa.array(timed)), times[timed])

    def _states(self, came: tuple[_Came, _Came]) -> tuple[StateDelta, ...]:
        progress = StateDelta(self._owned("progress"), progress_rows([(one.judged.after, one.judged.progress) for one in came]))
        late = [_late(place, side, one) for place, (side, one) in enumerate(zip(self.sides, came, strict=True)) if one.judged.late.any()]
        return (progress, StateDelta(self._owned("late"), pa.concat_tables(late))) if late else (progress,)


def _counts(records: int, found: int, rejected: int) -> Counts:
    """Input rows without a pair of their own in this commit count as filtered, pairs beyond one a row as multiplied."""
    return Counts(records, found - rejected, rejected, max(0, records - found), 0, max(0, found - records))


def _late(place: int, side: Side, came: _Came) -> pa.Table:
    where = np.flatnonzero(came.judged.late)
    return pa.table({"side": np.full(len(where), place), "place": where + side.rows, "time": came.judged.times[where]})


def _column(rows: pa.Table, name: str) -> Any:
    return next((rows.column(i) for i, own in enumerate(rows.column_names) if own.lower() == name), None)


def _exact(kind: pa.DataType) -> bool:
    """Whether equality means the same to Arrow as to DuckDB: not so of floats."""
    return bool(pa.types.is_integer(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _both(one: pa.Table | None, other: pa.Table | None) -> pa.Table | None:
    if one is None or other is None:
        return other if one is None else one
    return pa.concat_tables([one, other], promote_options="permissive")


def used_columns(columns: Sequence[str], used: Sequence[str], time: str) -> tuple[str, ...]:
    """The columns of an input that a SELECT may use (`IntervalJoin.left_columns`, `right_columns`), its event time among them."""
    return tuple(name for name in columns if not used or name.lower() in used or name.lower() == time.lower())
