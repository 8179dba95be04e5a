"""One output of a flow: the streaming table that its rows go into, and what is committed there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from workbench.batch import RESERVED_RULES, Batch
from workbench.errors import ExpectationFailed
from workbench.language.definitions import StreamingTable
from workbench.store.commit import Counts
from workbench.stream.distinct import Deduplication
from workbench.stream.drift import Drift


@dataclass(slots=True, eq=False)
class Output:
    """`name`: of the flow in the language, the table's own or that of a CREATE FLOW. `totals` and `offset` (bytes of the source)
    change only after a verified commit.

    `select`: where the SELECT reads tables it runs as of the commit, in the writer's turn, on the whole decoded batch.
    """

    name: str
    table: StreamingTable
    columns: tuple[str, ...]
    source: str
    """In words, such as `read_files in/*.ndjson`."""
    totals: Counts = field(default_factory=Counts)
    offset: int = 0
    select: Callable[[Batch], Batch] | None = None
    drift: Drift = field(default_factory=Drift)
    distinct: Deduplication | None = None

    @property
    def as_of_commit(self) -> bool:
        return self.select is not None

    def first_failed(self, batch: Batch) -> tuple[int, int] | None:
        """The first record that broke a FAIL rule, and which."""
        bits = self._fail_bits
        if not bits or not len(rows := np.flatnonzero(batch.mask & bits)):
            return None
        row = int(rows[0])
        return (row if batch.record is None else int(batch.record[row])), int(batch.mask[row] & bits)

    def failure(self, bits: int, place: str, held_back: int = 0) -> ExpectationFailed:
        """Why it stops. Args: held_back: records before it that are not stored either."""
        rule = next(r for i, r in enumerate(self.table.expectations, len(RESERVED_RULES)) if bits >> i & 1)
        stored = "Everything before that line is stored."
        if held_back:
            records = "The record" if held_back == 1 else f"The {held_back:,} records"
            stored = f"{records} before it {'is' if held_back == 1 else 'are'} not stored either:"
            stored += " what is read together is joined as of one commit, all of it or nothing."
        return ExpectationFailed(
            f"{self.table.name} stopped: {place} broke {rule.name} ({rule.predicate}), ON VIOLATION FAIL UPDATE",
            f"{stored} Mend the data or the rule, then resume; the flow goes on {'with them' if held_back else 'at that line'}.",
        )

    @property
    def _fail_bits(self) -> np.uint64:
        fails = [i for i, rule in enumerate(self.table.expectations, len(RESERVED_RULES)) if rule.action == "fail"]
        return np.uint64(sum(1 << i for i in fails))
