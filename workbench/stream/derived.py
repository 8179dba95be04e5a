"""A streaming table over another streaming table: it moves in the same commit as its stream."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from workbench.errors import ExpectationFailed
from workbench.language.definitions import StreamingTable
from workbench.store.commit import Counts, StreamDelta
from workbench.stream.rejections import RuleBook
from workbench.stream.select import Selected


@dataclass(slots=True)
class Derived:
    """One streaming table over a stream. `totals` changes only after a verified commit; its offset is its stream's rows."""

    table: StreamingTable
    stream: str
    columns: tuple[str, ...]
    book: RuleBook
    select: Callable[[pa.Table, float], Selected]
    totals: Counts
    violations: bool = False

    @property
    def name(self) -> str:
        return self.table.name

    def delta(self, rows: pa.Table, at: float, first_id: int) -> tuple[StreamDelta, np.ndarray]:
        """What some accepted rows of the stream add, and the verdict on each of its rows."""
        selected = self.select(rows, at)
        self._stop_on_fail(selected)
        counts = self._counts(selected, rows.num_rows)
        rejected = np.flatnonzero(selected.verdict == 1)
        table = selected.table.append_column("_verdict", pa.array(selected.verdict))
        if self.violations:
            table = table.append_column("_violations", self.book.violations(selected.mask))
        last = first_id + len(rejected) - 1 if len(rejected) else None
        delta = StreamDelta(
            stream=self.name,
            columns=self.columns,
            rows=table,
            rejections=self._rejections(selected, rejected, at, first_id),
            counts=counts,
            totals=self.totals + counts,
            bytes=rows.num_rows,
            offset=self.totals.rows_in + rows.num_rows,
            rules=self.book.counts(selected.mask, last),
        )
        return delta, selected.verdict

    def advance(self, delta: StreamDelta) -> None:
        self.totals = delta.totals

    def _counts(self, selected: Selected, records: int) -> Counts:
        fates = np.bincount(selected.verdict, minlength=4)
        seen = int(np.count_nonzero(np.diff(selected.record))) + 1 if len(selected.record) else 0
        return Counts(records, int(fates[0]), int(fates[1]), int(fates[2]) + records - seen, int(fates[3]), len(selected.record) - seen)

    def _rejections(self, selected: Selected, rejected: np.ndarray, at: float, first_id: int) -> pa.Table | None:
        if not len(rejected):
            return None
        count = len(rejected)
        places = np.asarray(selected.record)[rejected] + self.totals.rows_in
        return pa.table(
            {
                "id": np.arange(first_id, first_id + count, dtype=np.int64),
                "rules": self.book.lists(selected.mask[rejected]),
                "raw": selected.raw.cast(pa.binary()),
                "source": pa.repeat(f"STREAM {self.stream}", count),
                "file": pa.repeat(self.stream, count),
                "line": places + 1,
                "offset": places,
                "arrived_at": pa.repeat(at, count),
            }
        )

    def _stop_on_fail(self, selected: Selected) -> None:
        for bit, rule in enumerate(self.table.expectations, len(self.book.names) - len(self.table.expectations)):
            if rule.action == "fail" and (selected.mask & np.uint64(1 << bit)).any():
                raise ExpectationFailed(
                    f"{self.name} stopped: a row of {self.stream} broke {rule.name} ({rule.predicate}), ON VIOLATION FAIL UPDATE",
                    f"Nothing of that batch is stored, of {self.stream} neither. Mend the rule or the data, then resume {self.stream}.",
                )
