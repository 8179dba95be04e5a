"""One ad-hoc query: how far it is, and how to stop it."""

from __future__ import annotations

import secrets
import threading
import time

import pyarrow as pa

from workbench.errors import QueryCancelled, QueryError
from workbench.protocol import QueryState, QueryStatus
from workbench.store.session import Session
from workbench.store.spool import Result


class Query:
    """One query from its text to its rows; its state changes once, from running to done, failed or cancelled."""

    def __init__(self, sql: str) -> None:
        self.id = secrets.token_hex(8)
        self.sql = sql
        self.result: Result | None = None
        self.columns: tuple[tuple[str, str], ...] = ()
        self.commit = 0
        self.truncated = False
        self.statement = ""
        self.cancelled = False
        self.waiting = False
        """For a session: nothing has begun yet."""
        self._state: QueryState = "running"
        self._error = QueryError("")
        self._started = time.monotonic()
        self._ended: float | None = None
        self._session: Session | None = None
        self._changed = threading.Condition(threading.RLock())

    @property
    def running(self) -> bool:
        return self._state == "running"

    def status(self) -> QueryStatus:
        with self._changed:
            return QueryStatus(
                id=self.id,
                sql=self.sql,
                state=self._state,
                seconds=(self._ended or time.monotonic()) - self._started,
                rows=self.result.rows if self.result else 0,
                columns=self.columns,
                progress=self._session.progress() if self._session else None,
                error=self._error.message,
                hint=self._error.hint,
                position=self._error.position,
                commit=self.commit,
                truncated=self.truncated,
                statement=self.statement,
            )

    def settle(self, state: QueryState, error: QueryError | None = None) -> None:
        """The end of the query; only the first one counts."""
        with self._changed:
            if self.running:
                self._error = error or self._error
                self._ended = time.monotonic()
                self._state = state
                self._changed.notify_all()

    def keep(self, batch: pa.RecordBatch) -> None:
        """More rows of the result."""
        assert self.result is not None
        first = not self.result.rows
        self.result.append(batch)
        if first:
            with self._changed:
                self._changed.notify_all()

    def wait(self, seconds: float) -> None:
        """Until it ended, or the first rows came, or the time is over."""
        before = self._rows()
        with self._changed:
            self._changed.wait_for(lambda: not self.running or (not before and self._rows() > 0), seconds)

    def attach(self, session: Session | None) -> None:
        """The session that works on it; None before the session goes on to something else."""
        with self._changed:
            self._session = session

    def interrupt(self, patience: float = 1.0) -> None:
        """Cancel, and wait for the end for so many seconds; one that takes longer ends all the same."""
        with self._changed:
            if self.running and not self.cancelled:
                self.cancelled = True
                threading.Thread(target=self._end, name=f"cancel-{self.id}", daemon=True).start()
            self._changed.wait_for(lambda: not self.running, patience)

    def _end(self) -> None:
        """DuckDB forgets an interrupt that comes between two statements, so it is repeated until the query ended."""
        with self._changed:
            while self.running:
                if self.waiting:
                    self.settle("cancelled", QueryCancelled("The query was cancelled."))
                elif self._session:
                    self._session.interrupt()
                self._changed.wait(0.01)

    def _rows(self) -> int:
        return self.result.rows if self.result else 0
