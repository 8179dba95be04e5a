"""The SELECT of a streaming table: `_row` in front, stars that do not spread to what the workbench adds."""

from __future__ import annotations

import pytest

from tests.language import parse_statement
from workbench.language.definitions import FlowQuery, ReadFiles, StreamingTable
from workbench.language.project import load


def flow(select: str, columns: str = "") -> FlowQuery:
    table = parse_statement(f"CREATE STREAMING TABLE t {columns} AS {select}")
    assert isinstance(table, StreamingTable)
    assert table.query is not None
    return table.query


def refused(select: str) -> str:
    found = load({"p.sql": f"CREATE STREAMING TABLE s AS SELECT * FROM STREAM read_files('x.json'); CREATE STREAMING TABLE t AS {select}"})
    assert found.problems
    return " / ".join(problem.message for problem in found.problems)


@pytest.mark.parametrize(
    ("select", "sql"),
    [
        ("SELECT * FROM STREAM s", 'SELECT "s"._row AS _row, * EXCLUDE (_row, _metadata) FROM _input AS "s"'),
        ("SELECT *, a FROM STREAM (s) x", 'SELECT "x"._row AS _row, * EXCLUDE (_row, _metadata), a FROM _input AS "x"'),
        ("SELECT * EXCLUDE a FROM STREAM s", 'SELECT "s"._row AS _row, * EXCLUDE (_row, _metadata, a) FROM _input AS "s"'),
        ("SELECT * EXCLUDE (a, b) FROM STREAM s", 'SELECT "s"._row AS _row, * EXCLUDE (_row, _metadata, a, b) FROM _input AS "s"'),
        (
            "SELECT * REPLACE (a+1 AS a) FROM STREAM s",
            'SELECT "s"._row AS _row, * EXCLUDE (_row, _metadata) REPLACE (a+1 AS a) FROM _input AS "s"',
        ),
        (
            "SELECT o.*, c.* FROM STREAM s AS o LEFT JOIN c ON o.x = c.x WHERE a > 0",
            'SELECT "o"._row AS _row, o.* EXCLUDE (_row, _metadata), c.* FROM _input AS "o" LEFT JOIN c ON o.x = c.x WHERE a > 0',
        ),
        (
            "WITH c AS (SELECT 1 AS x) SELECT a * x AS ax FROM STREAM s, c",
            'WITH c AS (SELECT 1 AS x) SELECT "s"._row AS _row, a * x AS ax FROM _input AS "s", c',
        ),
        (
            "SELECT a -- first\n, b\n FROM STREAM read_files('x.json')",
            "SELECT _input._row AS _row, a, b FROM _input",
        ),
    ],
)
def test_the_query_reads_the_input_and_gives_the_row_first(select: str, sql: str) -> None:
    assert flow(select).sql == sql


def test_identity_is_a_plain_star_whose_columns_are_the_tables() -> None:
    files = "SELECT * FROM STREAM read_files('x.json'{})"
    assert flow(files.format("")).identity
    assert flow(files.format(""), "(a BIGINT)").identity
    assert flow(files.format(", schema => 'a BIGINT'"), "(a INT8)").identity
    assert not flow(files.format(", schema => 'a BIGINT, b BIGINT'"), "(a BIGINT)").identity
    assert not flow("SELECT * FROM STREAM s", "(a BIGINT)").identity
    assert not flow("SELECT * FROM STREAM s WHERE a > 0").identity
    assert not flow("SELECT * FROM STREAM s, t").identity
    assert not flow("SELECT *, a FROM STREAM s").identity


def test_tables_are_those_that_are_joined_in() -> None:
    found = flow(
        "SELECT a FROM STREAM s JOIN b USING (a), (SELECT * FROM c) x WHERE a IN (SELECT a FROM main.d) AND EXISTS (FROM workbench.streams)"
    )
    assert found.tables == ("b", "c", "d")
    assert flow("WITH b AS (SELECT * FROM a), c AS (SELECT * FROM b) SELECT 1 AS x FROM STREAM s, b, c").tables == ("a",)
    assert flow("SELECT 1 AS x FROM STREAM s, range(3), 'file.csv', read_csv('x.csv')").tables == ()


def test_metadata_is_noticed() -> None:
    assert flow("SELECT _metadata.file AS file FROM STREAM read_files('x.json')").uses_metadata
    assert not flow("SELECT file FROM STREAM read_files('x.json')").uses_metadata


@pytest.mark.parametrize(
    ("select", "message"),
    [
        ("SELECT a FROM STREAM s JOIN STREAM s ON true", "both streams are called s"),
        ("SELECT a FROM (SELECT * FROM STREAM s)", "STREAM stands first"),
        ("SELECT a FROM s JOIN STREAM s ON true", "STREAM stands first"),
        ("SELECT a FROM STREAM s RIGHT JOIN s x ON true", "RIGHT JOIN"),
        ("SELECT a FROM STREAM s FULL JOIN s x ON true", "FULL JOIN"),
        ("SELECT a FROM STREAM s TABLESAMPLE 10%", "not sampled"),
        ("SELECT row_number() OVER () FROM STREAM s", "OVER"),
        ("SELECT a FROM STREAM s UNION ALL SELECT a FROM STREAM s", "UNION of streams"),
        ("SELECT a FROM STREAM s UNION ALL SELECT 1", "UNION"),
        ("SELECT _row FROM STREAM s", "_row is given out"),
        ("SELECT _violations FROM STREAM s", "_violations is reserved"),
        ("SELECT _metadata.file FROM STREAM s", "only rows read from files"),
        ("SELECT COLUMNS('a.*') FROM STREAM s", "COLUMNS"),
        ("SELECT * EXCEPT (a) FROM STREAM s", "EXCLUDE"),
        ("SELECT * LIKE 'a%' FROM STREAM s", "after a star"),
        ("SELECT a, FROM STREAM s", "a comma too many"),
        ("SELECT a FROM STREAM s WATERMARK ts DELAY OF INTERVAL 1 MINUTE", "WATERMARK"),
        ("FROM STREAM s", "begins with SELECT"),
        ("SELECT a FROM STREAM x.s", "one part"),
    ],
)
def test_what_a_streaming_table_cannot_do_is_refused(select: str, message: str) -> None:
    assert message in refused(select)


@pytest.mark.parametrize(
    ("arguments", "source"),
    [
        ("'x.ndjson'", ReadFiles("x.ndjson", "json")),
        ("'logs/*.LOG.gz'", ReadFiles("logs/*.LOG.gz", "text")),
        ("'x.tsv.zst'", ReadFiles("x.tsv.zst", "csv", options=(("delimiter", "\t"),))),
        ("'x.parquet', follow => FALSE", ReadFiles("x.parquet", "parquet", follow=False)),
        (
            "'x', format := 'CSV', sep => '\\t', header => false, quote => '', nullValue => 'NA', start => 'latest_'",
            None,
        ),
        (
            "'x', format := 'CSV', sep => '\\t', header => false, quote => '', nullValue => 'NA', start => 'end'",
            ReadFiles("x", "csv", start="end", options=(("delimiter", "\t"), ("header", "false"), ("quote", ""), ("nullstr", "NA"))),
        ),
    ],
)
def test_options_of_read_files(arguments: str, source: ReadFiles | None) -> None:
    text = f"CREATE STREAMING TABLE t AS SELECT * FROM STREAM read_files({arguments})"
    if source is None:
        assert load({"p.sql": text}).problems
        return
    table = parse_statement(text)
    assert isinstance(table, StreamingTable)
    assert table.source == source


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        ("", "needs a path", "Write read_files("),
        ("path => 'x.json'", "needs a path", "Write read_files("),
        ("'x.dat'", "does not tell the format", "format =>"),
        ("'x', format => 'jsonl'", "format cannot be 'jsonl'", "'json'"),
        ("'x', format => 'xml'", "format cannot be 'xml'", "'json', 'csv'"),
        ("'x.json', fromat => 'json'", "no option fromat", "format"),
        ("'x.json', follow => 'maybe'", "true or false", "follow => false"),
        ("'x.json', start => 'begining'", "start cannot be", "beginning"),
        ("'x.json', start => 'end', start => 'end'", "given twice", "Keep one"),
        ("'x.json', header => true", "belongs to format => 'csv'", "Leave it out"),
        ("'x.csv', delimiter => ';;'", "one character", "delimiter =>"),
        ("'x.json', schema => 'a BIGNIT'", "no type BIGNIT", "BIGINT"),
        ("'x.json', schema => ''", "schema is empty", "schema =>"),
        ("'x.json', 'json'", "expected an option", "name => value"),
    ],
)
def test_wrong_options_of_read_files(arguments: str, message: str, hint: str) -> None:
    found = load({"p.sql": f"CREATE STREAMING TABLE t AS SELECT * FROM STREAM read_files({arguments})"}).problems
    assert any(message in p.message and hint in p.hint for p in found), found


def test_a_mistake_in_a_schema_is_shown_inside_its_text() -> None:
    text = "CREATE STREAMING TABLE t AS SELECT * FROM STREAM read_files('x.json', schema => 'a INT, b FOO')"
    [problem] = load({"p.sql": text}).problems
    assert problem.text[problem.column - 1 :].startswith("FOO")
