"""What a `run --once` did, for whoever started it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from workbench.connectors.files.source import FileSource
from workbench.errors import Problem
from workbench.protocol import RunStatus
from workbench.store.commit import Counts
from workbench.stream.flow import Flow
from workbench.stream.tick import Plan


@dataclass(frozen=True, slots=True)
class Summary:
    """`counts` by stream, of this run alone; `failed` and `waiting`: name → why; `unended`: by stream, what lacks the end of its
    last line (files; of other sources the stream itself), and the bytes of that.

    `unread`: by stream, what could not be read and why; `passed_over`: what its pattern names and is no file.
    """

    counts: dict[str, Counts]
    failed: dict[str, str] = field(default_factory=dict)
    waiting: dict[str, str] = field(default_factory=dict)
    unended: dict[str, dict[str, int]] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    unread: dict[str, tuple[str, ...]] = field(default_factory=dict)
    passed_over: dict[str, tuple[str, ...]] = field(default_factory=dict)


def summarize(
    plan: Plan,
    before: dict[str, Counts],
    runs: tuple[RunStatus, ...],
    since: float,
    waiting: dict[str, str],
    problems: tuple[Problem, ...],
    unread: Mapping[str, tuple[str, ...]],
) -> Summary:
    """Compare what runs with the totals before; runs that failed since then count as failures.

    Args:
        unread: by flow, what could not be read of those that wait.
    """
    counts = {}
    for name, after in plan.totals().items():
        earlier = before.get(name, Counts()).as_tuple()
        counts[name] = Counts(*(now - then for now, then in zip(after.as_tuple(), earlier, strict=True)))
    failed = {output.table.name: str(flow.error) for flow in plan.flows if flow.error for output in flow.outputs}
    failed |= {run.job: run.error for run in runs if run.state == "failed" and run.started_at >= since}
    unended = {output.table.name: found for flow in plan.flows for output in flow.outputs if (found := _unended(flow, output.table.name))}
    files = [(output.table.name, flow.source) for flow in plan.flows for output in flow.outputs if isinstance(flow.source, FileSource)]
    denied = {name: why for name, why in unread.items() if why and name in waiting} | {n: why for n, s in files if (why := s.unread())}
    passed_over = {name: sentences for name, source in files if (sentences := source.passed_over())}
    return Summary(counts, failed, waiting, unended, problems, denied, passed_over)


def _unended(flow: Flow, table: str) -> dict[str, int]:
    if isinstance(flow.source, FileSource):
        return flow.source.unfinished()
    waiting = flow.source.lag().waiting
    return {table: waiting} if waiting else {}
