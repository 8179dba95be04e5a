"""CSV: the reader that cuts many records at once and the grammar that cuts one give the same fields; both invert a writer."""

from __future__ import annotations

import csv
import io
import json

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


KIND = "STRUCT(x BIGINT, y VARCHAR, z VARCHAR[], m MAP(VARCHAR, DOUBLE))"
words = st.text(st.sampled_from("ab'\"\\,:{}[]= é\nN(1"), max_size=5) | st.sampled_from(["NULL", "null", "nan", "x: y"])
values = st.fixed_dictionaries(
    {
        "x": st.none() | st.integers(-9, 9),
        "y": st.none() | words,
        "z": st.none() | st.lists(st.none() | words, max_size=3),
        "m": st.none() | st.dictionaries(words, st.none() | st.sampled_from([1.5, -2.0]), max_size=3),
    }
)


@settings(max_examples=60, deadline=None)
@given(st.lists(values, min_size=1, max_size=6), st.booleans())
def test_nested_values_are_read_as_duckdb_and_as_json_write_them(rows: list[dict[str, object]], as_json: bool) -> None:
    session = scratch()
    texts = [json.dumps(row) for row in rows]
    spelled = [session.execute(f"SELECT from_json(?::JSON, '{json.dumps(KIND)}')::VARCHAR", [text])[0][0] for text in texts]
    written = io.StringIO()
    csv.writer(written, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([text] for text in (texts if as_json else spelled))
    batch = Decoder(session, (Column("a", KIND),), "csv", NO_HEADER).decode(raw_batch(written.getvalue().encode(), quoted=True))
    assert not batch.mask.any()
    with session.relation("_read", batch.table):
        assert [text for (text,) in session.execute("SELECT a::VARCHAR FROM _read")] == spelled
    session.close()
