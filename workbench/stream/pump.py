"""The engine's heart: symmetric threads that read, decode and commit, whatever is due next."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager, suppress
from typing import Any

from workbench.batch import Batch, ChunkBuffer
from workbench.errors import DatabaseStopped, FlowError, StoreError, WorkbenchError
from workbench.store.commit import Probe, write
from workbench.store.database import Database
from workbench.store.inserts import Inserts
from workbench.store.session import Session
from workbench.stream.crew import Crew
from workbench.stream.flow import Flow
from workbench.stream.goals import Goals, stored_bytes
from workbench.stream.load import Load
from workbench.stream.schedule import PATIENCE, Schedule
from workbench.stream.tick import Assembler, Tick
from workbench.stream.upkeep import Upkeep

log = logging.getLogger(__name__)

ENOUGH_AFTER = 2.0
"""Seconds of draining after which it is measured where the sources end: one that always has news is read up to there."""


class Pump:
    """Two threads, each with a session of its own, take what is due: a commit (one at a time, in order), a piece of
    work for the writer, or a read with its decoding.

    Args:
        on_commit: called after each durable commit, in the writer's turn.
        on_change: called when a flow fails or something else is worth a look.
        poll: seconds between looks at quiet sources; tick: seconds between commits while following.
    """

    def __init__(
        self,
        database: Database,
        assembler: Assembler,
        *,
        threads: int = 2,
        chunk: int = 16 << 20,
        poll: float = 0.25,
        tick: float = 0.05,
        probe: Probe = lambda step: None,
        on_commit: Callable[[Tick], None] = lambda tick: None,
        on_change: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.assembler = assembler
        self.stalled = ""
        """Why commits wait, in words; empty when they do not."""
        self.died = False
        """A thread ended by a defect, or the database stopped: nothing more is read or stored until the engine starts anew."""
        self.database_stopped = False
        """It was the database: opened again, it goes on."""
        self._database = database
        self._chunk = chunk
        self._schedule = Schedule(assembler, poll, tick, chunk)
        self._probe, self._on_commit, self._on_change, self._clock = probe, on_commit, on_change, clock
        self._lock = threading.Condition()
        self._busy = False
        self._stopped = False
        self._controls: deque[tuple[Callable[[Session], Any], Future[Any]]] = deque()
        self.notices: list[str] = []
        """What there is to say of the database, for the engine to take; guarded by the lock."""
        self._inserts = Inserts(database.writer)
        self._upkeep = Upkeep(database, self._say)
        self._unclosed = ""
        """Why windows could not be closed, so that it is said once."""
        self.load = Load()
        """Where the time goes, lately; guarded by the lock."""
        self._crew = Crew(threads, self._work)

    @property
    def flows(self) -> list[Flow]:
        return self.assembler.plan.flows

    @property
    def idle(self) -> frozenset[str]:
        """Source flows that held no watermark at the last look."""
        return self._schedule.idle

    @property
    def queue_limit(self) -> int:
        """Raw bytes that may wait for commits."""
        return self._schedule.queue_limit

    @property
    def threads(self) -> int:
        return self._crew.count

    @property
    def lock(self) -> threading.Condition:
        """Guards the flows; hold it briefly to look at several of them at once."""
        return self._lock

    def start(self) -> None:
        self._crew.start()

    def stop(self) -> None:
        """Finish the commit that is under way, forget what is only read, end the threads."""
        with self._lock:
            self._stopped = True
            self._cancel_controls()
            self._lock.notify_all()
        self._crew.stop()

    def wake(self) -> None:
        """Look at all sources now."""
        with self._lock:
            for flow in self.flows:
                flow.due_at = 0.0
            self._lock.notify_all()

    def news(self) -> None:
        """Look at the sources that were quiet; those that are active are looked at in the next tick anyway."""
        now = time.monotonic()
        with self._lock:
            for flow in self.flows:
                if now >= flow.active_until:
                    flow.due_at = 0.0
            self._lock.notify_all()

    def control(self, work: Callable[[Session], Any]) -> Future[Any]:
        """Run something with the writer's session between two commits."""
        future: Future[Any] = Future()
        with self._lock:
            if self._stopped:
                future.cancel()
            else:
                self._controls.append((work, future))
                self._lock.notify_all()
        return future

    def drain(self, until: Callable[[], bool] = lambda: False) -> None:
        """Wait until all that the sources have now is committed, or every flow that is not done has stopped.

        Of a source that always has news (a busy socket, a file that grows all the time) a little more than what it has now
        is taken. What is piped in is read to its end.
        """
        with self._lock:
            for flow in self.flows:
                flow.dry, flow.due_at, flow.goals = False, 0.0, Goals()
                flow.asked += 1
            self._lock.notify_all()
            self._schedule.patience = math.inf
            measured_at = time.monotonic() + ENOUGH_AFTER
            while not self._stopped and not until():
                drained = not self._busy and not self._controls and all(flow.drained for flow in self.flows)
                if drained and self._schedule.settled:
                    break
                if time.monotonic() >= measured_at:
                    measured_at = time.monotonic() + ENOUGH_AFTER if any(flow.source.undecided for flow in self.flows) else math.inf
                    self._controls.append((self._set_goals, Future()))
                    self._lock.notify_all()
                self._lock.wait(0.1)
            self._schedule.patience = PATIENCE
            for flow in self.flows:
                flow.goals = None

    @contextmanager
    def resting(self) -> Iterator[None]:
        """Nothing is read meanwhile; what was read before is committed."""
        with self._lock:
            self._schedule.resting = True
        try:
            yield
        finally:
            with self._lock:
                self._schedule.resting = False
                self._lock.notify_all()

    def _cancel_controls(self) -> None:
        for _, future in self._controls:
            future.cancel()
        self._controls.clear()

    def _set_goals(self, session: Session) -> None:
        """In the writer's turn: what must be read of each source that is not drained."""
        for flow in self.flows:
            if flow.goals is None or flow.goals.known or flow.dry or flow.closes_windows or not flow.runs or flow.source.undecided:
                continue
            with flow.source_lock:
                ends = flow.source.ends()
            flow.settle()
            stored = stored_bytes(session, flow.name)
            with self._lock:
                if flow.goals is not None:
                    flow.goals.set(ends, stored)

    def _work(self) -> None:
        try:
            with closing(self._database.session()) as session, closing(ChunkBuffer(self._chunk)) as buffer:
                while not self._crew.dismissed():
                    with self._lock:
                        due = self._due()
                    if due is None:
                        return
                    due(session, buffer)
        except DatabaseStopped as error:
            self._break(error)
        except (OSError, MemoryError) as error:  # no room for a chunk
            log.error("a pump thread died: %s", error)
            self._die(error)
        except BaseException as error:
            log.exception("a pump thread died")
            self._die(error)
            raise
        finally:
            for flow in self.flows:
                flow.forget_thread()

    def _die(self, error: BaseException) -> None:
        """End the other threads too: less would be done than it looks like."""
        with self._lock:
            self.stalled = f"a thread of the engine died: {type(error).__name__}: {error}"
            self.died = self._stopped = True
            self._cancel_controls()
            self._lock.notify_all()
        self._on_change()

    def _break(self, error: DatabaseStopped) -> None:
        """End the threads: with this database nothing works any more."""
        log.error("%s", error)
        with self._lock:
            self.stalled = error.message
            self.database_stopped = self.died = self._stopped = True
            self._cancel_controls()
            self._lock.notify_all()
        self._on_change()

    def _due(self) -> Callable[[Session, ChunkBuffer], None] | None:
        """The next thing to do, waiting for one; None when stopped. The lock is held."""
        while not self._stopped:
            now = time.monotonic()
            if not self._busy:
                if self._controls:
                    work, future = self._controls.popleft()
                    self._busy = True
                    return lambda session, buffer: self._run_control(work, future)
                if tick := self._schedule.commit(now):
                    self._busy = True
                    return lambda session, buffer: self._run_commit(tick)
            if flow := self._schedule.read(now):
                flow.reading = True
                return lambda session, buffer: self._run_read(flow, session, buffer)
            self._lock.wait(self._schedule.wait(now, self._busy))
        return None

    # Commits

    def _run_commit(self, tick: Tick) -> None:
        began, used = time.monotonic(), time.thread_time()
        try:
            self._commit(tick)
        finally:
            with self._lock:
                self._busy = False
                self._schedule.pace.committed(time.thread_time() - used, time.monotonic() - began)
                self._lock.notify_all()
        self._upkeep_when_due()

    def _commit(self, tick: Tick) -> None:
        """Commit a tick; if it fails, each of its flows alone, so that only the culprit stops."""
        try:
            durable = self._write(tick)
        except DatabaseStopped:
            raise
        except Exception as error:
            if tick.cuts:
                with self._lock:
                    self._schedule.failed()
            if len(tick.cuts) > 1:
                for pair in tick.cuts:
                    self._commit(Tick([pair], tick.idle))
                return
            if not tick.cuts:
                self._say_unclosed(error)
                return
            (flow,) = tick.flows
            with self._lock:
                flow.fail(_stopped(flow, error))
            self._on_change()
            return
        if durable:
            self._take_over(tick)

    def _write(self, tick: Tick) -> bool:
        """Make a tick durable; False when the database has no room now, and the tick's records are to be read again."""
        try:
            began = time.monotonic()
            commit = self.assembler.assemble(self._database.writer, tick, self._clock())
            stored_at = write(self._inserts, commit, self._probe)
            done = time.monotonic()
            with self._lock:
                self.load.commit(stored_at - began, done)
                self.load.disk(done - stored_at, done)
        except DatabaseStopped:
            raise
        except StoreError as error:
            with self._lock:
                for flow in tick.flows:
                    flow.reset()
                self._schedule.failed()
                self._schedule.hold()
            self._stall(error)
            return False
        self._stall(None)
        return True

    def _take_over(self, tick: Tick) -> None:
        """After the durable moment nothing may lead to a second try: the same records would be stored twice."""
        with self._lock:
            self.assembler.advance(tick)
            self._schedule.committed(tick)
        try:
            self._on_commit(tick)
            assert tick.commit is not None
            self._upkeep.after(tick.commit, self.assembler.plan)
        except Exception:
            log.exception("the commit is stored, but not all that follows it was done")

    def _say_unclosed(self, error: Exception) -> None:
        text = f"windows could not be closed: {error}"
        if text != self._unclosed:
            self._unclosed = text
            log.error("windows could not be closed", exc_info=error)
            self._say(text)

    def _say(self, text: str) -> None:
        with self._lock:
            self.notices.append(text)

    def _stall(self, error: WorkbenchError | None) -> None:
        text = error.message if error else ""
        if text != self.stalled:
            self.stalled = text
            log.error("commits wait: %s", text) if text else log.info("commits go on")
            self._on_change()

    def _upkeep_when_due(self) -> None:
        with self._lock:
            if self._busy:
                return
            self._busy = True
        began = time.monotonic()
        try:
            self._upkeep.run(self.assembler.plan)
        finally:
            with self._lock:
                now = time.monotonic()
                self.load.disk(now - began, now)
                self._busy = False
                self._lock.notify_all()

    def _run_control(self, work: Callable[[Session], Any], future: Future[Any]) -> None:
        try:
            if future.set_running_or_notify_cancel():
                future.set_result(work(self._database.writer))
        except DatabaseStopped as error:
            future.set_exception(error)
            raise
        except BaseException as error:  # the caller gets it
            future.set_exception(error)
        finally:
            with suppress(DatabaseStopped):  # the next use says it again
                self._inserts.forget()
            with self._lock:
                self._busy = False
                self._lock.notify_all()
        self._upkeep_when_due()

    # Reads

    def _run_read(self, flow: Flow, session: Session, buffer: ChunkBuffer) -> None:
        with self._lock:
            epoch, hungry, asked, unseen = flow.epoch, flow.hungry, flow.asked, flow.unseen
            began, used = time.monotonic(), time.thread_time()
            allowed = flow.allowance.bytes(began)
        raw, error, more, undecided, looked, said = None, None, False, False, False, list[str]()
        try:
            with self._crew.asking(flow.name), flow.source_lock:
                flow.tell()
                looked = not hungry and flow.source.rescan(at_once=unseen)
                raw = flow.source.read(buffer, allowed)
                more, undecided = not flow.source.idle, flow.source.undecided
                said = flow.source.notices()
        except Exception as caught:
            error = _stopped(flow, caught)
        flow.settle()
        with self._lock:
            flow.reading = False
            flow.seen = asked if looked else flow.seen
            flow.notices += said
            flow.load.source(time.monotonic() - began, time.monotonic())
            flow.news_at = flow.news_at or (0.0 if flow.unseen else began)
            if epoch != flow.epoch:
                flow.rewind()
                self._lock.notify_all()
                return
            if error:
                flow.fail(error)
            elif raw is None:
                self._schedule.rest(flow, hungry or undecided or flow.unseen)
            else:
                number = flow.begin(raw, more)
                self._schedule.came(flow, raw, more)
            self._lock.notify_all()
        if error:
            self._on_change()
        if raw is None:
            return
        result: tuple[Batch, ...] | FlowError
        began = time.monotonic()
        try:
            result = flow.steps(session).run(raw)
        except DatabaseStopped:
            raise
        except Exception as caught:
            result = _stopped(flow, caught)
        with self._lock:
            failed = flow.error
            now = time.monotonic()
            self._schedule.pace.decoded(time.thread_time() - used, 0 if isinstance(result, FlowError) else result[0].records, now)
            flow.load.decode(now - began, now)
            if not isinstance(result, FlowError):
                flow.allowance.took(result[0].records, raw.length)
            flow.finish(epoch, number, result)
            self._lock.notify_all()
        if flow.error is not failed:
            self._on_change()


def _stopped(flow: Flow, error: Exception) -> FlowError:
    """Why a flow stops, for its user; what is no error of ours is a defect, and goes to the log whole."""
    if isinstance(error, WorkbenchError):
        log.error("%s stopped: %s", flow.name, error)
        return error if isinstance(error, FlowError) else FlowError(f"{flow.name} stopped: {error.message}", error.hint)
    log.error("%s stopped", flow.name, exc_info=error)
    return FlowError(f"{flow.name} stopped: {type(error).__name__}: {error}", "This is a defect of workbench; the log has the details.")
