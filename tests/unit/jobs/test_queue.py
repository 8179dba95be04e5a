"""Whatever becomes of a run, the next one comes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import wait_until
from workbench.errors import DiskFull, WorkbenchError
from workbench.jobs.queue import JobQueue
from workbench.language.definitions import MaterializedView
from workbench.language.project import load
from workbench.protocol import RunStatus
from workbench.store.database import Database, open_database
from workbench.store.session import Session

VIEWS = load(
    {
        "a.sql": "CREATE MATERIALIZED VIEW good AS SELECT 1 AS n;"
        "CREATE MATERIALIZED VIEW bad AS SELECT error('no luck') AS n;"
        "CREATE MATERIALIZED VIEW endless AS SELECT count(*) AS n FROM range(100000000000) a;"
    }
).graph


def view(name: str) -> MaterializedView:
    found = VIEWS.get(name)
    assert isinstance(found, MaterializedView)
    return found


class Writer:
    """The writer's turn at once, in the caller's thread; `error` comes instead of the second one from when it is set: the first begins
    a run, the second stores it."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.error: Exception | None = None
        self.turns = 0

    def control(self, work: Callable[[Session], Any]) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            self.turns += self.error is not None
            if self.error is not None and self.turns == 2:
                error, self.error, self.turns = self.error, None, 0
                raise error
            future.set_result(work(self.session))
        except Exception as failed:
            future.set_exception(failed)
        return future


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(tmp_path / "data.duckdb", "256MB", "64MB", (tmp_path,))
    for name in ("good", "bad", "endless"):
        opened.writer.execute(f"CREATE TABLE _store.{name} (n BIGINT)")
    yield opened
    opened.close()


@pytest.fixture
def writer(database: Database) -> Writer:
    return Writer(database.writer)


@pytest.fixture
def queue(database: Database, writer: Writer) -> Iterator[JobQueue]:
    made = JobQueue(database.session(), writer.control, lambda: 1.0, lambda: None, lambda view: None)
    made.start()
    yield made
    made.stop()


def run(queue: JobQueue, name: str) -> RunStatus:
    id = queue.enqueue(view(name), "by hand")
    queue.wait_idle()
    return next(status for status in queue.statuses() if status.id == id)


def test_a_result_is_stored_with_its_run(queue: JobQueue, database: Database) -> None:
    assert run(queue, "good").state == "done"
    assert database.writer.execute("SELECT n FROM _store.good") == [(1,)]
    assert database.writer.execute("SELECT job, state, rows FROM _system.job_runs") == [("good", "done", 1)]


def test_a_run_ends_for_those_who_wait_when_its_result_is_stored_and_what_that_makes_due_is_known(
    database: Database, writer: Writer
) -> None:
    seen: list[tuple[str, str, bool]] = []

    def look(moment: str) -> None:
        seen.append((moment, made.statuses()[0].state, made.idle))

    def control(work: Callable[[Session], Any]) -> Future[Any]:
        look("turn")
        return writer.control(work)

    made = JobQueue(database.session(), control, lambda: 1.0, lambda: None, lambda view: look("due"))
    made.start()
    try:
        before = made.newest
        assert run(made, "good").state == "done"
        assert made.newest == before + 1
    finally:
        made.stop()
    assert seen == [("turn", "running", False), ("turn", "running", False), ("due", "running", False)]


def test_a_run_begins_after_each_commit_that_began_before_it(database: Database, writer: Writer) -> None:
    """Or the next start would take a commit for seen that ended after the query had begun."""
    now = 1.0

    def after_the_commit(work: Callable[[Session], Any]) -> Future[Any]:
        nonlocal now
        now += 1.0
        return writer.control(work)

    made = JobQueue(database.session(), after_the_commit, lambda: now, lambda: None, lambda view: None)
    made.start()
    try:
        assert run(made, "good").started_at == 2.0
    finally:
        made.stop()
    assert database.writer.execute("SELECT epoch(started_at) FROM _system.job_runs") == [(2.0,)]


def test_a_failed_run_is_a_row_with_its_error(queue: JobQueue, database: Database) -> None:
    assert "no luck" in run(queue, "bad").error
    assert database.writer.execute("SELECT job, state FROM _system.job_runs") == [("bad", "failed")]


@pytest.mark.parametrize("error", [DiskFull("no room"), RuntimeError("odd")])
def test_a_run_that_cannot_be_stored_does_not_end_the_queue(queue: JobQueue, writer: Writer, error: Exception) -> None:
    writer.error = error
    failed = run(queue, "good")
    assert failed.state == "failed"
    assert (error.message if isinstance(error, WorkbenchError) else "odd") in failed.error
    assert run(queue, "good").state == "done"


def test_not_even_its_row_need_be_storable(queue: JobQueue, writer: Writer) -> None:
    writer.error = DiskFull("no room")
    assert run(queue, "bad").state == "failed"
    assert run(queue, "good").state == "done"


def test_a_stop_cancels_the_run_that_is_under_way(queue: JobQueue, database: Database) -> None:
    queue.enqueue(view("endless"), "by hand")
    wait_until(lambda: queue.statuses()[0].state == "running")
    queue.stop()
    assert database.writer.execute("SELECT job, state FROM _system.job_runs") == [("endless", "cancelled")]


def test_what_waits_when_the_queue_stops_keeps_nobody_waiting(queue: JobQueue) -> None:
    queue.stop()
    queue.enqueue(view("good"), "by hand")
    queue.wait_idle()
    assert queue.idle
