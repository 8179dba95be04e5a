"""One job in workbench and in other systems, whole processes in one run: `python -m tests.benchmarks.peers [--lines N]`.

From a file of dirty orders, malformed lines and rows without a country or a positive amount are left out; the accepted rows
are written, and their count and sum per country and minute of event time. Everyone also runs over 1,000 lines first, which
tells what it costs to start. Those that are missing are listed with how to install them: `--install` makes each an environment
of its own below `--venvs`. Whether a line counts exactly once is what each promises as it is configured here; nobody is killed in
this run. JSON goes to standard output, a Markdown table to standard error. Linux only.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from tests.benchmarks.lab import CACHE, orders_file, report, warm
from tests.benchmarks.peers.contestant import Contestant, contestants
from tests.benchmarks.peers.figures import Attempt, figures, markdown
from tests.benchmarks.peers.outcome import expected
from tests.benchmarks.peers.peer import PEERS
from tests.benchmarks.peers.process import NotMeasured

FEW = 1_000
NAMES = ("workbench", "duckdb", *(peer.name for peer in PEERS))


def main() -> None:
    given = _arguments()
    venvs = given.venvs.resolve()
    if given.install is not None:
        for peer in PEERS:
            if peer.name in (given.install or NAMES):
                peer.install(venvs)
        return
    chosen = [each for each in contestants(venvs) if each.name in given.only]
    missing = [
        {"name": peer.name, "title": peer.title, "status": "missing", "exactly_once": peer.exactly_once, "install": wanted}
        for peer in PEERS
        if peer.name in given.only and (wanted := peer.missing(venvs))
    ]
    rows = compare(chosen, given.lines, given.rounds, given.limit)
    print(markdown([*rows, *missing]), file=sys.stderr)
    report("peers", {"lines": given.lines, "rounds": given.rounds, "peers": [*rows, *missing]})


def compare(chosen: list[Contestant], lines: int, rounds: int, limit: float) -> list[dict[str, Any]]:
    """Everyone over the short file, then in turns over the long one."""
    few, many = orders_file(FEW).resolve(), orders_file(lines).resolve()
    truth = expected(many)
    warm(many)
    for each in chosen:  # the first start finds its files on the disk, the second in the page cache
        attempt(each, few, limit)
    starts = {each.name: attempt(each, few, limit) for each in chosen}
    runs: dict[str, list[Attempt]] = {each.name: [] for each in chosen}
    for _ in range(rounds):
        for each in chosen:
            runs[each.name].append(attempt(each, many, limit))
    return [figures(each, (FEW, lines), starts[each.name], runs[each.name], truth) for each in chosen]


def attempt(contestant: Contestant, data: Path, limit: float) -> Attempt:
    """One run; a failure is a result too."""
    try:
        done = contestant.run(data, limit)
    except NotMeasured as error:
        print(f"{contestant.title}, {data.name}: {error}", file=sys.stderr, flush=True)
        return error
    print(f"{contestant.title}, {data.name}: {done[0].wall:.1f} s", file=sys.stderr, flush=True)
    return done


def _arguments() -> argparse.Namespace:
    arguments = argparse.ArgumentParser(prog="python -m tests.benchmarks.peers", description=__doc__)
    arguments.add_argument("--lines", type=int, default=1_000_000)
    arguments.add_argument("--rounds", type=int, default=1)
    arguments.add_argument("--limit", type=float, default=600.0, help="seconds that one run may take")
    arguments.add_argument("--only", nargs="+", choices=NAMES, default=NAMES)
    arguments.add_argument(
        "--venvs",
        type=Path,
        default=Path(os.environ.get("PEERS_VENVS", CACHE / "peers")),
        help="folder with one environment for each other system; PEERS_VENVS says it too",
    )
    arguments.add_argument("--install", nargs="*", choices=[peer.name for peer in PEERS], help="make the environments and stop")
    return arguments.parse_args()


if __name__ == "__main__":
    main()
