"""Exactly-once ingest of dirty orders against plain DuckDB, whole processes, alternating: `python -m tests.benchmarks.ingest`."""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path
from typing import Any

from tests.benchmarks.lab import WORKBENCH, Cost, measured, orders_file, project, report, sql, warm

EXPECTED = {5_000_000: {"accepted": 4_955_338, "rejected": 44_662, "malformed": 4_917}}
COUNTS = """\
SELECT (SELECT count(*) FROM orders) AS accepted, count(*) AS rejected,
  count(*) FILTER (WHERE list_contains(rules, '_malformed')) AS malformed, (SELECT count(*) FROM workbench.late) AS late
FROM workbench.quarantine"""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, default=5_000_000)
    arguments.add_argument("--rounds", type=int, default=3)
    given = arguments.parse_args()
    data = orders_file(given.rows)
    warm(data)
    ours: list[Cost] = []
    limits: list[Cost] = []
    counts: dict[str, Any] = {}
    for _ in range(given.rounds):
        with project(data) as folder:
            ours.append(measured((*WORKBENCH, "run", "--once"), folder))
            counts = sql(folder, COUNTS)[0]
        limits.append(measured((sys.executable, str(Path(__file__).with_name("limit.py")), str(data)), data.parent))
    expected = EXPECTED.get(given.rows)
    report(
        "ingest",
        {
            "rows": given.rows,
            "workbench": ours,
            "limit": limits,
            "wall_ratio": _ratio([c.wall for c in ours], [c.wall for c in limits]),
            "cpu_ratio": _ratio([c.cpu for c in ours], [c.cpu for c in limits]),
            "peak_megabytes": max(c.memory for c in ours),
            "counts": counts,
            "counts_are_right": None if expected is None else all(counts[k] == v for k, v in expected.items()),
        },
    )


def _ratio(ours: list[float], limits: list[float]) -> float:
    return round(statistics.median(ours) / statistics.median(limits), 3)


if __name__ == "__main__":
    main()
