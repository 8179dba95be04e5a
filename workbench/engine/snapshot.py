"""Everything that the live panes show, put together from what runs."""

from __future__ import annotations

from dataclasses import asdict

from workbench.batch import RESERVED_RULES
from workbench.connectors.source import Source
from workbench.engine.catalog import Catalog
from workbench.engine.events import EventLog
from workbench.engine.monitor import NEW_FOR, Monitor, RuleHistory, resident_bytes
from workbench.jobs.queue import JobQueue
from workbench.language.definitions import Graph, ReadFiles, StreamingTable
from workbench.protocol import ProblemStatus, RuleStatus, Snapshot, StreamState, StreamStatus
from workbench.stream.derived import Derived
from workbench.stream.flow import Flow
from workbench.stream.pump import Pump

LAGGING = 2.0
"""Seconds behind from which a stream is said to lag."""
RUNS = 50


class SnapshotMaker:
    """Puts Snapshots together; holds the pump's lock while it looks at the flows."""

    def __init__(self, monitor: Monitor, pump: Pump, jobs: JobQueue, catalog: Catalog, events: EventLog) -> None:
        self._monitor, self._pump, self._jobs, self._catalog, self._events = monitor, pump, jobs, catalog, events

    def make(self, at: float) -> Snapshot:
        with self._pump.lock:
            streams = self._streams(at)
            rules = tuple(self._rules(self._catalog.graph, at, {s.name: s.rows_in for s in streams}))
        return Snapshot(
            at=at,
            commit=self._pump.assembler.commit_id,
            streams=tuple(streams),
            runs=self._jobs.statuses()[:RUNS],
            rules=rules,
            problems=tuple(ProblemStatus(**asdict(problem)) for problem in self._catalog.problems),
            notices=self._events.latest(),
            datasets=self._catalog.datasets,
            rate=sum(s.rate for s in streams if not s.source.startswith("STREAM ")),
            cpu=self._monitor.cpu(),
            memory=resident_bytes(),
        )

    def _streams(self, at: float) -> list[StreamStatus]:
        plan, commit, stalled = self._pump.assembler.plan, self._pump.assembler.commit_id, self._pump.stalled
        flows = {flow.name: flow for flow in plan.flows}
        derived = {d.name: d for d in plan.derived}
        streams = []
        for table in self._catalog.graph.definitions:
            if not isinstance(table, StreamingTable):
                continue
            views = tuple(view.name for view in plan.views if view.state.stream.lower() == table.name.lower())
            if table.name in flows:
                streams.append(self._flow(flows[table.name], at, commit, stalled, views))
            elif table.name in derived:
                streams.append(self._derived(derived[table.name], at, commit, stalled, views, flows))
            else:
                streams.append(_waiting(table, self._catalog.waiting.get(table.name, "waits for its definition to be right")))
        return streams

    def _flow(self, flow: Flow, at: float, commit: int, stalled: str, views: tuple[str, ...]) -> StreamStatus:
        lag = flow.source.lag()
        state, detail = flow_state(flow, flow.source, lag.seconds, stalled)
        if not detail and lag.waiting:
            detail = f"{lag.waiting:,} bytes of an unfinished last line wait for its end"
        counts = flow.totals
        return StreamStatus(
            flow.name, state, self._monitor.rate(flow.name, at), self._monitor.spark(flow.name, at), lag.seconds, lag.rows,
            min(1.0, flow.queued / (64 << 20)), counts.rows_in, counts.accepted, counts.rejected, counts.filtered, counts.blank,
            self._monitor.rejected_recently(flow.name, at), detail, _source(flow.table), flow.offset, commit, views,
        )  # fmt: skip

    def _derived(
        self, derived: Derived, at: float, commit: int, stalled: str, views: tuple[str, ...], flows: dict[str, Flow]
    ) -> StreamStatus:
        counts, name = derived.totals, derived.name
        base = flows.get(derived.stream)
        state, detail = flow_state(base, base.source, base.source.lag().seconds, stalled) if base else ("RUN", "")
        return StreamStatus(
            name, state, self._monitor.rate(name, at), self._monitor.spark(name, at), 0.0, 0, 0.0, counts.rows_in, counts.accepted,
            counts.rejected, counts.filtered, counts.blank, self._monitor.rejected_recently(name, at), detail, f"STREAM {derived.stream}",
            counts.rows_in, commit, views,
        )  # fmt: skip

    def _rules(self, graph: Graph, at: float, rows_in: dict[str, int]) -> list[RuleStatus]:
        out = []
        for table in graph.definitions:
            if not isinstance(table, StreamingTable):
                continue
            known = {rule.name: rule for rule in table.expectations}
            broken = [rule for stream, rule in self._monitor.rules if stream == table.name and rule not in known]
            for name in (*known, *(r for r in (*RESERVED_RULES, *broken) if r in broken)):
                history = self._monitor.rules.get((table.name, name), RuleHistory())
                recent = history.recent.values(at)
                first = history.first_seen
                out.append(
                    RuleStatus(
                        table.name,
                        name,
                        known[name].action if name in known else "drop",
                        tuple(recent),
                        sum(recent),
                        history.total,
                        history.total / max(1, rows_in.get(table.name, 0)),
                        first,
                        history.last_seen,
                        history.last_id,
                        first is not None and at - first < NEW_FOR,
                        known[name].predicate if name in known else "",
                    )
                )
        return sorted({(r.stream, r.rule): r for r in out}.values(), key=lambda r: -r.total)


def flow_state(flow: Flow, source: Source, seconds: float, stalled: str) -> tuple[StreamState, str]:
    """A flow's state and, in words, why."""
    if flow.error is not None:
        return "FAIL", f"{flow.error.message} {flow.error.hint}".strip()
    if flow.paused:
        return "PAUSE", "paused by hand"
    if stalled:
        return "WAIT", stalled
    lag = source.lag()
    if not lag.files:
        return "WAIT", f"no file matches {_source(flow.table)} yet"
    if seconds > LAGGING:
        return "LAG", ""
    if source.ended and flow.drained:
        return "DONE", ""
    return "RUN", ""


def _waiting(table: StreamingTable, why: str) -> StreamStatus:
    return StreamStatus(table.name, "WAIT", 0.0, (0.0,) * 60, 0.0, 0, 0.0, 0, 0, 0, 0, 0, detail=why, source=_source(table))


def _source(table: StreamingTable) -> str:
    return table.source.glob if isinstance(table.source, ReadFiles) else f"STREAM {table.source.name}"
