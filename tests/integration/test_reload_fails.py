"""A reload that breaks off, wherever: it is said, what ran goes on, and what was edited comes into force as soon as it can."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import wait_until
from tests.integration.bench import Bench
from tests.integration.test_faults_disk import OBEYING, REPOSITORY, works
from workbench.engine import catalog, pipelines
from workbench.engine.catalog import Catalog
from workbench.engine.engine import Engine
from workbench.engine.planner import Planner
from workbench.engine.sources import Sources
from workbench.errors import Problem
from workbench.language.project import Written, read_pipelines
from workbench.stream.flow import Flow

TABLE = "CREATE STREAMING TABLE t (n BIGINT) AS SELECT n FROM STREAM read_files('in/*.ndjson', format => 'json', schema => 'n BIGINT');\n"
JUDGED = TABLE.replace("(n BIGINT)", "(n BIGINT, CONSTRAINT small EXPECT (n < 100) ON VIOLATION DROP ROW)")
TOTAL = "CREATE MATERIALIZED VIEW total AS SELECT sum(n) AS s FROM STREAM t;\n"
OTHER = TABLE.replace("TABLE t", "TABLE other").replace("in/*", "other/*")
EDITS = {"a new table": TABLE + OTHER, "a changed table": JUDGED + TOTAL, "nothing left of it": "\n"}
STEPS = [
    (catalog, "read_project"),
    (Sources, "expect"),
    (Planner, "_store"),
    (Planner, "_open"),
    (catalog, "departures"),
    (Catalog, "_take_over"),
    (Flow, "close"),
]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "shop")
    made.write(TABLE)
    made.append({"n": 1}, {"n": 2})
    made.start()
    made.until("SELECT count(*) FROM t", [("2",)])
    yield made
    made.engine.stop()


def fail(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, after: bool) -> Callable[[], bool]:
    """Let it fail once, before or after its work; gives whether it has."""
    step = getattr(owner, name)
    failed: list[str] = []

    def failing(*given: Any, **named: Any) -> Any:
        if failed:
            return step(*given, **named)
        failed.append(name)
        if after:
            step(*given, **named)
        raise PermissionError(13, "Permission denied", "somewhere")

    monkeypatch.setattr(owner, name, failing)
    return lambda: bool(failed)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize(("owner", "name"), STEPS)
def test_what_ran_goes_on_and_the_edit_comes_into_force(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, edit: str, after: bool
) -> None:
    failed = fail(monkeypatch, owner, name, after)
    bench.write(EDITS[edit])
    wanted = {"a new table": {"t", "other"}, "a changed table": {"t", "total"}, "nothing left of it": set()}[edit]
    wait_until(lambda: {d.name for d in bench.engine.graph.definitions} == wanted, "the edit")
    wait_until(lambda: {flow.name for flow in bench.engine._pump.flows} == wanted & {"t", "other"}, "the flows")
    if name not in ("_store", "close", "departures", "_open"):  # some edits have none of it to do
        assert failed()
    if edit == "nothing left of it":
        bench.write(TABLE)
    bench.append({"n": 3}, {"n": 300})
    rows = "3" if edit == "a changed table" else "4"
    bench.until("SELECT count(*) FROM t", [(rows,)])
    if edit == "a changed table":
        bench.until("SELECT s FROM total", [("6",)])
    assert bench.engine.problems == ()
    assert bench.engine.check_data() == []


def test_a_flow_that_reads_again_what_its_table_has_says_so(bench: Bench) -> None:
    flow = "CREATE FLOW f AS INSERT INTO t BY NAME SELECT n FROM STREAM read_files('in/*.ndjson', format => 'json', schema => 'n BIGINT');"
    end = flow.replace("FLOW f", "FLOW g").replace("'json',", "'json', start => 'end',")
    elsewhere = flow.replace("FLOW f", "FLOW h").replace("in/*", "other/*")
    bench.write(f"CREATE STREAMING TABLE t (n BIGINT);\n{flow}\n{end}\n{elsewhere}")
    bench.until("SELECT count(*) FROM t", [("4",)])
    (said,) = [line for line in bench.notices().splitlines() if "a second time" in line]
    assert said == (
        "f reads in/*.ndjson from its beginning: of 1 file of it t may have rows already, which t read, and gets them a second time"
    )
    bench.write(f"CREATE STREAMING TABLE t (n BIGINT);\n{flow.replace('SELECT n', 'SELECT n + 0 AS n')}")
    wait_until(lambda: "f changed" in bench.notices(), "the edit")
    assert bench.notices().count("a second time") == 1


def test_a_rewind_does_not_say_that_a_view_changed(bench: Bench) -> None:
    bench.write(TABLE + TOTAL)
    wait_until(lambda: "total" in bench.notices(), "the view")
    bench.engine.control("t", "rewind", bench.engine.plan_control("t", "rewind", {"beginning": True}).token, {"beginning": True})
    assert "total: its running state will be rebuilt from the stored rows of t" in bench.notices()
    assert "total changed" not in bench.notices()
    bench.write(TABLE + TOTAL.replace("sum(n)", "sum(2 * n)"))
    wait_until(lambda: "total changed: its running state" in bench.notices(), "the edit")


def test_it_is_said_once_while_it_fails_and_when_it_is_over(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    opened, tries = Planner._open, []

    def refuse(*given: Any) -> None:
        tries.append(given)
        if len(tries) <= 3:
            raise OSError("no handle is left")
        opened(*given)

    monkeypatch.setattr(Planner, "_open", refuse)
    bench.write(TABLE + OTHER)
    wait_until(lambda: "the pipelines were read again" in bench.notices(), "the end of it")
    assert bench.notices().count("the pipelines were not read again: OSError: no handle is left.") == 1


def test_what_changes_is_said_once_though_it_is_tried_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = Sources.expect
    tries: list[tuple[Any, ...]] = []

    def refuse(*given: Any) -> None:
        tries.append(given)
        if len(tries) in (1, 3, 5):  # those between let the old ones go on
            raise OSError("no handle is left")
        expected(*given)

    monkeypatch.setattr(Sources, "expect", refuse)
    bench.write(TABLE + OTHER)
    wait_until(lambda: "the pipelines were read again" in bench.notices(), "the end of it")
    assert bench.notices().count("other: new streaming table") == 1


def test_pipelines_that_cannot_be_read_are_a_problem_and_nothing_changes(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    hidden = Written({}, (Problem("pipelines", 1, 1, "cannot be read: Permission denied", "Give yourself the right to read it."),))
    flows = list(bench.engine._pump.flows)
    monkeypatch.setattr(pipelines, "read_pipelines", lambda root: hidden)
    monkeypatch.setattr(catalog, "pipeline_texts", lambda project: hidden)
    wait_until(lambda: bench.engine.problems == hidden.unread, "the problem")
    assert "pipelines:1:1: cannot be read: Permission denied. Give yourself the right to read it." in bench.notices()
    bench.append({"n": 3})
    bench.until("SELECT count(*) FROM t", [("3",)])
    done = bench.engine.control("t", "pause", bench.engine.plan_control("t", "pause", {}).token, {})
    assert done.startswith("t is paused")
    bench.engine.resume("t")
    assert bench.engine._pump.flows == flows
    monkeypatch.setattr(pipelines, "read_pipelines", read_pipelines)
    monkeypatch.setattr(catalog, "pipeline_texts", pipelines.pipeline_texts)
    wait_until(lambda: not bench.engine.problems, "the end of it")
    bench.append({"n": 4})
    bench.until("SELECT count(*) FROM t", [("4",)])
    assert bench.engine._pump.flows == flows


def test_a_run_over_what_is_there_reads_nothing_of_pipelines_that_it_cannot_read(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.engine.stop()
    hidden = Written({}, (Problem("pipelines", 1, 1, "cannot be read: Permission denied"),))
    monkeypatch.setattr(pipelines, "read_pipelines", lambda root: hidden)
    engine = Engine(bench.engine.project, bench.engine.settings, watch=False)
    engine.start()
    try:
        assert engine.run_once().problems == hidden.unread
    finally:
        engine.stop()


@pytest.mark.parametrize("closed", ["pipelines", "pipelines/deep"])
def test_a_folder_without_the_right_to_read_it_is_told_by_the_commands(bench: Bench, closed: str) -> None:
    """By commands that obey the rights, which root does not."""
    bench.engine.stop()
    (bench.root / "pipelines" / "deep").mkdir()
    if not works(OBEYING):
        pytest.skip(f"{' '.join(OBEYING)} is not possible here")
    told = f"{closed}:1:1: cannot be read: Permission denied\n  Give yourself the right to read it (ls -ld {bench.root / closed})"
    (bench.root / closed).chmod(0)
    try:
        for command in (["check"], ["run", "--once"]):
            line = [*OBEYING, sys.executable, "-m", "workbench", command[0], "--project", str(bench.root), *command[1:]]
            done = subprocess.run(line, capture_output=True, text=True, cwd=REPOSITORY)
            assert (done.returncode, told in done.stdout + done.stderr) == (1, True), done.stderr
    finally:
        (bench.root / closed).chmod(0o755)
