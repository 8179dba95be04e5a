"""SELECT DISTINCT ON … WITHIN: of rows with equal keys and times near each other, the first is kept.

What holds, for every cut of the merged rows, and is tested:
1. A row is late when its time is less than the watermark before it minus WITHIN: it is not kept, and listed in `workbench.late`.
2. Otherwise it is a duplicate when a row of the same keys (NULLs are equal) was kept whose time is at most WITHIN away; else it is kept.
3. So a kept row is remembered until the watermark is twice WITHIN after it, no longer. Rows without a time are kept, and remembered never.
4. Only rows that the table accepts count; what is remembered is committed with them.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from workbench.batch import ACCEPTED, FILTERED
from workbench.language.definitions import Column, Distinct
from workbench.protocol import ViewStatus
from workbench.store.commit import LateRows, StateDelta
from workbench.store.names import stored
from workbench.store.owned import PROGRESS, forget_progress, last_progress, owned, progress_rows, signed
from workbench.store.session import Session
from workbench.stream.side import Side, Timed, Times, times_of
from workbench.stream.window import NEVER

Flags = npt.NDArray[np.bool_]
TIME = "_p0"
"""The column in which a SELECT DISTINCT ON gives the event time; its keys are `_k0`…"""


@dataclass(frozen=True, slots=True)
class Kept:
    """What a deduplication makes of some rows of its table.

    `rows`: without the columns that only it needs. `verdict` uint8[m]: FILTERED for duplicates and late rows; `left_out` bool[m] are these.
    `late`, `states`: for the StreamDelta.
    """

    rows: pa.Table
    verdict: npt.NDArray[np.uint8]
    left_out: Flags
    late: tuple[LateRows, ...]
    states: tuple[StateDelta, ...]
    judged: Timed
    remembered: int
    bytes: int


@dataclass(slots=True)
class Deduplication:
    """What one flow remembers of the rows that it kept; see the module for what it promises.

    `judge` changes nothing; `advance` takes over what it found, after a verified commit. `keys`: columns `_k0`… with their types.
    `table`: the streaming table that the flow writes into.
    """

    name: str
    table: str
    distinct: Distinct
    keys: tuple[Column, ...]
    side: Side
    remembered: int = 0
    bytes: int = 0
    pruned_to: int = 0
    """How many were remembered after the last prune."""

    @classmethod
    def make(
        cls, name: str, table: str, distinct: Distinct, extra: Sequence[Column], stream: str, sources: tuple[str, ...]
    ) -> Deduplication:
        """Args: extra: types of `FlowQuery.extra` (Schema.state). stream: what is read, in words. sources: what holds its watermark."""
        side = Side(stream, TIME, distinct.delay, sources, distinct.within)
        return cls(name, table, distinct, tuple(column for column in extra if column.name != TIME), side)

    @property
    def owned(self) -> dict[str, tuple[Column, ...]]:
        """The tables that it needs for itself, to be made (create_owned) before it runs."""
        return {owned(self.table, self.name, "progress"): PROGRESS, self._keys: (*self.keys, Column("time", "BIGINT"))}

    def restore(self, session: Session) -> None:
        """Go on where the last commit ended; what was remembered of other keys is forgotten. Needs the writer's turn."""
        signed(session, self._keys, f"{', '.join(self.distinct.keys)} by {self.distinct.time}")
        [(self.side.rows, self.side.progress)] = last_progress(session, owned(self.table, self.name, "progress"), 1)
        self.remembered = int(session.execute(f"SELECT count(*) FROM {stored(self._keys)}")[0][0])
        sample = session.arrow(f"FROM {stored(self._keys)} LIMIT 1000")
        self.bytes = round(sample.nbytes * self.remembered / max(1, sample.num_rows))
        self.pruned_to = self.remembered

    def judge(
        self, session: Session, rows: pa.Table, verdict: npt.NDArray[np.uint8], runs: Sequence[tuple[str, int]], idle: frozenset[str]
    ) -> Kept:
        """Judge the next rows of its table, in merged order.

        Args:
            rows: m rows, with the columns of `FlowQuery.extra`.
            verdict: uint8[m]; only ACCEPTED ones count.
            runs: (source, rows), m rows together.
        """
        good = verdict == ACCEPTED
        times = np.where(good, times_of(rows, TIME), NEVER)
        judged = self.side.judge(times, runs, idle)
        judgeable = judged.timely
        where = np.flatnonzero(judgeable)
        first = np.zeros(len(verdict), bool)
        keys = rows.select([column.name for column in self.keys]).take(pa.array(where))
        first[where] = self._first(session, keys, times[where])
        left_out = (judgeable & ~first) | judged.late
        new = keys.filter(pa.array(first[where])).append_column("time", pa.array(times[first]))
        plain = rows.drop_columns([*keys.column_names, TIME])
        listed = judged.listed(session, plain, [name for name in plain.column_names if name != "_verdict"])
        return Kept(
            rows=plain,
            verdict=np.where(left_out, np.uint8(FILTERED), verdict),
            left_out=left_out,
            late=(LateRows(self.side.stream, listed),) if listed is not None else (),
            states=(
                StateDelta(self._keys, new),
                StateDelta(owned(self.table, self.name, "progress"), progress_rows([(judged.after, judged.progress)])),
            ),
            judged=judged,
            remembered=new.num_rows,
            bytes=new.nbytes,
        )

    def advance(self, kept: Kept) -> None:
        self.side.advance(kept.judged)
        self.remembered += kept.remembered
        self.bytes += kept.bytes

    @property
    def prune_due(self) -> bool:
        return self.remembered > 2 * self.pruned_to + 20_000

    def prune(self, session: Session) -> None:
        """Forget what no row on time can be a duplicate of; between commits."""
        forget_progress(session, owned(self.table, self.name, "progress"))
        if self.side.watermark is not None:
            session.execute(f"DELETE FROM {stored(self._keys)} WHERE time < {self.side.watermark - 2 * self.distinct.within}")
        left = int(session.execute(f"SELECT count(*) FROM {stored(self._keys)}")[0][0])
        self.bytes = round(self.bytes * left / max(1, self.remembered))
        self.remembered = self.pruned_to = left

    def status(self) -> ViewStatus:
        progress = self.side.progress
        return ViewStatus(
            name=self.name,
            stream=self.side.stream,
            kind="distinct",
            watermark=None if progress.watermark is None else progress.watermark / 1e6,
            late=progress.late,
            state_rows=self.remembered,
            state_bytes=self.bytes,
            expires=f"a key when the watermark is {2 * self.distinct.within / 1e6:,.6g} s after the row that was kept",
            waits_for=self.side.waits_for,
        )

    @property
    def _keys(self) -> str:
        return owned(self.table, self.name, "keys")

    def _first(self, session: Session, keys: pa.Table, times: Times) -> Flags:
        """bool[n]: rows that no row kept before makes a duplicate, neither a remembered one nor one of these."""
        if not len(times):
            return np.zeros(0, bool)
        given = keys.append_column("_i", pa.array(np.arange(len(times)))).append_column("_t", pa.array(times))
        with session.relation("_candidates", given):
            found = session.arrow(self._sql(int(times.min()), int(times.max())))
        place, near, leader, spread = (found.column(i).to_numpy() for i in range(4))
        free = ~near.astype(bool)
        kept = np.zeros(len(times), bool)
        close = free & (spread <= self.distinct.within)
        kept[place[close & (place == leader)]] = True
        wide = np.flatnonzero(free & (spread > self.distinct.within))
        self._one_by_one(place[wide], leader[wide], times, kept)
        return kept

    def _one_by_one(self, places: Times, groups: Times, times: Times, kept: Flags) -> None:
        """Rows of keys that come several times, further apart than WITHIN: what is kept decides on what comes after."""
        before: dict[int, list[int]] = {}
        for place, group in sorted(zip(places.tolist(), groups.tolist(), strict=True)):
            time, known = int(times[place]), before.setdefault(group, [])
            at = bisect_left(known, time - self.distinct.within)
            if at == len(known) or known[at] > time + self.distinct.within:
                insort(known, time)
                kept[place] = True

    def _sql(self, low: int, high: int) -> str:
        """For each candidate: its place, whether it is near a remembered row, and of those of its keys that are not near one the first
        place and how far their times are apart."""
        within = self.distinct.within
        names = ", ".join(column.name for column in self.keys)
        equal = " AND ".join(f"k.{column.name} IS NOT DISTINCT FROM c.{column.name}" for column in self.keys)
        known = f"SELECT * FROM {stored(self._keys)} WHERE time BETWEEN {low - within} AND {high + within}"
        near = f"SELECT DISTINCT c._i FROM ({known}) k JOIN _candidates c ON {equal} AND k.time BETWEEN c._t - {within} AND c._t + {within}"
        return (
            f"WITH near AS MATERIALIZED ({near}), j AS (SELECT {names}, _i, _t, _i IN (FROM near) AS near FROM _candidates)"
            " SELECT _i, near, coalesce(min(_i) FILTER (NOT near) OVER w, -1),"
            " coalesce(max(_t) FILTER (NOT near) OVER w - min(_t) FILTER (NOT near) OVER w, 0)"
            f" FROM j WINDOW w AS (PARTITION BY {names})"
        )
