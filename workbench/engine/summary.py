"""What a `run --once` did, for whoever started it."""

from __future__ import annotations

from dataclasses import dataclass, field

from workbench.errors import Problem
from workbench.protocol import RunStatus
from workbench.store.commit import Counts
from workbench.stream.tick import Plan


@dataclass(frozen=True, slots=True)
class Summary:
    """`counts` by stream, of this run alone; `failed` and `waiting`: name → why; `unended`: bytes of a last line without its end."""

    counts: dict[str, Counts]
    failed: dict[str, str] = field(default_factory=dict)
    waiting: dict[str, str] = field(default_factory=dict)
    unended: dict[str, int] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


def summarize(
    plan: Plan, before: dict[str, Counts], runs: tuple[RunStatus, ...], since: float, waiting: dict[str, str], problems: tuple[Problem, ...]
) -> Summary:
    """Compare what runs with the totals before; runs that failed since then count as failures."""
    counts = {}
    for name, after in plan.totals().items():
        earlier = before.get(name, Counts()).as_tuple()
        counts[name] = Counts(*(now - then for now, then in zip(after.as_tuple(), earlier, strict=True)))
    failed = {output.table.name: str(flow.error) for flow in plan.flows if flow.error for output in flow.outputs}
    failed |= {run.job: run.error for run in runs if run.state == "failed" and run.started_at >= since}
    unended = {output.table.name: size for flow in plan.flows if (size := flow.source.lag().waiting) for output in flow.outputs}
    return Summary(counts, failed, waiting, unended, problems)
