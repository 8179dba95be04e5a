"""A streaming table over another streaming table: it moves in the same commit as its stream."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import pyarrow as pa

from workbench.language.definitions import StreamingTable
from workbench.store.commit import Counts, StreamDelta
from workbench.store.session import Session
from workbench.stream.arrival import Arrival
from workbench.stream.distinct import Deduplication, Kept
from workbench.stream.rejections import RuleBook, derived_rejections, stop_on_fail
from workbench.stream.select import Selected


class Derivation(Protocol):
    """A flow whose source are streaming tables.

    `totals` changes only by `advance`, after a verified commit.
    """

    table: StreamingTable
    totals: Counts

    @property
    def name(self) -> str:
        """The flow's."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """The streaming tables that it reads."""

    def delta(
        self, session: Session, arrivals: Mapping[str, Sequence[Arrival]], idle: frozenset[str], at: float, first_id: int
    ) -> tuple[StreamDelta, Arrival] | None:
        """What rows that arrive in its inputs add; None when nothing. Args: first_id: of its rejected rows in quarantine."""

    def advance(self, delta: StreamDelta) -> None:
        """Take over what a commit has stored."""


@dataclass(slots=True)
class Derived:
    """One SELECT over one streaming table. Its offset is its stream's rows."""

    name: str
    table: StreamingTable
    stream: str
    columns: tuple[str, ...]
    book: RuleBook
    select: Callable[[pa.Table, float], Selected]
    totals: Counts
    violations: bool = False
    distinct: Deduplication | None = None
    _kept: Kept | None = None

    @property
    def inputs(self) -> tuple[str, ...]:
        return (self.stream,)

    def delta(
        self, session: Session, arrivals: Mapping[str, Sequence[Arrival]], idle: frozenset[str], at: float, first_id: int
    ) -> tuple[StreamDelta, Arrival] | None:
        rows, origins = accepted(arrivals.get(self.stream, ()))
        if rows is None:
            return None
        selected = self.select(rows, at)
        stop_on_fail(self.name, self.table, self.book, selected.mask, "row", self.inputs)
        runs = spread(origins, selected.record)
        self._kept = None
        if self.distinct is not None:
            self._kept = self.distinct.judge(session, selected.table, selected.verdict, runs, idle)
            mask = np.where(self._kept.left_out, np.uint64(0), selected.mask)
            selected = replace(selected, table=self._kept.rows, verdict=self._kept.verdict, mask=mask)
        counts = self._counts(selected, rows.num_rows)
        rejected = np.flatnonzero(selected.verdict == 1)
        table = selected.table.append_column("_verdict", pa.array(selected.verdict))
        if self.violations:
            table = table.append_column("_violations", self.book.violations(selected.mask))
        arrival = Arrival(self.name, table, selected.verdict, runs)
        delta = StreamDelta(
            flow=self.name,
            stream=self.table.name,
            columns=self.columns,
            rows=table,
            rejections=derived_rejections(
                self.book,
                selected.mask[rejected],
                selected.raw.cast(pa.binary()),
                f"STREAM {self.stream}",
                self.stream,
                np.asarray(selected.record)[rejected] + self.totals.rows_in,
                at,
                first_id,
            ),
            counts=counts,
            totals=self.totals + counts,
            bytes=rows.num_rows,
            offset=self.totals.rows_in + rows.num_rows,
            origins=arrival.accepted_origins(),
            rules=self.book.counts(selected.mask, first_id + len(rejected) - 1 if len(rejected) else None),
            states=self._kept.states if self._kept else (),
            late=self._kept.late if self._kept else (),
        )
        return delta, arrival

    def advance(self, delta: StreamDelta) -> None:
        self.totals = delta.totals
        if self.distinct is not None and self._kept is not None:
            self.distinct.advance(self._kept)

    def _counts(self, selected: Selected, records: int) -> Counts:
        fates = np.bincount(selected.verdict, minlength=4)
        seen = int(np.count_nonzero(np.diff(selected.record))) + 1 if len(selected.record) else 0
        return Counts(records, int(fates[0]), int(fates[1]), int(fates[2]) + records - seen, int(fates[3]), len(selected.record) - seen)


def accepted(arrivals: Sequence[Arrival]) -> tuple[pa.Table | None, np.ndarray]:
    """The accepted rows of some arrivals, in order, without `_verdict`, and the origin of each, str[m]; None when there are none."""
    tables, origins = [], []
    for arrival in arrivals:
        good = arrival.verdict == 0
        if not good.any():
            continue
        plain = arrival.rows.drop_columns(["_verdict"])
        names = np.repeat([name for name, _ in arrival.origins], [count for _, count in arrival.origins])
        tables.append(plain if good.all() else plain.filter(pa.array(good)))
        origins.append(names[good])
    if not tables:
        return None, np.array([], str)
    return (tables[0] if len(tables) == 1 else pa.concat_tables(tables, promote_options="default")), np.concatenate(origins)


def spread(origins: np.ndarray, record: np.ndarray) -> tuple[tuple[str, int], ...]:
    """Runs of origins of rows that come from records `record`, whose origins are given."""
    names = origins[record]
    if not len(names):
        return ()
    edges = np.flatnonzero(names[1:] != names[:-1]) + 1
    starts = np.concatenate([[0], edges])
    return tuple(zip((str(n) for n in names[starts]), np.diff(np.concatenate([starts, [len(names)]])).tolist(), strict=True))
