"""A flow: a streaming table's way from its source to the commit."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Protocol

import numpy as np

from workbench.batch import RESERVED_RULES, Batch, RawBatch
from workbench.connectors.source import Source
from workbench.errors import ExpectationFailed, WorkbenchError
from workbench.language.definitions import StreamingTable
from workbench.store.commit import Counts
from workbench.store.session import Session
from workbench.stream.pending import Cut, Pending

BEHIND = 1 << 20
"""Bytes in one read that mean: there is a backlog, commit whole row groups."""


class Steps(Protocol):
    """What one thread does with a raw batch: decode, SELECT, judge."""

    def run(self, raw: RawBatch) -> Batch: ...


class Flow:
    """One streaming table with a source of its own.

    Reads are taken in turn (`reading`) and numbered; batches may be decoded side by side and are merged in the order
    of their reads. Everything here is guarded by the pump's lock, but for `steps`, which belong to one thread each, and
    for the source, which has a lock of its own. `epoch` counts the times that uncommitted work was thrown away: what was
    begun in an earlier epoch is not handed in any more.
    """

    def __init__(self, table: StreamingTable, columns: tuple[str, ...], source: Source, make_steps: Callable[[Session], Steps]) -> None:
        self.table = table
        self.columns = columns
        self.source = source
        self.totals = Counts()
        self.offset = 0
        self.paused = False
        self.held = False
        """The engine runs with flows off."""
        self.source_lock = threading.Lock()
        self.reading = False
        self.committing = False
        self.hungry = True
        self.behind = False
        self.dry = False
        self.due_at = 0.0
        self.last_file = ""
        self.queued = 0
        self.active_until = 0.0
        self.error: WorkbenchError | None = None
        self.notices: list[str] = []
        self._make_steps = make_steps
        self._steps: dict[int, Steps] = {}
        self._ready: deque[Pending] = deque()
        self._decoded: dict[int, Batch | WorkbenchError] = {}
        self._read = 0
        self._merged = 0
        self._failing: WorkbenchError | None = None
        self.epoch = 0
        fails = [i for i, rule in enumerate(table.expectations, len(RESERVED_RULES)) if rule.action == "fail"]
        self._fail_bits = np.uint64(sum(1 << i for i in fails))

    @property
    def name(self) -> str:
        return self.table.name

    @property
    def runs(self) -> bool:
        return not self.paused and not self.held and self.error is None and self._failing is None

    @property
    def in_flight(self) -> int:
        """Batches that are being read or decoded."""
        return self._read - self._merged + self.reading

    @property
    def drained(self) -> bool:
        """Everything that its source had at the last look is committed (or it cannot go on)."""
        stuck = self.paused or self.held or self.error is not None
        return not self._ready and (stuck or (self.dry and not self.in_flight and self._failing is None))

    @property
    def accepted_ready(self) -> int:
        return sum(p.accepted for p in self._ready)

    @property
    def bytes_ready(self) -> int:
        return sum(p.bytes for p in self._ready)

    @property
    def has_ready(self) -> bool:
        return bool(self._ready)

    def steps(self, session: Session) -> Steps:
        """This thread's own decoder and judge."""
        key = threading.get_ident()
        if key not in self._steps:
            self._steps[key] = self._make_steps(session)
        return self._steps[key]

    def begin(self, raw: RawBatch) -> int:
        """Number a read, for `finish`."""
        number = self._read
        self._read += 1
        self.queued += raw.length
        self.behind = raw.length >= BEHIND
        return number

    def finish(self, epoch: int, number: int, result: Batch | WorkbenchError) -> None:
        """Hand in what became of a read; it joins the queue once all before it have."""
        if epoch != self.epoch:
            return
        self._decoded[number] = result
        while self._merged in self._decoded:
            self._merge(self._decoded.pop(self._merged))
            self._merged += 1
        self._stop_if_failing()

    def cut(self, want: int) -> list[Cut]:
        """Take at most `want` accepted rows off the queue, whole records."""
        cuts: list[Cut] = []
        while self._ready and want > 0:
            pending = self._ready[0]
            cut = pending.cut(want)
            cuts.append(cut)
            want -= int(np.count_nonzero(cut.verdict == 0))
            if pending.exhausted:
                self._ready.popleft()
                self.queued -= pending.batch.raw.length
        self.committing = bool(cuts)
        return cuts

    def committed(self, totals: Counts, offset: int) -> None:
        """Take over what a commit has stored."""
        self.totals, self.offset = totals, offset
        self.committing = False
        self._stop_if_failing()

    def fail(self, error: WorkbenchError) -> None:
        """Stop here: forget what is not committed, so that a resume reads it again."""
        self.error = error
        self.reset()

    def resume(self) -> None:
        self.error, self.paused, self.hungry, self.due_at = None, False, True, 0.0

    def reset(self) -> None:
        """Forget everything that is read and not committed."""
        self.epoch += 1
        self.committing = False
        self._ready.clear()
        self._decoded.clear()
        self._read = self._merged = self.queued = 0
        self._failing = None
        self.behind = self.dry = False
        self.rewind()

    def rewind(self) -> None:
        """Read on from what is committed; also after a read that began before a `reset` and ended after it."""
        with self.source_lock:
            self.source.rewind()

    def _stop_if_failing(self) -> None:
        """Once all that came before the failure is committed."""
        if self._failing is not None and not self._ready and not self.committing:
            self.fail(self._failing)

    def _merge(self, result: Batch | WorkbenchError) -> None:
        if self._failing is not None:
            return
        if isinstance(result, WorkbenchError):
            self._failing = result
            return
        self.notices += result.notices
        limit = self._first_failed(result)
        pending = Pending(result, limit)
        if not pending.exhausted:
            self._ready.append(pending)
        else:
            self.queued -= result.raw.length

    def _first_failed(self, batch: Batch) -> int | None:
        """The first record that broke a FAIL rule; it and all after it stay uncommitted."""
        if not self._fail_bits:
            return None
        rows = np.flatnonzero(batch.mask & self._fail_bits)
        if not len(rows):
            return None
        row = int(rows[0])
        record = row if batch.record is None else int(batch.record[row])
        bits = int(batch.mask[row] & self._fail_bits)
        rule = next(r for i, r in enumerate(self.table.expectations, len(RESERVED_RULES)) if bits >> i & 1)
        start = batch.raw.start
        self._failing = ExpectationFailed(
            f"{self.name} stopped: {start.file} line {start.line + record + 1} broke {rule.name} ({rule.predicate}),"
            " ON VIOLATION FAIL UPDATE",
            "Everything before that line is stored. Mend the data or the rule, then resume; the flow goes on at that line.",
        )
        return record
