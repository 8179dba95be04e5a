"""kill -9 of an engine that is being fed through a pipe, or by the clock: what is stored is what came before, without a hole."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from workbench.client import EngineClient
from workbench.config import Settings, open_project
from workbench.engine.engine import Engine
from workbench.errors import EngineError

REPOSITORY = Path(__file__).parents[2]
PIPELINES = """
CREATE STREAMING TABLE piped (life BIGINT, n BIGINT) AS SELECT * FROM STREAM read_stdin();
CREATE MATERIALIZED VIEW lives AS SELECT life, count(*) AS lines, max(n) AS last FROM STREAM piped GROUP BY life;
CREATE STREAMING TABLE ticks AS SELECT * FROM STREAM read_rate(rowsPerSecond => 5000);
"""
BURST = 200
"""Lines written at once."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "p" / "pipelines").mkdir(parents=True)
    (tmp_path / "p" / "pipelines" / "p.sql").write_text(PIPELINES, "utf-8")
    return tmp_path / "p"


def life(root: Path, number: int, seconds: float) -> None:
    """One engine from its start to its kill, fed all the while; the first is not killed before it has stored something of both."""
    command = [sys.executable, "-m", "workbench", "run", "--project", str(root)]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    with (root.parent / "log").open("ab") as said:
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=said, stderr=said, env=environment)
    assert child.stdin is not None
    os.set_blocking(child.stdin.fileno(), False)
    line, end, rest, works = 0, time.monotonic() + seconds, b"", bool(number)
    while not works or time.monotonic() < end:
        if not works and asyncio.run(has_stored(root)) == {"piped", "ticks"}:
            works, end = True, time.monotonic() + seconds
        if not rest:
            rest = b"".join(b'{"life": %d, "n": %d}\n' % (number, line + i) for i in range(BURST))
            line += BURST
        try:
            rest = rest[os.write(child.stdin.fileno(), rest) :]
        except BlockingIOError:
            os.sched_yield()
    child.kill()
    child.wait()
    child.stdin.close()


async def has_stored(root: Path) -> set[str]:
    """The streams of which the engine that runs has stored something."""
    client = EngineClient(open_project(root, Settings()).socket)
    try:
        return {stream.name for stream in (await client.snapshot()).streams if stream.accepted}
    except EngineError:
        return set()
    finally:
        await client.aclose()


def test_nothing_is_lost_in_the_middle_and_nothing_comes_twice(root: Path) -> None:
    dice = random.Random(5)
    for number in range(4):
        life(root, number, dice.uniform(1.5, 4.0))
    engine = Engine(open_project(root, Settings()), Settings())
    engine.start()
    try:
        engine.run_once()
        assert engine.check_data() == []

        def ask(sql: str) -> list[tuple[object, ...]]:
            rows: list[tuple[object, ...]] = engine._pump.control(lambda session: session.execute(sql)).result()
            return rows

        lives = ask("SELECT life, lines, last FROM lives ORDER BY life")
        assert lives
        assert all(lines == last + 1 for _, lines, last in lives), lives  # type: ignore[operator]
        assert ask("SELECT count(DISTINCT n) = count(*) FROM piped GROUP BY life") == [(True,)] * len(lives)
        assert ask("SELECT count(*) = max(value) + 1, count(*) = count(DISTINCT value) FROM ticks") == [(True, True)]
    finally:
        engine.stop()
