"""Log files as machines write, rotate and lose them, under an engine in a process of its own, stopped and killed meanwhile."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.conftest import wait_until
from tests.integration.test_cli import engine, right, workbench
from tests.unit.connectors.test_following import rotate, run, tool
from workbench.client import EngineClient
from workbench.config import Settings, open_project
from workbench.connectors.files import recognition
from workbench.engine.engine import Engine
from workbench.protocol import Snapshot

LOG = """CREATE STREAMING TABLE log (n BIGINT NOT NULL, pad VARCHAR)
AS SELECT * FROM STREAM read_files('logs/{glob}', format => 'json');
"""
ASKED = "select count(*) as rows, count(distinct n) as different, max(n) as last from log"


@pytest.fixture(autouse=True, scope="module")
def alone() -> Iterator[None]:
    """This checkout, and no settings from outside."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("WORKBENCH_")]:
            patch.delenv(name)
        patch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[2]))
        yield


class Machine:
    """A project whose stream reads the log that this writes."""

    def __init__(self, root: Path, glob: str) -> None:
        self.root, self.logs, self.count = root, root / "logs", 0
        (root / "pipelines").mkdir(parents=True)
        self.logs.mkdir()
        (root / "pipelines" / "log.sql").write_text(LOG.format(glob=glob), "utf-8")

    def write(self, count: int, name: str = "app.log") -> None:
        with (self.logs / name).open("a", encoding="utf-8") as file:
            for _ in range(count):
                file.write(json.dumps({"n": self.count, "pad": "x" * 100}) + "\n")
                self.count += 1

    def snapshot(self) -> Snapshot:
        """What the engine tells its screen."""

        async def ask() -> Snapshot:
            client = EngineClient(open_project(self.root, Settings()).socket)
            try:
                return await client.snapshot()
            finally:
                await client.aclose()

        return asyncio.run(ask())

    def stored(self) -> int:
        return self.snapshot().streams[0].accepted

    def has_begun(self, before: int) -> bool:
        """More than that many rows are stored."""
        return self.stored() > before

    def until_all(self) -> None:
        """As many rows are stored as lines were written."""
        wait_until(lambda: self.stored() >= self.count, f"{self.count} rows")
        assert self.stored() == self.count

    def check(self) -> None:
        """After the engine has stopped: every line is there once, and the books add up."""
        answer = json.loads(right(workbench(self.root, "sql", "--format", "json", ASKED)))
        assert answer == [{"rows": self.count, "different": self.count, "last": self.count - 1}]
        right(workbench(self.root, "check", "--data"))


@pytest.fixture(params=["app.log", "app.log*"])
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> Machine:
    return Machine(tmp_path / "machine", request.param)


@pytest.mark.parametrize("directives", [["create"], ["copytruncate"], ["create", "compress"]], ids=" ".join)
def test_logrotate_while_the_engine_runs_and_while_it_does_not(machine: Machine, directives: list[str]) -> None:
    tool("logrotate")
    machine.write(300)
    with engine(machine.root):
        machine.until_all()
        for _ in range(2):
            machine.write(300)
            machine.until_all()
            rotate(machine.logs, *directives)
            machine.write(50)
        machine.until_all()
    machine.write(300)
    rotate(machine.logs, *directives)
    machine.write(50)
    with engine(machine.root):
        machine.until_all()
    machine.check()


def test_a_run_over_what_is_there_waits_for_what_may_be_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And does not end before it has read it, whether it is the first process that sees it or not."""
    monkeypatch.setattr(recognition, "GRACE", 0.3)
    machine = Machine(tmp_path / "machine", "app.log*")
    for name in ("app.log", "app.log.1", "other.log"):
        (machine.logs / name).write_text('{"n": 1, "pad": ""}\n')
        engine = Engine(open_project(machine.root, Settings()), Settings(), watch=False)
        engine.start()
        engine.run_once()
        stored = engine.snapshot().streams[0].accepted
        engine.stop()
        assert stored == len(list(machine.logs.glob("app.log*")))


def test_a_program_that_writes_on_to_a_log_that_was_packed(machine: Machine) -> None:
    """At once, and after it was told; the packed file, which the engine may see, brings none of it again."""
    machine.write(100)
    with (machine.logs / "app.log").open("a", encoding="utf-8") as program, engine(machine.root):
        machine.until_all()
        run("gzip", machine.logs / "app.log")
        for _ in range(2):
            for _ in range(10):
                program.write(json.dumps({"n": machine.count, "pad": ""}) + "\n")
                machine.count += 1
            program.flush()
            machine.until_all()
            wait_until(lambda: any("still has it open to write" in notice.text for notice in machine.snapshot().notices), "the notice")
    with engine(machine.root):
        machine.write(10)
        machine.until_all()
    machine.check()


def test_a_kill_between_rotations(machine: Machine) -> None:
    """Killed while it reads; meanwhile the log is moved, packed and written on."""
    machine.write(30_000)
    for begun in (0, 33_000):
        with engine(machine.root) as process:
            # Of a log that is rotated away before anything of it was read nobody knows that it was this one.
            wait_until(partial(machine.has_begun, begun), "the first rows of the log as it is now")
            machine.write(3_000)
            process.send_signal(signal.SIGKILL)
            process.wait()
        run("mv", machine.logs / "app.log", machine.logs / f"app.log.{machine.count}")
        run("gzip", machine.logs / f"app.log.{machine.count}")
        machine.write(20)
    with engine(machine.root):
        machine.until_all()
    machine.check()


def test_the_folder_of_the_log_goes_away_and_comes_back(machine: Machine) -> None:
    machine.write(100)
    with engine(machine.root):
        machine.until_all()
        away = machine.root / "away"
        run("mv", machine.logs, away)
        wait_until(lambda: any(notice.text.startswith("logs is gone") for notice in machine.snapshot().notices), "the notice")
        run("mv", away, machine.logs)
        machine.write(100)
        machine.until_all()
    machine.check()


def test_without_events_the_poll_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a network filesystem; new files, growth and rotation are all seen."""

    def refuse(*_paths: Path, **_options: object) -> Iterator[object]:
        raise OSError("no events here")

    monkeypatch.setattr("watchfiles.watch", refuse)
    machine = Machine(tmp_path / "machine", "*.log*")
    settings = Settings(poll=0.05)
    running = Engine(open_project(machine.root, settings), settings)
    running.start()
    try:
        wait_until(lambda: not running._watcher.alive, "the watcher to give up")

        def until_all() -> None:
            wait_until(lambda: running.snapshot().streams[0].accepted == machine.count, f"{machine.count} rows")

        machine.write(10)
        until_all()
        machine.write(10)
        until_all()
        (machine.logs / "app.log").rename(machine.logs / "app.log.1")
        machine.write(10)
        until_all()
        shutil.copy2(machine.logs / "app.log", machine.logs / "app.log.2")
        os.truncate(machine.logs / "app.log", 0)
        machine.write(10)
        until_all()
        assert running.check_data() == []
    finally:
        running.stop()


def test_thousands_of_files(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "machine", "*.log")
    for number in range(2_000):
        machine.write(1, f"{number:05}.log")
    with engine(machine.root) as process:
        machine.until_all()
        handles = Path(f"/proc/{process.pid}/fd")
        if handles.is_dir():
            assert len(list(handles.iterdir())) < 300
        machine.write(5, "00007.log")
        machine.write(5, "new.log")
        machine.until_all()
    with engine(machine.root):
        machine.write(5, "00009.log")
        machine.until_all()
    machine.check()
