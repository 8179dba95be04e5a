"""The screen as a process on a terminal: it opens, asks before it leaves, and what it leaves behind is right."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import wait_until
from tests.integration.test_demo import alive, size
from tests.terminal import Terminal
from workbench.config import Project, Settings, open_files, open_project
from workbench.launch import answering, stop_engine

WORKBENCH = (sys.executable, "-m", "workbench")


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """This checkout, no settings from outside, no state and no scratch folder outside."""
    for name in [n for n in os.environ if n.startswith("WORKBENCH_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[2]))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)


@pytest.fixture
def opened(project: Project) -> Iterator[Project]:
    """A project whose engine is stopped in the end, whoever started it."""
    yield project
    stop_engine(project)


def test_a_project_opens_and_stops(opened: Project) -> None:
    with Terminal(WORKBENCH, opened.root) as screen:
        screen.wait_for("RUN")
        screen.type("q")
        screen.wait_for("leave")
        screen.type("s")
        assert screen.wait() == 0
    assert answering(opened) is None


def test_an_engine_that_is_left_runs_on_and_is_attached_to(opened: Project) -> None:
    with Terminal(WORKBENCH, opened.root) as screen:
        screen.wait_for("RUN")
        screen.type("q")
        screen.wait_for("leave")
        screen.type("l")
        assert screen.wait() == 0
        assert f"workbench stop --project {opened.root}" in screen.text
    left = wait_until(lambda: answering(opened), "the engine that was left")
    with Terminal(WORKBENCH, opened.root) as screen:
        screen.wait_for("RUN")
        again = wait_until(lambda: answering(opened), "the engine")
        assert again.pid == left.pid


def test_a_terminal_that_is_closed_stops_nothing(opened: Project) -> None:
    with Terminal(WORKBENCH, opened.root) as screen:
        screen.wait_for("RUN")
    wait_until(lambda: answering(opened), "the engine")


def test_files_open_without_a_project_and_their_engine_is_found_again(tmp_path: Path) -> None:
    (tmp_path / "events.ndjson").write_text('{"n": 1, "word": "first"}\n', "utf-8")
    project = open_files((str(tmp_path / "events.ndjson"),), Settings())
    with Terminal((*WORKBENCH, "events.ndjson"), tmp_path) as screen:
        screen.wait_for("first")
        screen.type("q")
        screen.wait_for("leave")
        screen.type("l")
        assert screen.wait() == 0
        assert f"workbench stop --state-dir {project.state}" in screen.text
    command = (*WORKBENCH, "sql", "select word from events", "--format", "csv", "--state-dir", str(project.state))
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, text=True).stdout == "word\nfirst\n"
    assert subprocess.run((*WORKBENCH, "stop", "--state-dir", str(project.state)), cwd=tmp_path).returncode == 0
    assert answering(project) is None


def test_a_folder_with_nothing_welcomes_and_makes_a_project(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    folder.mkdir()
    with Terminal(WORKBENCH, folder) as screen:
        screen.wait_for("pipelines")
        screen.type("i")
        screen.wait_for("readings")
        screen.wait_for("RUN")
        screen.type("q")
        screen.wait_for("leave")
        screen.type("s")
        assert screen.wait() == 0
    assert (folder / "pipelines" / "example.sql").exists()


def scratch(tmp_path: Path) -> list[Path]:
    return sorted(tmp_path.glob("workbench-demo-*/shop"))


def generators(root: Path) -> list[int]:
    """Processes that feed a folder (Linux: by their command lines)."""
    found = subprocess.run(["ps", "-axww", "-o", "pid=,args="], capture_output=True, text=True, check=True).stdout
    return [int(line.split()[0]) for line in found.splitlines() if "workbench.demo" in line and str(root) in line]


def test_the_demo_is_alive_and_leaves_nothing(tmp_path: Path) -> None:
    with Terminal((*WORKBENCH, "demo"), tmp_path) as screen:
        screen.wait_for("orders")
        screen.wait_for("RUN")
        assert len(generators(scratch(tmp_path)[0])) == 1
        screen.type("q")
        screen.wait_for("leave")
        screen.type("s")
        assert screen.wait() == 0
    assert scratch(tmp_path) == []
    assert generators(tmp_path) == []


def test_a_demo_that_is_left_running_is_fed_until_its_engine_is_stopped(tmp_path: Path) -> None:
    with Terminal((*WORKBENCH, "demo"), tmp_path) as screen:
        screen.wait_for("RUN")
        screen.type("q")
        screen.wait_for("End the demo?")
        screen.type("l")
        assert screen.wait() == 0
        assert "goes on" in screen.text
    root = scratch(tmp_path)[0]
    (pid,) = generators(root)
    wait_until(lambda: answering(open_project(root, Settings())), "the engine")
    before = size(root)
    wait_until(lambda: size(root) > before, "more events")
    stop_engine(open_project(root, Settings()))
    wait_until(lambda: not alive(pid), "the generator's end")


def test_the_generator_stops_with_the_demo_s_terminal(tmp_path: Path) -> None:
    with Terminal((*WORKBENCH, "demo"), tmp_path) as screen:
        screen.wait_for("RUN")
        root = scratch(tmp_path)[0]
        (pid,) = generators(root)
    wait_until(lambda: not alive(pid), "the generator's end")
    stop_engine(open_project(root, Settings()))


@pytest.mark.parametrize(
    ("arguments", "message"), [(["nowhere.ndjson"], "There is no file nowhere.ndjson"), (["--project", "."], "pipelines")]
)
def test_what_cannot_be_opened_is_said(arguments: list[str], message: str, tmp_path: Path) -> None:
    with Terminal((*WORKBENCH, *arguments), tmp_path) as screen:
        if arguments[0] == "--project":
            screen.wait_for(message)
        else:
            assert screen.wait() == 2
            assert message in screen.text
