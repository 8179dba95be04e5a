"""Reading a stream from the end: what would be skipped, and skipping it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from workbench.batch import Offset
from workbench.engine.control import Arguments, Intent, Target, already, impossible, takes
from workbench.engine.sentences import MOST_NAMED, count
from workbench.engine.standing import offsets
from workbench.errors import UsageError
from workbench.store.rewind import Place, Rewound, add_marker
from workbench.store.session import Session
from workbench.stream.flow import Flow
from workbench.stream.pump import Pump


class Skipping:
    """The action `end`, for Control: what is unread is passed over, and told. See Control for `renew`."""

    def __init__(self, pump: Pump, clock: Callable[[], float], renew: Callable[[Session, frozenset[str]], None]) -> None:
        self._pump, self._clock, self._renew = pump, clock, renew

    def end(self, session: Session, target: Target, arguments: Arguments) -> Intent:
        """Skip what is unread: read on from the end, where that is when it is done."""
        takes(arguments)
        name = target.table.name
        if not target.flows:
            raise UsageError(f"{name} has no source of its own that runs", "Command the stream that it reads.")
        if any(flow.stopped for flow in target.running):
            return impossible(f"{name} is stopped: its source is closed.", "Resume it first, or pause it instead.")
        skips = [skip for flow in target.running for skip in self._skips(session, flow, target.flows)]
        if not any(skip.passed for skip in skips):
            return already(f"{name} has nothing unread: it reads at the end.")
        reads = any(flow.runs for flow in target.running)
        says = [f"{name} reads on from the end: {'' if reads else 'at least '}{_amount(skips)} unread so far, are skipped and not stored."]
        says += ["It reads until then: what is unread when it is done is skipped, be it more or less."] if reads else []
        files = [(b.file, b.byte - a.byte) for skip in skips for a, b in skip.passed]
        says += [f"{file}: {size:,} {'row groups' if skips[0].groups else 'bytes'} are skipped." for file, size in files[:MOST_NAMED]]
        if len(files) > MOST_NAMED:
            says.append(f"So it goes for {len(files) - MOST_NAMED} more files.")
        says.append("A rewind to an earlier commit reads them after all, as long as they are there.")
        last = session.execute("SELECT coalesce(max(commit), 0) FROM _system.rewinds")[0][0]
        facts: list[object] = [sorted((skip.flow.flow, skip.flow.stream) for skip in skips), last]
        return Intent(says, lambda own: self._skip(own, name, skips), facts)

    def _skips(self, session: Session, flow: Flow, names: tuple[str, ...]) -> list[Skip]:
        with flow.source_lock:
            flow.source.rescan(at_once=True)
            ends, lag = flow.source.ends(), flow.source.lag()
            begins = {end.file_id: flow.source.begin(end) for end in ends}
        flow.settle()
        found = []
        for output in flow.outputs:
            if output.name not in names:
                continue
            now = {o.file_id: o for o in offsets(session, output.name)}
            ahead = [end for end in ends if end.file_id not in now or end.byte > now[end.file_id].byte]
            passed = [(_place(now.get(end.file_id, begins[end.file_id])), _place(end)) for end in ahead]
            rewound = Rewound(output.name, output.table.name, 0, output.totals, output.offset, tuple(ahead))
            found.append(Skip(rewound, tuple(p for p in passed if p[1].byte > p[0].byte), lag.rows, _is_parquet(flow)))
        return found

    def _skip(self, session: Session, name: str, skips: list[Skip]) -> str:
        assembler = self._pump.assembler
        commit, at = assembler.commit_id + 1, self._clock()
        with session.transaction():
            for skip in skips:
                add_marker(session, skip.flow, commit, at, skip.passed)
        assembler.commit_id = commit
        self._renew(session, frozenset(skip.flow.flow for skip in skips))
        return f"{name} reads from the end since commit {commit:,}: {_amount(skips)} were skipped, unread"


@dataclass(frozen=True, slots=True)
class Skip:
    """What one flow passes over; `rows` is an estimate where the files' lines were not counted."""

    flow: Rewound
    passed: tuple[tuple[Place, Place], ...]
    rows: int
    groups: bool


def _amount(skips: Iterable[Skip]) -> str:
    skips = list(skips)
    size = sum(b.byte - a.byte for skip in skips for a, b in skip.passed)
    counted = [b.line - a.line for skip in skips for a, b in skip.passed]
    exact = all(lines > 0 for lines in counted)
    rows = sum(counted) if exact else sum(skip.rows for skip in skips)
    unit = "row groups" if skips[0].groups else "bytes"
    return f"{size:,} {unit}, {'' if exact else 'about '}{count(rows, 'row')},"


def _place(offset: Offset) -> Place:
    return Place(offset.file_id, offset.file, offset.byte, offset.line)


def _is_parquet(flow: Flow) -> bool:
    source = flow.outputs[0].source
    return source.endswith(".parquet")
