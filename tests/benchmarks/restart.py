"""From kill -9 in the middle of a fast file to live again: `python -m tests.benchmarks.restart [--rate 50000]`."""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import threading
import time
from pathlib import Path

from tests.benchmarks.lab import WORKBENCH, Feeder, client_of, environment, orders_file, project, report, running
from workbench.errors import WorkbenchError

BEFORE = 5.0
"""Seconds of feeding before the engine is killed."""


async def live_again(folder: Path, begin: float, lines: int) -> tuple[float, float]:
    """Seconds until an engine answers, and until it has committed what was written before the kill."""
    answered = 0.0
    client = client_of(folder)
    while True:
        try:
            snapshot = await client.snapshot()
        except (WorkbenchError, OSError):
            await asyncio.sleep(0.005)
            continue
        answered = answered or time.perf_counter() - begin
        while not snapshot.streams or snapshot.streams[0].rows_in < lines:
            await asyncio.sleep(0.005)
            snapshot = await client.snapshot()
        caught_up = time.perf_counter() - begin
        await client.aclose()
        return answered, caught_up


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rate", type=int, default=50_000)
    given = arguments.parse_args()
    source = orders_file(5_000_000)
    with project() as folder:
        feeder = Feeder(source, folder / "data" / "live.ndjson", given.rate, 20.0)
        thread = threading.Thread(target=feeder.feed)
        with running(folder) as engine:
            thread.start()
            time.sleep(BEFORE)
            engine.kill()
            engine.wait()
        lines = feeder.appended[-1][1]
        (folder / ".workbench" / "engine.sock").unlink(missing_ok=True)
        begin = time.perf_counter()
        again = subprocess.Popen((*WORKBENCH, "run"), cwd=folder, env=environment(), stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        answered, caught_up = asyncio.run(live_again(folder, begin, lines))
        thread.join()
        again.terminate()
        again.wait()
    report("restart", {"rate": given.rate, "answers_after_seconds": round(answered, 3), "caught_up_after_seconds": round(caught_up, 3)})


if __name__ == "__main__":
    main()
