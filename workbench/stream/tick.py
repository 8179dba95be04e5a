"""One tick: everything that a commit will write, computed before the transaction begins."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from workbench.batch import Offset
from workbench.store.commit import Commit, Counts, StreamDelta, ViewDelta
from workbench.store.session import Session
from workbench.stream.derived import Derived
from workbench.stream.flow import Flow
from workbench.stream.pending import Cut
from workbench.stream.rejections import RuleBook, rejections
from workbench.stream.running import RunningView


@dataclass(slots=True)
class Plan:
    """What runs: flows with a source, the streaming tables over them (in order), the running states."""

    flows: list[Flow] = field(default_factory=list)
    books: dict[str, RuleBook] = field(default_factory=dict)
    derived: list[Derived] = field(default_factory=list)
    views: list[RunningView] = field(default_factory=list)
    """`books` holds the rules of every streaming table, by name."""


@dataclass(slots=True)
class Tick:
    """Pieces of several flows on their way into one commit."""

    cuts: list[tuple[Flow, list[Cut]]]
    commit: Commit | None = None
    offsets: list[tuple[Flow, Offset]] = field(default_factory=list)

    @property
    def flows(self) -> list[Flow]:
        return [flow for flow, _ in self.cuts]


class Assembler:
    """Turns pieces into a Commit: merged rows, rejections, partial aggregates; touches no memory that outlives a failure.

    Args:
        commit_id, quarantine_id: the last ones that were used.
    """

    def __init__(self, plan: Plan, commit_id: int, quarantine_id: int) -> None:
        self.plan = plan
        self.commit_id = commit_id
        self.quarantine_id = quarantine_id

    def assemble(self, session: Session, tick: Tick, at: float) -> Commit:
        """Compute what the tick stores; afterwards `tick.commit` and `tick.offsets` are set."""
        streams: list[StreamDelta] = []
        views: list[ViewDelta] = []
        verdicts: dict[str, tuple[pa.Table, np.ndarray]] = {}
        tick.offsets = []
        next_id = self.quarantine_id + 1
        for flow, cuts in tick.cuts:
            delta, verdict = self._flow_delta(flow, cuts, next_id, tick)
            next_id += delta.counts.rejected
            streams.append(delta)
            if delta.rows is not None:
                verdicts[flow.name] = (delta.rows, verdict)
        for derived in self.plan.derived:
            if derived.stream in verdicts:
                rows, verdict = verdicts[derived.stream]
                accepted = _accepted(rows, verdict)
                if not accepted.num_rows:
                    continue
                delta, verdict = derived.delta(accepted, at, next_id)
                next_id += delta.counts.rejected
                streams.append(delta)
                if delta.rows is not None:
                    verdicts[derived.name] = (delta.rows, verdict)
        for view in self.plan.views:
            if view.state.stream in verdicts and (verdicts[view.state.stream][1] == 0).any():
                views.append(view.delta(session, *verdicts[view.state.stream]))
        tick.commit = Commit(self.commit_id + 1, at, tuple(streams), tuple(views))
        return tick.commit

    def advance(self, tick: Tick) -> None:
        """After the verified commit: take over ids, totals, watermarks, offsets."""
        commit = tick.commit
        assert commit is not None
        self.commit_id = commit.id
        self.quarantine_id += sum(delta.counts.rejected for delta in commit.streams)
        by_name = {delta.stream: delta for delta in commit.streams}
        for flow, offset in tick.offsets:
            with flow.source_lock:
                flow.source.committed(offset)
        for flow in tick.flows:
            flow.committed(by_name[flow.name].totals, by_name[flow.name].offset)
        for derived in self.plan.derived:
            if derived.name in by_name:
                derived.advance(by_name[derived.name])
        deltas = {delta.view: delta for delta in commit.views}
        for view in self.plan.views:
            if view.name in deltas:
                view.advance(deltas[view.name])

    def _flow_delta(self, flow: Flow, cuts: list[Cut], first_id: int, tick: Tick) -> tuple[StreamDelta, np.ndarray]:
        book = self.plan.books[flow.name]
        counts = sum((cut.counts() for cut in cuts), Counts())
        rejected = rejections(cuts, book, first_id, f"read_files {flow.table.name}")
        offsets = self._offsets(flow, cuts)
        tick.offsets += [(flow, offset) for offset in offsets]
        verdict = np.concatenate([cut.verdict for cut in cuts])
        size = sum(cut.bytes for cut in cuts)
        delta = StreamDelta(
            stream=flow.name,
            columns=flow.columns,
            rows=pa.concat_tables([cut.rows for cut in cuts]).append_column("_verdict", pa.array(verdict)),
            rejections=rejected,
            counts=counts,
            totals=flow.totals + counts,
            bytes=size,
            offset=flow.offset + size,
            offsets=offsets,
            spans=tuple((cut.raw.start.file_id, cut.start_byte, cut.stop_byte) for cut in cuts),
            rules=book.counts(np.concatenate([cut.mask for cut in cuts]), first_id + counts.rejected - 1 if rejected is not None else None),
        )
        return delta, verdict

    def _offsets(self, flow: Flow, cuts: list[Cut]) -> tuple[Offset, ...]:
        """The offset after the last piece of each file."""
        last = {cut.raw.start.file_id: cut for cut in cuts}
        with flow.source_lock:
            return tuple(flow.source.offset_at(cut.raw, cut.stop_byte, cut.stop_line) for cut in last.values())


def _accepted(rows: pa.Table, verdict: np.ndarray) -> pa.Table:
    plain = rows.drop_columns(["_verdict"])
    return plain if not verdict.any() else plain.filter(pa.array(verdict == 0))
