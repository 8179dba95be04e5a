"""One cursor on the database, as the rest of workbench uses it."""

from __future__ import annotations

import errno
import re
import warnings
import weakref
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from typing import Any

import pyarrow as pa

from workbench.errors import DatabaseDamaged, DatabaseStopped, DiskFull, QueryCancelled, QueryError, StoreError
from workbench.store.duck import duckdb

warnings.filterwarnings("ignore", "Arrow output on a DB-API")

NUMBERS = count(1)
LARGE = 1 << 20
"""Bytes of input from which planning a query twice (+2 ms) is cheaper than copying its result."""

DAMAGE = re.compile(r"Corrupt database file|Could not read enough bytes from file \"[^\"]*\.duckdb\"")
"""What DuckDB says when a block of its own file is not as it was written."""
LOCKED_OUT = re.compile(r"\.duckdb(\.wal)?\": (Permission denied|Read-only file system|Operation not permitted|Input/output error)")
"""What it says when it may not write its own files now."""
START_ANEW = "Move it away and start again: sources are read anew; or restore a copy."


@dataclass(frozen=True, slots=True)
class Reader:
    """A query's columns with their DuckDB types, and its rows as they come."""

    columns: tuple[tuple[str, str], ...]
    batches: pa.RecordBatchReader


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Prepared:
    """A statement that stays prepared in its session as long as this lives; DuckDB itself keeps each for good.

    `run`: the statement that runs it.
    """

    run: str


class Session:
    """A cursor that one thread uses at a time; every answer is fetched whole, so it never stays busy.

    Raises:
        QueryError: from every method that runs SQL; `position` points into that SQL.
        QueryCancelled: after `interrupt`.
        DiskFull: no room left on the device.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        self._outdated: deque[str] = deque()
        """Names of prepared statements that nobody has any more."""

    def cursor(self) -> Session:
        """Another session on the same database, for another thread."""
        return Session(self.connection.cursor())

    def prepare(self, sql: str) -> Prepared:
        """Plan a statement that is run again and again."""
        while self._outdated:
            self.execute(f"DEALLOCATE {self._outdated.popleft()}")
        name = f"_prepared_{next(NUMBERS)}"
        self.execute(f"PREPARE {name} AS {sql}")
        prepared = Prepared(f"EXECUTE {name}")
        weakref.finalize(prepared, self._outdated.append, name).atexit = False
        return prepared

    def execute(self, sql: str, parameters: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
        """Run one or more statements; the rows of the last one. TIMESTAMPTZ columns need `arrow`."""
        with _translated():
            return self.connection.execute(sql, parameters).fetchall()

    def arrow(self, sql: str, large: bool = False) -> pa.Table:
        """The rows of a query as a table; `large` trades 2 ms of planning for a result without a copy."""
        with _translated():
            if large:
                return self.connection.sql(sql).to_arrow_table()
            return self.connection.execute(sql).to_arrow_table()

    @contextmanager
    def reader(self, sql: str, rows: int) -> Iterator[Reader]:
        """The answer to one query in batches of at most `rows`, made while they are read; the session is busy until the end.

        Only a relation streams: `execute` holds the whole answer in memory first.
        """
        with _translated():
            relation = self.connection.sql(sql)
            if relation is None:
                raise QueryError("The statement gives no rows.")
            columns = tuple(zip(relation.columns, map(str, relation.types), strict=True))
            batches = relation.to_arrow_reader(rows)
            try:
                yield Reader(columns, batches)
            finally:
                batches.close()

    def statements(self, sql: str) -> list[str]:
        """The kinds of the statements that DuckDB sees in a text: SELECT, EXPLAIN, MULTI (a PIVOT), …"""
        with _translated():
            return [statement.type.name for statement in self.connection.extract_statements(sql)]

    def describe(self, sql: str) -> list[tuple[str, str]]:
        """(name, type) of the columns that a query would give, without running it."""
        return [(str(row[0]), str(row[1])) for row in self.execute(f"DESCRIBE {sql}")]

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing of what is executed inside. After an error DuckDB answers OK to COMMIT and stores nothing: so it is
        rolled back, and the error goes on."""
        self.execute("BEGIN")
        try:
            yield
            self.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise

    def _roll_back(self) -> None:
        try:
            self.execute("ROLLBACK")
        except Exception as error:  # a COMMIT that failed has rolled back by itself
            if "no transaction is active" not in str(error):
                raise StoreError(
                    f"A failed transaction could not be undone: {error}", "Restart the engine; what was committed is safe."
                ) from error

    def register(self, name: str, table: Any) -> None:
        """Make an Arrow table (or what gives one) readable under a name."""
        with _translated():
            self.connection.register(name, table)

    def unregister(self, name: str) -> None:
        """Take a name back, if there is one."""
        with _translated():
            self.connection.unregister(name)

    @contextmanager
    def relation(self, name: str, table: Any) -> Iterator[None]:
        """Make an Arrow table (or reader) readable under a name, for a while."""
        self.register(name, table)
        try:
            yield
        except BaseException:
            # After an error in a transaction this fails too, and must not hide that error; the next table takes the name.
            with suppress(duckdb.Error):
                self.connection.unregister(name)
            raise
        self.unregister(name)

    def interrupt(self) -> None:
        """Stop the statement that runs in another thread; nothing runs where it is closed."""
        with suppress(duckdb.ConnectionException):
            self.connection.interrupt()

    def progress(self) -> float | None:
        """Share done of the running statement, 0…1, or None when DuckDB does not know."""
        share = self.connection.query_progress()
        return share / 100 if share >= 0 else None

    def close(self) -> None:
        self.connection.close()


def scratch() -> Session:
    """A database in memory, with the settings that change answers: for binding, inference and tests."""
    session = Session(duckdb.connect(":memory:", config={"threads": 1}))
    session.execute("SET GLOBAL TimeZone = 'UTC'")
    return session


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except duckdb.InterruptException as error:
        raise QueryCancelled("The query was cancelled.") from error
    except pa.ArrowException as error:
        raise _stream_error(error) from error
    except OSError as error:
        # An error in the middle of an Arrow stream arrives as an OSError without a number.
        if error.errno is None:
            raise _stream_error(error) from error
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(f"The disk is full: {error}", "Free some room and run the query again.") from error
        raise
    except duckdb.FatalException as error:
        raise DatabaseStopped(f"The database stopped: {_first_line(error)}", "Restart the engine; what was committed is safe.") from error
    except duckdb.Error as error:
        if "No space left" in str(error):
            raise DiskFull(f"The disk is full: {_first_line(error)}", "Free some room; the engine goes on by itself.") from error
        if LOCKED_OUT.search(str(error)):
            raise StoreError(
                f"The database cannot be written: {_first_line(error)}", "Make it writable again; the engine goes on by itself."
            ) from error
        if DAMAGE.search(str(error)):
            raise DatabaseDamaged(f"The database file is damaged: {_first_line(error)}", START_ANEW) from error
        raise QueryError(_message(error), position=_position(error)) from error


def _stream_error(error: Exception) -> QueryError:
    text = _message(error)
    return QueryCancelled("The query was cancelled.") if "INTERRUPT Error" in text else QueryError(text)


def _first_line(error: BaseException) -> str:
    return str(error).split("\n", 1)[0]


def _message(error: BaseException) -> str:
    """DuckDB's message without its LINE 1: … ^ drawing."""
    return re.split(r"\n+LINE \d+:", str(error), maxsplit=1)[0].strip()


def _position(error: BaseException) -> int | None:
    """The caret of DuckDB's drawing as an offset into its `LINE n:` line; only sure for one-line SQL."""
    found = re.search(r"\nLINE (\d+): (.*)\n( *)\^", str(error))
    if not found or found[1] != "1" or found[2].startswith("..."):
        return None
    return max(0, len(found[3]) - len("LINE 1: "))
