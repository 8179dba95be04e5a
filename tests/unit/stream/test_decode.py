"""The Decoder: every record gets one row, one verdict, its rules, its place and, when rejected, its bytes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest

from tests.unit.stream.raws import GERMAN, NOWHERE, ORDERS, RULES, names_of, outcome, raw_batch
from workbench.batch import ACCEPTED, BLANK, REJECTED, ChunkBuffer, Offset, Overlong, RawBatch
from workbench.errors import FlowError
from workbench.language.definitions import Column, Expectation
from workbench.store.session import Session, scratch
from workbench.stream import json_decode
from workbench.stream.decode import Decoder


@pytest.fixture
def session() -> Iterator[Session]:
    session = scratch()
    yield session
    session.close()


@pytest.fixture(params=["fast", "exact"])
def exact(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setattr(json_decode, "SMALL", 0)
    return bool(request.param == "exact")


LINES = (
    b'{"id":7,"country":"DE","amount":2.5}\n'
    b"  \t\r\n"
    b'{"id":8,"country":"FR","amount":-1}\r\n'
    b'{"id":9,"country":"FR","amount":3}\n'
    b'{"id":10.7,"country":"DE","amount":3}\n'
    b'{"country":"DE"}\n'
    b"not json\n"
)


def test_each_record_has_a_row_a_verdict_and_its_place(session: Session, exact: bool) -> None:
    batch = Decoder(session, ORDERS, "json", rules=RULES, exact=exact).decode(raw_batch(LINES, byte=100))
    assert outcome(batch, RULES) == [
        (7, "DE", 2.5),
        None,
        ("positive", "german"),
        (9, "FR", 3.0),
        ("_type",),
        ("_not_null", "positive"),
        ("_malformed",),
    ]
    assert batch.verdict.tolist() == [ACCEPTED, BLANK, REJECTED, ACCEPTED, REJECTED, REJECTED, REJECTED]
    assert names_of(int(batch.mask[3]), RULES) == ("german",)
    assert batch.rejected.tolist() == [2, 4, 5, 6]
    starts = batch.line_start.tolist()
    assert [LINES[a : b - 1] for a, b in pairwise(starts)] == LINES.split(b"\n")[:-1]
    assert batch.rejected_raw.to_pylist() == [LINES.split(b"\n")[i] for i in (2, 4, 5, 6)]


def test_rejected_bytes_outlive_the_buffer(session: Session, exact: bool) -> None:
    raw = raw_batch(b"broken\n")
    batch = Decoder(session, ORDERS, "json", exact=exact).decode(raw)
    assert raw.buffer is not None
    raw.buffer.memory[:6] = b"XXXXXX"
    assert batch.rejected_raw.to_pylist() == [b"broken"]
    raw.buffer.close()


def test_an_unended_last_line_is_a_byte_shorter_in_the_file(session: Session) -> None:
    batch = Decoder(session, ORDERS, "json").decode(raw_batch(b'{"id":1}\n{"id":2}\n', unended=True))
    assert batch.line_start.tolist() == [0, 9, 17]


def test_too_long_lines_keep_their_heads_and_places(session: Session) -> None:
    lines = (Overlong(1, 50, 30, b"head"), Overlong(2, 80, 20, b"more"))
    raw = RawBatch(ChunkBuffer(8), 0, Offset("f", "f", 50, 0), Offset("f", "f", 100, 2), 0.0, overlong=lines)
    batch = Decoder(session, ORDERS, "json", rules=RULES).decode(raw)
    assert outcome(batch) == [("_too_long",), ("_too_long",)]
    assert batch.line_start.tolist() == [0, 30, 50]
    assert batch.rejected_raw.to_pylist() == [b"head", b"more"]
    assert batch.table.schema.field("id").type == pa.int64()


def test_a_batch_without_records_is_empty(session: Session) -> None:
    raw = RawBatch(ChunkBuffer(8), 0, Offset("f", "f", 50, 0), Offset("f", "f", 50, 0), 0.0)
    assert Decoder(session, ORDERS, "json").decode(raw).records == 0


def test_unknown_fields_of_an_inferred_schema_are_rescued_and_told_once(session: Session, exact: bool) -> None:
    decoder = Decoder(session, (Column("id", "BIGINT"),), "json", inferred=True, exact=exact, stream="orders")
    data = b'{"id":5}\n{"id":6,"coupon":"X:\\"1","none":null}\n{"none": null , "id" : 7}\n{"id":1e400,"new":1}\n{"id":8,"none":nan}\n'
    batch = decoder.decode(raw_batch(data, line=810))
    assert batch.table.column_names == ["id", "_rescued_data"]
    assert outcome(batch) == [(5, None), (6, '{"coupon":"X:\\"1","none":null}'), (7, None), ("_type",), (8, '{"none":"nan"}')]
    assert batch.notices == [
        'orders: new field `coupon` at line 812 is kept in _rescued_data: {"id":6,"coupon":"X:\\"1","none":null}',
        'orders: new field `none` at line 812 is kept in _rescued_data: {"id":6,"coupon":"X:\\"1","none":null}',
    ]
    assert decoder.decode(raw_batch(data)).notices == []


def test_a_rule_that_fails_stops_the_flow_and_is_named(session: Session, exact: bool) -> None:
    rules = (GERMAN, Expectation("whole", "country::INTEGER > 0 -- a comment", "drop", NOWHERE))
    decoder = Decoder(session, ORDERS, "json", rules=rules, exact=exact, stream="orders")
    with pytest.raises(FlowError, match=r"orders: the expectation whole cannot be judged.*'DE'"):
        decoder.decode(raw_batch(b'{"id":2,"country":"DE"}\n'))


def test_a_rule_that_would_fail_is_not_judged_on_a_row_with_a_type_error(session: Session, exact: bool) -> None:
    rules = (Expectation("whole", "country::INTEGER > 0", "drop", NOWHERE),)
    decoder = Decoder(session, ORDERS, "json", rules=rules, exact=exact)
    batch = decoder.decode(raw_batch(b'{"id":"x","country":"DE"}\n{"id":2,"country":"5"}\n'))
    assert outcome(batch, rules) == [("_type",), (2, "5", None)]


def test_a_column_full_of_flags_is_read_another_way_from_then_on(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_decode, "SMALL", 0)
    decoder = Decoder(session, (Column("id", "BIGINT"), Column("flag", "SMALLINT")), "json")
    data = b"".join(b'{"id":%d,"flag":%s}\n' % (i + 2, (b"0", b"1", b"null", b"true")[i % 4]) for i in range(400))
    expected = [(i + 2, (0, 1, None)[i % 4]) if i % 4 < 3 else ("_type",) for i in range(400)]
    assert [outcome(decoder.decode(raw_batch(data))) for _ in range(3)] == [expected] * 3


@pytest.mark.parametrize("corrected", [3, 200])
def test_doubtful_rows_that_are_right_take_their_places(session: Session, monkeypatch: pytest.MonkeyPatch, corrected: int) -> None:
    monkeypatch.setattr(json_decode, "SMALL", 0)
    values = [(1 << 62) + 1 if i % (1000 // corrected) == 0 else i + 2 for i in range(1000)]
    batch = Decoder(session, (Column("id", "BIGINT"),), "json").decode(raw_batch(b"".join(b'{"id":%d}\n' % v for v in values)))
    assert batch.table.column("id").to_pylist() == values


def test_text_lines_are_values_and_bad_utf8_is_malformed(session: Session) -> None:
    batch = Decoder(session, (Column("value", "VARCHAR"),), "text").decode(raw_batch(b"one\r\n\n caf\xc3\xa9\n\xff\n"))
    assert outcome(batch) == [("one",), None, (" café",), ("_malformed",)]


def test_parquet_columns_are_cast_by_name(session: Session) -> None:
    table = pa.table({"AMOUNT": ["1.5", "x", "3"], "id": [1.0, 2.0, 10.7]})
    raw = RawBatch(None, 0, Offset("f", "f", 0, 0), Offset("f", "f", 1, 3), 0.0, table=table)
    batch = Decoder(session, ORDERS, "parquet").decode(raw)
    assert outcome(batch) == [(1, None, 1.5), ("_type",), ("_type",)]
    assert batch.rejected_raw.to_pylist() == [b'{"AMOUNT":"x","id":2.0}', b'{"AMOUNT":"3","id":10.7}']
    assert np.array_equal(batch.line_start, [0, 0, 0, 1])


def test_a_large_chunk_is_judged_like_a_small_one(session: Session) -> None:
    """Of what the fast reader takes for a number, every odd one is found."""
    odd = [b'"0x1F"', b"7.5", b'"7.5"', b'"x"', b"true", b"[1]", b'"_1"', b'""', b"1e19"]
    right = [
        b"7",
        b'"12"',
        b"1e3",
        b"7.00000000000000000000",
        b"1767225600000000",
        b'" 5"',
        b'"1_000"',
        b'"5\\t"',
        b"7.0000000000000000001",
    ]
    values = [odd[n // 7 % len(odd)] if n % 7 == 0 else right[n % len(right)] for n in range(12_000)]
    data = b"".join(b'{"pad":"%s","id":%s}\n' % (b"p_1 " * (n % 23), value) for n, value in enumerate(values))
    columns = (Column("id", "BIGINT"), Column("pad", "VARCHAR"))
    batches = [Decoder(session, columns, "json", exact=exact).decode(raw_batch(data)) for exact in (False, True)]
    assert [batch.rejected.tolist() for batch in batches] == [list(range(0, 12_000, 7))] * 2
    assert batches[0].table.take(np.flatnonzero(batches[0].verdict == ACCEPTED)) == batches[1].table.take(
        np.flatnonzero(batches[1].verdict == ACCEPTED)
    )
