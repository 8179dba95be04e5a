"""Why a record was rejected: each rule, what it saw, and where that stands."""

from __future__ import annotations

from tests.unit.stream.raws import NOWHERE, ORDERS, RULES
from workbench.language.definitions import Column, FlowQuery, Format, ReadFiles, ReadSocket, StreamingTable
from workbench.store.session import scratch
from workbench.stream.explain import KEPT, Decoders, Explanation, explain, mentioned

IDENTITY = FlowQuery("SELECT * FROM _input", True, ())


def explained(
    raw: bytes, format: Format = "json", query: FlowQuery = IDENTITY, rules: tuple[str, ...] = (), header: bytes | None = None
) -> Explanation:
    table = StreamingTable("orders", ORDERS, RULES, "", ReadFiles("*", format), query, "", "", NOWHERE, NOWHERE)
    session = scratch()
    found = explain(Decoders(session), raw, table, ORDERS, rules, header)
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
