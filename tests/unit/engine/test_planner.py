"""A definition that fails on rows that are stored stops nothing but itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import wait_until
from workbench.config import Settings, open_project
from workbench.connectors.files.source import FileSource
from workbench.connectors.source import Source
from workbench.engine import planner
from workbench.engine.engine import Engine
from workbench.engine.sources import Sources
from workbench.errors import PipelineError, UsageError
from workbench.stream.flow import Flow

ORDERS = "CREATE STREAMING TABLE orders (id BIGINT, country VARCHAR) AS SELECT * FROM STREAM read_files('in.ndjson', format => 'json');\n"
SMALL = (
    "CREATE STREAMING TABLE small (id BIGINT, CONSTRAINT below_5 EXPECT (id < 5) ON VIOLATION FAIL UPDATE)"
    " AS SELECT id FROM STREAM orders;\n"
)
SMALL_SUM = "CREATE MATERIALIZED VIEW small_sum AS SELECT sum(id) AS total FROM STREAM small;\n"
COUNTED = "CREATE MATERIALIZED VIEW counted AS SELECT country, count(*) AS n FROM STREAM orders GROUP BY country;\n"
BROKEN = "CREATE MATERIALIZED VIEW counted AS SELECT country, sum(country::INTEGER) AS n FROM STREAM orders GROUP BY country;\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "pipelines").mkdir()
    append(tmp_path, 0, 10)
    return tmp_path


def append(root: Path, first: int, stop: int) -> None:
    with (root / "in.ndjson").open("a") as file:
        file.writelines(json.dumps({"id": n, "country": "xy"[n % 2]}) + "\n" for n in range(first, stop))


@contextmanager
def running(root: Path, sql: str) -> Iterator[Engine]:
    (root / "pipelines" / "a.sql").write_text(sql)
    settings = Settings(tick=0.0, poll=0.02)
    engine = Engine(open_project(root, settings), settings)
    engine.start()
    try:
        yield engine
    finally:
        engine.stop()


def ask(engine: Engine, sql: str) -> list[tuple[Any, ...]]:
    first = engine.queries.submit(sql)
    status = wait_until(lambda: found if (found := engine.queries.status(first.id)).state != "running" else None)
    assert not status.error
    return list(engine.queries.page(status.id, 0).rows)


def until(engine: Engine, sql: str, expected: list[tuple[Any, ...]]) -> None:
    wait_until(lambda: ask(engine, sql) == expected, sql)


def test_a_state_that_cannot_be_rebuilt_leaves_the_flow_running(root: Path) -> None:
    with running(root, ORDERS + COUNTED) as engine:
        until(engine, "SELECT sum(n) FROM counted", [("10",)])
    with running(root, ORDERS + BROKEN) as engine:
        (problem,) = engine.problems
        assert "counted cannot be built from the stored rows of orders" in problem.message
        assert (problem.file, problem.line) == ("pipelines/a.sql", 2)
        append(root, 10, 12)
        until(engine, "SELECT count(*) FROM orders", [("12",)])
        with pytest.raises(UsageError, match="does not run"):
            engine.refresh("counted", full=True)
    with running(root, ORDERS + COUNTED) as engine:
        assert engine.problems == ()
        assert ask(engine, "SELECT sum(n) FROM counted") == [("12",)]
        assert engine.check_data() == []


def test_a_table_that_cannot_catch_up_is_left_out_with_all_that_streams_from_it(root: Path) -> None:
    with running(root, ORDERS) as engine:
        until(engine, "SELECT count(*) FROM orders", [("10",)])
    with running(root, ORDERS + SMALL + SMALL_SUM) as engine:
        assert ["small cannot be built" in problem.message for problem in engine.problems] == [True]
        append(root, 10, 12)
        until(engine, "SELECT count(*) FROM orders", [("12",)])
        assert engine.tail("small").rows == ()
        assert engine.snapshot().streams[1].state == "WAIT"
        assert engine.check_data() == []
    with running(root, ORDERS + SMALL.replace("< 5", "< 50") + SMALL_SUM) as engine:
        assert engine.problems == ()
        assert ask(engine, "SELECT total FROM small_sum") == [("66",)]
        assert engine.check_data() == []


def test_a_statement_of_the_console_that_fails_on_stored_rows_leaves_nothing(root: Path) -> None:
    with running(root, ORDERS) as engine:
        until(engine, "SELECT count(*) FROM orders", [("10",)])
        with pytest.raises(PipelineError, match="counted cannot be built"):
            engine.execute(BROKEN)
        with pytest.raises(PipelineError, match="small cannot be built"):
            engine.execute(SMALL)
        assert ask(engine, "SELECT name FROM workbench.catalog") == [("orders",)]
        assert engine.problems == ()


@pytest.mark.parametrize("fails", ["the second source", "the flow over the first"])
def test_a_reload_that_fails_midway_leaves_no_source_open(root: Path, monkeypatch: pytest.MonkeyPatch, fails: str) -> None:
    opened: list[FileSource] = []
    closed: list[FileSource] = []
    close, open_source = FileSource.close, Sources.open

    def opening(self: Sources, flow: str, *given: Any) -> Source:
        if flow == "more" and fails == "the second source":
            raise OSError("too many open files")
        source = open_source(self, flow, *given)
        assert isinstance(source, FileSource)
        opened.append(source)
        return source

    def closing(self: FileSource) -> None:
        closed.append(self)
        close(self)

    def flow(*given: Any) -> Flow:
        raise MemoryError

    monkeypatch.setattr(Sources, "open", opening)
    monkeypatch.setattr(FileSource, "close", closing)
    with running(root, ORDERS) as engine:
        until(engine, "SELECT count(*) FROM orders", [("10",)])
        kept = opened.pop()
        if fails == "the flow over the first":
            monkeypatch.setattr(planner, "Flow", flow)
        more = ORDERS.replace("orders", "other").replace("in.nd", "other.nd") + ORDERS.replace("orders", "more").replace("in.nd", "more.nd")
        (root / "pipelines" / "more.sql").write_text(more)
        with pytest.raises((OSError, MemoryError)):
            engine.reload()
        wait_until(lambda: bool(opened) and closed == opened)
        (root / "pipelines" / "more.sql").unlink()
        append(root, 10, 12)
        until(engine, "SELECT count(*) FROM orders", [("12",)])
    assert kept in closed


def test_the_catalog_tells_since_which_commit_a_definition_is_in_force(root: Path) -> None:
    with running(root, ORDERS + COUNTED) as engine:
        until(engine, "SELECT count(*) FROM orders", [("10",)])
        assert ask(engine, "SELECT name, commit FROM workbench.catalog ORDER BY name") == [("counted", "0"), ("orders", "0")]
        append(root, 10, 12)
        until(engine, "SELECT count(*) FROM orders", [("12",)])
        ((newest,),) = ask(engine, "SELECT max(id) FROM workbench.commits")
        judged = ORDERS.replace("VARCHAR)", "VARCHAR, CONSTRAINT c EXPECT (id >= 0) ON VIOLATION DROP ROW)")
        (root / "pipelines" / "a.sql").write_text(judged + COUNTED)
        engine.reload()
        assert ask(engine, "SELECT name, commit FROM workbench.catalog ORDER BY name") == [("counted", "0"), ("orders", newest)]
    with running(root, judged + COUNTED) as engine:
        assert ask(engine, "SELECT name, commit FROM workbench.catalog ORDER BY name") == [("counted", "0"), ("orders", newest)]
