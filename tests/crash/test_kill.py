"""kill -9 at every step of the commit, and at random moments: what is stored afterwards is what it would have been."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.commits import STEPS
from tests.crash.shop import make_project, stored
from workbench.config import Settings, open_project
from workbench.engine.engine import Engine
from workbench.store import inserts

VICTIM = [sys.executable, "-m", "tests.crash.victim"]
REPOSITORY = Path(__file__).parents[2]
Stored = dict[str, list[tuple[Any, ...]]]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Stored:
    root = make_project(tmp_path_factory.mktemp("whole"))
    subprocess.run([*VICTIM, str(root)], check=True, cwd=REPOSITORY)
    result = stored(root)
    assert len(result["orders"]) > 3000
    assert all(result[name] for name in ("late", "quarantine", "by_minute"))
    return result


@pytest.mark.parametrize(("nth", "small"), [(1, 0), (3, 0), (2, inserts.SMALL)])
@pytest.mark.parametrize("step", range(1, STEPS + 1))
def test_killed_at_a_step(tmp_path: Path, uninterrupted: Stored, step: int, nth: int, small: int) -> None:
    root = make_project(tmp_path / "p")
    killed = subprocess.run([*VICTIM, str(root), str(step), str(nth), str(small)], cwd=REPOSITORY)
    assert killed.returncode == -signal.SIGKILL
    assert broken_sums(root) == []
    subprocess.run([*VICTIM, str(root)], check=True, cwd=REPOSITORY)
    assert stored(root) == uninterrupted


def test_killed_at_random_moments(tmp_path: Path, uninterrupted: Stored) -> None:
    dice = random.Random(11)
    root = make_project(tmp_path / "p")
    for _ in range(6):
        process = subprocess.Popen([*VICTIM, str(root)], cwd=REPOSITORY)
        try:
            process.wait(dice.uniform(0.3, 1.5))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if (root / ".workbench" / "data.duckdb").exists():
            assert broken_sums(root) == []
    subprocess.run([*VICTIM, str(root)], check=True, cwd=REPOSITORY)
    assert stored(root) == uninterrupted


def broken_sums(root: Path) -> list[str]:
    """`workbench check --data`, in this process."""
    settings = Settings()
    engine = Engine(open_project(root, settings), settings, flows=False, clock=time.time)
    engine.start()
    try:
        return engine.check_data()
    finally:
        engine.stop()
