"""Sources of the outside world: what their options become, and what is wrong with them."""

from __future__ import annotations

import pytest

from tests.language import parse_statement
from workbench.language.definitions import Column, InsertFlow, ReadFiles, ReadRate, ReadSocket, ReadStdin, StreamingTable
from workbench.language.project import load


def table(source: str, columns: str = "") -> StreamingTable:
    found = parse_statement(f"CREATE STREAMING TABLE t {columns} AS SELECT * FROM STREAM {source}")
    assert isinstance(found, StreamingTable)
    return found


@pytest.mark.parametrize(
    ("source", "spec"),
    [
        ("read_socket('tcp://localhost:5140')", ReadSocket("tcp://localhost:5140", "json")),
        ("read_socket('TCP://:0514')", ReadSocket("tcp://localhost:514", "json")),
        ("read_socket('tcp://[::1]:5140', mode => 'connect')", ReadSocket("tcp://[::1]:5140", "json", "connect")),
        ("read_socket('udp://0.0.0.0:5140', format => 'text')", ReadSocket("udp://0.0.0.0:5140", "text")),
        ("read_socket('unix:///run//a/../app.sock', framing => 'nul')", ReadSocket("unix:///run/app.sock", "json", framing="nul")),
        ("read_socket('unixgram:///tmp/a')", ReadSocket("unixgram:///tmp/a", "json")),
        (
            "read_socket('tcp://h:1', framing => 'octet', max_line => '64 KiB', spool => '12MB', idle_timeout => '1 minute 30 seconds')",
            ReadSocket("tcp://h:1", "json", framing="octet", idle_timeout=90.0, max_line=65536, spool=12_000_000),
        ),
        (
            "read_socket('tcp://h:1', format => 'csv', sep => ';', header => false, schema => 'a BIGINT', max_line => 100)",
            ReadSocket(
                "tcp://h:1", "csv", schema=(Column("a", "BIGINT"),), options=(("delimiter", ";"), ("header", "false")), max_line=100
            ),
        ),
        ("read_stdin()", ReadStdin("json")),
        ("read_stdin(format => 'text', idle_timeout => '500 ms')", ReadStdin("text", idle_timeout=0.5)),
        ("read_rate()", ReadRate(1)),
        ("read_rate(rowsPerSecond => 10_000, rows => '5')", ReadRate(10_000, 5)),
        ("read_rate(ROWSPERSECOND => 7)", ReadRate(7)),
        ("read_files('a.json', idle_timeout => '2 minutes')", ReadFiles("a.json", "json", idle_timeout=120.0)),
    ],
)
def test_a_source_is_what_its_options_say(source: str, spec: object) -> None:
    assert table(source).source == spec


@pytest.mark.parametrize(
    ("source", "message", "hint"),
    [
        ("read_socket()", "needs an address", "tcp://localhost:5140"),
        ("read_socket(port => 1)", "needs an address", "tcp://localhost:5140"),
        ("read_socket('localhost:5140')", "no kind of socket", "Write tcp://localhost:5140."),
        ("read_socket(':5140')", "no kind of socket", "Write tcp://localhost:5140."),
        ("read_socket('tcp:5140')", "no kind of socket", "Write tcp://localhost:5140."),
        ("read_socket('logs')", "no kind of socket", "unix:///"),
        ("read_socket('http://x:1')", "http:// is no socket", "lines"),
        ("read_socket('tls://x:1')", "tls:// is no socket", "socat"),
        ("read_socket('tcp://x')", "no port", "Write tcp://x:5140."),
        ("read_socket('tcp://[::1')", "never closed", "Write tcp://[::1]:5140."),
        ("read_socket('tcp://[::1:6514')", "never closed", "Write tcp://[::1]:6514."),
        ("read_socket('tcp://h:1', format => 'csv', quote => 'ab')", "one character in quotes", "Write quote => '\"'."),
        ("read_socket('tcp://x:0')", "no port from 1", "sender"),
        ("read_socket('tcp://x:70000')", "'70000' is no port", "5140"),
        ("read_socket('tcp://x:12/y')", "'12/y' is no port", "nothing follows"),
        ("read_socket('tcp://*:12')", "* is no host", "0.0.0.0:12"),
        ("read_socket('tcp://::1:12')", "in brackets", "tcp://[::1]:12."),
        ("read_socket('tcp://[x]:12')", "no name of a host", "localhost:12"),
        ("read_socket('tcp://a b:12')", "no name of a host", "localhost:12"),
        ("read_socket('tcp://:12', mode => 'connect')", "a host is needed", "localhost:12"),
        ("read_socket('unix://run/x')", "needs a whole path", "unix:///run/x"),
        (f"read_socket('unix:///{'x' * 107}')", "at most 107 bytes", "shorter"),
        ("read_socket('udp://x:1', mode => 'connect')", "has no connections", "tcp://"),
        ("read_socket('unixgram:///x', framing => 'octet')", "a datagram needs no count", "unix://"),
        ("read_socket('tcp://x:1', mode => 'server')", "mode cannot be", "'listen'"),
        ("read_socket('tcp://x:1', framing => 'lines')", "framing cannot be", "'newline'"),
        ("read_socket('tcp://x:1', format => 'parquet')", "format cannot be", "'json', 'csv', 'text'"),
        ("read_socket('tcp://x:1', spool => '12')", "too little for spool", "1,000,000 bytes at least"),
        ("read_socket('tcp://x:1', max_line => '1GB')", "too much for max_line", "at most"),
        ("read_socket('tcp://x:1', max_line => '1 furlong')", "max_line is a size", "'64KB'"),
        ("read_socket('tcp://x:1', header => true)", "belongs to format => 'csv'", "now 'json'"),
        ("read_socket('tcp://x:1', format => 'csv', header => true)", "have no header", "by their place"),
        ("read_socket('tcp://x:1', follow => true)", "no option follow", "Options are mode"),
        ("read_stdin('x')", "expected an option", "format => 'json'"),
        ("read_stdin(format => 'parquet')", "format cannot be", "'json', 'csv', 'text'"),
        ("read_stdin(idle_timeout => 30)", "length of time", "'30 seconds'"),
        ("read_stdin(idle_timeout => '0 seconds')", "length of time", "'30 seconds'"),
        ("read_rate(5)", "expected an option", "rowsPerSecond => 100"),
        ("read_rate(rowsPerSecond => 0)", "whole number from 1", "rowsPerSecond => 100"),
        ("read_rate(rowsPerSecond => -1)", "cannot be negative", "rowsPerSecond"),
        ("read_rate(rows => 1.5)", "rows is a whole number", "rows =>"),
        ("read_rate(rowPerSecond => 5)", "no option rowPerSecond", "Did you mean rowsPerSecond?"),
        ("read_sockets('x')", "not a source", "Did you mean read_socket?"),
        ("fetch_all()", "not a source", "read_files(…), read_socket(…), read_stdin(…), read_rate(…)"),
    ],
)
def test_a_mistake_is_told_with_what_to_write(source: str, message: str, hint: str) -> None:
    found = load({"p.sql": f"CREATE STREAMING TABLE t AS SELECT * FROM STREAM {source}"}).problems
    assert any(message in p.message and hint in p.hint for p in found), found


@pytest.mark.parametrize(
    "source",
    [
        "read_files('in/*.log', schema => 'id BIGINT')",
        "read_files('in/*.txt.gz', schema => 'value VARCHAR, id BIGINT')",
        "read_files('in/*.json', schema => 'id BIGINT', format => 'text')",
        "read_socket('tcp://x:1', format => 'text', schema => 'id BIGINT')",
        "read_stdin(format => 'text', schema => 'id BIGINT')",
    ],
)
def test_lines_of_text_have_no_other_column_than_value(source: str) -> None:
    (found,) = load({"p.sql": f"CREATE STREAMING TABLE t AS SELECT * FROM STREAM {source}"}).problems
    assert found.message == "the source is read as text, which has one column, `value`, and no id"
    assert "Say format => 'json' or 'csv'" in found.hint
    assert "value AS id" in found.hint
    assert found.text[found.column - 1 :].startswith("'id BIGINT'" if "value" not in source else "'value VARCHAR, id")


def test_a_table_declares_no_other_column_of_text_either() -> None:
    text = "CREATE STREAMING TABLE t (id BIGINT) AS SELECT * FROM STREAM read_files('x.log')"
    (found,) = load({"p.sql": text}).problems
    assert (found.message, found.column) == ("the source is read as text, which has one column, `value`, and no id", text.index("id") + 1)
    assert "Say format => 'json' or 'csv'" in found.hint


@pytest.mark.parametrize(
    ("source", "columns"),
    [
        ("read_files('x.log')", ""),
        ("read_files('x.log')", "(Value BIGINT NOT NULL)"),
        ("read_files('x.log', schema => '\"value\" DATE')", ""),
        ("read_files('x.log', schema => 'value DATE')", "(value DATE)"),
        ("read_files('x.log', schema => 'id BIGINT', format => 'json')", ""),
        ("read_files('x.log', format => 'csv', header => false)", "(id BIGINT, b VARCHAR)"),
    ],
)
def test_what_is_declared_of_text_may_be_its_column_with_a_type(source: str, columns: str) -> None:
    assert table(source, columns).source is not None


def test_a_flow_of_text_gives_value_whatever_its_tables_columns_are_called() -> None:
    for source, plain in (("x.log", False), ("x.json", True)):
        found = parse_statement(f"CREATE FLOW f AS INSERT INTO t BY NAME SELECT * FROM STREAM read_files('{source}')")
        assert isinstance(found, InsertFlow)
        assert found.query.identity is plain


def test_all_mistakes_of_a_source_are_told_at_once_and_where_they_stand() -> None:
    text = "CREATE STREAMING TABLE t AS SELECT * FROM STREAM read_socket('x://a',\n  mode => 'x', spool => 'y', a => 1)"
    found = load({"p.sql": text}).problems
    assert [(p.line, p.column) for p in found] == [(1, 62), (2, 11), (2, 25), (2, 30)]


def test_rates_columns_are_known_so_a_plain_select_is_the_identity() -> None:
    plain, picked = table("read_rate()").query, table("read_rate()", "(value BIGINT)").query
    assert plain is not None
    assert picked is not None
    assert plain.identity
    assert not picked.identity


def test_a_word_in_quotes_is_a_streaming_table_not_a_function() -> None:
    found = load({"p.sql": 'CREATE STREAMING TABLE t AS SELECT * FROM STREAM "read_rate"()'}).problems
    assert any("not a source" in p.message for p in found)


def test_a_table_of_version_0_1_keeps_its_digest() -> None:
    assert table("read_files('x.json')").digest == "48fab8ab9bd66ae10b1c5a4a45e5083404d34e7babfc7928cd6ce4903f9f256e"
