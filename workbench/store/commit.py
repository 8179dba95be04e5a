"""The one durable moment: rows, rejections, running state, offsets and counters in one transaction.

DO compute everything that can fail into Arrow before `write`: after an error inside a transaction DuckDB 2.0 answers
OK to COMMIT and stores nothing.
DO advance memory (offsets, watermarks, counters) only after `write` has returned.
DON'T run DDL from another cursor meanwhile: it kills this transaction.
DON'T update or delete: every table only grows here, which is what makes a small commit cheap; `tidy` folds what is
outdated, between commits.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from workbench.batch import Offset
from workbench.store.inserts import MOMENT, Inserts, numbered, repeated
from workbench.store.names import stored
from workbench.store.running import ViewDelta, add_late, fold_progress, write_view
from workbench.store.session import Session

Probe = Callable[[int], None]
"""Called before each numbered step, so that tests can kill the process there."""

OFFSETS = pa.schema(
    [("flow", pa.string()), ("file_id", pa.string()), ("file", pa.string()), ("byte", pa.int64()), ("line", pa.int64()),
     ("done", pa.bool_()), ("mark", pa.string()), ("commit", pa.int64())]
)  # fmt: skip
COUNTED = pa.schema(
    [("id", pa.int64()), ("at", MOMENT), ("stream", pa.string()), ("flow", pa.string())]
    + [(name, pa.int64()) for name in ("rows_in", "accepted", "rejected", "filtered", "blank", "multiplied", "bytes", "offset")]
    + [("spans", pa.string()), ("origins", pa.string())]
    + [(f"total_{name}", pa.int64()) for name in ("in", "accepted", "rejected", "filtered", "blank", "multiplied")]
)
RULES = pa.schema(
    [("stream", pa.string()), ("rule", pa.string()), ("total", pa.int64()), ("first_seen", MOMENT), ("last_seen", MOMENT),
     ("last_id", pa.int64())]
)  # fmt: skip
"""What a commit appends to the tables of `_system`, in the order of their columns."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Records of one flow by their fate; rows_in + multiplied = accepted + rejected + filtered + blank."""

    rows_in: int = 0
    accepted: int = 0
    rejected: int = 0
    filtered: int = 0
    blank: int = 0
    multiplied: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(a + b for a, b in zip(self.as_tuple(), other.as_tuple(), strict=True)))

    def as_tuple(self) -> tuple[int, int, int, int, int, int]:
        return (self.rows_in, self.accepted, self.rejected, self.filtered, self.blank, self.multiplied)


@dataclass(frozen=True, slots=True)
class RuleCount:
    """How often one rule was broken in a commit; `last_id` is its latest row in quarantine."""

    rule: str
    count: int
    last_id: int | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of one file that a commit took: bytes `start`…`stop`, the records after `first_line` up to `last_line`."""

    file_id: str
    file: str
    start: int
    stop: int
    first_line: int
    last_line: int


@dataclass(frozen=True, slots=True)
class StateDelta:
    """Rows that a flow appends to a table of its own, `_store."<table>"`, with the commit's number as `_commit`."""

    table: str
    rows: pa.Table


@dataclass(frozen=True, slots=True)
class LateRows:
    """Rows that came too late for a join or a deduplication: event_time and watermark (microseconds), row (JSON)."""

    stream: str
    rows: pa.Table


@dataclass(frozen=True, slots=True)
class StreamDelta:
    """What one commit does to one streaming table through one flow.

    `rows`: accepted and other rows with the table's columns and `_verdict UTINYINT` (0 = accepted), or None.
    `rejections`: id, rules, raw, source, file, line, offset, arrived_at (seconds since 1970), or None.
    `spans`: in the order in which files were merged. `origins`: runs of accepted rows by the flow that read them from
    the outside world. `totals` and `offset` are those after it.
    """

    flow: str
    stream: str
    columns: tuple[str, ...]
    rows: pa.Table | None
    rejections: pa.Table | None
    counts: Counts
    totals: Counts
    bytes: int = 0
    offset: int = 0
    offsets: tuple[Offset, ...] = ()
    spans: tuple[Span, ...] = ()
    origins: tuple[tuple[str, int], ...] = ()
    rules: tuple[RuleCount, ...] = ()
    states: tuple[StateDelta, ...] = ()
    late: tuple[LateRows, ...] = ()


@dataclass(frozen=True, slots=True)
class Commit:
    """One tick. `at` is seconds since 1970; streams before those that read them."""

    id: int
    at: float
    streams: tuple[StreamDelta, ...]
    views: tuple[ViewDelta, ...] = field(default=())


def write(inserts: Inserts, commit: Commit, probe: Probe = lambda step: None) -> float:
    """Store a commit, whole or not at all; gives when (monotonic seconds) all was written but the COMMIT itself.

    Raises:
        DiskFull, StoreError, QueryError: nothing of it was stored.
    """
    probe(1)
    with inserts.transaction():
        with inserts.together():
            for delta in commit.streams:
                probe(2)
                _add_rows(inserts, delta, commit.id)
                probe(3)
                _add_rejections(inserts, delta, commit.id)
            for view in commit.views:
                probe(4)
                write_view(inserts, view, commit.id, commit.at)
            probe(5)
            for delta in commit.streams:
                _add_states(inserts, delta, commit.id)
            probe(6)
            _add_offsets(inserts, commit)
            probe(7)
            _add_counts(inserts, commit)
        probe(8)
        written = time.monotonic()
    probe(9)
    return written


def _add_rows(inserts: Inserts, delta: StreamDelta, commit: int) -> None:
    if delta.rows is not None and delta.counts.accepted:
        inserts.add(stored(delta.stream), numbered(delta.rows, commit), (*delta.columns, "_commit"), "_verdict = 0")


def _add_rejections(inserts: Inserts, delta: StreamDelta, commit: int) -> None:
    if delta.rejections is None or not delta.rejections.num_rows:
        return
    count = delta.rejections.num_rows
    columns = dict(zip(delta.rejections.column_names, delta.rejections.columns, strict=True))
    arrived = np.round(columns["arrived_at"].to_numpy() * 1e6).astype(np.int64)
    columns["arrived_at"] = pa.array(arrived.view("datetime64[us]"), MOMENT)
    for name, value in (("stream", delta.stream), ("state", "quarantined"), ("flow", delta.flow)):
        columns[name] = repeated(value, count)
    inserts.add("_system.quarantine", numbered(pa.table(columns), commit), (*columns, "_commit"))


def _add_states(inserts: Inserts, delta: StreamDelta, commit: int) -> None:
    for state in delta.states:
        if state.rows.num_rows:
            inserts.add(stored(state.table), numbered(state.rows, commit))
    for late in delta.late:
        add_late(inserts, delta.stream, late.stream, late.rows, commit)


def _add_offsets(inserts: Inserts, commit: Commit) -> None:
    found = [(delta.flow, o.file_id, o.file, o.byte, o.line, o.done, o.mark, commit.id) for delta in commit.streams for o in delta.offsets]
    if found:
        inserts.add("_system.offsets", _rows(OFFSETS, found))


def _add_counts(inserts: Inserts, commit: Commit) -> None:
    if not commit.streams:
        return
    at = round(commit.at * 1e6)
    inserts.add("_system.commit_log", _rows(COUNTED, [(commit.id, at, *_counted(delta)) for delta in commit.streams]))
    rules = [(delta.stream, rule.rule, rule.count, at, at, rule.last_id) for delta in commit.streams for rule in delta.rules]
    if rules:
        inserts.add("_system.rule_counts", _rows(RULES, rules))


def _counted(delta: StreamDelta) -> tuple[object, ...]:
    spans = [
        {"file_id": s.file_id, "file": s.file, "from": s.start, "to": s.stop, "from_line": s.first_line, "to_line": s.last_line}
        for s in delta.spans
    ]
    origins = [{"flow": flow, "rows": rows} for flow, rows in delta.origins]
    return (
        delta.stream, delta.flow, *delta.counts.as_tuple(), delta.bytes, delta.offset, json.dumps(spans), json.dumps(origins),
        *delta.totals.as_tuple(),
    )  # fmt: skip


def _rows(schema: pa.Schema, rows: Sequence[tuple[object, ...]]) -> pa.Table:
    return pa.table([pa.array(column, kind.type) for column, kind in zip(zip(*rows, strict=True), schema, strict=True)], schema=schema)


def tidy(session: Session) -> None:
    """Fold offsets, rule counts and watermarks that later commits replaced; run it between commits, now and then."""
    with session.transaction():
        session.execute(
            "DELETE FROM _system.offsets WHERE commit < (SELECT max(o.commit) FROM _system.offsets o"
            " WHERE o.flow = offsets.flow AND o.file_id = offsets.file_id)"
        )
        rules = session.arrow("FROM workbench.rules")
        session.execute("DELETE FROM _system.rule_counts")
        with session.relation("_rules", rules):
            session.execute("INSERT INTO _system.rule_counts SELECT stream, rule, total, first_seen, last_seen, last_id FROM _rules")
        fold_progress(session)
