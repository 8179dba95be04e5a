"""Commands that share a short-lived engine, and engines that read, which wait for it: real engines, real locks."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import cast

import pytest

from tests.conftest import DEADLINE, wait_until, write_project
from tests.integration.test_demo import alive
from workbench import launch
from workbench.cli import visit
from workbench.cli.arguments import parse
from workbench.cli.attach import attached, running
from workbench.cli.main import main
from workbench.cli.output import Output
from workbench.cli.run import run
from workbench.cli.visit import Visit, Visited
from workbench.config import Project, Settings, open_project
from workbench.errors import EngineUnavailable
from workbench.server.serve import Server

pytestmark = pytest.mark.usefixtures("alone")


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Engines of this checkout."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[2]))


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    project = open_project(write_project(tmp_path / "p"), Settings())
    yield project
    launch.stop_engine(project)
    for process in launch._STARTED:
        process.wait(DEADLINE)


@pytest.fixture
def beside() -> Iterator[Callable[..., Future[object]]]:
    """Calls in a thread of their own."""
    with ThreadPoolExecutor(4) as pool:
        yield pool.submit


def is_free(project: Project) -> bool:
    return launch.answering(project) is None and not launch.held_by(project)


def waiting(monkeypatch: pytest.MonkeyPatch, module: object) -> threading.Event:
    """Set when somebody in `module` has found a short-lived engine, and will look again."""
    found = threading.Event()
    answering = launch.answering

    def look(project: Project) -> object:
        hello = answering(project)
        if hello is not None and not hello.reads:
            found.set()
        return hello

    monkeypatch.setattr(module, "answering", look)
    return found


async def test_the_last_command_ends_the_engine_that_all_used(project: Project) -> None:
    arguments = parse(["sql", "SELECT 1", "--project", str(project.root)])
    first, second = attached(arguments), attached(arguments)
    client = await first.__aenter__()
    pid = (await client.hello()).pid
    other = await second.__aenter__()
    await first.__aexit__(None, None, None)
    hello = await other.hello()
    assert (hello.pid, hello.reads) == (pid, False)
    await second.__aexit__(None, None, None)
    assert is_free(project), "it has closed when the command has ended"


async def test_a_command_that_is_killed_leaves_the_engine_to_the_others(project: Project) -> None:
    sql = "select count(*) from range(1000000) a, range(1000000) b where (a.range * b.range) % 7 = 3"
    killed = subprocess.Popen([sys.executable, "-m", "workbench", "sql", sql], cwd=project.root, stdout=subprocess.DEVNULL)
    found = wait_until(lambda: launch.answering(project), "the engine")
    async with attached(parse(["sql", "SELECT 1", "--project", str(project.root)])) as client:
        killed.kill()
        killed.wait()
        assert (await client.hello()).pid == found.pid
    wait_until(lambda: not alive(found.pid), "the engine's end")


def test_commands_at_once_all_get_their_answers(project: Project) -> None:
    assert main(["run", "--once", "--project", str(project.root)]) == 0
    sql = "SELECT count(*)::INT AS n FROM orders"
    children = [
        subprocess.Popen([sys.executable, "-m", "workbench", "sql", sql], cwd=project.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(6)
    ]
    said = [child.communicate(timeout=DEADLINE) for child in children]
    assert [child.returncode for child in children] == [0] * 6, said
    assert {out.split()[-1] for out, _ in said} == {b"3"}
    wait_until(lambda: is_free(project), "the engine's end")


async def test_a_run_waits_for_commands(project: Project, beside: Callable[..., Future[object]], monkeypatch: pytest.MonkeyPatch) -> None:
    waits = waiting(monkeypatch, visit)
    output = Output(io.StringIO(), io.StringIO())
    async with attached(parse(["sql", "SELECT 1", "--project", str(project.root)])):
        ran = beside(run, parse(["run", "--once", "--project", str(project.root)]), output)
        assert waits.wait(DEADLINE)
        assert not ran.done()
    assert ran.result(DEADLINE) == 0, cast("io.StringIO", output.stderr).getvalue()


async def test_a_screen_waits_for_an_engine_that_reads(
    project: Project, beside: Callable[..., Future[object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = waiting(monkeypatch, launch)
    async with attached(parse(["sql", "SELECT 1", "--project", str(project.root)])) as client:
        short_lived = await client.hello()
        assert running(project) is None
        waits.clear()
        started = beside(launch.attach_or_start, project)
        assert waits.wait(DEADLINE)
    hello = started.result(DEADLINE)
    assert isinstance(hello, type(short_lived))
    assert hello.reads
    assert hello.pid != short_lived.pid
    assert launch.held_by(project) == f"process {hello.pid}"


async def test_a_screen_that_waited_too_long_says_for_whom(project: Project) -> None:
    async with attached(parse(["sql", "SELECT 1", "--project", str(project.root)])) as client:
        pid = (await client.hello()).pid
        with pytest.raises(EngineUnavailable, match=rf"short-lived engine \(pid {pid}\) for 0 s") as caught:
            launch.attach_or_start(project, patience=0.1)
        assert "workbench stop" in caught.value.hint
        with pytest.raises(EngineUnavailable, match=rf"No engine that reads runs for .*; process {pid} uses it"):
            async with attached(parse(["pause", "orders", "--project", str(project.root)]), start=False):
                pass


async def test_a_command_that_waits_for_a_process_that_answers_nobody_names_it(project: Project) -> None:
    from workbench.engine.lock import EngineLock

    lock = EngineLock(project.lock)
    try:
        with pytest.raises(EngineUnavailable, match=rf"in use by process {os.getpid()}, which has not answered for 0 s"):
            launch.attach_or_start(project, [launch.SHORT_LIVED], patience=0.1)
    finally:
        lock.release()


def test_who_comes_while_the_last_one_ends_the_engine_waits(project: Project, beside: Callable[..., Future[object]]) -> None:
    def come() -> None:
        with Visit(project):
            pass

    with Visit(project) as last:
        with Visit(project) as first:
            assert not first.is_last()
        assert last.is_last()
        comes = beside(come)
        with pytest.raises(TimeoutError):
            comes.result(0.1)
    comes.result(DEADLINE)


def test_an_engine_that_follows_one_whose_visitors_have_left_ends_too(project: Project) -> None:
    class Serving:
        reason = ""

        def stop(self, reason: str) -> None:
            self.reason = reason

    project.state.mkdir()
    visited, first, second = Visited(project), Serving(), Serving()
    with Visit(project):
        visited.begin(cast("Server", first))
    wait_until(lambda: first.reason, "the end of the first")
    visited.begin(cast("Server", second))
    assert second.reason == first.reason


def test_a_command_does_not_wait_for_ever_for_an_engine_that_hangs_as_it_starts(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visit, "PATIENCE", 0.1)
    project.state.mkdir()
    with visit.undisturbed(project), pytest.raises(EngineUnavailable, match="for 0 s"), Visit(project):
        pass
    with Visit(project) as after:
        assert after.is_last()
