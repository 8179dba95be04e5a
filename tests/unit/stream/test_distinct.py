"""A deduplication in its commits: what it remembers, lists and forgets."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa

from workbench.batch import FILTERED
from workbench.language.definitions import Column, Distinct
from workbench.store.names import stored
from workbench.store.owned import create_owned
from workbench.store.session import Session, scratch
from workbench.stream.distinct import Deduplication, Kept

SECOND = 1_000_000
EXTRA = (Column("_k0", "BIGINT"), Column("_p0", "TIMESTAMP WITH TIME ZONE"))
WITHIN = Distinct(("id",), "ts", SECOND, 10 * SECOND)


def opened(session: Session, distinct: Distinct = WITHIN, extra: tuple[Column, ...] = EXTRA) -> Deduplication:
    flow = Deduplication.make("t", "t", distinct, extra, "orders", ("orders",))
    create_owned(session, flow.owned)
    flow.restore(session)
    return flow


def started() -> tuple[Session, Deduplication]:
    session = scratch()
    session.execute("CREATE SCHEMA _store")
    return session, opened(session)


def judged(session: Session, flow: Deduplication, rows: list[tuple[int, int]]) -> Kept:
    """Rows (key, seconds), judged and committed."""
    table = pa.table(
        {
            "x": [key * 10 for key, _ in rows],
            "_k0": pa.array([key for key, _ in rows], pa.int64()),
            "_p0": pa.array([second * SECOND for _, second in rows], pa.timestamp("us", "UTC")),
        }
    )
    kept = flow.judge(session, table, np.zeros(len(rows), np.uint8), (("orders", len(rows)),), frozenset())
    for state in kept.states:
        with session.relation("_new", state.rows):
            session.execute(f"INSERT INTO {stored(state.table)} SELECT *, 1 FROM _new")
    flow.advance(kept)
    return kept


def fates(kept: Kept) -> list[bool]:
    assert ((kept.verdict == FILTERED) == kept.left_out).all()
    return [not out for out in kept.left_out]


def test_the_first_of_a_key_is_kept_and_a_later_one_beyond_within() -> None:
    session, flow = started()
    assert fates(judged(session, flow, [(1, 0), (1, 10), (1, 11), (2, 0), (1, 21), (1, 22)])) == [True, False, True, True, False, True]
    assert fates(judged(session, flow, [(1, 12), (3, 12), (3, 12), (2, 11)])) == [False, True, False, True]


def test_late_rows_are_listed_with_their_columns() -> None:
    session, flow = started()
    kept = judged(session, flow, [(1, 100), (2, 89), (3, 88)])
    assert fates(kept) == [True, True, False]
    [late] = kept.late
    [row] = late.rows.to_pylist()
    assert (late.stream, row["event_time"], row["watermark"]) == ("orders", 88 * SECOND, 99 * SECOND)
    assert json.loads(row["row"]) == {"x": 30}
    assert flow.status().late == 1


def test_what_no_row_on_time_can_repeat_is_forgotten() -> None:
    session, flow = started()
    judged(session, flow, [(1, 0), (2, 78), (3, 79), (4, 100)])
    before = flow.status()
    assert (before.kind, before.state_rows, before.watermark) == ("distinct", 4, 99.0)
    flow.prune(session)
    assert flow.status().state_rows == 2
    assert 0 < flow.status().state_bytes < before.state_bytes
    assert "20 s after" in flow.status().expires
    assert not flow.prune_due


def test_it_goes_on_where_it_ended_unless_its_keys_mean_something_else() -> None:
    session, flow = started()
    judged(session, flow, [(1, 50)])
    again = opened(session)
    assert (again.remembered, again.side.rows, again.side.watermark) == (1, 1, 49 * SECOND)
    assert fates(judged(session, again, [(1, 55)])) == [False]
    other = opened(session, Distinct(("id % 2",), "ts", SECOND, 10 * SECOND))
    assert other.remembered == 0
    assert fates(judged(session, other, [(1, 55)])) == [True]
    text = opened(session, WITHIN, (Column("_k0", "VARCHAR"), EXTRA[1]))
    assert text.remembered == 0
