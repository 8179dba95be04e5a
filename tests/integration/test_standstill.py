"""What does not run is not shown as running, and it is said why."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import wait_until
from tests.integration.bench import Bench
from workbench.config import Settings, open_project
from workbench.engine.catalog import MISTAKEN
from workbench.engine.engine import Engine
from workbench.engine.summary import Summary
from workbench.errors import EngineUnavailable, WorkbenchError
from workbench.server.refusals import status_of

CHAIN = """
CREATE STREAMING TABLE a (n BIGINT) AS SELECT * FROM STREAM read_files('in/*.ndjson', format => 'json');
CREATE STREAMING TABLE b AS SELECT n FROM STREAM a;
CREATE STREAMING TABLE c AS SELECT n FROM STREAM b;
"""
COUNTED = "CREATE MATERIALIZED VIEW counted TRIGGER ON UPDATE AS SELECT count(*) AS n FROM a;\n"
TABLE = "CREATE STREAMING TABLE t (n BIGINT);\n"
GOOD = "CREATE FLOW good AS INSERT INTO t BY NAME SELECT n FROM STREAM read_files('in/*.ndjson', schema => 'n BIGINT');\n"
WRONG = "CREATE FLOW wrong AS INSERT INTO t BY NAME SELECT nope AS n FROM STREAM read_files('in/*.ndjson', schema => 'n BIGINT');\n"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "shop")
    made.append({"n": 1})
    yield made
    if hasattr(made, "engine"):
        made.engine.stop()


def shown(engine: Engine) -> dict[str, tuple[str, str]]:
    return {stream.name: (stream.state, stream.detail) for stream in engine.snapshot().streams}


def once(bench: Bench) -> Summary:
    """A run over what is there; its engine is left open to be asked."""
    settings = Settings()
    bench.engine = Engine(open_project(bench.root, settings), settings, watch=False)
    bench.engine.start()
    return bench.engine.run_once()


def stored(bench: Bench) -> list[tuple[Any, ...]]:
    """How many rows the last table of the chain has, and how many the view counted in the first."""
    return bench.ask("SELECT (SELECT count(*) FROM c), (SELECT n FROM counted)")


def test_an_engine_that_reads_nothing_says_so(bench: Bench) -> None:
    bench.write(CHAIN)
    settings = Settings()
    bench.engine = Engine(open_project(bench.root, settings), settings, flows=False)
    bench.engine.start()
    assert shown(bench.engine) == dict.fromkeys("abc", ("WAIT", "nothing is read: this engine only answers questions"))


def test_a_run_over_what_is_there_with_a_mistake_in_the_pipelines_says_that_nothing_runs(bench: Bench) -> None:
    bench.write(CHAIN + COUNTED)
    assert not once(bench).problems
    assert stored(bench) == [("1", "1")]
    bench.engine.stop()
    bench.append({"n": 2})
    bench.write("CREATE STREAMING TABLE d (n BIGINT AS SELEC;", "wrong.sql")
    assert len(once(bench).problems) == 1
    assert shown(bench.engine) == dict.fromkeys("abc", ("WAIT", MISTAKEN))
    bench.engine.reload()
    bench.engine._pump.drain()
    bench.engine._jobs.wait_idle()
    assert stored(bench) == [("1", "1")]
    bench.engine.stop()
    bench.write("", "wrong.sql")
    assert not once(bench).problems
    assert stored(bench) == [("2", "2")]


@pytest.mark.parametrize("mistaken", [True, False])
def test_a_view_that_changed_while_nothing_ran_is_refreshed_when_it_does(bench: Bench, mistaken: bool) -> None:
    view = "CREATE MATERIALIZED VIEW number AS SELECT {} AS n;\n"
    bench.write(view.format(1))
    assert not once(bench).problems
    bench.engine.stop()
    bench.write(view.format(2))
    if mistaken:
        bench.write("CREATE STREAMING TABLE d (n BIGINT AS SELEC;", "wrong.sql")
        assert once(bench).problems
    else:
        settings = Settings()
        bench.engine = Engine(open_project(bench.root, settings), settings, flows=False)
        bench.engine.start()
    assert bench.ask("SELECT n FROM number") == [("1",)]
    bench.engine.stop()
    bench.write("", "wrong.sql")
    assert not once(bench).problems
    assert bench.ask("SELECT n FROM number") == [("2",)]


def test_what_reads_a_paused_stream_is_paused_with_it_however_far_it_is(bench: Bench) -> None:
    bench.write(CHAIN)
    bench.start()
    bench.until("SELECT n FROM c", [("1",)])
    bench.engine.pause("a")
    assert {state for state, _ in shown(bench.engine).values()} == {"PAUSE"}
    bench.engine.resume("a")
    wait_until(lambda: {state for state, _ in shown(bench.engine).values()} == {"RUN"})


def test_a_table_says_which_of_its_flows_waits_for_its_definition(bench: Bench) -> None:
    bench.write(TABLE + GOOD + WRONG)
    bench.start()
    bench.until("SELECT n FROM t", [("1",)])
    assert shown(bench.engine)["t"] == ("WAIT", "wrong: waits for its definition to be right")
    assert [(flow.name, flow.state) for flow in bench.engine.snapshot().streams[0].flows] == [("good", "RUN"), ("wrong", "WAIT")]


def test_a_table_without_a_flow_that_is_right_says_so(bench: Bench) -> None:
    bench.write(TABLE + WRONG)
    bench.start()
    assert shown(bench.engine)["t"] == ("WAIT", "waits for the definition of wrong to be right")
    bench.write(TABLE + WRONG + GOOD)
    bench.engine.reload()
    state, why = shown(bench.engine)["t"]
    assert state == "WAIT"
    assert why.endswith("nothing that is new runs until the problems of the pipelines are mended")


def test_a_command_that_the_engines_end_overtakes_is_told_so(bench: Bench) -> None:
    bench.write(CHAIN)
    engine = bench.start()
    bench.until("SELECT n FROM c", [("1",)])
    begun, go = threading.Event(), threading.Event()
    said: list[WorkbenchError] = []

    def busy() -> None:
        begun.set()
        go.wait()

    def ask(work: Callable[[], object]) -> None:
        try:
            work()
        except WorkbenchError as error:
            said.append(error)

    engine._pump.control(lambda session: busy())
    begun.wait()
    asked = [
        threading.Thread(target=ask, args=(work,))
        for work in (partial(engine.pause, "a"), engine.check_data, engine.reload, partial(engine.plan_control, "a", "end", {}))
    ]
    for one in asked:
        one.start()
    wait_until(lambda: len(engine._pump._controls) >= len(asked))
    stopping = threading.Thread(target=engine.stop)
    stopping.start()
    for one in asked:
        one.join()
    go.set()
    stopping.join()
    assert [(type(error), error.message) for error in said] == [(EngineUnavailable, "The engine stops, this was not done")] * len(asked)
    assert status_of(said[0]) == 503
