"""From an append to the running state that has it, at a steady rate: `python -m tests.benchmarks.latency [--rate 20000]`.

A thread appends, the state is asked for as often as it answers; a row counts as visible when an answer that holds it is here.
"""

from __future__ import annotations

import argparse
import http.client
import json
import socket
import threading
import time
from bisect import bisect_left
from itertools import pairwise
from pathlib import Path

from tests.benchmarks.lab import TOTAL, Feeder, orders_file, project, report, running, spread
from workbench.config import Settings, open_project

WARM_UP = 2.0
"""Seconds at the beginning that do not count."""
BETWEEN_LOOKS = 0.005
"""Seconds; looking without a pause would take a core of its own, and be what is measured."""


class Looker(http.client.HTTPConnection):
    """One connection to an engine's socket, with as little of its own in the way as can be: the look is what is measured."""

    def __init__(self, path: Path) -> None:
        super().__init__("engine")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self._path))

    def total(self) -> int:
        """Orders in the state that counts them."""
        self.request("GET", "/v1/views/total/state?limit=1")
        page = json.loads(self.getresponse().read())
        return int(page["rows"][0]["amount"]) if page["rows"] else 0


def looks(folder: Path, feeder: threading.Thread, patience: float = 2.0) -> list[tuple[float, int]]:
    """(moment, accepted rows in the state) of every answer, until a while after the last append."""
    looker = Looker(open_project(folder, Settings()).socket)
    seen: list[tuple[float, int]] = []
    end = None
    while end is None or time.perf_counter() < end:
        amount = looker.total()
        seen.append((time.perf_counter(), amount))
        time.sleep(BETWEEN_LOOKS)
        if end is None and not feeder.is_alive():
            end = time.perf_counter() + patience
    looker.close()
    return seen


def accepted_lines(appended: list[tuple[float, int]], source: Path) -> list[int]:
    """How many of the lines so far will be accepted, for every append."""
    counts: list[int] = []
    good = 0
    with source.open("rb") as file:
        line = 0
        for _, stop in appended:
            while line < stop:
                line += 1
                try:
                    order = json.loads(file.readline())
                    good += isinstance(order["amount"], float) and order["amount"] > 0 and order["country"] is not None
                except (ValueError, TypeError, KeyError):
                    continue
            counts.append(good)
    return counts


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rate", type=int, default=20_000)
    arguments.add_argument("--seconds", type=float, default=20.0)
    given = arguments.parse_args()
    source = orders_file(5_000_000)
    with project(extra=TOTAL) as folder:
        feeder = Feeder(source, folder / "data" / "live.ndjson", given.rate, given.seconds)
        with running(folder):
            thread = threading.Thread(target=feeder.feed)
            thread.start()
            seen = looks(folder, thread)
            thread.join()
    counts = [count for _, count in seen]
    begin = feeder.appended[0][0] + WARM_UP
    delays = []
    for (moment, _), wanted in zip(feeder.appended, accepted_lines(feeder.appended, source), strict=True):
        found = bisect_left(counts, wanted)
        if moment >= begin:
            delays.append(seen[found][0] - moment if found < len(seen) else float("inf"))
    asked = [after - before for (before, _), (after, _) in pairwise(seen)]
    report(
        "latency",
        {
            "rate": given.rate,
            "visible_seconds": spread(delays),
            "one_look_seconds": spread(asked),
            "feeder_late_seconds": round(feeder.late, 3),
        },
    )


if __name__ == "__main__":
    main()
