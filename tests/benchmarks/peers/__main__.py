"""The same job in workbench and beside it, whole processes: `python -m tests.benchmarks.peers [--lines N] [--install NAME …]`.

A file of dirty orders; malformed lines and rows without a country or a positive amount are left out; the accepted rows are
written, and their count and sum per minute of event time and country. Each is also run over 1,000 lines first, which is what
it costs to start. JSON goes to standard output, a Markdown table to standard error.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.lab import CACHE, WORKBENCH, Cost, environment, orders_file, project, sql, warm
from tests.benchmarks.peers.outcome import Outcome, expected, written
from tests.benchmarks.peers.peer import PEERS, Peer
from tests.benchmarks.peers.process import NotMeasured, measured

FEW = 1_000
LIMIT = Path(__file__).parents[1] / "limit.py"
COUNTS = """\
SELECT (SELECT count(*) FROM orders) AS accepted, count(*) AS minutes, sum(orders)::BIGINT AS rows_in_minutes,
  round(sum(revenue), 2) AS revenue
FROM revenue_by_minute"""
TABLE = (
    ("rows/s", "rows_per_second"),
    ("after start", "rows_per_second_after_start"),
    ("rows/cpu-s", "rows_per_cpu_second"),
    ("start s", "start_seconds"),
    ("peak MB", "peak_megabytes"),
    ("exactly once", "exactly_once"),
    ("accepted", "accepted"),
    ("rows in minutes", "rows_in_minutes"),
)
Run = Callable[[Path, float], tuple[Cost, Outcome | None]]


@dataclass(frozen=True, slots=True)
class Contestant:
    """One line of the table: `run` does the job over a file within so many seconds."""

    name: str
    title: str
    version: str
    exactly_once: bool
    how: str
    run: Run


def run_workbench(data: Path, limit: float) -> tuple[Cost, Outcome | None]:
    with project(data) as folder:
        cost = measured((*WORKBENCH, "run", "--once"), folder / "run.log", limit, environment())
        return cost, Outcome(**sql(folder, COUNTS)[0])


def run_duckdb(data: Path, limit: float) -> tuple[Cost, Outcome | None]:
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        return measured((sys.executable, str(LIMIT), str(data)), Path(folder) / "limit.log", limit, environment()), None


def peer_runner(peer: Peer, venvs: Path) -> Run:
    def run(data: Path, limit: float) -> tuple[Cost, Outcome | None]:
        with tempfile.TemporaryDirectory(dir=CACHE, prefix=f"{peer.name}-") as folder:
            out = Path(folder) / "out"
            out.mkdir()
            cost = measured(peer.command(venvs, data, out), Path(folder) / "job.log", limit, os.environ)
            return cost, written(out)

    return run


def contestants(names: set[str], venvs: Path) -> list[Contestant]:
    """Those that are asked for and can be run."""
    import duckdb

    import workbench

    rejected = "rejected rows kept with their reasons, too; one transaction holds rows, sums and offsets"
    own = (
        Contestant("workbench", "workbench", workbench.__version__, True, rejected, run_workbench),
        Contestant("duckdb", "plain DuckDB load", duckdb.__version__, False, "one query, for scale: no stream, no offsets", run_duckdb),
    )
    others = (
        Contestant(peer.name, peer.title, peer.version(venvs) or "", peer.exactly_once, peer.how, peer_runner(peer, venvs))
        for peer in PEERS
        if not peer.missing(venvs)
    )
    return [each for each in (*own, *others) if each.name in names]


def compare(all_of_them: list[Contestant], lines: int, rounds: int, limit: float) -> list[dict[str, Any]]:
    """Everyone over the short file, then everyone over the long one, in turns."""
    few, many = orders_file(FEW).resolve(), orders_file(lines).resolve()
    truth = expected(many)
    warm(many)
    starts = {each.name: attempts(each, few, 1, limit) for each in all_of_them}
    runs: dict[str, list[Attempt]] = {each.name: [] for each in all_of_them}
    for _ in range(rounds):
        for each in all_of_them:
            runs[each.name] += attempts(each, many, 1, limit)
    return [row(each, lines, starts[each.name], runs[each.name], truth) for each in all_of_them]


Attempt = tuple[Cost, Outcome | None] | NotMeasured


def attempts(contestant: Contestant, data: Path, times: int, limit: float) -> list[Attempt]:
    found: list[Attempt] = []
    for _ in range(times):
        print(f"{contestant.title}: {data.name}", file=sys.stderr, flush=True)
        try:
            found.append(contestant.run(data, limit))
        except NotMeasured as error:
            found.append(error)
    return found


def row(contestant: Contestant, lines: int, starts: list[Attempt], runs: list[Attempt], truth: Outcome) -> dict[str, Any]:
    """What is shown of one contestant."""
    known = {key: getattr(contestant, key) for key in ("name", "title", "version", "exactly_once", "how")}
    if failed := [str(each) for each in (*starts, *runs) if isinstance(each, NotMeasured)]:
        return {**known, "status": "not measured", "why": failed}
    start = statistics.median(cost.wall for cost, _ in starts)
    wall = statistics.median(cost.wall for cost, _ in runs)
    cpu = statistics.median(cost.cpu for cost, _ in runs)
    outcome = runs[-1][1]
    return {
        **known,
        "status": "measured",
        "rows_per_second": round(lines / wall),
        "rows_per_second_after_start": round((lines - FEW) / max(wall - start, 1e-3)),
        "rows_per_cpu_second": round(lines / cpu),
        "wall_seconds": wall,
        "cpu_seconds": cpu,
        "start_seconds": start,
        "peak_megabytes": max(cost.memory for cost, _ in runs),
        **(counts(outcome, truth) if outcome else {}),
    }


def counts(outcome: Outcome, truth: Outcome) -> dict[str, Any]:
    """What was written and whether it is right: rows that are not in a minute were late or their window was still open."""
    whole = outcome.rows_in_minutes == truth.rows_in_minutes
    return {
        "accepted": outcome.accepted,
        "minutes": outcome.minutes,
        "rows_in_minutes": outcome.rows_in_minutes,
        "revenue": outcome.revenue,
        "accepted_is_right": outcome.accepted == truth.accepted,
        "revenue_is_right": abs(outcome.revenue - truth.revenue) < 1 if whole else None,
    }
