"""Time travel on a real database: what a table was after a commit, and every way to ask for what never was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import wait_until
from workbench.language.gate import admit
from workbench.protocol import QueryStatus
from workbench.store.database import open_database
from workbench.store.query import QueryPool
from workbench.store.session import Session
from workbench.store.travel import TimeTravel

MADE = """
CREATE TABLE _store.orders (id BIGINT, amount DOUBLE, _commit BIGINT);
CREATE VIEW main.orders AS SELECT id, amount FROM _store.orders;
CREATE TABLE _store.later (id BIGINT, _commit BIGINT);
CREATE VIEW main.later AS SELECT id FROM _store.later;
CREATE TABLE _store.daily (id BIGINT);
CREATE VIEW main.daily AS FROM _store.daily;
CREATE VIEW main.recent AS SELECT * FROM orders;
INSERT INTO _store.orders SELECT i, i * 1.5, 1 + i // 10 FROM range(30) r(i);
INSERT INTO _store.later VALUES (1, 3);
INSERT INTO _system.flows (name, stream, created_at) VALUES
    ('orders', 'orders', '2026-01-01 00:00:00Z'), ('later', 'later', '2026-01-01 00:02:30Z');
INSERT INTO _system.commit_log (id, "at", stream, flow, spans, origins) VALUES
    (1, '2026-01-01 00:01:00Z', 'orders', 'orders', '[]', '[]'), (2, '2026-01-01 00:02:00Z', 'orders', 'orders', '[]', '[]'),
    (3, '2026-01-01 00:03:00Z', 'orders', 'orders', '[]', '[]'), (3, '2026-01-01 00:03:00Z', 'later', 'later', '[]', '[]');
"""


def entry(name: str, kind: str, *columns: str) -> str:
    listed = ", ".join(f"{{'name': '{c}', 'type': 'BIGINT'}}" for c in columns)
    return (
        "INSERT INTO _system.catalog (name, kind, comment, file, line, text, digest, columns, commit)"
        f" VALUES ('{name}', '{kind}', '', 'a.sql', 1, '', 'd', [{listed}], 0)"
    )


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Session]:
    database = open_database(tmp_path / "data.duckdb", "1GB", "500MB", (tmp_path,))
    session = database.writer
    session.execute(MADE)
    session.execute(entry("orders", "streaming table", "id", "amount"))
    session.execute(entry("later", "streaming table", "id"))
    session.execute(entry("daily", "materialized view", "id"))
    session.execute(entry("recent", "temporary view", "id", "amount"))
    yield session
    database.close()


@pytest.fixture
def pool(writer: Session, tmp_path: Path) -> Iterator[QueryPool]:
    made = QueryPool([writer.cursor()], tmp_path / "spool", 1 << 28, admit, lambda _: None, lambda: 3, TimeTravel(dict).rewrite)
    yield made
    made.shut()


def ended(pool: QueryPool, sql: str) -> QueryStatus:
    status = pool.submit(sql)
    return wait_until(lambda: found if (found := pool.status(status.id, 0.1)).state != "running" else None)


def answer(pool: QueryPool, sql: str) -> list[tuple[str | None, ...]]:
    status = ended(pool, sql)
    assert status.state == "done", f"{status.error} {status.hint}"
    return list(pool.page(status.id, 0).rows)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT count(*) FROM orders AT (VERSION => 1)", "10"),
        ("SELECT count(*) FROM orders AT (VERSION => 1 + 1)", "20"),
        ("SELECT count(*) FROM orders AT (VERSION => 3)", "30"),
        ("SELECT count(*) FROM orders", "30"),
        ("SELECT count(*) FROM orders AT (TIMESTAMP => '2026-01-01 00:02:30')", "20"),
        ("SELECT count(*) FROM orders AT (TIMESTAMP => TIMESTAMPTZ '2026-01-01 02:02:00+02')", "20"),
        ("SELECT count(*) FROM orders AT (TIMESTAMP => DATE '2026-01-02')", "30"),
        ("SELECT count(*) FROM orders AT (TIMESTAMP => now())", "30"),
        ("SELECT count(b.id) - count(a.id) FROM orders AT (VERSION => 1) a FULL JOIN orders AT (VERSION => 3) b USING (id)", "20"),
        ("SELECT count(*) FROM orders AT (VERSION => 2) AS old ANTI JOIN orders AT (VERSION => 1) AS older USING (id)", "10"),
        ("WITH o AS (FROM orders AT (VERSION => 1)) SELECT max(o.id) FROM o", "9"),
        ("SELECT max(orders.id) FROM orders AT (VERSION => 1) WHERE id IN (SELECT id FROM orders AT (VERSION => 2))", "9"),
        ("SELECT max(_commit) FROM orders", "3"),
        ("SELECT max(_commit) FROM orders AT (VERSION => 2) o", "2"),
        ("SELECT min(o._commit) FROM orders o WHERE id = 25", "3"),
        ("SELECT count(*) FROM later AT (VERSION => 3)", "1"),
    ],
)
def test_a_table_as_of_a_commit(pool: QueryPool, sql: str, expected: str) -> None:
    assert answer(pool, sql) == [(expected,)]


@pytest.mark.parametrize(
    ("sql", "columns"),
    [
        ("SELECT *, _commit FROM orders", "id amount _commit"),
        ("SELECT _commit AS c, o.* FROM orders AS o", "c id amount"),
        ("SELECT * EXCLUDE (amount), _commit FROM orders AT (VERSION => 2)", "id _commit"),
        ("SELECT * EXCLUDE amount, orders._commit FROM main.orders", "id _commit"),
        ("SELECT * EXCLUDE (_commit), _commit FROM orders", "id amount _commit"),
        ("SELECT * REPLACE (1 AS id), _commit FROM orders", "id amount _commit"),
        ("SELECT * FROM (SELECT *, _commit FROM orders)", "id amount _commit"),
        ("SELECT *, a._commit FROM orders a JOIN orders b USING (id)", "id amount amount _commit"),
        ("SELECT s.*, o._commit FROM orders o, (SELECT 1 AS x) s", "x _commit"),
        ("SELECT 2 * 3 AS six, count(*) AS n, _commit FROM orders GROUP BY ALL", "six n _commit"),
    ],
)
def test_a_star_beside_the_commit_does_not_give_it_again(pool: QueryPool, sql: str, columns: str) -> None:
    status = ended(pool, sql)
    assert status.state == "done", status.error
    assert [name for name, _ in status.columns] == columns.split()


def test_the_commit_of_a_row_is_seen_only_by_queries_that_name_it(pool: QueryPool) -> None:
    assert [name for name, _ in ended(pool, "SELECT * FROM orders AT (VERSION => 1)").columns] == ["id", "amount"]
    assert answer(pool, "SELECT _commit, count(*) FROM orders GROUP BY ALL ORDER BY ALL") == [("1", "10"), ("2", "10"), ("3", "10")]


@pytest.mark.parametrize(
    ("sql", "message", "at"),
    [
        ("SELECT * FROM orders AT (VERSION => 4)", "There is no version 4 yet, the newest is 3", "4)"),
        ("SELECT * FROM orders AT (VERSION => 0)", "There is no version 0, the first is 1", "0)"),
        ("SELECT * FROM orders AT (VERSION => -1)", "There is no version -1", "-1)"),
        ("SELECT * FROM orders AT (VERSION => 1.5)", "VERSION is the number of a commit, not 1.5", "1.5)"),
        ("SELECT * FROM orders AT (VERSION => 'x')", "VERSION is the number of a commit, not 'x'", "'x')"),
        ("SELECT * FROM orders AT (VERSION => NULL)", "VERSION is the number of a commit, not NULL", "NULL)"),
        (
            "SELECT * FROM orders AT (TIMESTAMP => '2025-12-31')",
            "There was no commit by then; the first is 1 at 2026-01-01 00:01:00",
            "'2025",
        ),
        ("SELECT * FROM orders AT (TIMESTAMP => 'soon')", "soon", "'soon'"),
        ("SELECT * FROM orders AT (TIMESTAMP => NULL)", "TIMESTAMP is a time, not NULL", "NULL"),
        ("SELECT * FROM later AT (VERSION => 2)", "later did not exist yet at commit 2: its first commit is 3", "later"),
        ("SELECT * FROM daily AT (VERSION => 2)", "daily is a batch view: only its last result is kept", "daily"),
        ("SELECT * FROM recent AT (VERSION => 2)", "recent is a temporary view, it has no versions", "recent"),
        ("SELECT * FROM workbench.commits AT (VERSION => 2)", "workbench.commits has no versions", "workbench"),
        ("SELECT nothing FROM orders AT (VERSION => 2)", "nothing", "nothing"),
        ("SELECT id\nFROM orders AT (VERSION => 2) o\nWHERE o.nothing > 3", "nothing", "o.nothing"),
    ],
)
def test_what_never_was_is_an_error_at_its_place(pool: QueryPool, sql: str, message: str, at: str) -> None:
    status = ended(pool, sql)
    assert status.state == "failed"
    assert message in status.error
    assert status.position is not None
    assert sql[status.position :].startswith(at)


def test_versions_that_a_rewind_took_back_are_gone(pool: QueryPool, writer: Session) -> None:
    writer.execute("DELETE FROM _store.orders WHERE _commit > 1")
    writer.execute("INSERT INTO _system.rewinds VALUES ('orders', 1, 4, now())")
    writer.execute("INSERT INTO _system.commit_log (id, \"at\", stream, flow) VALUES (4, now(), 'orders', 'orders')")
    assert answer(pool, "SELECT count(*) FROM orders AT (VERSION => 1)") == [("10",)]
    assert answer(pool, "SELECT count(*) FROM orders AT (VERSION => 4)") == [("10",)]
    assert "commit 4 rewound it to 1" in ended(pool, "SELECT count(*) FROM orders AT (VERSION => 2)").error
