"""The generator's process: there with its first events, gone with whoever started it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import wait_until
from workbench.demo.generator import _KEPT, Generator
from workbench.engine.lock import EngineLock
from workbench.errors import SourceError


def alive(pid: int) -> bool:
    """Does a process run? One that has ended and was not waited for does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        state = Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):  # it has ended a moment ago, or the system has no such file
        return not Path("/proc/self").exists()
    return state != "Z"


def size(root: Path) -> int:
    return sum(p.stat().st_size for p in root.rglob("*.ndjson"))


def test_it_writes_at_once_and_goes_on(tmp_path: Path) -> None:
    with Generator(tmp_path, rate=500) as generator:
        generator.wait()
        first = size(tmp_path)
        assert first > 0
        wait_until(lambda: size(tmp_path) > first, "more events")
        pid = generator.pid
    assert pid
    assert not alive(pid)


def test_it_dies_with_its_parent(tmp_path: Path) -> None:
    text = (
        "import sys, time; from pathlib import Path; from workbench.demo.generator import _KEPT, Generator\n"
        f"g = Generator(Path({str(tmp_path)!r}), 500); g.start(); g.wait(); print(g.pid, flush=True); sys.stdin.read()"
    )
    parent = subprocess.Popen([sys.executable, "-c", text], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert parent.stdout
    pid = int(parent.stdout.readline())
    assert alive(pid)
    parent.send_signal(signal.SIGKILL)
    parent.communicate()
    wait_until(lambda: not alive(pid), "the generator's end")


def test_one_that_is_kept_goes_on_as_long_as_an_engine(tmp_path: Path) -> None:
    engine = EngineLock(tmp_path / "lock")
    with Generator(tmp_path, rate=500) as generator:
        generator.wait()
        pid = generator.pid
        generator.keep(engine.path)
    assert pid
    first = size(tmp_path)
    wait_until(lambda: size(tmp_path) > first, "more events")
    assert alive(pid)
    engine.release()
    wait_until(lambda: not alive(pid), "the generator's end")
    _KEPT.pop().wait()


def test_one_that_is_kept_makes_way_for_another(tmp_path: Path) -> None:
    engine = EngineLock(tmp_path / "lock")
    with Generator(tmp_path, rate=500) as first:
        first.wait()
        pid = first.pid
        first.keep(engine.path)
    assert pid
    with Generator(tmp_path, rate=500) as second:
        second.wait()
        wait_until(lambda: not alive(pid), "the first one's end")
    _KEPT.pop().wait()
    engine.release()


def test_a_generator_that_cannot_write_says_why(tmp_path: Path) -> None:
    (tmp_path / "sample_data").write_text("in the way", "utf-8")
    with Generator(tmp_path, rate=500) as generator, pytest.raises(SourceError, match=r"did not start: .*Error"):
        generator.wait()
