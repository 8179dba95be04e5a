"""The figures of one contestant, and all of them as a Markdown table."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from tests.benchmarks.lab import Cost
from tests.benchmarks.peers.contestant import Contestant
from tests.benchmarks.peers.outcome import Outcome
from tests.benchmarks.peers.process import NotMeasured

Attempt = tuple[Cost, Outcome | None] | NotMeasured
COLUMNS = {
    "rows/s": "rows_per_second",
    "rows/s after start": "rows_per_second_after_start",
    "rows/cpu-s": "rows_per_cpu_second",
    "start, s": "start_seconds",
    "peak MB": "peak_megabytes",
    "exactly once": "exactly_once",
    "accepted": "accepted",
    "of them in minutes": "rows_in_minutes",
}


def figures(contestant: Contestant, lines: tuple[int, int], start: Attempt, runs: Sequence[Attempt], truth: Outcome) -> dict[str, Any]:
    """Medians over its runs; `lines` are those of the short file, which tells what it costs to start, and of the long one."""
    known = {key: getattr(contestant, key) for key in ("name", "title", "version", "exactly_once", "how")}
    done = [each for each in runs if not isinstance(each, NotMeasured)]
    if isinstance(start, NotMeasured) or len(done) < len(runs):
        return {**known, "status": "not measured", "why": [str(each) for each in (start, *runs) if isinstance(each, NotMeasured)]}
    few, many = lines
    wall = statistics.median(cost.wall for cost, _ in done)
    cpu = statistics.median(cost.cpu for cost, _ in done)
    return {
        **known,
        "status": "measured",
        "rows_per_second": round(many / wall),
        "rows_per_second_after_start": _after_start(many - few, wall - start[0].wall, start[0].wall),
        "rows_per_cpu_second": round(many / cpu),
        "wall_seconds": wall,
        "cpu_seconds": cpu,
        "start_seconds": start[0].wall,
        "peak_megabytes": max(cost.memory for cost, _ in done),
        **_counts(done[-1][1], truth),
    }


def _after_start(lines: int, seconds: float, start: float) -> int | None:
    """None where the file was too short to tell the work from the start."""
    return round(lines / seconds) if seconds > start / 2 else None


def _counts(outcome: Outcome | None, truth: Outcome) -> dict[str, Any]:
    """What was written and whether it is right; a row that is in no minute was late, or its window was still open."""
    if outcome is None:
        return {}
    whole = outcome.rows_in_minutes == truth.rows_in_minutes
    return {
        "accepted": outcome.accepted,
        "accepted_is_right": outcome.accepted == truth.accepted,
        "minutes": outcome.minutes,
        "rows_in_minutes": outcome.rows_in_minutes,
        "revenue": outcome.revenue,
        "revenue_is_right": abs(outcome.revenue - truth.revenue) < 0.01 * truth.minutes if whole else None,
    }


def markdown(rows: Sequence[dict[str, Any]]) -> str:
    """A table for the README; who was not measured says why."""
    lines = [f"| | {' | '.join(COLUMNS)} |", "|---" * (len(COLUMNS) + 1) + "|"]
    for row in rows:
        measured = row["status"] == "measured"
        cells = [_cell(row.get(key)) if measured or key == "exactly_once" else "" for key in COLUMNS.values()]
        if not measured:
            cells[0] = row["status"]
        lines.append(f"| {row['title']} {row.get('version', '')} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.1f}"
    return "" if value is None else f"{value:,}"
