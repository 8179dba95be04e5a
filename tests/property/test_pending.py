"""Pieces cut from a batch: every record once, in order, and the sums hold for each."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from tests.commits import balanced
from workbench.batch import ACCEPTED, REJECTED, Batch, Offset, RawBatch
from workbench.store.commit import Counts
from workbench.stream.pending import Pending, PendingRead


def batch_of(rows_per_record: list[list[int]]) -> Batch:
    """A batch whose record i has rows with the given verdicts."""
    verdict = np.array([v for rows in rows_per_record for v in rows], dtype=np.uint8)
    record = np.array([i for i, rows in enumerate(rows_per_record) for _ in rows], dtype=np.int64)
    plain = all(len(rows) == 1 for rows in rows_per_record)
    starts = np.arange(len(rows_per_record) + 1, dtype=np.int64) * 10
    rejected = np.flatnonzero(verdict == REJECTED)
    start = Offset("f", "f", 100, 7)
    raw = RawBatch(None, int(starts[-1]), start, Offset("f", "f", 100 + int(starts[-1]), 7 + len(rows_per_record)), 1.0)
    return Batch(
        raw,
        pa.table({"row": np.arange(len(verdict))}),
        verdict,
        (verdict == REJECTED).astype(np.uint64),
        starts,
        rejected,
        pa.array([str(i).encode() for i in rejected], pa.binary()),
        None if plain else record,
    )


verdicts = st.sampled_from([0, 1, 2, 3])
plain = st.lists(st.lists(verdicts, min_size=1, max_size=1), max_size=40)
multiplied = st.lists(st.lists(st.sampled_from([0, 1, 2]), max_size=3), max_size=30)


@given(st.one_of(plain, multiplied), st.lists(st.integers(1, 12), min_size=1, max_size=60))
def test_cuts_cover_every_record_once(records: list[list[int]], wants: list[int]) -> None:
    batch = batch_of(records)
    pending = Pending(batch)
    total, rows, byte, step = Counts(), [], 100, 0
    while not pending.exhausted:
        want = wants[step % len(wants)]
        cut = pending.cut(want)
        step += 1
        assert cut.start_byte == byte
        byte = cut.stop_byte
        assert cut.stop > cut.first or not records  # a batch without records has one piece, which moves the offset
        counts = cut.counts()
        assert balanced(counts)
        total += counts
        rows += cut.rows["row"].to_pylist()
        assert [int(r.as_py()) for r in cut.raw_lines] == [cut.rows["row"][int(i)].as_py() for i in cut.rejected]
        assert cut.lines(np.arange(len(cut.record))).tolist() == [7 + int(r) + 1 for r in cut.record]
    assert rows == list(range(len(batch.verdict)))
    assert byte == batch.raw.offset.byte
    assert total.rows_in == len(records)
    assert total.accepted == int((batch.verdict == ACCEPTED).sum())


@given(plain, st.integers(0, 40))
def test_nothing_from_the_limit_on_is_cut(records: list[list[int]], limit: int) -> None:
    limit = min(limit, len(records))
    pending = Pending(batch_of(records), limit)
    seen = 0
    while not pending.exhausted:
        seen += pending.cut(3).counts().rows_in
    assert seen == limit


@given(st.lists(st.tuples(verdicts, st.lists(st.sampled_from([0, 1, 2]), max_size=3)), min_size=1, max_size=30), st.data())
def test_two_outputs_of_one_read_are_cut_at_the_same_records(records: list[tuple[int, list[int]]], data: st.DataObject) -> None:
    one, other = batch_of([[v] for v, _ in records]), batch_of([rows for _, rows in records])
    read = PendingRead((one, other))
    counts = [Counts(), Counts()]
    at = 0
    while not read.exhausted:
        pieces = read.cut(data.draw(st.integers(1, 8)))
        assert {(piece.first, piece.stop) for piece in pieces} == {(at, pieces[0].stop)}
        at = pieces[0].stop
        counts = [total + piece.counts() for total, piece in zip(counts, pieces, strict=True)]
    assert at == len(records)
    assert counts[0].rows_in == counts[1].rows_in == len(records)
    assert all(balanced(total) for total in counts)
    assert counts[1].accepted == sum(row == 0 for _, rows in records for row in rows)
