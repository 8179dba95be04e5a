"""A join of two streams over tables in a scratch database, for tests of what it gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

import numpy as np
import pyarrow as pa

from tests.commits import balanced
from workbench.language.definitions import StreamingTable
from workbench.language.project import load
from workbench.store.binder import Schema, bind
from workbench.store.commit import StreamDelta
from workbench.store.names import stored
from workbench.store.owned import create_owned
from workbench.store.session import Session, scratch
from workbench.stream.arrival import Arrival
from workbench.stream.join import JoinFlow, used_columns
from workbench.stream.rejections import RuleBook
from workbench.stream.select import Selector
from workbench.stream.side import Side

STREAMS = """
CREATE STREAMING TABLE a (id BIGINT, n BIGINT, ts TIMESTAMPTZ, unused VARCHAR) AS SELECT * FROM STREAM read_files('a.json');
CREATE STREAMING TABLE b (id BIGINT, n BIGINT, seen TIMESTAMP, unused VARCHAR) AS SELECT * FROM STREAM read_files('b.json');
"""


@dataclass(frozen=True)
class Row:
    """A row of a stream: its key, event time in microseconds, and the flow that it came from."""

    id: int | None
    time: int | None
    source: str


@cache
def compiled(text: str) -> tuple[StreamingTable, Schema]:
    loaded = load({"p.sql": STREAMS + text})
    assert not loaded.problems, loaded.problems
    bound = bind(loaded.graph, scratch, lambda source, name: None)
    assert not bound.problems, bound.problems
    table = loaded.graph.get("m")
    assert isinstance(table, StreamingTable)
    return table, bound.schemas["m"]


@dataclass
class Stage:
    """A join over two tables in a scratch database, and what a commit does to them."""

    session: Session
    sources: dict[str, tuple[str, ...]]
    text: str
    right: str = "b"
    commits: int = 0
    found: list[tuple[int, int]] = field(default_factory=list)
    rejected: int = 0
    late: dict[str, int] = field(default_factory=lambda: {"a": 0, "b": 0})
    places: dict[str, int] = field(default_factory=lambda: {"a": 0, "b": 0})

    def __post_init__(self) -> None:
        self.table, self.schema = compiled(self.text)
        self.session.execute("CREATE SCHEMA IF NOT EXISTS _store")
        self.session.execute("CREATE OR REPLACE TABLE _store.a (id BIGINT, n BIGINT, ts TIMESTAMPTZ, unused VARCHAR, _commit BIGINT)")
        self.session.execute("CREATE OR REPLACE TABLE _store.b (id BIGINT, n BIGINT, seen TIMESTAMP, unused VARCHAR, _commit BIGINT)")
        self.flow = self.start(anew=True)

    def start(self, anew: bool = False) -> JoinFlow:
        assert self.table.query is not None
        join = self.table.query.join
        assert join is not None
        times = {"a": "ts", "b": "seen"}
        columns = {name: ("id", "n", times[name], "unused") for name in times}
        flow = JoinFlow(
            self.session,
            "m",
            self.table,
            join,
            (
                Side("a", join.left_time, join.left_delay, self.sources["a"]),
                Side(self.right, join.right_time, join.right_delay, self.sources[self.right]),
            ),
            (used_columns(columns["a"], join.left_columns, "ts"), used_columns(columns[self.right], join.right_columns, join.right_time)),
            tuple(c.name for c in self.schema.output),
            RuleBook(("small",), frozenset()),
            Selector(self.session, self.table.query, self.schema.output, self.table.expectations, "m"),
        )
        create_owned(self.session, flow.owned, anew)
        flow.restore(self.session)
        return flow

    def commit(self, left: list[Row], right: list[Row], fails: bool = False, idle: frozenset[str] = frozenset()) -> None:
        """Rows of both streams in one commit; the first try of it may fail."""
        self.commits += 1
        arrivals = self.arrivals(left, right)
        if fails:
            self.flow.delta(self.session, arrivals, idle, 1.0, 1)
        made = self.flow.delta(self.session, arrivals, idle, 1.0, 1)
        for name, [arrival] in arrivals.items():
            with self.session.relation("_new", arrival.rows):
                self.session.execute(f"INSERT INTO {stored(name)} SELECT * EXCLUDE (_verdict), {self.commits} FROM _new")
            self.places[name] += len(arrival.verdict)
        assert (made is None) == (not arrivals)
        if made is not None:
            self._store(*made)

    def arrivals(self, left: list[Row], right: list[Row]) -> dict[str, list[Arrival]]:
        return {name: [self._arrival(name, rows)] for name, rows in (("a", left), ("b", right)) if rows}

    def marking(self) -> RuleBook:
        return RuleBook(("small",), frozenset(["small"]))

    def _store(self, delta: StreamDelta, arrival: Arrival) -> None:
        assert balanced(delta.counts)
        assert balanced(delta.totals)
        assert sum(n for _, n in delta.origins) == delta.counts.accepted
        for state in delta.states:
            with self.session.relation("_new", state.rows):
                self.session.execute(f"INSERT INTO {stored(state.table)} SELECT *, {self.commits} FROM _new")
        for late in delta.late:
            self.late[late.stream] += late.rows.num_rows
        if arrival.rows.num_rows:
            good = arrival.rows.filter(pa.array(arrival.verdict == 0))
            self.found += list(zip(good["ln"].to_pylist(), good["rn"].to_pylist(), strict=True))
        assert delta.counts.rejected == (delta.rejections.num_rows if delta.rejections else 0)
        self.rejected += delta.counts.rejected
        self.flow.advance(delta)

    def _arrival(self, name: str, rows: list[Row]) -> Arrival:
        time = "ts" if name == "a" else "seen"
        kind = pa.timestamp("us", "UTC") if name == "a" else pa.timestamp("us")
        table = pa.table(
            {
                "id": pa.array([r.id for r in rows], pa.int64()),
                "n": pa.array(range(self.places[name], self.places[name] + len(rows)), pa.int64()),
                time: pa.array([r.time for r in rows], kind),
                "unused": pa.array(["x"] * len(rows)),
                "_verdict": pa.array(np.zeros(len(rows), np.uint8)),
            }
        )
        return Arrival(name, table, np.zeros(len(rows), np.uint8), tuple((r.source, 1) for r in rows))
