"""A flow: the way from one source to the commit, into one or more streaming tables."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from workbench.batch import Batch, Offset, RawBatch
from workbench.connectors.source import Source
from workbench.errors import WorkbenchError
from workbench.store.session import Session
from workbench.stream.allowance import Allowance
from workbench.stream.goals import Goals
from workbench.stream.load import Load
from workbench.stream.output import Output
from workbench.stream.pending import Cut, PendingRead

LARGE, FILLED = 1 << 20, 0.75
"""Bytes of a read, and the share of a chunk that it fills, when there is a backlog: then whole row groups are committed. A read of another
file than before need not fill it, where more is unread."""
PATIENCE = 2.0
"""Seconds that a source's end waits for its read."""


class Steps(Protocol):
    """What one thread does with a raw batch, for each output: decode, SELECT, judge."""

    def run(self, raw: RawBatch) -> tuple[Batch, ...]: ...


class Flow:
    """One source of the outside world, read once for all its outputs.

    Reads are taken in turn (`reading`) and numbered; batches may be decoded side by side and are merged in the order
    of their reads. Everything here is guarded by the pump's lock, but for `steps`, which belong to one thread each, and
    for the source, which has a lock of its own. `epoch` counts the times that uncommitted work was thrown away: what was
    begun in an earlier epoch is not handed in any more.

    A read may hang, on a mount that does not answer: nothing but what needs the source's answer waits for its lock. What the source
    is to know meanwhile (`stored`, `rewind`, `close`) it is told when it can listen, by `settle`.
    """

    def __init__(
        self,
        outputs: Sequence[Output],
        source: Source,
        make_steps: Callable[[Session], Steps],
        idle_timeout: float = 30.0,
        closes_windows: bool = False,
    ) -> None:
        self.outputs = tuple(outputs)
        self.source = source
        self.idle_timeout = idle_timeout
        self.closes_windows = closes_windows
        """The end of its source is the end of event time: stdin."""
        self.paused = False
        self.stopped = False
        """Its source is closed; only a resume opens it again."""
        self.held = ""
        """Why the engine lets it read nothing, in words: it runs with flows off, or opens the source anew."""
        self.allowance = Allowance()
        self.load = Load()
        """Where its own time goes, lately."""
        self.source_lock = threading.Lock()
        self.reading = False
        self.committing = False
        self.hungry = True
        self.behind = False
        self.dry = False
        self.asked = self.seen = 0
        """How often what is there now was asked for, and how many of these times were before the last look at the source."""
        self.goals: Goals | None = None
        """While all that is there is read and no more: how far that is."""
        self.due_at = 0.0
        self.last_file = ""
        self.queued = 0
        self.active_until = 0.0
        self.news_at = 0.0
        """Monotonic seconds of the last record that came; 0.0 before the first look."""
        self.error: WorkbenchError | None = None
        self.notices: list[str] = []
        self._make_steps = make_steps
        self._steps: dict[int, Steps] = {}
        self._ready: deque[PendingRead] = deque()
        self._decoded: dict[int, tuple[Batch, ...] | WorkbenchError] = {}
        self._read = 0
        self._merged = 0
        self._failing: WorkbenchError | None = None
        self._over = False
        self._cut_in = 0
        """The epoch of what is being committed."""
        self._stored: deque[Offset] = deque()
        self._rewinds = self._closes = False
        self._whole = any(output.as_of_commit for output in self.outputs)
        self.epoch = 0

    @property
    def name(self) -> str:
        return self.outputs[0].name

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(output.name for output in self.outputs)

    @property
    def runs(self) -> bool:
        return not (self.paused or self.stopped or self.held) and self.error is None and self._failing is None

    @property
    def unseen(self) -> bool:
        """What is there now is not looked at yet, since a drain began or it was resumed: that a read found nothing means nothing."""
        return self.seen < self.asked

    @property
    def enough(self) -> bool:
        """All that was there when it was to be drained is read; nothing more is, until that is over."""
        return self.goals is not None and (self.dry or self.goals.met)

    @property
    def in_flight(self) -> int:
        """Batches that are being read or decoded."""
        return self._read - self._merged + self.reading

    @property
    def drained(self) -> bool:
        """Everything that its source had at the last look is committed (or it cannot go on)."""
        stuck = self.paused or self.stopped or bool(self.held) or self.error is not None
        return not self._ready and (stuck or ((self.dry or self.enough) and not self.in_flight and self._failing is None))

    @property
    def accepted_ready(self) -> int:
        return sum(p.accepted for p in self._ready)

    @property
    def bytes_ready(self) -> int:
        return sum(p.bytes for p in self._ready)

    @property
    def reads_ready(self) -> int:
        return len(self._ready)

    @property
    def has_ready(self) -> bool:
        return bool(self._ready)

    def idle(self, now: float, was: bool = False) -> bool:
        """Whether it no longer holds a watermark: nothing is unread, and nothing came for `idle_timeout`; or it is stopped. One that is
        paused holds it until it is resumed, whatever came before: what arrives meanwhile shall not be late for that.

        Args:
            now: monotonic.
            was: it was idle at the last look; then it is while it is looked at again, until that finds something.
        """
        if self.stopped:
            return True
        if self.paused and not self.source.ended:
            return False
        if self._ready or self._read > self._merged or self.behind or (self.unseen and self.runs) or not self.news_at:
            return False
        if self.reading:
            return was
        return self.source.idle and (self.source.ended or now - self.news_at >= self.idle_timeout)

    @property
    def over(self) -> bool:
        """Its input is over for good and committed, so that the windows over it may close: what was piped in has ended. It stays so while
        it is looked at again."""
        if not self.reading:
            self._over = self.closes_windows and self.source.ended and self.drained and not self.in_flight
        return self._over

    def steps(self, session: Session) -> Steps:
        """This thread's own decoder and judge."""
        key = threading.get_ident()
        if key not in self._steps:
            self._steps[key] = self._make_steps(session)
        return self._steps[key]

    def forget_thread(self) -> None:
        """This thread ends."""
        self._steps.pop(threading.get_ident(), None)

    def begin(self, raw: RawBatch, more: bool = False) -> int:
        """Number a read, for `finish`. Args: more: something was left unread."""
        number = self._read
        self._read += 1
        self.queued += raw.length
        filled = raw.buffer is not None and raw.length >= raw.buffer.capacity * FILLED
        self.behind = raw.length >= LARGE and (filled or (more and raw.start.file_id != self.last_file))
        if self.goals is not None:
            self.goals.read(raw.offset)
        return number

    def finish(self, epoch: int, number: int, result: tuple[Batch, ...] | WorkbenchError) -> None:
        """Hand in what became of a read; it joins the queue once all before it have."""
        if epoch != self.epoch:
            return
        self._decoded[number] = result
        while self._merged in self._decoded:
            self._merge(self._decoded.pop(self._merged))
            self._merged += 1
        self._stop_if_failing()

    def cut(self, want: int) -> list[tuple[Cut, ...]]:
        """Take at most `want` accepted rows off the queue, whole records; a piece for each output."""
        cuts: list[tuple[Cut, ...]] = []
        while self._ready and want > 0:
            pending = self._ready[0]
            pieces = pending.cut(want)
            cuts.append(pieces)
            want -= max(int(np.count_nonzero(cut.verdict == 0)) for cut in pieces)
            if pending.exhausted:
                self._ready.popleft()
                self.queued -= pending.raw.length
        self.committing, self._cut_in = bool(cuts), self.epoch
        return cuts

    def committed(self) -> None:
        """What was cut is stored. A failure in the meantime sent the source back to before that: what was read since is read again."""
        self.committing = False
        if self._cut_in != self.epoch:
            self.reset()
        self._stop_if_failing()

    def stored(self, offset: Offset) -> None:
        """An offset of the source is durable."""
        self._stored.append(offset)

    def fail(self, error: WorkbenchError) -> None:
        """Stop here: forget what is not committed, so that a resume reads it again."""
        self.error = error
        self.reset()

    def resume(self) -> None:
        self.error, self.paused, self.hungry, self.due_at = None, False, True, 0.0
        self.news_at = 0.0  # it is idle only once it was looked at
        self.asked += 1

    def reset(self) -> None:
        """Forget everything that is read and not committed."""
        self.epoch += 1
        self.committing = False
        self._ready.clear()
        self._decoded.clear()
        self._read = self._merged = self.queued = 0
        self._failing = None
        self.behind = self.dry = self._over = False
        if self.goals is not None:
            self.goals = Goals()
        self.rewind()

    def rewind(self) -> None:
        """Read on from what is committed; also after a read that began before a `reset` and ended after it."""
        self._rewinds = True
        self.settle()

    def close(self) -> None:
        """Close the source; one whose read hangs is closed when that comes back, and nobody waits for it for long."""
        self._closes = True
        if self.source_lock.acquire(timeout=PATIENCE):
            try:
                self.tell()
            finally:
                self.source_lock.release()
        self.settle()

    def settle(self) -> None:
        """Tell the source what it is to know, unless it is at work: then it is told before its next read, or after this one.

        Who has had the source's lock calls this after it.
        """
        while (self._stored or self._rewinds or self._closes) and self.source_lock.acquire(blocking=False):
            try:
                self.tell()
            finally:
                self.source_lock.release()

    def tell(self) -> None:
        """The same, with the source's lock held."""
        while self._stored:
            self.source.committed(self._stored.popleft())
        if self._rewinds:
            self._rewinds = False
            self.source.rewind()
        if self._closes:
            self._closes = False
            self.source.close()

    def _stop_if_failing(self) -> None:
        """Once all that came before the failure is committed."""
        if self._failing is not None and not self._ready and not self.committing:
            self.fail(self._failing)

    def _merge(self, result: tuple[Batch, ...] | WorkbenchError) -> None:
        if self._failing is not None:
            return
        if isinstance(result, WorkbenchError):
            self._failing = result
            return
        self.notices += dict.fromkeys(notice for batch in result for notice in batch.notices)
        limit = self._first_failed(result)
        pending = PendingRead(result, 0 if limit is not None and self._whole else limit, self._whole)
        if not pending.exhausted:
            self._ready.append(pending)
        else:
            self.queued -= pending.raw.length

    def _first_failed(self, batches: tuple[Batch, ...]) -> int | None:
        """The first record that broke a FAIL rule of any output; it and all after it stay uncommitted."""
        found = [
            (*place, output)
            for output, batch in zip(self.outputs, batches, strict=True)
            if (place := output.first_failed(batch)) is not None
        ]
        if not found:
            return None
        record, bits, output = min(found, key=lambda one: one[0])
        start = batches[0].raw.start
        self._failing = output.failure(bits, f"{start.file} line {start.line + record + 1}", record if self._whole else 0)
        return record
