"""CSV: the reader that cuts many records at once and the grammar that cuts one give the same fields; both invert a writer."""

from __future__ import annotations

import csv
import io

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.stream.raws import outcome, raw_batch
from workbench.language.definitions import Column
from workbench.store.session import scratch
from workbench.stream.csv_fields import Dialect, Fields
from workbench.stream.decode import Decoder
from workbench.stream.decode_lines import Lines

COLUMNS = (Column("a", "VARCHAR"), Column("b", "VARCHAR"))
NO_HEADER = (("header", "false"),)

pieces = st.lists(st.sampled_from([b'"', b'""', b",", b"a", b"\r", b" ", b"\xc3\xa9", b"1", b'","', b'"x"']), max_size=8)
texts = st.text(st.sampled_from('ab",;\n\r é'), max_size=6)


@settings(max_examples=100, deadline=None)
@given(st.lists(pieces.map(b"".join), min_size=1, max_size=12))
def test_at_once_and_one_by_one_agree(records: list[bytes]) -> None:
    raw = raw_batch(b"\n".join(records) + b"\n")
    fields = Fields(Dialect())
    regular = np.flatnonzero(~fields.irregular(Lines(raw)))
    kept = [records[index] for index in regular]
    found = fields.table(b"".join(record + b"\n" for record in kept), len(kept), 2, [0, 1]) if kept else None
    if found is None:
        assert not kept
        return
    table, ragged = found
    expected = [fields.cut(record) for record in kept]
    fitting = [index for index in range(len(kept)) if index not in ragged]
    rows = [tuple(row.values()) for row in table.to_pylist()]
    blank = [not record.strip(b" \t\r") for record in kept]
    assert [row for row, i in zip(rows, fitting, strict=True) if not blank[i]] == [
        tuple(cut) for i, cut in enumerate(expected) if cut is not None and len(cut) == 2
    ]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=8))
def test_what_a_writer_wrote_is_read(rows: list[tuple[str, str]]) -> None:
    written = io.StringIO()
    csv.writer(written, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    session = scratch()
    batch = Decoder(session, COLUMNS, "csv", NO_HEADER).decode(raw_batch(written.getvalue().encode(), quoted=True))
    assert outcome(batch) == rows
    session.close()
