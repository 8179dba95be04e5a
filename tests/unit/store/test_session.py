"""What a session prepares lasts as long as somebody has it."""

from __future__ import annotations

import pytest

from workbench.errors import QueryError
from workbench.store.session import Session, scratch

KEPT = "SELECT count(*) FROM duckdb_prepared_statements()"


def kept(session: Session) -> int:
    return int(session.execute(KEPT)[0][0])


def test_a_statement_is_let_go_once_nobody_has_it() -> None:
    session = scratch()
    first = session.prepare("SELECT 1")
    second = session.prepare("SELECT 2")
    assert (session.execute(first.run), session.execute(second.run)) == ([(1,)], [(2,)])
    run = first.run
    del first
    third = session.prepare("SELECT 3")
    assert kept(session) == 2
    assert session.execute(third.run) == [(3,)]
    with pytest.raises(QueryError):
        session.execute(run)


def test_many_that_come_and_go_leave_none_behind() -> None:
    session = scratch()
    for number in range(50):
        assert session.execute(session.prepare(f"SELECT {number}").run) == [(number,)]
    assert kept(session) <= 2
