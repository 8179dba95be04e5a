"""INSERTs that stay prepared from commit to commit: planning one anew took most of a small commit."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

import pyarrow as pa

from workbench.store.feed import Feed
from workbench.store.names import quote
from workbench.store.session import Session

NUMBERS = count(1)
MOMENT = pa.timestamp("us", "UTC")


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

    def add(self, table: str, rows: pa.Table, columns: Sequence[str] = (), where: str = "") -> None:
        """Append rows inside the caller's transaction.

        Args:
            table: as SQL names it. columns: those of `rows` that are taken, and the table's of these names; empty: all, in their order.
            where: SQL that a row has to meet.
        """
        names = ", ".join(map(quote, columns))
        into, taken = (f"{table} ({names})", names) if columns else (table, "*")
        key = (into, where)
        insert = self._known.get(key)
        if insert is None or insert.schema != rows.schema:
            if insert is not None:
                insert.close()
            insert = self._known[key] = _Insert(self.session, into, taken, where, rows)
        insert.run(rows)

    def clear(self) -> None:
        """Let go of the rows, after the commit."""
        for insert in self._known.values():
            insert.feed.clear()

    def forget(self) -> None:
        for insert in self._known.values():
            insert.close()
        self._known.clear()


class _Insert:
    def __init__(self, session: Session, into: str, taken: str, where: str, rows: pa.Table) -> None:
        self.schema = rows.schema
        self.feed = Feed(session)
        self._session = session
        self._name = f"_insert_{next(NUMBERS)}"
        self.feed.fill(rows)
        condition = f" WHERE {where}" if where else ""
        session.execute(f"PREPARE {self._name} AS INSERT INTO {into} SELECT {taken} FROM {self.feed.name}{condition}")

    def run(self, rows: pa.Table) -> None:
        self.feed.fill(rows)
        self._session.execute(f"EXECUTE {self._name}")

    def close(self) -> None:
        self._session.execute(f"DEALLOCATE {self._name}")
        self.feed.close()
