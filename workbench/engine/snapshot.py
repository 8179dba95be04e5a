"""Everything that the live panes show, put together from what runs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import asdict

from workbench.batch import RESERVED_RULES, Lag
from workbench.engine.catalog import Catalog
from workbench.engine.datasets import Datasets
from workbench.engine.events import EventLog
from workbench.engine.fullness import fullness
from workbench.engine.losses import Loss, Losses
from workbench.engine.monitor import NEW_FOR, Monitor, RuleHistory, resident_bytes
from workbench.jobs.queue import JobQueue
from workbench.language.definitions import Graph, InsertFlow, SourceSpec, StreamingTable, StreamRef
from workbench.protocol import DriftStatus, FlowStatus, ProblemStatus, RuleStatus, Slow, Snapshot, StreamState, StreamStatus, ViewStatus
from workbench.store.commit import Counts
from workbench.stream.derived import Derivation
from workbench.stream.flow import Flow
from workbench.stream.output import Output
from workbench.stream.pump import Pump

LOOK_BACK = 5.0
"""Seconds over which it is seen whether a backlog shrinks."""
STATES: tuple[StreamState, ...] = ("DONE", "RUN", "WAIT", "PAUSE", "STOP", "LAG", "FAIL")
"""The further right, the more it says about a table whose flows are in different states."""
LAGGING = 2.0
"""Seconds behind from which a stream is said to lag."""
RUNS = 50
UNBUILT = "waits for its definition to be right"


class SnapshotMaker:
    """Puts Snapshots together; holds the pump's lock while it looks at the flows."""

    def __init__(
        self,
        monitor: Monitor,
        pump: Pump,
        jobs: JobQueue,
        catalog: Catalog,
        events: EventLog,
        datasets: Datasets,
        drifts: Callable[[], tuple[DriftStatus, ...]] = tuple,
        inputs: Callable[[], tuple[str, ...]] = tuple,
        losses: Losses | None = None,
        trouble: Callable[[SourceSpec | StreamRef | None], str] = lambda spec: "",
    ) -> None:
        self._monitor, self._pump, self._jobs, self._catalog, self._events = monitor, pump, jobs, catalog, events
        self._datasets, self._drifts, self._inputs, self._losses = datasets, drifts, inputs, losses
        self._trouble = trouble
        self._behind: dict[str, deque[tuple[float, int]]] = {}
        """For each stream that is behind: when it was looked at, and how many rows were unread then."""

    def make(self, at: float) -> Snapshot:
        # Outside the lock: a source on a mount that hangs must not stop the others.
        flows = list(self._pump.flows)
        lags = {flow.name: flow.source.lag() for flow in flows}
        if self._losses is not None:
            self._losses.look(flows)
        with self._pump.lock:
            streams = self._streams(at, lags)
            rules = tuple(self._rules(self._catalog.graph, at, {s.name: s.rows_in for s in streams}))
            views = tuple(self._views())
            commit = self._pump.assembler.commit_id  # that of the numbers, not of a later one
        return Snapshot(
            at=at,
            commit=commit,
            streams=tuple(streams),
            runs=self._jobs.statuses()[:RUNS],
            rules=rules,
            problems=tuple(ProblemStatus(**asdict(problem)) for problem in self._catalog.problems),
            notices=self._events.latest(),
            datasets=self._datasets.of(self._catalog.entries),
            rate=sum(flow.rate for s in streams for flow in s.flows if not flow.source.startswith("STREAM ")),
            cpu=self._monitor.cpu(),
            memory=resident_bytes(),
            views=views,
            drifts=self._drifts(),
            inputs=self._inputs(),
        )

    def _views(self) -> list[ViewStatus]:
        plan = self._pump.assembler.plan
        return [view.status() for view in plan.views] + [keeper.status() for keeper in plan.remembering]

    def _streams(self, at: float, lags: dict[str, Lag]) -> list[StreamStatus]:
        plan = self._pump.assembler.plan
        totals = plan.totals()
        streams = []
        for table in self._catalog.graph.definitions:
            if not isinstance(table, StreamingTable):
                continue
            flows = [(flow, output) for flow in plan.flows for output in flow.outputs if output.table.name == table.name]
            derived = [d for d in plan.derived if d.table.name == table.name]
            if table.name not in totals:
                why = self._catalog.waiting.get(table.name, self._why_waiting(table))
                streams.append(_waiting(table, self._trouble(table.source) or why))
                continue
            statuses = [self._flow(flow, output, at, lags) for flow, output in flows] + [self._derived(d, at, lags) for d in derived]
            statuses += self._left_out(table, {status.name for status in statuses})
            streams.append(self._stream(table, totals[table.name], statuses, [flow for flow, _ in flows], at))
        return streams

    def _why_waiting(self, table: StreamingTable) -> str:
        if table.source is not None:
            return UNBUILT
        if flows := [flow.name for flow in _flows_into(self._catalog.graph, table)]:
            return f"waits for the definition of {', '.join(flows)} to be right"
        new = "; nothing that is new runs until the problems of the pipelines are mended" if self._catalog.problems else ""
        return f"waits for a flow: CREATE FLOW … INSERT INTO {table.name}{new}"

    def _left_out(self, table: StreamingTable, running: set[str]) -> list[FlowStatus]:
        """Flows of a table that runs which do not run themselves."""
        return [
            FlowStatus(
                flow.name,
                _source(flow),
                "WAIT",
                detail=f"{flow.name}: {self._trouble(flow.source) or self._catalog.waiting.get(flow.name, UNBUILT)}",
            )
            for flow in _flows_into(self._catalog.graph, table)
            if flow.name not in running
        ]

    def _stream(self, table: StreamingTable, counts: Counts, flows: list[FlowStatus], reading: list[Flow], at: float) -> StreamStatus:
        plan = self._pump.assembler.plan
        worst = max(flows, key=lambda f: STATES.index(f.state))
        rate, lag_rows = self._monitor.rate(table.name, at), sum(f.lag_rows for f in flows)
        queued = sum(flow.queued for flow in reading)
        behind = any(f.state == "LAG" for f in flows) or any(flow.behind for flow in reading)
        left, watched = self._catch_up(table.name, lag_rows, at) if behind else (None, True)
        return StreamStatus(
            name=table.name,
            state=worst.state,
            rate=rate,
            spark=self._monitor.spark(table.name, at),
            lag_seconds=max(f.lag_seconds for f in flows),
            lag_rows=lag_rows,
            queue=min(1.0, queued / self._pump.queue_limit),
            rows_in=counts.rows_in,
            accepted=counts.accepted,
            rejected=counts.rejected,
            filtered=counts.filtered,
            blank=counts.blank,
            rejected_recently=self._monitor.rejected_recently(table.name, at),
            detail=worst.detail,
            source=" + ".join(f.source for f in flows),
            offset=sum(output.offset for flow in reading for output in flow.outputs if output.table.name == table.name),
            commit=self._pump.assembler.commit_id,
            views=tuple(view.name for view in plan.views if view.state.stream.lower() == table.name.lower()),
            flows=tuple(flows),
            lag_bytes=sum(f.lag_bytes for f in flows),
            catch_up=left,
            watched=watched,
            slow=self._slow(reading) if behind and lag_rows else "",
            queue_bytes=queued,
            queue_limit=self._pump.queue_limit,
        )

    def _flow(self, flow: Flow, output: Output, at: float, lags: dict[str, Lag]) -> FlowStatus:
        lag = lags.get(flow.name, Lag())
        state, detail = flow_state(flow, lag, self._pump.stalled)
        if not detail and lag.waiting:
            detail = f"{lag.waiting:,} bytes of an unfinished last line wait for its end"
        if full := fullness(flow, self._pump.flows, lags):
            detail = f"{detail}; {full}" if detail else full
            if state == "RUN" and not lag.bytes:
                state = "WAIT"
        lost = self._losses.of(output.name) if self._losses is not None else Loss(lag.dropped, lag.dropped_by_kernel)
        times = [dict(view.progress.event_times).get(output.name) for view in self._pump.assembler.plan.views]
        return FlowStatus(
            name=output.name,
            source=output.source,
            state=state,
            rate=self._monitor.rate(f"{output.table.name}/{output.name}", at),
            lag_seconds=lag.seconds,
            lag_rows=lag.rows,
            lag_bytes=lag.bytes,
            rows_in=output.totals.rows_in,
            accepted=output.totals.accepted,
            rejected=output.totals.rejected,
            held=lag.held,
            hold_limit=lag.hold_limit,
            dropped=lost.records,
            dropped_by_kernel=lost.kernel,
            peers=lag.peers,
            limit=flow.allowance.rate,
            event_time=max((time / 1e6 for time in times if time is not None), default=None),
            watermark_idle=output.name in self._pump.idle,
            detail=detail,
        )

    def _derived(self, derived: Derivation, at: float, lags: dict[str, Lag]) -> FlowStatus:
        counts = derived.totals
        bases = self._bases(derived)
        states = [flow_state(base, lags.get(base.name, Lag()), self._pump.stalled) for base in bases]
        nothing: tuple[StreamState, str] = ("WAIT", f"nothing writes into {' or '.join(dict.fromkeys(derived.inputs))} now")
        state, detail = max(states, key=lambda found: STATES.index(found[0]), default=nothing)
        return FlowStatus(
            derived.name, f"STREAM {', '.join(derived.inputs)}", state, self._monitor.rate(f"{derived.table.name}/{derived.name}", at),
            rows_in=counts.rows_in, accepted=counts.accepted, rejected=counts.rejected, detail=detail,
        )  # fmt: skip

    def _bases(self, derived: Derivation) -> list[Flow]:
        """The flows of the outside world that a flow's rows come from, through whatever is between."""
        plan, found = self._pump.assembler.plan, {name.lower() for name in derived.inputs}
        for between in reversed(plan.derived):  # each comes after those that it reads
            if between.table.name.lower() in found:
                found.update(name.lower() for name in between.inputs)
        return [flow for flow in plan.flows if any(output.table.name.lower() in found for output in flow.outputs)]

    def _catch_up(self, stream: str, rows: int, at: float) -> tuple[float | None, bool]:
        """Seconds until what is unread is stored, at the pace at which the unread has shrunk; None when it does not shrink. And whether
        it was looked at for long enough to tell."""
        looks = self._behind.setdefault(stream, deque())
        while looks and at - looks[0][0] > LOOK_BACK:
            looks.popleft()
        looks.append((at, rows))
        since, before = looks[0]
        watched = at - since >= 1.0
        if watched:
            pace = (before - rows) / (at - since)
        else:  # too early to see it shrink: what is stored a second is all that is known
            pace = self._monitor.rate(stream, at)
        return (rows / pace if pace > 0 else None), watched

    def _slow(self, flows: list[Flow]) -> Slow:
        """What the time goes to while it is behind."""
        if any(flow.allowance.rate is not None and not flow.queued for flow in flows):
            return "limit"
        whole = self._pump.load
        spent: dict[Slow, float] = {
            "source": sum(flow.load.spent("source") for flow in flows),
            "decode": sum(flow.load.spent("decode") for flow in flows) / max(1, self._pump.threads),
            "commit": whole.spent("commit"),
            "disk": whole.spent("disk"),
        }
        return max(spent, key=lambda part: spent[part])

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


def flow_state(flow: Flow, lag: Lag, stalled: str) -> tuple[StreamState, str]:
    """A flow's state and, in words, why."""
    if flow.error is not None:
        return "FAIL", f"{flow.error.message}. {flow.error.hint}" if flow.error.hint else flow.error.message
    if flow.stopped:
        return "STOP", "stopped by hand; its source is closed"
    if flow.paused:
        return "PAUSE", "paused by hand"
    if stalled or flow.held:
        return "WAIT", stalled or flow.held
    if not lag.files and flow.outputs[0].source.startswith("read_files"):
        since = "any more" if flow.outputs[0].totals.rows_in else "yet"
        return "WAIT", f"no file matches {flow.outputs[0].source.removeprefix('read_files ')} {since}"
    if lag.seconds > LAGGING:
        return "LAG", lag.trouble
    if lag.trouble:
        return "RUN" if lag.bytes else "WAIT", lag.trouble
    if flow.source.ended and flow.drained and not flow.committing:
        return "DONE", ""
    return "RUN", ""


def _waiting(table: StreamingTable, why: str) -> StreamStatus:
    return StreamStatus(table.name, "WAIT", 0.0, (0.0,) * 60, 0.0, 0, 0.0, 0, 0, 0, 0, 0, detail=why, source=_source(table))


def _source(flow: StreamingTable | InsertFlow) -> str:
    if flow.source is None:
        return ""
    return f"STREAM {flow.source.name}" if isinstance(flow.source, StreamRef) else flow.source.label


def _flows_into(graph: Graph, table: StreamingTable) -> list[InsertFlow]:
    return [d for d in graph.definitions if isinstance(d, InsertFlow) and d.table.lower() == table.name.lower()]
