"""The generator's process: there with its first events, gone with whoever started it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import wait_until
from workbench.demo.generator import Generator
from workbench.errors import SourceError


def alive(pid: int) -> bool:
    """Does a process run? One that has ended and was not waited for does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not (state.exists() and state.read_text("ascii", "replace").rpartition(")")[2].split()[0] == "Z")


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
        "import sys, time; from pathlib import Path; from workbench.demo.generator import Generator\n"
        f"g = Generator(Path({str(tmp_path)!r}), 500); g.start(); g.wait(); print(g.pid, flush=True); sys.stdin.read()"
    )
    parent = subprocess.Popen([sys.executable, "-c", text], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert parent.stdout
    pid = int(parent.stdout.readline())
    assert alive(pid)
    parent.send_signal(signal.SIGKILL)
    parent.communicate()
    wait_until(lambda: not alive(pid), "the generator's end")


def test_a_generator_that_cannot_write_says_why(tmp_path: Path) -> None:
    (tmp_path / "sample_data").write_text("in the way", "utf-8")
    with Generator(tmp_path, rate=500) as generator, pytest.raises(SourceError, match=r"did not start: .*Error"):
        generator.wait()
