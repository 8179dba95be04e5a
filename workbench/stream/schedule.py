"""What is due next: a commit, a read, or nothing for a while."""

from __future__ import annotations

import math
import time
from typing import Any

from workbench.batch import RawBatch
from workbench.store.database import GROUP_ROWS
from workbench.stream.flow import Flow
from workbench.stream.pace import Pace
from workbench.stream.tick import Assembler, Tick

FULL_COMMIT = 2 * GROUP_ROWS
"""Accepted rows of a commit while behind: whole row groups go straight into the file, and leave none ragged."""
QUEUE_CHUNKS = 6
"""Chunks that may wait for commits, over all flows together; not less than SMALLEST_QUEUE."""
SMALLEST_QUEUE = 32 << 20
IDLE_LOOK = 0.5
"""Seconds between looks at whether a quiet source lets a watermark go on."""
PATIENCE = 0.5
"""Seconds that a backlog may take to fill a commit before what is there is committed; nobody looks on while it is drained."""
MANY_READS = 64
"""Reads that wait for one commit: those of tiny files take much more memory than their bytes."""
ACTIVE_FOR = 1.0
"""Seconds after its last news in which a source is looked at once a tick."""
DRAINING_LOOK = 0.01
"""Seconds between looks at a source of which only what is there is read: the last look ends the run."""
RETRY = 1.0
"""Seconds in which nothing is read or committed after a commit that found the disk full; commands are served meanwhile."""


class Schedule:
    """Decides by the clock and by what is ready; guarded by the pump's lock. All times are monotonic seconds.

    Args:
        poll: seconds between looks at quiet sources; tick: seconds between commits while following.
        chunk: bytes of the largest read.
    """

    def __init__(self, assembler: Assembler, poll: float, tick: float, chunk: int) -> None:
        self.pace = Pace(tick)
        self.queue_limit = max(SMALLEST_QUEUE, QUEUE_CHUNKS * chunk)
        """Raw bytes that may wait for commits."""
        self.patience = PATIENCE
        """Seconds that a backlog may take to fill a commit; infinite while all is drained."""
        self.resting = False
        """Nothing is read."""
        self.idle: frozenset[str] = frozenset()
        """Source flows that held no watermark at the last look."""
        self._assembler, self._poll = assembler, poll
        self._committed_at = 0.0
        self._held_until = 0.0
        self._ended: frozenset[str] = frozenset()
        """Source flows whose end is stored."""
        self._ends_seen: frozenset[str] = frozenset()
        """Source flows whose end was in a tick, or concerned no view."""
        self._quiet_at = 0.0

    @property
    def _flows(self) -> list[Flow]:
        return self._assembler.plan.flows

    def commit(self, now: float) -> Tick | None:
        """What is to be committed now, which has then begun: pieces of flows, or only that a quiet source lets windows close."""
        if now < self._held_until:
            return None
        cuts = self._cuts(now)
        ended = self._over()
        if not cuts and ended <= self._ends_seen and now - self._quiet_at < IDLE_LOOK:
            return None
        self._quiet_at = now
        came = [flow for flow, _ in cuts]  # with rows in this tick none is idle, even when these were its last
        idle = frozenset(name for flow in self._flows if flow not in came and flow.idle(now, flow.name in self.idle) for name in flow.names)
        self.idle, self._ended, self._ends_seen = idle, self._ended & ended, ended
        tick = Tick(cuts, idle, ended if ended > self._ended else frozenset())
        if not cuts and not self._assembler.concerns(tick):
            return None
        self._committed_at = now
        return tick

    def committed(self, tick: Tick) -> None:
        """A tick is durable."""
        self._ended |= tick.ended

    def failed(self) -> None:
        """A tick is not stored; its flows may be, one by one. The ends in it come again, with the next tick."""
        self._ends_seen = self._ended

    @property
    def settled(self) -> bool:
        """No input has ended whose windows are still to be looked at."""
        return self._over() <= self._ends_seen

    def hold(self) -> None:
        """There is no room: let a while pass before the next try."""
        self._held_until = time.monotonic() + RETRY

    def read(self, now: float) -> Flow | None:
        """A flow that is to be read now."""
        if now < self._held_until or self._is_full:
            return None
        due = [flow for flow in self._flows if self._wanted(flow) and (flow.hungry or flow.due_at <= now)]
        for flow in sorted(due, key=lambda flow: flow.queued):
            if flow.allowance.bytes(now) != 0:
                return flow
            flow.hungry, flow.due_at = False, now + max(0.005, flow.allowance.wait())
        return None

    def came(self, flow: Flow, raw: RawBatch, more: bool) -> None:
        """A read found something. Args: more: something was left unread."""
        now = time.monotonic()
        flow.news_at = now
        flow.active_until = now + ACTIVE_FOR
        # What a live file grew by meanwhile waits for the next tick: each little read costs as much as a larger one.
        flow.hungry = more and (flow.behind or raw.start.file_id != flow.last_file)
        flow.last_file = raw.start.file_id
        flow.due_at = self._next_look(flow, now)

    def rest(self, flow: Flow, hungry: bool) -> None:
        """A read found nothing: look again at the next tick while the source is active, else at the poll's pace.

        Args:
            hungry: it was read on, without a look at what there is now; or the source cannot tell yet whether there is more.
        """
        now = time.monotonic()
        flow.hungry = False
        flow.dry = flow.dry or not hungry
        flow.due_at = self._next_look(flow, now) if now < flow.active_until or flow.goals is not None else now + self._poll

    def wait(self, now: float, committing: bool) -> float:
        """Seconds until something is due by the clock; all else (a read, a decoding, a commit that ends) wakes the threads by itself."""
        times = [self._poll]
        if not self._is_full:
            times += [flow.due_at - now for flow in self._flows if self._wanted(flow)]
        if not committing:
            times.append(self._commit_at() - now)
        return max(0.001, self._held_until - now, min(times))

    def _over(self) -> frozenset[str]:
        return frozenset(name for flow in self._flows if flow.over for name in flow.names)

    def _cuts(self, now: float) -> list[tuple[Flow, list[Any]]]:
        if now < self._commit_at():
            return []
        cuts = [(flow, flow.cut(FULL_COMMIT)) for flow in self._flows if flow.has_ready]
        return [(flow, pieces) for flow, pieces in cuts if pieces]

    def _commit_at(self) -> float:
        """When what is ready is committed, if nothing else happens."""
        ready = [flow for flow in self._flows if flow.has_ready]
        if not ready:
            return math.inf
        if any(self._is_much(flow) for flow in ready) or self._is_full:
            return 0.0
        drained = math.isinf(self.patience) and self.pace.tick > 0
        if any((flow.behind or drained) and ((flow.hungry and not flow.enough) or flow.in_flight) and flow.runs for flow in ready):
            return self._committed_at + self.patience
        coming = any(flow.in_flight for flow in self._flows)
        pace = self.pace.seconds
        return self._committed_at + (2 * pace if coming else pace / 2)

    @property
    def _is_full(self) -> bool:
        """Nothing more is read until something is committed."""
        return sum(flow.queued for flow in self._flows) > self.queue_limit

    def _is_much(self, flow: Flow) -> bool:
        """More would make no better commit."""
        return flow.reads_ready >= MANY_READS or flow.accepted_ready >= FULL_COMMIT or flow.bytes_ready > self.queue_limit // 2

    def _wanted(self, flow: Flow) -> bool:
        return flow.runs and not flow.reading and not flow.enough and not self.resting

    def _next_look(self, flow: Flow, now: float) -> float:
        return self.pace.next_tick(now) if flow.goals is None else now + DRAINING_LOOK
