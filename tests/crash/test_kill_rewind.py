"""kill -9 at every step of a rewind: afterwards it was done or it was not, and reading on gives what it would have been."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.crash.shop import make_project, stored
from tests.crash.test_kill import REPOSITORY, VICTIM, Stored, broken_sums

REWINDER = [sys.executable, "-m", "tests.crash.rewinder"]
STEPS = 5
DONE_FROM = 5
"""The step before which everything is durable."""


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that has read everything, in several commits."""
    root = make_project(tmp_path_factory.mktemp("whole"))
    # A kill that never comes: the commits are small all the same.
    subprocess.run([*VICTIM, str(root), "1", "1000000"], check=True, cwd=REPOSITORY)
    return root


@pytest.fixture(scope="module")
def whole(read: Path) -> Stored:
    return stored(read)


@pytest.mark.parametrize("step", range(STEPS + 1))
def test_killed_at_a_step_of_a_rewind(tmp_path: Path, read: Path, whole: Stored, step: int) -> None:
    root = tmp_path / "p"
    shutil.copytree(read, root, copy_function=_copied)
    killed = subprocess.run([*REWINDER, str(root), "orders", "3", str(step)], cwd=REPOSITORY)
    assert killed.returncode == (-signal.SIGKILL if step else 0)
    assert broken_sums(root) == []
    now = stored(root)
    went_back = not step or step >= DONE_FROM
    assert (now == whole) is not went_back
    assert (len(now["orders"]) < len(whole["orders"])) is went_back
    subprocess.run([*VICTIM, str(root)], check=True, cwd=REPOSITORY)
    assert broken_sums(root) == []
    assert stored(root) == whole


def _copied(source: str, target: str) -> None:
    """The records stay the files that they are: a copy would be other content, of which nothing was read."""
    if source.endswith(".ndjson"):
        os.link(source, target)
    else:
        shutil.copy2(source, target)
