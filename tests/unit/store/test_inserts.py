"""INSERTs that wait for one another: what is stored does not depend on which of them became one statement."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import QueryError
from workbench.store import inserts as module
from workbench.store.inserts import KINDS, Inserts, numbered
from workbench.store.session import Session, scratch

TABLES = ("one", "two", "three")


class Counted(Session):
    """Remembers what it ran."""

    def __init__(self, session: Session) -> None:
        super().__init__(session.connection)
        self.ran: list[str] = []

    def execute(self, sql: str, parameters: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
        self.ran.append(sql)
        return super().execute(sql, parameters)

    def times(self, word: str) -> int:
        return sum(sql.startswith(word) for sql in self.ran)


@pytest.fixture
def session() -> Iterator[Counted]:
    found = prepared()
    yield found
    found.close()


def prepared() -> Counted:
    session = Counted(scratch())
    for table in TABLES:
        session.execute(f"CREATE TABLE {table} (n BIGINT NOT NULL, _commit BIGINT)")
    session.ran.clear()
    return session


def rows(first: int | None, count: int = 1) -> pa.Table:
    return pa.table({"n": pa.array([None if first is None else first + i for i in range(count)], pa.int64())})


def held(session: Session, table: str) -> list[int]:
    return [n for (n,) in session.execute(f"SELECT n FROM {table} ORDER BY rowid")]


def test_a_small_commit_is_one_statement_that_stays_prepared(session: Counted) -> None:
    inserts = Inserts(session)
    for commit in (1, 2, 3):
        with session.transaction(), inserts.together():
            for table in TABLES:
                inserts.add(table, numbered(rows(commit), commit))
            inserts.add("one", numbered(rows(commit + 10), commit))
    assert (session.times("PREPARE"), session.times("EXECUTE")) == (1, 3)
    assert held(session, "one") == [1, 11, 2, 12, 3, 13]
    assert held(session, "three") == [1, 2, 3]


def test_many_rows_are_a_statement_of_their_own(session: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SMALL", 3)
    inserts = Inserts(session)
    with session.transaction(), inserts.together():
        inserts.add("one", numbered(rows(0, 3), 1))
        inserts.add("one", numbered(rows(3, 4), 1))
        inserts.add("two", numbered(rows(0), 1))
    assert not any("WITH" in sql for sql in session.ran)
    assert (held(session, "one"), held(session, "two")) == (list(range(7)), [0])


def test_an_error_in_one_leaves_nothing_of_the_others(session: Counted) -> None:
    inserts = Inserts(session)
    for bad in (1, None, 2):
        try:
            with session.transaction(), inserts.together():
                inserts.add("one", numbered(rows(1), 1))
                inserts.add("two", numbered(rows(bad), 1))
        except QueryError:
            assert bad is None
        finally:
            inserts.clear()
    assert (held(session, "one"), held(session, "two")) == ([1, 1], [1, 2])


@pytest.mark.parametrize("joint", [True, False])
def test_what_was_prepared_in_a_transaction_that_failed_is_prepared_again(session: Counted, joint: bool) -> None:
    inserts = Inserts(session)
    for bad in (None, 1, None, 2):
        try:
            with inserts.transaction(), inserts.together():
                inserts.add("one", numbered(rows(1), 1))
                if joint:
                    inserts.add("two", numbered(rows(1), 1))
                inserts.add("three", numbered(rows(bad), 1), ("n", "_commit"))
        except QueryError:
            assert bad is None
    assert (held(session, "one"), held(session, "three")) == ([1, 1], [1, 2])
    assert session.execute("SELECT count(*) FROM duckdb_views() WHERE view_name LIKE '_feed%'") == [(3 if joint else 2,)]


def test_what_was_prepared_is_forgotten_where_the_database_refuses_that_too(session: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    inserts = Inserts(session)
    with inserts.transaction():
        inserts.add("one", numbered(rows(1), 1))
    with monkeypatch.context() as patch:
        patch.setattr(Counted, "execute", _refuse)
        with pytest.raises(QueryError):
            inserts.forget()
    with inserts.transaction():
        inserts.add("one", numbered(rows(2), 1))
    assert (held(session, "one"), session.times("PREPARE")) == ([1, 2], 2)


def _refuse(session: Session, sql: str, parameters: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
    raise QueryError(f"not now: {sql}")


def test_more_sets_than_are_kept_are_run_one_by_one(session: Counted) -> None:
    inserts = Inserts(session)
    for i in range(KINDS + 3):
        session.execute(f"CREATE TABLE t{i} (n BIGINT)")
        with session.transaction(), inserts.together():
            inserts.add(f"t{i}", rows(i))
            inserts.add("one", rows(i), ("n",))
    assert held(session, "one") == list(range(KINDS + 3))
    assert held(session, f"t{KINDS + 2}") == [KINDS + 2]
    inserts.forget()
    session.execute("DROP TABLE t0")


ADDED = st.tuples(st.sampled_from(TABLES), st.integers(0, 6), st.booleans(), st.booleans())


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(ADDED, max_size=8), max_size=4))
def test_each_table_holds_what_was_added_in_that_order(commits: list[list[tuple[str, int, bool, bool]]]) -> None:
    session, expected, number = prepared(), {table: list[int]() for table in TABLES}, 0
    inserts, small = Inserts(session), module.SMALL
    module.SMALL = 4
    try:
        for commit, added in enumerate(commits):
            with session.transaction(), inserts.together():
                for table, count, named, wide in added:
                    came = rows(number, count) if named else numbered(rows(number, count), commit)
                    given = came.append_column("more", pa.nulls(count, pa.int32())) if wide and named else came
                    inserts.add(table, given, ("n",) if named else ())
                    expected[table] += range(number, number + count)
                    number += count
            inserts.clear()
        assert {table: held(session, table) for table in TABLES} == expected
    finally:
        module.SMALL = small
        session.close()
