"""CSV records to rows: header names, ragged records, quotes, and the same type rules as everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.stream.raws import ORDERS, outcome, raw_batch
from workbench.errors import FlowError
from workbench.language.definitions import Column
from workbench.store.session import Session, scratch
from workbench.stream.csv_fields import Dialect, Fields, distinct
from workbench.stream.decode import Decoder
from workbench.stream.drift import Drift
from workbench.stream.infer import infer_columns

MALFORMED, TYPE, NOT_NULL = ("_malformed",), ("_type",), ("_not_null",)


@pytest.fixture
def session() -> Iterator[Session]:
    session = scratch()
    yield session
    session.close()


def test_columns_are_found_by_the_headers_names_in_any_order(session: Session) -> None:
    data = b"Country,other,ID\r\nDE,x,1\r\n,,2\r\n"
    batch = Decoder(session, ORDERS, "csv").decode(raw_batch(data, header=True))
    assert outcome(batch) == [None, (1, "DE", None), (2, None, None)]
    assert batch.line_start.tolist() == [0, 18, 26, 31]


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (b"1,DE,2.5", (1, "DE", 2.5)),
        (b"1,DE,", (1, "DE", None)),
        (b'1,"",2', (1, "", 2.0)),
        (b'"1","D,E","2"', (1, "D,E", 2.0)),
        (b'1,"say ""hi""",2', (1, 'say "hi"', 2.0)),
        (b'1,5" pipe,2', (1, '5" pipe', 2.0)),
        (b"1,a\rb,2", (1, "a\rb", 2.0)),
        (b"1.0,DE,2", (1, "DE", 2.0)),
        (b'"",DE,2', NOT_NULL),
        (b",DE,2", NOT_NULL),
        (b"1.5,DE,2", TYPE),
        (b"1,DE,inf", TYPE),
        (b"true,DE,2", TYPE),
        (b"1,DE", MALFORMED),
        (b"1,DE,2,3", MALFORMED),
        (b"1", MALFORMED),
        (b'1,"DE"x,2', MALFORMED),
        (b'1,"DE,2', MALFORMED),
        (b'1,DE,"', MALFORMED),
        (b"1,\xff,2", MALFORMED),
        (b"1,\xff", MALFORMED),
        (b"1,\xff,2,3", MALFORMED),
        (b"  \t", None),
        (b"", None),
    ],
)
def test_records(session: Session, record: bytes, expected: object) -> None:
    decoder = Decoder(session, ORDERS, "csv")
    batch = decoder.decode(raw_batch(b"8,US,1\n" + record + b"\n9,FR,1\n", header_line=b"id,country,amount\r\n"))
    assert outcome(batch) == [(8, "US", 1.0), expected, (9, "FR", 1.0)]
    assert batch.rejected_raw.to_pylist() == ([record] if expected in (MALFORMED, TYPE, NOT_NULL) else [])


def test_a_bad_byte_rejects_no_record_beside_it(session: Session) -> None:
    columns = (Column("id", "BIGINT"), Column("name", "VARCHAR"), Column("x", "DOUBLE"))
    data = b'id,name,x\n1,,1\n2,"",\n3,ok,3\n12,\xff,12\n\xff,,\n4,,4\n'
    expected = [None, (1, None, 1.0), (2, "", None), (3, "ok", 3.0), MALFORMED, MALFORMED, (4, None, 4.0)]
    assert outcome(Decoder(session, columns, "csv").decode(raw_batch(data, header=True))) == expected


def test_a_record_may_span_lines(session: Session) -> None:
    decoder = Decoder(session, ORDERS, "csv", (("header", "false"),))
    batch = decoder.decode(raw_batch(b'1,"a\nb",2\n2,"c\n\nd",x\n3,e,\n', quoted=True))
    assert outcome(batch) == [(1, "a\nb", 2.0), TYPE, (3, "e", None)]
    assert batch.rejected_raw.to_pylist() == [b'2,"c\n\nd",x']
    assert batch.line_start.tolist() == [0, 10, 21, 26]


def test_options(session: Session) -> None:
    options = (("delimiter", "\\t"), ("header", "false"), ("quote", ""), ("nullstr", "NA"))
    batch = Decoder(session, ORDERS, "csv", options).decode(raw_batch(b'1\t"DE"\tNA\n2\tNA\t5\n'))
    assert outcome(batch) == [(1, '"DE"', None), (2, None, 5.0)]


def test_the_header_of_a_file_is_needed_in_its_middle(session: Session) -> None:
    decoder = Decoder(session, ORDERS, "csv", stream="orders")
    with pytest.raises(FlowError, match=r"header of data\.log"):
        decoder.decode(raw_batch(b"1,DE,2\n"))
    assert outcome(decoder.decode(raw_batch(b"DE,1\n", header_line=b"country,id\n"))) == [(1, "DE", None)]
    assert outcome(decoder.decode(raw_batch(b"FR,2\n"))) == [(2, "FR", None)]


def test_one_column(session: Session) -> None:
    batch = Decoder(session, (Column("id", "BIGINT"),), "csv").decode(raw_batch(b'id\n1\n\n"2"\n', header=True))
    assert outcome(batch) == [None, (1,), None, (2,)]


def test_a_delimiter_is_one_byte() -> None:
    with pytest.raises(FlowError, match="one byte"):
        Dialect.of((("delimiter", "||"),))


def test_fields_stand_where_they_were_cut() -> None:
    record = b'a,"b,""c""",,d'
    fields = Fields(Dialect())
    assert [record[start:stop] for start, stop in fields.spans(record)] == [b"a", b'"b,""c"""', b"", b"d"]
    assert fields.cut(record) == [b"a", b'b,"c"', None, b"d"]
    assert fields.cut(b'a,"b') is None
    assert fields.cut(b"a,") == [b"a", None]
    assert fields.cut(b"") == [None]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a", "a", 'b"q', "select", "", ""], ("a", "a_1", 'b"q', "select", "column4", "column5")),
        (["a", "A", "a"], ("a", "A_1", "a_2")),
        (["a", "a", "a_1"], ("a", "a_2", "a_1")),
        (["", "column0", ""], ("column0_1", "column0", "column2")),
        ([], ()),
    ],
)
def test_every_field_has_a_name_of_its_own(names: list[str], expected: tuple[str, ...]) -> None:
    assert distinct(names) == expected


REPEATED = b'a,a,"b""q",select,,\n1,2,3,4,5,6\n'


def test_no_value_under_a_repeated_or_an_empty_name_is_lost(session: Session) -> None:
    columns = infer_columns(session, REPEATED, "csv", ())
    assert [column.name for column in columns] == ["a", "a_1", 'b"q', "select", "column4", "column5"]
    drift = Drift()
    decoders = [Decoder(session, columns, "csv", stream="t", inferred=True, drift=drift) for _ in range(2)]
    batch = decoders[0].decode(raw_batch(REPEATED, header=True))
    assert outcome(batch) == [None, (1, 2, 3, 4, 5, 6)]
    (notice,) = batch.notices
    assert "field 2, again `a`, is called a_1, field 5, without a name, is called column4" in notice
    assert [made.decode(raw_batch(REPEATED, header=True)).notices for made in decoders] == [[], []]


def test_of_equal_names_the_first_counts_where_columns_are_declared(session: Session) -> None:
    batch = Decoder(session, (Column("a", "BIGINT"),), "csv").decode(raw_batch(b"a,A,a\n1,2,3\n", header=True))
    assert outcome(batch) == [None, (1,)]
    assert "of equal names the first field has it" in batch.notices[0]
    assert ["new column `A_1`" in batch.notices[1], "new column `a_2`" in batch.notices[2]] == [True, True]
    named = Decoder(session, (Column("a", "BIGINT"), Column("a_1", "BIGINT")), "csv").decode(raw_batch(b"a,a\n1,2\n", header=True))
    assert outcome(named) == [None, (1, 2)]


def test_a_delimiter_at_the_end_of_each_line_is_no_news_of_a_column(session: Session) -> None:
    batch = Decoder(session, (Column("a", "BIGINT"),), "csv").decode(raw_batch(b"a,\n1,\n", header=True))
    assert outcome(batch) == [None, (1,)]
    assert batch.notices == []


@pytest.mark.parametrize("where", [{"header": True}, {"header_line": b"a;b\n"}])
def test_records_under_a_header_that_names_no_column_are_rejected_with_their_bytes(session: Session, where: dict[str, Any]) -> None:
    columns = (Column("id", "BIGINT"), Column("name", "VARCHAR"))
    data = b"1;x\n\n2;y\n"
    batch = Decoder(session, columns, "csv").decode(raw_batch((b"a;b\n" if "header" in where else b"") + data, **where))
    assert outcome(batch) == [None, MALFORMED, None, MALFORMED][0 if "header" in where else 1 :]
    assert batch.rejected_raw.to_pylist() == [b"1;x", b"2;y"]
    told = [notice for notice in batch.notices if "rejected as _malformed" in notice]
    assert len(told) == len(batch.notices) == ("header" in where)
