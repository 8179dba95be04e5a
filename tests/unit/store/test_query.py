"""Ad-hoc queries on a real database whose configuration is locked."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from tests.conftest import DEADLINE, wait_until
from workbench.errors import NotFound, PipelineError, Problem, QueryError, QueryRefused, StoreError, UsageError
from workbench.language.gate import admit
from workbench.protocol import QueryStatus
from workbench.store.progress import Query
from workbench.store.query import BATCH, KEPT, PAGE, QueryPool
from workbench.store.session import Session

ENDLESS = "select count(*) from range(1000000) a, range(1000000) b where (a.range * b.range) % 7 = 3"
ENDLESS_ROWS = "select * from range(1000000000000) where range % 1000 = 0"
"""Few enough a second that no limit is met while a test looks away."""


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Session]:
    connection = duckdb.connect(str(tmp_path / "data.duckdb"), config={"threads": 1})
    connection.execute("create schema _store; create table _store.t as select range i, range % 7 k from range(10000)")
    connection.execute("create view t as select * from _store.t")
    connection.execute("create table written (i int)")
    (tmp_path / "open").mkdir()
    connection.execute(f"copy t to '{tmp_path}/open/t.parquet'")
    (tmp_path / "secret.csv").write_text("a\n1\n")
    yield Session(connection)
    connection.close()


@pytest.fixture
def pool(database: Session, tmp_path: Path) -> Iterator[QueryPool]:
    made = pool_over(database, tmp_path)
    yield made
    made.shut()


def pool_over(database: Session, folder: Path, limit: int = 1 << 30, sessions: int = 2) -> QueryPool:
    cursors = [database.cursor() for _ in range(sessions)]
    for cursor in cursors:
        cursor.execute("set enable_progress_bar = true")
        cursor.execute("set enable_progress_bar_print = false")
        cursor.execute("set progress_bar_time = 0")
    database.execute(f"set allowed_directories = ['{folder}/open/']")
    database.execute("set enable_external_access = false")
    database.execute("set lock_configuration = true")
    return QueryPool(cursors, folder / "spool", limit, admit, statement, lambda: 42)


def statement(sql: str) -> str | None:
    """Stands for the pipeline language."""
    if sql.startswith("REFRESH nothing"):
        raise PipelineError((Problem("console", 2, 3, "There is no `nothing`", "SHOW TABLES"),))
    if sql.startswith("REFRESH usage"):
        raise UsageError("Not so", "But so")
    if sql.startswith("REFRESH crash"):
        raise ZeroDivisionError("oh")
    return "refreshed" if sql.startswith("REFRESH") else None


def ended(pool: QueryPool, sql: str) -> QueryStatus:
    return settled(pool, pool.submit(sql))


def settled(pool: QueryPool, query: QueryStatus) -> QueryStatus:
    return wait_until(lambda: (now := pool.status(query.id, 1.0)).state != "running" and now, query.sql)


def cancelled(pool: QueryPool, query_id: str) -> bool:
    """Asked again as a person does: one who asks is not kept waiting for a query that takes long to end."""
    return wait_until(lambda: (now := pool.cancel(query_id)).state != "running" and now).state == "cancelled"


def all_busy(pool: QueryPool) -> list[QueryStatus]:
    """Queries that have every session, for ever."""
    queries = [pool.submit(ENDLESS) for _ in range(2)]
    wait_until(lambda: all(pool.status(query.id).progress is not None for query in queries), "progress")
    return queries


def with_rows(pool: QueryPool, sql: str) -> QueryStatus:
    query = pool.submit(sql)
    return wait_until(lambda: (now := pool.status(query.id)).rows and now, sql)


def test_rows_columns_and_commit(pool: QueryPool) -> None:
    query = ended(pool, "select i, k::varchar as k from t where i < 3 order by i")

    assert (query.state, query.rows, query.commit, query.truncated) == ("done", 3, 42, False)
    assert query.columns == (("i", "BIGINT"), ("k", "VARCHAR"))
    page = pool.page(query.id, 0)
    assert page.rows == (("0", "0"), ("1", "1"), ("2", "2"))
    assert (page.total, page.complete, page.numeric) == (3, True, (True, False))


def test_pages_of_a_large_result(pool: QueryPool) -> None:
    query = ended(pool, "select * from range(1000000)")

    assert pool.page(query.id, 999_990, 50).rows == tuple((str(n),) for n in range(999_990, 1_000_000))
    assert len(pool.page(query.id, BATCH - 5, 10_000).rows) == PAGE
    assert pool.page(query.id, 10**9).rows == ()


def test_the_first_rows_come_before_the_last(pool: QueryPool) -> None:
    query = with_rows(pool, ENDLESS_ROWS)

    assert query.state == "running"
    page = pool.page(query.id, 0, 3)
    assert page.rows == (("0",), ("1000",), ("2000",))
    assert not page.complete


def test_waiting_ends_with_the_first_rows(pool: QueryPool, monkeypatch: pytest.MonkeyPatch) -> None:
    others = all_busy(pool)
    query = pool.submit(ENDLESS_ROWS)
    assert not query.rows
    asked, rows = threading.Event(), Query._rows

    def looked(self: Query) -> int:
        found = rows(self)
        asked.set()
        return found

    monkeypatch.setattr(Query, "_rows", looked)
    other = threading.Thread(target=lambda: asked.wait(DEADLINE) and cancelled(pool, others[0].id))
    other.start()

    first = pool.status(query.id, 1e6)

    assert (first.state, first.rows > 0) == ("running", True)
    other.join()


def test_cancel_while_rows_come(pool: QueryPool) -> None:
    query = with_rows(pool, ENDLESS_ROWS)

    assert cancelled(pool, query.id)
    assert pool.page(query.id, 0, 1).rows == (("0",),)


def test_cancel_while_nothing_comes(pool: QueryPool) -> None:
    query = pool.submit(ENDLESS)
    wait_until(lambda: pool.status(query.id).progress is not None, "progress")

    assert cancelled(pool, query.id)
    assert ended(pool, "select 1").state == "done"


def test_a_third_query_waits_and_can_be_cancelled_there(pool: QueryPool) -> None:
    running = all_busy(pool)
    third = pool.submit("select 1")

    assert (third.state, third.progress, third.rows) == ("running", None, 0)
    fourth = pool.submit("select 2")
    assert cancelled(pool, fourth.id)
    assert cancelled(pool, running[0].id)
    assert settled(pool, third).state == "done"
    assert pool.status(running[1].id).state == "running"


def test_a_query_that_is_cancelled_before_it_waits_for_its_turn_is_cancelled_there(
    pool: QueryPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    all_busy(pool)
    gate, opened = pool._gate, threading.Event()

    def slow(sql: str) -> str:
        assert opened.wait(DEADLINE)
        return gate(sql)

    monkeypatch.setattr(pool, "_gate", slow)
    third = pool.submit("select 1")
    assert pool.cancel(third.id).state == "running"
    opened.set()
    assert settled(pool, third).state == "cancelled"


def test_a_wrong_statement_is_seen_while_others_run(pool: QueryPool) -> None:
    all_busy(pool)

    assert ended(pool, "delete from written").state == "failed"


@pytest.mark.parametrize(
    ("sql", "position", "error", "hint"),
    [
        ("select nope from t", 7, 'column "nope" not found', 'Candidate bindings: "i"'),
        ("select 1,\n  nope\nfrom t", 12, "nope", ""),
        ("from no_such", 5, "no_such", ""),
        ("selec 1", 0, "'selec'", "SELECT"),
        ("delete from written", 0, "DELETE is refused", "pipelines"),
        ("with d as (delete from written returning *) from d", 11, "DELETE is refused", ""),
        ("select 1; delete from written", 10, "more than one", ""),
        ("select * from _store.t", 14, "_store is internal", ""),
        ("select error('boom')", None, "boom", ""),
        ("select case when range = 9000 then error('late') else 1 end from range(10000)", None, "late", ""),
        ("from read_csv('SECRET')", 5, "secret.csv", ""),
        ("REFRESH nothing\n  x", 18, "There is no `nothing`", "SHOW TABLES"),
        ("REFRESH usage", None, "Not so", "But so"),
        ("REFRESH crash", None, "ZeroDivisionError: oh", ""),
    ],
)
def test_what_is_wrong_is_in_the_status(pool: QueryPool, tmp_path: Path, sql: str, position: int | None, error: str, hint: str) -> None:
    query = ended(pool, sql.replace("SECRET", str(tmp_path / "secret.csv")))

    assert query.state == "failed"
    assert error in query.error
    assert hint in query.hint
    assert query.position == position
    assert pool.page(query.id, 0).complete
    assert ended(pool, "select 1").state == "done"


def test_nothing_is_written_even_when_the_gate_is_open(database: Session, tmp_path: Path) -> None:
    cursors = [database.cursor()]
    open_gate = QueryPool(cursors, tmp_path / "spool", 1 << 30, lambda sql: sql, lambda sql: None, lambda: 0)

    for sql in (
        "insert into written values (1)",
        "with d as (insert into written values (1) returning *) select * from d",
        "select 1; commit; insert into written values (1)",
        "commit",
        "create table x (i int)",
        "set threads = 7",
    ):
        assert ended(open_gate, sql).state == "failed", sql
    assert ended(open_gate, "select 1").state == "done"
    assert database.execute("select count(*) from written") == [(0,)]
    open_gate.shut()


def test_an_end_in_the_middle_of_a_submit_is_one_and_nothing_is_run_after_it(pool: QueryPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "_make_room", pool.shut)
    with pytest.raises(QueryRefused):
        pool.submit("select 1")
    assert not pool._threads


def test_queries_hold_no_transaction(pool: QueryPool, database: Session) -> None:
    for sql in ("select 1", "select nope", "select error('x')", "delete from written"):
        ended(pool, sql)
    for sql in (ENDLESS, ENDLESS_ROWS):
        assert cancelled(pool, pool.submit(sql).id)

    database.execute("insert into written values (1)")
    database.execute("checkpoint")


def test_statements_of_the_language_are_done_and_have_no_rows(pool: QueryPool) -> None:
    query = ended(pool, "REFRESH v")

    assert (query.state, query.statement, query.rows) == ("done", "refreshed", 0)
    assert pool.page(query.id, 0).rows == ()
    with pytest.raises(QueryError):
        pool.arrow(query.id)


def test_files_of_allowed_folders_can_be_read(pool: QueryPool, tmp_path: Path) -> None:
    assert ended(pool, f"from '{tmp_path}/open/t.parquet'").rows == 10_000


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("pivot t on k using count(*) group by i", 10_000),
        ("show tables", 2),
        ("describe t", 2),
        ("summarize t", 2),
        ("values (1), (2)", 2),
        ("select 'a'::enum('a', 'b') e, [e], 1 as x, 2 as x", 1),
        ("select * from t where false", 0),
    ],
)
def test_other_statements_that_read(pool: QueryPool, sql: str, rows: int) -> None:
    query = ended(pool, sql)

    assert (query.error, query.rows) == ("", rows)
    assert len(query.columns) >= 1


def test_a_plan_is_drawn_over_lines(pool: QueryPool) -> None:
    query = ended(pool, "explain analyze select count(*) from t")

    assert query.columns == (("plan", "VARCHAR"),)
    assert query.rows > 1
    assert all("\\n" not in str(cell) for (cell,) in pool.page(query.id, 0).rows)


def test_a_result_that_meets_the_limit_says_so(database: Session, tmp_path: Path) -> None:
    pool = pool_over(database, tmp_path, limit=100_000)

    query = ended(pool, "select * from range(1000000)")

    assert (query.state, query.truncated) == ("done", True)
    assert 0 < query.rows < 20_000
    assert pool.page(query.id, query.rows - 1, 5).rows == ((str(query.rows - 1),),)
    assert pa.ipc.open_stream(b"".join(pool.arrow(query.id))).read_all().num_rows == query.rows
    pool.shut()


def test_the_results_looked_at_longest_ago_make_room(database: Session, tmp_path: Path) -> None:
    pool = pool_over(database, tmp_path, limit=400_000)
    first = ended(pool, "select * from range(20000)")
    second = ended(pool, "select * from range(20000)")
    pool.page(first.id, 0)

    third = ended(pool, "select * from range(20000)")

    assert not third.truncated
    assert pool.page(first.id, 0).total == 20_000
    with pytest.raises(NotFound):
        pool.page(second.id, 0)
    pool.shut()


def test_only_the_latest_results_are_kept(pool: QueryPool, tmp_path: Path) -> None:
    queries = [ended(pool, f"select {n}") for n in range(KEPT + 3)]
    wait_until(lambda: len(list((tmp_path / "spool").iterdir())) <= KEPT, "old results to go")

    with pytest.raises(NotFound):
        pool.status(queries[0].id)
    assert pool.page(queries[-1].id, 0).rows == ((str(KEPT + 2),),)


def test_too_many_at_once_are_refused(pool: QueryPool) -> None:
    for _ in range(KEPT):
        pool.submit(ENDLESS)

    with pytest.raises(QueryRefused):
        pool.submit("select 1")


def test_closing_stops_and_deletes(pool: QueryPool, tmp_path: Path) -> None:
    done, running = ended(pool, "select 1"), with_rows(pool, ENDLESS_ROWS)

    pool.close(running.id)
    pool.close(done.id)

    wait_until(lambda: not list((tmp_path / "spool").iterdir()), "an empty spool")
    for query in (running, done):
        with pytest.raises(NotFound):
            pool.status(query.id)


def test_the_arrow_stream_follows_a_running_query(pool: QueryPool) -> None:
    query = pool.submit("select * from range(3000000)")

    assert pa.ipc.open_stream(b"".join(pool.arrow(query.id))).read_all().num_rows == 3_000_000


def test_the_arrow_stream_of_a_cancelled_query_breaks(pool: QueryPool) -> None:
    query = pool.submit(ENDLESS_ROWS)
    chunks = pool.arrow(query.id)
    assert next(chunks)
    pool.cancel(query.id)

    with pytest.raises(QueryError):
        for _ in chunks:
            pass


def test_the_arrow_stream_of_a_failed_query_says_why(pool: QueryPool) -> None:
    query = ended(pool, "select nope")

    with pytest.raises(QueryError) as caught:
        pool.arrow(query.id)
    assert "nope" in caught.value.message


def test_what_a_dead_engine_left_is_removed(database: Session, tmp_path: Path) -> None:
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool" / "old.arrow").write_bytes(b"x")

    pool = pool_over(database, tmp_path)
    assert not list((tmp_path / "spool").iterdir())
    ended(pool, "select 1")
    pool.submit(ENDLESS)
    pool.shut()

    assert not list((tmp_path / "spool").iterdir())
    with pytest.raises(QueryRefused):
        pool.submit("select 1")


def test_results_that_cannot_be_kept_are_said_with_where_and_what_to_do(database: Session, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=rf"Results cannot be kept in {tmp_path}/file/spool: Not a directory") as caught:
        pool_over(database, tmp_path / "file")
    assert "who may write there" in caught.value.hint


def test_a_spool_that_is_lost_fails_the_query_and_hinders_no_stop(pool: QueryPool, tmp_path: Path) -> None:
    (tmp_path / "spool").rmdir()
    (tmp_path / "spool").write_text("")
    status = ended(pool, "select 1")
    assert (status.state, status.error) == ("failed", f"Results cannot be kept in {tmp_path}/spool: Not a directory")
    assert "who may write there" in status.hint
    pool.shut()
