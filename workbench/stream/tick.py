"""One tick: everything that a commit will write, computed before the transaction begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa

from workbench.batch import Batch, Offset
from workbench.store.commit import Commit, Counts, Span, StreamDelta
from workbench.store.running import ViewDelta
from workbench.store.session import Session
from workbench.stream.arrival import Arrival
from workbench.stream.derived import Derivation, Derived
from workbench.stream.distinct import Deduplication, Kept
from workbench.stream.flow import Flow
from workbench.stream.join import JoinFlow
from workbench.stream.output import Output
from workbench.stream.pending import Cut, PendingRead
from workbench.stream.rejections import RuleBook, rejections
from workbench.stream.running import RunningView


@dataclass(slots=True)
class Plan:
    """What runs: flows with a source, the flows over streaming tables (each after those that it reads), the running states.

    `books` holds the rules of every streaming table, by name.
    """

    flows: list[Flow] = field(default_factory=list)
    books: dict[str, RuleBook] = field(default_factory=dict)
    derived: list[Derivation] = field(default_factory=list)
    views: list[RunningView] = field(default_factory=list)

    @property
    def outputs(self) -> list[Output]:
        return [output for flow in self.flows for output in flow.outputs]

    @property
    def remembering(self) -> list[JoinFlow | Deduplication]:
        """What keeps rows of its own that it can let go of with time."""
        return [*(flow for flow in self.derived if isinstance(flow, JoinFlow)), *self.deduplications]

    @property
    def deduplications(self) -> list[Deduplication]:
        """Of all flows that have one."""
        flows: list[Output | Derived] = [*self.outputs, *(flow for flow in self.derived if isinstance(flow, Derived))]
        return [flow.distinct for flow in flows if flow.distinct is not None]

    def totals(self) -> dict[str, Counts]:
        """Counts of every streaming table since it began, all its flows together."""
        found: dict[str, Counts] = {}
        flows: list[Output | Derivation] = [*self.outputs, *self.derived]
        for flow in flows:
            found[flow.table.name] = found.get(flow.table.name, Counts()) + flow.totals
        return found


@dataclass(slots=True)
class Tick:
    """Pieces of several flows on their way into one commit.

    `idle`: source flows that hold no watermark now; `ended`: all whose input is over for good, when one of them ended since the last
    tick, so that windows close.
    `pieces`: what was cut for each output, its SELECT done, by its name.
    """

    cuts: list[tuple[Flow, list[tuple[Cut, ...]]]]
    idle: frozenset[str] = frozenset()
    ended: frozenset[str] = frozenset()
    commit: Commit | None = None
    offsets: list[tuple[Flow, Offset]] = field(default_factory=list)
    pieces: dict[str, list[Cut]] = field(default_factory=dict)
    kept: dict[str, Kept] = field(default_factory=dict)
    """What deduplications made of the pieces, by output."""

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
        """Compute what the tick stores; afterwards `tick.commit`, `tick.offsets` and `tick.pieces` are set."""
        streams: list[StreamDelta] = []
        arrivals: dict[str, list[Arrival]] = {}
        tick.offsets, tick.pieces, tick.kept = [], {}, {}
        next_id = self.quarantine_id + 1
        for flow, reads in tick.cuts:
            offsets = _offsets(flow, [pieces[0] for pieces in reads])
            tick.offsets += [(flow, offset) for offset in offsets]
            for place, output in enumerate(flow.outputs):
                mine = [pieces[place] for pieces in reads]
                cuts = [_selected(output, mine, n) for n in range(len(mine))]
                if output.distinct is not None:
                    cuts, tick.kept[output.name] = _distinct(session, output.distinct, output.name, cuts, tick.idle)
                tick.pieces[output.name] = cuts
                delta, arrival = self._delta(output, cuts, offsets, next_id, tick.kept.get(output.name))
                next_id += delta.counts.rejected
                streams.append(delta)
                arrivals.setdefault(output.table.name, []).append(arrival)
        for derived in self.plan.derived:
            found = derived.delta(session, arrivals, tick.idle, at, next_id)
            if found is not None:
                delta, arrival = found
                next_id += delta.counts.rejected
                streams.append(delta)
                arrivals.setdefault(derived.table.name, []).append(arrival)
        tick.commit = Commit(self.commit_id + 1, at, tuple(streams), tuple(self._views(session, arrivals, tick)))
        return tick.commit

    def advance(self, tick: Tick) -> None:
        """After the verified commit: take over ids, totals, watermarks, offsets."""
        commit = tick.commit
        assert commit is not None
        self.commit_id = commit.id
        self.quarantine_id += sum(delta.counts.rejected for delta in commit.streams)
        by_name = {delta.flow: delta for delta in commit.streams}
        for flow, offset in tick.offsets:
            flow.stored(offset)
        for flow in tick.flows:
            for output in flow.outputs:
                output.totals, output.offset = by_name[output.name].totals, by_name[output.name].offset
                if output.distinct is not None:
                    output.distinct.advance(tick.kept[output.name])
            flow.committed()
            flow.settle()
        for derived in self.plan.derived:
            if derived.name in by_name:
                derived.advance(by_name[derived.name])
        deltas = {delta.view: delta for delta in commit.views}
        for view in self.plan.views:
            if view.name in deltas:
                view.advance(deltas[view.name])

    def concerns(self, tick: Tick) -> bool:
        """Whether a tick without rows may change anything: a source that became idle, or ended, may close windows."""
        return any(view.moved_by(tick.idle) or (tick.ended and set(view.sources) <= tick.ended) for view in self.plan.views)

    def _views(self, session: Session, arrivals: dict[str, list[Arrival]], tick: Tick) -> list[ViewDelta]:
        found = []
        for view in self.plan.views:
            came = [a for a in arrivals.get(view.state.stream, ()) if (a.verdict == 0).any()]
            ended = bool(tick.ended) and set(view.sources) <= tick.ended
            if came or ended or view.moved_by(tick.idle):
                found.append(view.delta(session, came, tick.idle, ended))
        return found

    def _delta(
        self, output: Output, cuts: Sequence[Cut], offsets: tuple[Offset, ...], first_id: int, kept: Kept | None
    ) -> tuple[StreamDelta, Arrival]:
        book = self.plan.books[output.table.name]
        counts = sum((cut.counts() for cut in cuts), Counts())
        rejected = rejections(cuts, book, first_id, output.source)
        verdict = np.concatenate([cut.verdict for cut in cuts])
        size = sum(cut.bytes for cut in cuts)
        rows = pa.concat_tables([cut.rows for cut in cuts]).append_column("_verdict", pa.array(verdict))
        arrival = Arrival(output.name, rows, verdict, ((output.name, len(verdict)),))
        delta = StreamDelta(
            flow=output.name,
            stream=output.table.name,
            columns=output.columns,
            rows=rows,
            rejections=rejected,
            counts=counts,
            totals=output.totals + counts,
            bytes=size,
            offset=output.offset + size,
            offsets=offsets,
            spans=tuple(_span(cut) for cut in cuts),
            origins=((output.name, counts.accepted),) if counts.accepted else (),
            rules=book.counts(np.concatenate([cut.mask for cut in cuts]), first_id + counts.rejected - 1 if rejected is not None else None),
            states=kept.states if kept else (),
            late=kept.late if kept else (),
        )
        return delta, arrival


def _distinct(session: Session, distinct: Deduplication, name: str, cuts: Sequence[Cut], idle: frozenset[str]) -> tuple[list[Cut], Kept]:
    """The pieces with their duplicates filtered out; what these broke is not counted, as with all that is filtered."""
    rows = pa.concat_tables([cut.rows for cut in cuts])
    verdict = np.concatenate([cut.verdict for cut in cuts])
    kept = distinct.judge(session, rows, verdict, ((name, len(verdict)),), idle)
    edges = np.cumsum([0, *(len(cut.verdict) for cut in cuts)])
    pieces = [
        replace(
            cut,
            rows=kept.rows.slice(start, stop - start),
            verdict=kept.verdict[start:stop],
            mask=np.where(kept.left_out[start:stop], np.uint64(0), cut.mask),
        )
        for cut, start, stop in zip(cuts, edges[:-1].tolist(), edges[1:].tolist(), strict=True)
    ]
    return pieces, kept


def _span(cut: Cut) -> Span:
    start = cut.raw.start
    return Span(start.file_id, start.file, cut.start_byte, cut.stop_byte, start.line + cut.first, cut.stop_line)


def _offsets(flow: Flow, cuts: Sequence[Cut]) -> tuple[Offset, ...]:
    """The offset after the last piece of each file."""
    last = {cut.raw.start.file_id: cut for cut in cuts}
    return tuple(flow.source.offset_at(cut.raw, cut.stop_byte, cut.stop_line) for cut in last.values())


def _selected(output: Output, cuts: Sequence[Cut], n: int) -> Cut:
    """Piece n after the output's SELECT, where that reads tables and had to wait for the commit.

    Args:
        cuts: all of the commit; those before are not stored either when this one fails.

    Raises:
        ExpectationFailed: a row breaks a FAIL rule.
    """
    cut = cuts[n]
    if output.select is None or cut.first == cut.stop:
        return cut
    decoded = Batch(
        cut.raw, cut.rows, cut.verdict, cut.mask, cut.line_start[cut.first : cut.stop + 1], cut.rejected, cut.raw_lines
    )  # fmt: skip
    batch = output.select(decoded)
    if failed := output.first_failed(batch):
        record, bits = failed
        place = f"{cut.raw.start.file} line {cut.raw.start.line + record + 1}"
        raise output.failure(bits, place, sum(one.stop - one.first for one in cuts[:n]) + record)
    (piece,) = PendingRead((batch,), whole=True).cut(0)
    return piece
