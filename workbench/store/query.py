"""Ad-hoc queries: at most a few at once, each read-only, cancellable, its rows on disk from the first batch on."""

from __future__ import annotations

import queue
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pyarrow as pa

from workbench.errors import NotFound, PipelineError, QueryCancelled, QueryError, QueryRefused, StoreError, WorkbenchError
from workbench.language.travel import Edited
from workbench.protocol import Page, QueryStatus
from workbench.store.complaint import advised, replanned
from workbench.store.format import cells_of_rows, numeric_columns
from workbench.store.progress import Query
from workbench.store.session import Session
from workbench.store.spool import Result

BATCH = 2048
"""Rows that are spooled at once: small, so that the first page of a slow query comes early; 10 M rows still take 0.1 s."""

PAGE = 200

KEPT = 20
"""Results that are kept; the one looked at longest ago goes first."""

SOON = 0.05
"""Seconds that `submit` waits, so that a quick answer needs no second call."""

PLAN = pa.schema([("plan", pa.string())])

READING = frozenset({"SELECT", "EXPLAIN", "MULTI"})
"""What DuckDB calls the statements that the gate lets through; MULTI is a PIVOT."""


class QueryPool:
    """Runs the statements of people: those of the pipeline language by `statements`, all others read-only.

    `submit` returns at once; whatever is wrong with a statement is in its status, with the position in the text. As many
    queries run at once as there are sessions, the others wait. Results are spooled, so no slow reader holds a transaction.

    Args:
        sessions: one for each query that may run at once; nobody else uses them.
        spool: a folder of our own; emptied at the start (StoreError: it cannot be written).
        result_limit: bytes that all results together may take; a result that meets the limit is cut, and says so.
        gate: the one statement of a text, or QueryRefused.
        statements: does what a statement of the pipeline language says and tells it in words; None for any other text.
        commit: the number of the last commit.
        travel: the statement over its tables as of the versions that it names, by what the session's transaction sees.
    """

    def __init__(
        self,
        sessions: Sequence[Session],
        spool: Path,
        result_limit: int,
        gate: Callable[[str], str],
        statements: Callable[[str], str | None],
        commit: Callable[[], int],
        travel: Callable[[Session, str], Edited] = lambda session, sql: Edited(sql),
    ) -> None:
        self._spool = spool
        self._limit = result_limit
        self._gate = gate
        self._statements = statements
        self._commit = commit
        self._travel = travel
        self._free: queue.SimpleQueue[Session] = queue.SimpleQueue()
        for session in sessions:
            self._free.put(session)
        self._queries: OrderedDict[str, Query] = OrderedDict()
        self._threads: set[threading.Thread] = set()
        self._lock = threading.Lock()
        self._closed = False
        _empty(spool)

    def submit(self, sql: str) -> QueryStatus:
        """Start a statement; the answer comes within a moment, with the first rows when they are quick.

        Raises:
            QueryRefused: too many queries run or wait already.
        """
        query = Query(sql)
        thread = threading.Thread(target=self._run, args=(query,), name=f"query-{query.id}", daemon=True)
        with self._lock:
            if self._closed or sum(q.running for q in self._queries.values()) >= KEPT:
                raise QueryRefused(f"{KEPT} queries run or wait already", "Cancel one of them first.")
            self._queries[query.id] = query
        self._make_room()
        with self._lock:
            if self._closed:
                raise QueryRefused("The engine stops, this was not run", "Ask again when it has started anew.")
            self._threads.add(thread)
            thread.start()
        query.wait(SOON)
        return query.status()

    def status(self, query_id: str, wait: float = 0.0) -> QueryStatus:
        """How far a query is; waits until it ended or has its first rows, at most `wait` seconds."""
        query = self._query(query_id)
        if wait > 0:
            query.wait(wait)
        return query.status()

    def page(self, query_id: str, offset: int, limit: int = PAGE) -> Page:
        """Rows `offset`… as cells, at most 200; fewer when the query has not got further yet."""
        query = self._query(query_id)
        complete, result = not query.running, query.result
        if result is None:
            return Page(offset, (), 0, complete)
        try:
            table = result.read(max(0, offset), max(0, min(limit, PAGE)))
        except FileNotFoundError:
            raise _gone() from None
        return Page(offset, cells_of_rows(table), result.rows, complete, numeric_columns(result.schema))

    def cancel(self, query_id: str) -> QueryStatus:
        """Stop a query; what it has found so far can still be read."""
        query = self._query(query_id)
        query.interrupt()
        return query.status()

    def close(self, query_id: str) -> None:
        """Cancel a query that runs, and forget its rows."""
        query = self._query(query_id)
        with self._lock:
            self._queries.pop(query_id, None)
        query.interrupt()
        if query.result and not query.running:
            query.result.delete()

    def arrow(self, query_id: str) -> Iterator[bytes]:
        """The rows as an Arrow IPC stream, followed while they come.

        Raises:
            QueryError: there are no rows, or the query failed before all of them had come.
        """
        query = self._query(query_id)
        while query.running and query.result is None:
            query.wait(1.0)
        if query.result is None:
            status = query.status()
            raise QueryError(status.error or "The statement gives no rows", status.hint, status.position)
        return query.result.chunks()

    def shut(self) -> None:
        """Cancel everything and empty the spool; the sessions are free afterwards."""
        with self._lock:
            self._closed = True
            queries, threads = list(self._queries.values()), list(self._threads)
        for query in queries:
            query.interrupt(patience=0.5)
        for thread in threads:
            thread.join(2.0)
        with suppress(StoreError):
            _empty(self._spool)

    def _query(self, query_id: str) -> Query:
        with self._lock:
            if query_id not in self._queries:
                raise _gone()
            self._queries.move_to_end(query_id)
            return self._queries[query_id]

    def _run(self, query: Query) -> None:
        try:
            done = self._statements(query.sql)
            if done is not None:
                query.statement = done
            else:
                self._select(query, self._gate(query.sql))
            query.settle("done")
        except QueryCancelled as error:
            query.settle("cancelled", error)
        except QueryError as error:
            query.settle("failed", error)
        except PipelineError as error:
            query.settle("failed", _of_pipeline(error, query.sql))
        except WorkbenchError as error:
            query.settle("failed", QueryError(error.message, error.hint))
        except Exception as error:  # A thread that dies silently would leave its query running for ever.
            query.settle("failed", QueryError(f"{type(error).__name__}: {error}"))
        finally:
            if query.result:
                query.result.finish(whole=query.status().state == "done")
            self._forget(query)

    def _forget(self, query: Query) -> None:
        with self._lock:
            self._threads.discard(threading.current_thread())
            gone = self._queries.get(query.id) is not query
        if gone and query.result:
            query.result.delete()

    def _select(self, query: Query, sql: str) -> None:
        query.waiting = True
        session = self._free.get()
        query.waiting = False
        edited = Edited(sql)
        try:
            query.commit = self._commit()
            session.execute("BEGIN TRANSACTION READ ONLY")
            try:
                query.attach(session)
                edited = self._travel(session, sql)
                self._read(query, session, edited.sql)
            finally:
                query.attach(None)
                session.execute("ROLLBACK")
        except QueryError as error:
            if isinstance(error, QueryCancelled | QueryRefused):
                raise
            message, hint = advised(error.message)
            position = error.position or replanned(session, edited.sql)
            raise QueryError(message, error.hint or hint, None if position is None else edited.place(position)) from error
        finally:
            self._free.put(session)

    def _read(self, query: Query, session: Session, sql: str) -> None:
        kinds = session.statements(sql)
        if len(kinds) != 1 or kinds[0] not in READING:
            raise QueryRefused("DuckDB does not read this as one query", "Only one statement that reads is run.")
        try:
            self._stream(query, session, sql, kinds[0] == "EXPLAIN")
        except OSError as error:
            raise QueryError(*_unwritable(self._spool, error)) from error

    def _stream(self, query: Query, session: Session, sql: str, plan: bool) -> None:
        if query.cancelled:
            raise QueryCancelled("The query was cancelled.")
        with session.reader(sql, BATCH) as reader:
            query.columns = (("plan", "VARCHAR"),) if plan else reader.columns
            query.result = Result(self._spool / f"{query.id}.arrow", PLAN if plan else reader.batches.schema)
            for batch in reader.batches:
                query.keep(_lines(batch) if plan else batch)
                if query.cancelled:
                    raise QueryCancelled("The query was cancelled.")
                if not self._make_room():
                    query.truncated = True
                    return

    def _make_room(self) -> bool:
        """Drop the results looked at longest ago until all fit; False when only running ones are left, and they do not."""
        with self._lock:
            held = {q.id: q.result.size if q.result else 0 for q in self._queries.values()}
            total = sum(held.values())
            ended = [q for q in self._queries.values() if not q.running]
            while ended and (total > self._limit or len(self._queries) > KEPT):
                oldest = ended.pop(0)
                total -= held[oldest.id]
                del self._queries[oldest.id]
                if oldest.result:
                    oldest.result.delete()
            return total <= self._limit


def _lines(plan: pa.RecordBatch) -> pa.RecordBatch:
    """The drawing of an EXPLAIN, a line a row: in one cell nobody could read it."""
    texts = plan.column(plan.num_columns - 1).to_pylist()
    return pa.record_batch([[line for text in texts for line in text.splitlines()]], schema=PLAN)


def _gone() -> NotFound:
    return NotFound("This result is no longer kept", "Run the query again.")


def _of_pipeline(error: PipelineError, sql: str) -> QueryError:
    """The first problem of a statement of the pipeline language, with its place in the text."""
    if not error.problems:
        return QueryError(error.message, error.hint)
    first = error.problems[0]
    before = sql.split("\n")[: first.line - 1]
    message = "\n".join(problem.message for problem in error.problems)
    return QueryError(message, first.hint, sum(len(line) + 1 for line in before) + first.column - 1)


def _empty(spool: Path) -> None:
    """Raises StoreError: it cannot be made or written."""
    try:
        spool.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in spool.glob("*.arrow"):
            with suppress(FileNotFoundError):
                left.unlink()
    except OSError as error:
        raise StoreError(*_unwritable(spool, error)) from error


def _unwritable(spool: Path, error: OSError) -> tuple[str, str]:
    return (
        f"Results cannot be kept in {spool}: {error.strerror or error}",
        "See who may write there (ls -ld) and whether there is room, and ask again.",
    )
