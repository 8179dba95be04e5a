"""What the log says at the end: why an engine was stopped, or where it was when it died of a fault."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.conftest import wait_until
from workbench import launch
from workbench.config import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "pipelines").mkdir()
    return Project(tmp_path, tmp_path / "s")


def gone(pid: int) -> None:
    wait_until(lambda: not launch._lives(pid))


@pytest.mark.parametrize(("end", "reason"), [(signal.SIGTERM, "SIGTERM"), (signal.SIGINT, "SIGINT"), (None, "told so by a command")])
def test_an_engine_that_is_stopped_says_why(project: Project, end: signal.Signals | None, reason: str) -> None:
    pid = launch.attach_or_start(project).pid
    if end is None:
        launch.stop_engine(project)
    else:
        os.kill(pid, end)
    gone(pid)
    said = [line for line in project.log.read_text().splitlines() if "the engine has stopped" in line]
    assert [line.rpartition("the engine has stopped")[2] for line in said] == [f": {reason}"]


def test_an_engine_that_dies_of_a_fault_leaves_where_it_was_and_one_that_is_killed_nothing(project: Project) -> None:
    pid = launch.attach_or_start(project).pid
    os.kill(pid, signal.SIGKILL)
    gone(pid)
    assert "has stopped" not in project.log.read_text()
    pid = launch.attach_or_start(project).pid
    os.kill(pid, signal.SIGSEGV)
    gone(pid)
    said = project.log.read_text()
    assert "Fatal Python error: Segmentation fault" in said
    assert "pump.py" in said
    assert "has stopped" not in said
