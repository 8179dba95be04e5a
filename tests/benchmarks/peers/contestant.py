"""Everyone who can do the job here: workbench, plain DuckDB for scale, and the other systems that are installed."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from tests.benchmarks.lab import CACHE, WORKBENCH, Cost, environment, project, sql
from tests.benchmarks.peers.outcome import Outcome, written
from tests.benchmarks.peers.peer import PEERS, Peer
from tests.benchmarks.peers.process import measured

LIMIT = Path(__file__).parents[1] / "limit.py"
COUNTS = """\
SELECT (SELECT count(*) FROM orders) AS accepted, count(*) AS minutes, sum(orders)::BIGINT AS rows_in_minutes,
  round(sum(revenue), 2) AS revenue
FROM revenue_by_minute"""
Run = Callable[[Path, float], tuple[Cost, Outcome | None]]


@dataclass(frozen=True, slots=True)
class Contestant:
    """One line of the table: `run` does the job over a file within so many seconds, or raises NotMeasured."""

    name: str
    title: str
    version: str
    exactly_once: bool
    how: str
    run: Run


def contestants(venvs: Path) -> list[Contestant]:
    """All that can be run now."""
    ours = "one transaction holds rows, sums and offsets; rejected and late rows are kept too, with their reasons"
    scale = "one query, for scale: no stream, no offsets, no rejected rows"
    return [
        Contestant("workbench", "workbench", version("workbench"), True, ours, run_workbench),
        Contestant("duckdb", "plain DuckDB", version("duckdb"), False, scale, run_duckdb),
        *(of_peer(peer, venvs) for peer in PEERS if not peer.missing(venvs)),
    ]


def of_peer(peer: Peer, venvs: Path) -> Contestant:
    """Its job, in its own environment."""

    def run(data: Path, limit: float) -> tuple[Cost, Outcome | None]:
        with tempfile.TemporaryDirectory(dir=CACHE, prefix=f"{peer.name}-") as folder:
            out = Path(folder) / "out"
            out.mkdir()
            cost = measured(peer.command(venvs, data, out), Path(folder) / "job.log", limit, os.environ)
            return cost, written(out)

    return Contestant(peer.name, peer.title, peer.version(venvs) or "", peer.exactly_once, peer.how, run)


def run_workbench(data: Path, limit: float) -> tuple[Cost, Outcome | None]:
    """A project whose only pipeline is the job."""
    with project(data) as folder:
        cost = measured((*WORKBENCH, "run", "--once"), folder / "run.log", limit, environment())
        return cost, Outcome(**sql(folder, COUNTS)[0])


def run_duckdb(data: Path, limit: float) -> tuple[Cost, Outcome | None]:
    """The limit of `ingest`, which counts for itself."""
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        return measured((sys.executable, str(LIMIT), str(data)), Path(folder) / "limit.log", limit, environment()), None
