"""What engine and screen take while nothing arrives: `python -m tests.benchmarks.quiet [--seconds 30]`, Linux."""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

from tests.benchmarks.lab import WORKBENCH, environment, orders_file, project, report, running
from tests.terminal import Terminal

SETTLE = 5.0
"""Seconds that do not count: first paint, first commits."""


def cpu_seconds(pid: int) -> float:
    """Processor seconds of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=float, default=30.0)
    given = arguments.parse_args()
    with project(orders_file(10_000)) as folder, running(folder) as engine, Terminal(WORKBENCH, folder, environment()) as screen:
        screen.wait_for("Streams")
        read_for(screen, SETTLE)
        before, begin = (cpu_seconds(engine.pid), cpu_seconds(screen.child.pid)), time.perf_counter()
        read_for(screen, given.seconds)
        after, passed = (cpu_seconds(engine.pid), cpu_seconds(screen.child.pid)), time.perf_counter() - begin
    engine_share, screen_share = ((a - b) / passed for a, b in zip(after, before, strict=True))
    report("quiet", {"engine": round(engine_share, 4), "screen": round(screen_share, 4), "together": round(engine_share + screen_share, 4)})


def read_for(screen: Terminal, seconds: float) -> None:
    """Take what the screen writes, as a terminal does."""
    end = time.perf_counter() + seconds
    while (rest := end - time.perf_counter()) > 0:
        screen.read(rest)


if __name__ == "__main__":
    main()
