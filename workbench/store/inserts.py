"""INSERTs that stay prepared from commit to commit: planning one anew took most of a small commit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count

import pyarrow as pa

from workbench.errors import WorkbenchError
from workbench.store.feed import Feed
from workbench.store.names import quote
from workbench.store.session import Session

NUMBERS = count(1)
MOMENT = pa.timestamp("us", "UTC")

SMALL = 8_192
"""Rows up to which an INSERT is run as one statement with others: nine of them take 1.5 ms less then, large ones 15 % more."""
KINDS = 32
"""Such statements that are kept, one for each set of INSERTs that came together."""


def repeated(text: str, count: int) -> pa.Array:
    """One text for some rows; told its type, Arrow does this in 2 µs, and else in 50."""
    return pa.repeat(pa.scalar(text, pa.string()), count)


def numbered(rows: pa.Table, commit: int) -> pa.Table:
    """The rows with their commit's number."""
    return rows.append_column("_commit", pa.repeat(pa.scalar(commit, pa.int64()), rows.num_rows))


class Inserts:
    """Appends rows to tables with one session; what changes between runs is a column of the rows, never a parameter.

    DO call `forget` after any DDL: a statement that was prepared before it is planned anew at every run.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self._known: dict[tuple[str, str], _Insert] = {}
        self._joint: dict[tuple[_Insert, ...], str] = {}
        self._waiting: dict[_Insert, list[pa.Table]] | None = None

    def add(self, table: str, rows: pa.Table, columns: Sequence[str] = (), where: str = "") -> None:
        """Append rows inside the caller's transaction, after all that were added to the table before.

        Args:
            table: as SQL names it. columns: those of `rows` that are taken, and the table's of these names; empty: all, in their order.
            where: SQL that a row has to meet.
        """
        insert = self._insert(table, rows, tuple(columns), where)
        if self._waiting is None:
            insert.run(rows)
            return
        if any(other.table == table and other is not insert for other in self._waiting):
            self._run_waiting()
        self._waiting.setdefault(insert, []).append(rows)
        if rows.num_rows > SMALL:
            self._run_waiting()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing of what is added inside.

        One that is rolled back takes the names along that statements prepared in it read from: they are all prepared anew, or none
        of them would ever run again.
        """
        try:
            with self.session.transaction():
                yield
        except BaseException:
            with suppress(WorkbenchError):  # that error is told
                self.forget()
            raise
        finally:
            self.clear()

    @contextmanager
    def together(self) -> Iterator[None]:
        """Inside, rows may wait to be appended in one statement; at its end they all are."""
        self._waiting = {}
        try:
            yield
            self._run_waiting()
        finally:
            self._waiting = None

    def clear(self) -> None:
        """Let go of the rows."""
        for insert in self._known.values():
            insert.feed.clear()

    def forget(self) -> None:
        """Prepare everything anew when it is added next; also where the database does not let go of what was prepared."""
        known, self._known = list(self._known.values()), {}
        self._forget_joint()
        for insert in known:
            insert.close()

    def _insert(self, table: str, rows: pa.Table, columns: tuple[str, ...], where: str) -> _Insert:
        names = ", ".join(map(quote, columns))
        into, taken = (f"{table} ({names})", names) if columns else (table, "*")
        insert = self._known.get((into, where))
        if insert is None or insert.schema != rows.schema:
            if insert is not None:
                self._run_waiting()
                self._forget_joint()
                self._known.pop((into, where)).close()
            insert = self._known[(into, where)] = _Insert(self.session, table, into, taken, where, rows)
        return insert

    def _run_waiting(self) -> None:
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, {}
        if any(rows.num_rows > SMALL for tables in waiting.values() for rows in tables) or not self._joins(tuple(waiting)):
            for insert, tables in waiting.items():
                insert.run(_one(tables))
            return
        for insert, tables in waiting.items():
            insert.feed.fill(_one(tables))
        self.session.execute(f"EXECUTE {self._joint[tuple(waiting)]}")

    def _joins(self, inserts: tuple[_Insert, ...]) -> bool:
        """Whether there is one statement for some INSERTs; it is prepared when they come together for the first time."""
        if inserts not in self._joint:
            if len(inserts) == 1 or len(self._joint) == KINDS:
                return False
            name = f"_inserts_{next(NUMBERS)}"
            *others, last = inserts
            parts = ", ".join(f"_{i} AS ({insert.sql} RETURNING 1)" for i, insert in enumerate(others))
            self.session.execute(f"PREPARE {name} AS WITH {parts} {last.sql}")
            self._joint[inserts] = name
        return True

    def _forget_joint(self) -> None:
        names, self._joint = list(self._joint.values()), {}
        for name in names:
            self.session.execute(f"DEALLOCATE {name}")


class _Insert:
    def __init__(self, session: Session, table: str, into: str, taken: str, where: str, rows: pa.Table) -> None:
        self.table = table
        self.schema = rows.schema
        self.feed = Feed(session)
        self.feed.fill(rows)
        self.sql = f"INSERT INTO {into} SELECT {taken} FROM {self.feed.name}{f' WHERE {where}' if where else ''}"
        self._session = session
        self._name = ""

    def run(self, rows: pa.Table) -> None:
        self.feed.fill(rows)
        if not self._name:
            name = f"_insert_{next(NUMBERS)}"
            self._session.execute(f"PREPARE {name} AS {self.sql}")
            self._name = name
        self._session.execute(f"EXECUTE {self._name}")

    def close(self) -> None:
        if self._name:
            self._session.execute(f"DEALLOCATE {self._name}")
        self.feed.close()


def _one(tables: Sequence[pa.Table]) -> pa.Table:
    return tables[0] if len(tables) == 1 else pa.concat_tables(tables)
