"""A join of two streams gives each pair of on-time rows once, wherever commits are cut and whenever it starts anew."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

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
SELECT = """CREATE STREAMING TABLE m (CONSTRAINT small EXPECT (ln + rn < 1000) ON VIOLATION DROP ROW)
AS SELECT x.n AS ln, y.n AS rn FROM STREAM a WATERMARK ts DELAY OF INTERVAL '{left} microseconds' AS x
JOIN STREAM b WATERMARK seen DELAY OF INTERVAL '{right} microseconds' AS y
ON x.id = y.id AND y.seen >= x.ts + INTERVAL '{low} microseconds' AND y.seen <= x.ts + INTERVAL '{high} microseconds'
"""


@dataclass(frozen=True)
class Row:
    id: int | None
    time: int | None
    source: str


SESSION = scratch()


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

    sources: dict[str, tuple[str, ...]]
    text: str
    session: Session = field(default_factory=lambda: SESSION)
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
                Side("b", join.right_time, join.right_delay, self.sources["b"]),
            ),
            (used_columns(columns["a"], join.left_columns, "ts"), used_columns(columns["b"], join.right_columns, "seen")),
            tuple(c.name for c in self.schema.output),
            RuleBook(("small",), frozenset()),
            Selector(self.session, self.table.query, self.schema.output, self.table.expectations, "m"),
        )
        create_owned(self.session, flow.owned, anew)
        flow.restore(self.session)
        return flow

    def commit(self, left: list[Row], right: list[Row], fails: bool = False) -> None:
        """Rows of both streams in one commit; the first try of it may fail."""
        self.commits += 1
        arrivals = {name: [self._arrival(name, rows)] for name, rows in (("a", left), ("b", right)) if rows}
        if fails:
            self.flow.delta(self.session, arrivals, frozenset(), 1.0, 1)
        made = self.flow.delta(self.session, arrivals, frozenset(), 1.0, 1)
        for name, [arrival] in arrivals.items():
            with self.session.relation("_new", arrival.rows):
                self.session.execute(f"INSERT INTO {stored(name)} SELECT * EXCLUDE (_verdict), {self.commits} FROM _new")
            self.places[name] += len(arrival.verdict)
        assert (made is None) == (not arrivals)
        if made is not None:
            self._store(*made)

    def _store(self, delta: StreamDelta, arrival: Arrival) -> None:
        assert delta.counts.balanced
        assert delta.totals.balanced
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


def on_time(rows: list[Row], sources: tuple[str, ...], delay: int) -> list[bool]:
    """Row by row, as the definition says."""
    tops: dict[str, int] = {}
    watermark: int | None = None
    out = []
    for row in rows:
        out.append(row.time is not None and (watermark is None or row.time >= watermark))
        if row.time is not None and row.source in sources:
            tops[row.source] = max(tops.get(row.source, row.time), row.time)
            if len(tops) == len(sources):
                low = min(tops.values()) - delay
                watermark = low if watermark is None else max(watermark, low)
    return out


def expected(left: list[Row], right: list[Row], stage: Stage, low: int, high: int, delays: tuple[int, int]) -> list[tuple[int, int]]:
    timely = [on_time(left, stage.sources["a"], delays[0]), on_time(right, stage.sources["b"], delays[1])]
    return sorted(
        (i, j)
        for i, x in enumerate(left)
        for j, y in enumerate(right)
        if timely[0][i] and timely[1][j] and x.id is not None and x.id == y.id and low <= (y.time or 0) - (x.time or 0) <= high
    )


def spaced(cuts: list[list[Row]]) -> list[list[Row]]:
    """Times as they come: later and later, but for the jitter that was drawn."""
    flat = [row for rows in cuts for row in rows]
    moved = [replace(row, time=None if row.time is None else row.time + 2 * i) for i, row in enumerate(flat)]
    sizes = [len(rows) for rows in cuts]
    return [moved[sum(sizes[:i]) : sum(sizes[: i + 1])] for i in range(len(sizes))]


def rows_of(sources: tuple[str, ...]) -> Any:
    row = st.builds(Row, st.sampled_from([0, 0, 1, None]), st.sampled_from([None, *range(-12, 6)]), st.sampled_from(sources))
    return st.lists(st.lists(row, max_size=6), max_size=8).map(spaced)


@settings(deadline=None, max_examples=50)
@given(
    left=rows_of(("a",)),
    right=rows_of(("s", "t")),
    delays=st.sampled_from([(0, 0), (3, 9), (12, 2)]),
    bounds=st.sampled_from([(0, 10), (-9, 15), (5, 5), (-20, -4)]),
    restarts=st.sets(st.integers(0, 8)),
    fails=st.sets(st.integers(0, 8)),
)
def test_all_pairs_once_for_every_cut(
    left: list[list[Row]], right: list[list[Row]], delays: tuple[int, int], bounds: tuple[int, int], restarts: set[int], fails: set[int]
) -> None:
    low, high = bounds
    stage = Stage({"a": ("a",), "b": ("s", "t")}, SELECT.format(left=delays[0], right=delays[1], low=low, high=high))
    for i in range(max(len(left), len(right))):
        if i in restarts:
            stage.flow.prune(stage.session)
            stage.flow = stage.start()
        stage.commit(left[i] if i < len(left) else [], right[i] if i < len(right) else [], i in fails)
    flat = [row for rows in left for row in rows], [row for rows in right for row in rows]
    assert sorted(stage.found) == expected(*flat, stage, low, high, delays)
    for name, rows, delay in (("a", flat[0], delays[0]), ("b", flat[1], delays[1])):
        timely = on_time(rows, stage.sources[name], delay)
        assert stage.late[name] == sum(not ok and row.time is not None for ok, row in zip(timely, rows, strict=True))
