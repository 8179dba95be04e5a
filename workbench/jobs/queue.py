"""The queue of refreshes: one at a time, each a run in `workbench.job_runs`."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

import pyarrow as pa

from workbench.errors import QueryCancelled, WorkbenchError
from workbench.jobs.run import JobRun
from workbench.language.definitions import MaterializedView
from workbench.protocol import RunState, RunStatus
from workbench.store.names import stored
from workbench.store.session import Session

log = logging.getLogger(__name__)

PATIENCE = 5.0
"""Seconds that `stop` waits for the run that is under way."""

KEPT = 200
"""Finished runs that are remembered for the screen; all are in the table."""

Control = Callable[[Callable[[Session], Any]], "Future[Any]"]


class JobQueue:
    """Runs refreshes in a thread of its own: the query is computed first, on its own session, into Arrow; only its
    result goes through the writer's turn, as DELETE and INSERT in one transaction.

    Args:
        control: runs something in the writer's turn.
        on_done: called with the view's name after a result is stored, and before its run has ended for those who wait for that.
        last_id: of the runs that are stored already.
    """

    def __init__(
        self,
        session: Session,
        control: Control,
        clock: Callable[[], float],
        on_change: Callable[[], None],
        on_done: Callable[[str], None],
        last_id: int = 0,
    ) -> None:
        self._session, self._control, self._clock = session, control, clock
        self._on_change, self._on_done = on_change, on_done
        self._last_id = last_id
        self._lock = threading.Condition()
        self._waiting: deque[JobRun] = deque()
        self._running: JobRun | None = None
        self._finished: deque[RunStatus] = deque(maxlen=KEPT)
        self._stopped = False
        self._thread = threading.Thread(target=self._work, name="jobs", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        with self._lock:
            self._stopped = True
            self._lock.notify_all()
        deadline = time.monotonic() + PATIENCE
        while self._thread.is_alive() and time.monotonic() < deadline:
            if self._running:
                self._session.interrupt()  # DuckDB forgets one that comes between two statements
            self._thread.join(0.05)

    def enqueue(self, view: MaterializedView, cause: str) -> int:
        """Ask for a refresh; one that waits already serves."""
        with self._lock:
            for run in self._waiting:
                if run.view.name == view.name:
                    run.view = view
                    return run.id
            self._last_id += 1
            self._waiting.append(JobRun(self._last_id, view, cause))
            self._lock.notify_all()
            return self._last_id

    def restore(self, runs: list[RunStatus]) -> None:
        """Remember runs of earlier engines, oldest first."""
        with self._lock:
            self._finished.extendleft(runs)

    def statuses(self) -> tuple[RunStatus, ...]:
        """Running first, then waiting, then finished, newest first."""
        now = self._clock()
        with self._lock:
            if self._running:
                self._running.progress = self._session.progress()
            current = [*([self._running] if self._running else []), *self._waiting]
            return (*(run.status(now) for run in current), *self._finished)

    @property
    def idle(self) -> bool:
        """Whether nothing runs and nothing will: nothing waits, or the queue is stopped."""
        with self._lock:
            return self._stopped or (not self._waiting and self._running is None)

    @property
    def newest(self) -> int:
        """The last run that was asked for."""
        with self._lock:
            return self._last_id

    def wait_idle(self, until: Callable[[], bool] = lambda: False) -> None:
        """Wait until nothing runs and nothing waits."""
        with self._lock:
            while (self._waiting or self._running) and not self._stopped and not until():
                self._lock.wait(0.1)

    def _work(self) -> None:
        while True:
            with self._lock:
                self._lock.wait_for(lambda: self._stopped or bool(self._waiting))
                if self._stopped:
                    return
                run = self._waiting.popleft()
                run.state, run.started_at = "running", self._clock()
                self._running = run
            self._on_change()
            ended = self._run(run)
            if not ended.error:
                self._on_done(run.view.name)
            with self._lock:
                self._running = None
                self._finished.appendleft(ended.status(self._clock()))
                self._lock.notify_all()
            self._on_change()

    def _run(self, run: JobRun) -> JobRun:
        """The run as it ended, which it has for nobody before that is stored. Every run ends as a row, whatever happened to it, unless the
        engine stops or its database does."""
        try:
            # In the writer's turn: of a commit that is under way, which the query may not see, `catch_up` would say that it was seen.
            run.started_at = self._control(lambda session: self._clock()).result()
            result = self._session.arrow(run.view.sql, large=True)
            done = self._ended(run, "done", rows=result.num_rows)
            self._control(lambda session: _store(session, done, result)).result()
            return done
        except QueryCancelled as error:
            ended = self._ended(run, "cancelled", error.message)
        except WorkbenchError as error:
            log.error("refresh of %s failed: %s", run.view.name, error)
            ended = self._ended(run, "failed", error.message)
        except Exception as error:
            log.exception("refresh of %s failed", run.view.name)
            ended = self._ended(run, "failed", f"{type(error).__name__}: {error}")
        try:
            self._control(lambda session: _insert_run(session, ended)).result()
        except Exception as error:
            log.error("run #%d of %s was not stored: %s", run.id, run.view.name, error)
        return ended

    def _ended(self, run: JobRun, state: RunState, error: str = "", rows: int | None = None) -> JobRun:
        return replace(run, state=state, error=error, rows=rows, seconds=max(0.0, self._clock() - run.started_at))


def load_runs(session: Session) -> list[RunStatus]:
    """The latest stored runs, oldest first."""
    rows = session.execute(
        "SELECT id, job, state, epoch(started_at), seconds, rows, coalesce(error, ''), cause FROM _system.job_runs"
        f" ORDER BY id DESC LIMIT {KEPT}"
    )
    return [
        RunStatus(id, job, state, None, at, seconds, None, count, error, cause)
        for id, job, state, at, seconds, count, error, cause in reversed(rows)
    ]


def _store(session: Session, run: JobRun, result: pa.Table) -> None:
    with session.transaction(), session.relation("_result", result):
        session.execute(f"DELETE FROM {stored(run.view.name)}")
        session.execute(f"INSERT INTO {stored(run.view.name)} SELECT * FROM _result")
        _insert_run(session, run)


def _insert_run(session: Session, run: JobRun) -> None:
    session.execute(
        "INSERT INTO _system.job_runs VALUES (?, ?, ?, ?, to_timestamp(?), ?, ?, ?)",
        [run.id, run.view.name, run.state, run.cause, run.started_at, run.seconds, run.rows, run.error],
    )
