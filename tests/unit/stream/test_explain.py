"""Why a record was rejected: each rule, what it saw, and where that stands."""

from __future__ import annotations

import pytest

from tests.unit.stream.raws import NOWHERE, ORDERS, RULES
from workbench.language.definitions import Column, Expectation, FlowQuery, Format, ReadFiles, ReadSocket, StreamingTable
from workbench.store.session import scratch
from workbench.stream.explain import KEPT, NO_HEADER, NOT_ALLOWED, NOT_ITS_TYPE, Decoders, Explanation, explain, mentioned

IDENTITY = FlowQuery("SELECT * FROM _input", True, ())


def explained(
    raw: bytes,
    format: Format = "json",
    query: FlowQuery = IDENTITY,
    rules: tuple[str, ...] = (),
    header: bytes | None = None,
    columns: tuple[Column, ...] = ORDERS,
    expectations: tuple[Expectation, ...] = RULES,
    options: tuple[tuple[str, str], ...] = (),
) -> Explanation:
    source = ReadFiles("*", format, options=options)
    table = StreamingTable("orders", columns, expectations, "", source, query, "", "", NOWHERE, NOWHERE)
    session = scratch()
    found = explain(Decoders(session), raw, table, columns, rules, header)
    session.close()
    return found


def broken(found: Explanation) -> list[tuple[str, bool | None, str]]:
    return [(v.rule, v.broken, v.value) for v in found.verdicts if v.broken is not False]


def marked(found: Explanation) -> list[tuple[str, str]]:
    return [(found.text[start:stop], action) for start, stop, action in found.spans]


def test_broken_expectations_point_at_their_fields() -> None:
    found = explained('{"id": 1, "country": "Größe", "amount": -12.5 }'.encode())
    assert broken(found) == [("positive", True, "-12.5"), ("german", True, "Größe")]
    assert marked(found) == [('"country": "Größe"', "mark"), ('"amount": -12.5', "drop")]
    assert [v.rule for v in found.verdicts] == ["_malformed", "_type", "_not_null", "positive", "german"]


def test_a_rule_on_a_column_of_the_wrong_type_cannot_be_judged() -> None:
    found = explained(b'{"country":"DE","amount":"much"}')
    assert broken(found) == [("_type", True, '"much"'), ("_not_null", True, "NULL"), ("positive", None, "")]
    assert marked(found) == [('"amount":"much"', "drop")]


def test_fields_are_found_behind_what_is_no_json() -> None:
    found = explained(b'{"x":[nan,],"id":1,"country":"DE","amount":-Inf}')
    assert broken(found) == [("_type", True, "-Inf"), ("positive", None, "")]
    assert marked(found) == [('"amount":-Inf', "drop")]


def test_malformed_records_say_where_they_break() -> None:
    found = explained(b'{"id":1,\x01')
    assert found.verdicts[0].broken
    assert "character 9" in found.verdicts[0].value
    assert found.text == '{"id":1,\\x01'
    assert marked(found) == [("\\x01", "drop")]
    assert broken(explained(b'{"id":\xff}'))[0] == ("_malformed", True, "not UTF-8 at byte 6: 0xff")
    assert broken(explained(b'{"id":"x'))[0] == ("_malformed", True, "Unterminated string starting at character 7")
    assert broken(explained(b'{"id":1,}'))[0][:2] == ("_malformed", True)
    assert broken(explained(b"[1]"))[0] == ("_malformed", True, "not a JSON object")


def test_the_selects_output_is_judged() -> None:
    query = FlowQuery("SELECT _row, id, upper(country) AS country, amount - 5 AS amount FROM _input", False, ())
    assert broken(explained(b'{"id":1,"country":"de","amount":4}', query=query)) == [("positive", True, "-1.0")]
    nothing = FlowQuery("SELECT _row, amount, country FROM _input WHERE false", False, ())
    assert broken(explained(b'{"id":1}', query=nothing)) == [("positive", None, ""), ("german", None, "")]


def test_csv_fields() -> None:
    found = explained(b'-1,"FR",1', "csv", header=b"amount,country,id\n")
    assert broken(found) == [("positive", True, "-1.0"), ("german", True, "FR")]
    assert marked(found) == [("-1", "drop"), ('"FR"', "mark")]
    assert broken(explained(b"1,2", "csv", header=b"amount,country,id\n"))[0][:2] == ("_malformed", True)
    (verdict, *_) = explained(b"1;2", "csv", header=b"a;b\n").verdicts
    assert (verdict.rule, verdict.value) == ("_malformed", "the header of its file, `a;b`, names none of the columns")


def test_a_record_whose_header_cannot_be_read_any_more_broke_what_it_broke() -> None:
    found = explained(b"1,2,much", "csv", header=b"\x1f\x8b\x08", rules=("_type", "german"))
    assert [(v.rule, v.broken, v.action, v.value) for v in found.verdicts] == [
        ("_type", True, "drop", NO_HEADER),
        ("german", True, "mark", NO_HEADER),
        ("positive", None, "drop", ""),
    ]


def test_nulls_of_a_csv_are_no_type_errors() -> None:
    told = broken(explained(b'"",NA,-1', "csv", header=b"id,country,amount", options=(("nullstr", "NA"),)))
    assert told == [("_not_null", True, "NULL"), ("positive", True, "-1.0"), ("german", True, "NULL")]


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        ("TIMESTAMP_NS", '"2026-01-01T00:00:00.123456789"', "2026-01-01 00:00:00.123456789"),
        ("TIMESTAMPTZ_NS", '"2026-01-01T00:00:00.123456789Z"', "2026-01-01 00:00:00.123456789+00"),
        ("TIME_NS", '"12:00:00.123456789"', "12:00:00.123456789"),
        ("TIMESTAMP_NS[]", '["2026-01-01T00:00:00.123456789",null]', "['2026-01-01 00:00:00.123456789', NULL]"),
        ("STRUCT(x TIMESTAMP_NS)", '{"x":"2026-01-01T00:00:00.123456789"}', "{'x': '2026-01-01 00:00:00.123456789'}"),
        ("MAP(VARCHAR, TIMESTAMP_NS)", '{"x":"2026-01-01T00:00:00.123456789"}', "{x='2026-01-01 00:00:00.123456789'}"),
        ("UNION(x TIMESTAMP_NS)", '{"x":"2026-01-01T00:00:00.123456789"}', "2026-01-01 00:00:00.123456789"),
        ("DATE", '"290000-01-01"', "290000-01-01"),
        ("TIMESTAMP", '"-290000-01-01"', "290001-01-01 (BC) 00:00:00"),
        ("TIMESTAMPTZ", '"290000-01-01"', "290000-01-01 00:00:00+00"),
    ],
)
@pytest.mark.parametrize("format", ["json", "parquet"])
def test_values_that_python_has_not_are_shown_as_duckdb_writes_them(format: Format, kind: str, value: str, shown: str) -> None:
    columns = (Column("a", kind), Column("u", "BIGINT"))
    rules = (Expectation("never", "a IS NULL", "drop", NOWHERE),)
    bad = explained(f'{{"a":{value},"u":"bad"}}'.encode(), format, columns=columns, expectations=rules)
    assert broken(bad) == [("_type", True, '"bad"'), ("never", True, shown)]


def test_parquets_columns_are_found_in_any_letter_case() -> None:
    found = explained(b'{"ID":"x","Amount":-1,"country":null}', "parquet")
    assert broken(found) == [("_type", True, '"x"'), ("positive", True, "-1.0"), ("german", True, "NULL")]
    assert marked(found)[0] == ('"ID":"x"', "drop")


def test_what_json_does_not_tell_of_a_record_of_parquet() -> None:
    (malformed, *rest) = explained(b'{"id":null,"country":"DE"}', "parquet", rules=("_malformed",)).verdicts
    assert (malformed.rule, malformed.broken, malformed.value) == ("_malformed", True, NOT_ALLOWED)
    assert {verdict.broken for verdict in rest} == {None}
    assert broken(explained(b'{"id":"12"}', "parquet", rules=("_type",)))[0] == ("_type", True, NOT_ITS_TYPE)


def test_a_record_that_was_not_sent_whole() -> None:
    source = ReadSocket("tcp://localhost:1", "text", framing="octet")
    line = (Column("line", "VARCHAR"),)
    table = StreamingTable("t", line, (), "", source, IDENTITY, "", "", NOWHERE, NOWHERE)
    session = scratch()
    decoders = Decoders(session)
    found = explain(decoders, b"10 hello", table, line, ("_malformed",))
    uncounted = explain(decoders, b"<13>hello", table, line, ("_malformed",))
    session.close()
    assert broken(found) == [("_malformed", True, "its sender did not send all of it")]
    assert broken(uncounted) == [("_malformed", True, "no count of its bytes stands before it, as framing => 'octet' has it")]


def test_a_too_long_record_is_not_judged_again() -> None:
    found = explained(b'{"id":1', rules=("_too_long",))
    assert broken(found)[0] == ("_too_long", True, "its first 7 bytes were kept")
    assert {v.broken for v in found.verdicts[1:]} == {None}


def test_without_its_table_a_record_is_only_shown() -> None:
    session = scratch()
    assert explain(Decoders(session), b"a\xffb", None, (Column("a", "BIGINT"),)) == ((), (), "a\\xffb")
    session.close()


def test_mentioned_columns_are_words_of_the_predicate() -> None:
    names = ["amount", "say hi", "country"]
    assert mentioned("length(\"say hi\") > 0 AND Country = 'amount'", names) == ["say hi", "country"]


def test_what_explains_records_is_kept_for_the_last_kinds_of_input() -> None:
    def told(column: str) -> Explanation:
        columns = (Column(column, "BIGINT"),)
        source = ReadFiles("*", "json")
        return explain(decoders, b'{"a": "x"}', StreamingTable("t", columns, (), "", source, IDENTITY, "", "", NOWHERE, NOWHERE), columns)

    session = scratch()
    decoders = Decoders(session)
    prepared = "SELECT count(*) FROM duckdb_prepared_statements()"
    first = told("a")
    assert broken(first) == [("_type", True, '"x"')]
    kept = session.execute(prepared)
    assert told("a") == first
    assert session.execute(prepared) == kept
    for number in range(3 * KEPT):
        told(f"a{number}")
    assert int(session.execute(prepared)[0][0]) <= KEPT + 2
    session.close()
