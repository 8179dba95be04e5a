"""DISTINCT ON … WITHIN keeps what a row-by-row reading of its definition keeps, wherever it is cut and started anew."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.batch import FILTERED, REJECTED
from workbench.language.definitions import Column, Distinct
from workbench.store.names import stored
from workbench.store.owned import create_owned
from workbench.store.session import Session, scratch
from workbench.stream.distinct import Deduplication

SOURCES = ("s", "t")
KEYS = (Column("_k0", "VARCHAR"), Column("_k1", "DOUBLE"), Column("_p0", "TIMESTAMP WITH TIME ZONE"))


@dataclass(frozen=True)
class Row:
    key: tuple[str | None, float | None]
    time: int | None
    source: str
    rejected: bool


@dataclass
class Stage:
    session: Session
    distinct: Distinct
    verdicts: list[int] = field(default_factory=list)
    late: int = 0
    commits: int = 0

    def __post_init__(self) -> None:
        self.session.execute("CREATE SCHEMA IF NOT EXISTS _store")
        self.start(anew=True)

    def start(self, anew: bool = False) -> None:
        self.flow = Deduplication.make("f", "t", self.distinct, KEYS, "s", SOURCES)
        create_owned(self.session, self.flow.owned, anew)
        self.flow.restore(self.session)

    def commit(self, rows: list[Row], fails: bool) -> None:
        self.commits += 1
        table = pa.table(
            {
                "x": pa.array([1] * len(rows), pa.int64()),
                "_k0": pa.array([r.key[0] for r in rows], pa.string()),
                "_k1": pa.array([r.key[1] for r in rows], pa.float64()),
                "_p0": pa.array([r.time for r in rows], pa.timestamp("us", "UTC")),
            }
        )
        verdict = np.array([REJECTED if r.rejected else 0 for r in rows], np.uint8)
        for _ in range(2 if fails else 1):
            kept = self.flow.judge(self.session, table, verdict, [(r.source, 1) for r in rows], frozenset())
        assert kept.rows.column_names == ["x"]
        assert (kept.left_out == (kept.verdict == FILTERED)).all()
        for state in kept.states:
            with self.session.relation("_new", state.rows):
                self.session.execute(f"INSERT INTO {stored(state.table)} SELECT *, {self.commits} FROM _new")
        self.verdicts += kept.verdict.tolist()
        self.late += sum(late.rows.num_rows for late in kept.late)
        self.flow.advance(kept)


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    made = scratch()
    yield made
    made.close()


def reference(rows: list[Row], distinct: Distinct) -> tuple[list[int], int]:
    """Row by row, nothing ever forgotten."""
    tops: dict[str, int] = {}
    watermark: int | None = None
    kept: list[tuple[tuple[str | None, float | None], int]] = []
    out, late = [], 0
    for row in rows:
        if row.rejected or row.time is None:
            out.append(REJECTED if row.rejected else 0)
            continue
        if watermark is not None and row.time < watermark - distinct.within:
            late += 1
            out.append(FILTERED)
        elif any(key == row.key and abs(time - row.time) <= distinct.within for key, time in kept):
            out.append(FILTERED)
        else:
            kept.append((row.key, row.time))
            out.append(0)
        tops[row.source] = max(tops.get(row.source, row.time), row.time)
        if len(tops) == len(SOURCES):
            low = min(tops.values()) - distinct.delay
            watermark = low if watermark is None else max(watermark, low)
    return out, late


row = st.builds(
    Row,
    st.tuples(st.sampled_from(["a", None]), st.sampled_from([1.0, 1.0, None])),
    st.sampled_from([None, *range(-30, 10)]),
    st.sampled_from(SOURCES),
    st.sampled_from([False, False, False, True]),
)


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.lists(row, max_size=8), max_size=8),
    st.builds(Distinct, st.just(("k",)), st.just("ts"), st.integers(0, 8), st.integers(0, 12)),
    st.integers(0, 3),
    st.sets(st.integers(0, 8)),
    st.sets(st.integers(0, 8)),
)
def test_the_same_rows_are_kept_for_every_cut(
    session: Session, cuts: list[list[Row]], distinct: Distinct, pace: int, restarts: set[int], fails: set[int]
) -> None:
    stage = Stage(session, distinct)
    flat: list[Row] = []
    for i, rows in enumerate(cuts):
        moved = [replace(r, time=None if r.time is None else r.time + pace * (len(flat) + j)) for j, r in enumerate(rows)]
        flat += moved
        if i in restarts:
            stage.flow.prune(stage.session)
            stage.start()
        stage.commit(moved, i in fails)
    assert (stage.verdicts, stage.late) == reference(flat, distinct)
    stage.flow.prune(stage.session)
    floor = stage.flow.side.watermark
    times = [time for (time,) in stage.session.execute(f"SELECT time FROM {stored('t#f#keys')}")]
    assert floor is None or all(time >= floor - 2 * distinct.within for time in times)
    assert stage.flow.remembered == len(times)
