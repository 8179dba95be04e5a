"""A fast file followed with the screen open: `python -m tests.benchmarks.follow [--rate 100000] [--seconds 60]`."""

from __future__ import annotations

import argparse
import asyncio
import threading
import time
from itertools import pairwise
from pathlib import Path

from tests.benchmarks.lab import WORKBENCH, Feeder, client_of, environment, orders_file, project, report, running, spread, sql
from tests.terminal import Terminal

COMMITS = "SELECT epoch(committed_at) AS second, rows_in FROM workbench.commits ORDER BY id"


async def lags(folder: Path, feeder: threading.Thread, screen: Terminal) -> list[float]:
    """What the engine says about its lag, ten times a second, while the feeder works."""
    client = client_of(folder)
    seen: list[float] = []
    while feeder.is_alive():
        seen.append((await client.snapshot()).streams[0].lag_seconds)
        await asyncio.to_thread(drain, screen, 0.1)
    await client.aclose()
    return seen


def drain(screen: Terminal, seconds: float) -> None:
    """Read what the screen writes for a while, as a terminal would."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        screen.read(0.02)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rate", type=int, default=100_000)
    arguments.add_argument("--seconds", type=float, default=60.0)
    given = arguments.parse_args()
    source = orders_file(max(5_000_000, int(given.rate * given.seconds)))
    with project() as folder:
        feeder = Feeder(source, folder / "data" / "live.ndjson", given.rate, given.seconds)
        with running(folder), Terminal(WORKBENCH, folder, environment()) as screen:
            screen.wait_for("Streams")
            thread = threading.Thread(target=feeder.feed)
            thread.start()
            seen = asyncio.run(lags(folder, thread, screen))
            thread.join()
            commits = [float(row["second"]) for row in sql(folder, COMMITS)]
    gaps = [after - before for before, after in pairwise(commits)]
    report(
        "follow",
        {
            "rate": given.rate,
            "seconds": given.seconds,
            "shown_lag_seconds": spread(seen),
            "between_commits_seconds": spread(gaps),
            "feeder_late_seconds": round(feeder.late, 3),
        },
    )


if __name__ == "__main__":
    main()
