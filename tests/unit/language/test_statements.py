"""Statements: what is read, and what is said about what cannot be.

Invariants of the parser, P being the text of a project:
1. It never raises anything but PipelineError, whatever the text.
2. Every Problem has a file, a line and a column inside the text, the line itself, and (but for DuckDB's own words) a hint.
3. `span` and `body` of a definition cut its own text out of P.
4. Mistakes in one statement hide none in another.
5. `stream`, `watermark`, `expect`, `flow` and `window` are keywords by position only.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.language import parse_statement
from workbench.errors import PipelineError, Problem
from workbench.language.columns import MAX_EXPECTATIONS
from workbench.language.definitions import Column, Drop, MaterializedView, ReadFiles, Refresh, StreamingTable, StreamRef, TemporaryView
from workbench.language.project import load
from workbench.language.script import is_statement, parse_script

ORDERS = """CREATE STREAMING TABLE orders (
  order_id BIGINT NOT NULL,
  country  VARCHAR COMMENT 'ISO 3166, alpha-2',
  amount   DECIMAL(9, 2), -- euro
  ts       TIMESTAMPTZ,
  CONSTRAINT positive EXPECT (amount > 0 AND
    country <> ')') ON VIOLATION DROP ROW,
  CONSTRAINT known EXPECT (country IS NOT NULL),
  CONSTRAINT sane  EXPECT (amount < 1e6) ON VIOLATION FAIL UPDATE
)
COMMENT 'Orders; as written'
TBLPROPERTIES ('owner' = 'shop', pipelines.level = 'bronze')
AS SELECT * FROM STREAM read_files('in/*.ndjson', format => 'json', follow => false, start => 'end')"""


def problems(text: str) -> tuple[Problem, ...]:
    return load({"p.sql": text}).problems


def one(text: str) -> Problem:
    found = problems(text)
    assert len(found) == 1, found
    return found[0]


def test_a_streaming_table_is_read_whole() -> None:
    table = parse_statement(ORDERS)
    assert isinstance(table, StreamingTable)
    assert table.columns == (
        Column("order_id", "BIGINT", True),
        Column("country", "VARCHAR", False, "ISO 3166, alpha-2"),
        Column("amount", "DECIMAL(9,2)"),
        Column("ts", "TIMESTAMP WITH TIME ZONE"),
    )
    assert [(e.name, e.predicate, e.action) for e in table.expectations] == [
        ("positive", "amount > 0 AND country <> ')'", "drop"),
        ("known", "country IS NOT NULL", "mark"),
        ("sane", "amount < 1e6", "fail"),
    ]
    assert table.source == ReadFiles("in/*.ndjson", "json", False, "end")
    assert table.comment == "Orders; as written"
    assert table.query is not None
    assert table.query.identity
    assert table.text == ORDERS


def test_spans_cut_the_statement_and_its_query_out_of_the_text() -> None:
    text = f"\n\n  {ORDERS};\nCREATE TEMPORARY VIEW v AS\n\tSELECT 1 AS one;"
    for definition in parse_script(text):
        assert isinstance(definition, (StreamingTable, TemporaryView))
        assert text[definition.span.start : definition.span.stop] == definition.text
        assert text[definition.body.start :].startswith("SELECT")
        assert text[: definition.span.start].count("\n") + 1 == definition.span.line


def test_materialized_views_run_over_a_stream_and_are_stored_over_tables() -> None:
    running = parse_statement("CREATE OR REFRESH MATERIALIZED VIEW v COMMENT 'x' AS SELECT count(*) AS n FROM STREAM orders")
    batch = parse_statement(
        "CREATE MATERIALIZED VIEW v TRIGGER ON UPDATE AT MOST EVERY INTERVAL 10 MINUTES AS SELECT 1 AS one FROM orders, t"
    )
    assert isinstance(running, MaterializedView)
    assert isinstance(batch, MaterializedView)
    assert running.running is not None
    assert (running.tables, running.trigger) == (("orders",), None)
    assert batch.running is None
    assert batch.trigger is not None
    assert (batch.trigger.at_most_every, batch.tables) == (600.0, ("orders", "t"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("REFRESH a", ("a", False)),
        ("refresh full a;", ("a", True)),
        ('REFRESH MATERIALIZED VIEW "a b" FULL', ("a b", True)),
        ("REFRESH STREAMING TABLE main.a", ("a", False)),
        ("REFRESH full", ("full", False)),
    ],
)
def test_refresh(text: str, expected: tuple[str, bool]) -> None:
    found = parse_statement(text)
    assert isinstance(found, Refresh)
    assert (found.name, found.full) == expected


@pytest.mark.parametrize(
    ("text", "kind", "if_exists"),
    [
        ("DROP STREAMING TABLE t", "streaming table", False),
        ("drop materialized view if exists t", "materialized view", True),
        ("DROP VIEW t", "temporary view", False),
        ("DROP TEMPORARY VIEW t", "temporary view", False),
    ],
)
def test_drop(text: str, kind: str, if_exists: bool) -> None:
    found = parse_statement(text)
    assert isinstance(found, Drop)
    assert (found.kind, found.name, found.if_exists) == (kind, "t", if_exists)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CREATE STREAMING TABLE t", True),
        ("  -- note\n/* and */ refresh t", True),
        ("\ufeffDROP VIEW v", True),
        ("CREATE 'never closed", True),
        ("SELECT 'CREATE'", False),
        ("WITH create_ AS (SELECT 1) FROM create_", False),
        ("created", False),
        ("", False),
        ("'", False),
    ],
)
def test_is_statement_looks_at_the_first_word_and_never_raises(text: str, expected: bool) -> None:
    assert is_statement(text) is expected


def test_words_of_the_language_stay_names() -> None:
    text = """
    CREATE STREAMING TABLE stream (stream BIGINT, watermark INT, expect INT, flow INT, "window" INT, CONSTRAINT expect EXPECT (expect > 0))
      AS SELECT * FROM STREAM read_files('x.json');
    CREATE STREAMING TABLE flow AS SELECT stream, watermark FROM STREAM stream watermark;
    CREATE TEMPORARY VIEW expect AS SELECT stream.flow, "window" FROM stream;
    CREATE TEMPORARY VIEW watermark AS SELECT s.flow FROM stream AS s JOIN stream ON true, stream AS t;
    CREATE MATERIALIZED VIEW delay AS SELECT stream, count(*) AS flow FROM STREAM stream GROUP BY stream;
    """
    loaded = load({"p.sql": text})
    assert loaded.problems == ()
    tables = {d.name: d for d in loaded.graph.definitions}
    flow, watermark = tables["flow"], tables["watermark"]
    assert isinstance(flow, StreamingTable)
    assert flow.source == StreamRef("stream")
    assert isinstance(watermark, TemporaryView)
    assert watermark.tables == ("stream",)


@pytest.mark.parametrize("text", ["", "\n", ";", ";;\n;", "-- nothing\n", "\ufeff", "/* a /* nested */ comment */"])
def test_a_text_may_hold_nothing(text: str) -> None:
    assert parse_script(text) == []
    assert problems(text) == ()


@pytest.mark.parametrize(
    "change", [lambda t: t.replace("\n", "\r\n"), lambda t: f"\ufeff{t}", lambda t: f"{t};;", lambda t: t.replace("order_id", "ördér_ид")]
)
def test_line_ends_marks_and_other_alphabets_change_nothing(change: object) -> None:
    assert callable(change)
    table = parse_statement(change(ORDERS))
    assert isinstance(table, StreamingTable)
    assert [c.type for c in table.columns] == ["BIGINT", "VARCHAR", "DECIMAL(9,2)", "TIMESTAMP WITH TIME ZONE"]


def test_quoted_names_survive() -> None:
    name = 'a "b";.--\'/*$$ é'
    quoted = '"' + name.replace('"', '""') + '"'
    text = f"CREATE STREAMING TABLE {quoted} ({quoted} BIGINT) AS SELECT * FROM STREAM read_files('x.json');"
    text += f"CREATE MATERIALIZED VIEW v AS SELECT {quoted}, count(*) AS n FROM STREAM {quoted} GROUP BY {quoted}"
    loaded = load({"p.sql": text})
    assert loaded.problems == ()
    table, view = loaded.graph.definitions
    assert isinstance(table, StreamingTable)
    assert isinstance(view, MaterializedView)
    assert (table.name, table.columns[0].name, view.tables) == (name, name, (name,))


TYPES = {
    "int": "INTEGER",
    "Text": "VARCHAR",
    "varchar(10)": "VARCHAR",
    "NUMERIC": "DECIMAL(18,3)",
    "decimal(4)": "DECIMAL(4,0)",
    "double precision": "DOUBLE",
    "timestamp with time zone": "TIMESTAMP WITH TIME ZONE",
    "timestamptz[]": "TIMESTAMP WITH TIME ZONE[]",
    "int[3][]": "INTEGER[3][]",
    'struct(a int, "B c" text)': 'STRUCT(a INTEGER, "B c" VARCHAR)',
    "map(text, struct(x int[]))": "MAP(VARCHAR, STRUCT(x INTEGER[]))",
    "enum('a', 'it''s')": "ENUM('a', 'it''s')",
    "json": "JSON",
}


@pytest.mark.parametrize("written", TYPES)
def test_types_get_the_name_that_duckdb_gives_them(written: str) -> None:
    table = parse_statement(f"CREATE STREAMING TABLE t (x {written} NOT NULL) AS SELECT * FROM STREAM read_files('x.json')")
    assert isinstance(table, StreamingTable)
    assert table.columns[0] == Column("x", TYPES[written], True)


REFUSED = {
    "CREATE FLOW f AS AUTO CDC INTO t FROM STREAM s KEYS (k)": "arg_max",
    "CREATE FLOW f AS SELECT * FROM STREAM s": "INSERT INTO orders BY NAME",
    "CREATE FLOW f AS INSERT INTO t SELECT * FROM STREAM s": "INSERT INTO t BY NAME SELECT",
    "CREATE FLOW f AS INSERT INTO t (a, b) SELECT * FROM STREAM s": "INSERT INTO t BY NAME SELECT",
    "CREATE FLOW f AS INSERT INTO ONCE t BY NAME SELECT * FROM STREAM s": "follow => false",
    "CREATE FLOW f (a INT) AS INSERT INTO t BY NAME SELECT * FROM STREAM s": "on the streaming table",
    "CREATE FLOW f COMMENT 'no query'": "INSERT INTO orders BY NAME",
    "CREATE STREAMING TABLE t": "after the name",
    "CREATE STREAMING TABLE t (CONSTRAINT c EXPECT (a > 0))": "after the name",
    "CREATE STREAMING TABLE t (x INT)": "CREATE FLOW",
    "CREATE MATERIALIZED VIEW v SCHEDULE EVERY 1 HOUR AS SELECT 1": "TRIGGER ON UPDATE",
    "CREATE MATERIALIZED VIEW v AS SELECT session_window(ts, '5 minutes') FROM t": "FROM STREAM s WATERMARK",
    "CREATE MATERIALIZED VIEW v AS SELECT window(ts, '1 minute', '15 seconds') FROM t": "FROM STREAM s WATERMARK",
    "CREATE MATERIALIZED VIEW v ON LATE DROP AS SELECT 1": "Take ON LATE out",
    "CREATE MATERIALIZED VIEW v ON LATE KEEP AS SELECT 1": "ON LATE UPDATE or ON LATE DROP",
    "CREATE STREAMING TABLE t ON LATE DROP AS SELECT * FROM STREAM s": "the materialized view",
    "CREATE STREAMING TABLE t AS SELECT * FROM STREAM read_kafka(a => 'b')": "read_socket",
    "CREATE STREAMING TABLE t AS SELECT * FROM STREAM read_sokcet('tcp://x:1')": "read_socket",
    "CREATE STREAMING TABLE t (CONSTRAINT a EXPECT (x) ON VIOLATION SET x = 0) AS SELECT * FROM STREAM read_files('x.json')": "SELECT",
    "CREATE STREAMING TABLE t AS SELECT DISTINCT a FROM STREAM read_files('x.json')": "GROUP BY",
    "CREATE STREAMING TABLE t AS SELECT a FROM STREAM read_files('x.json') GROUP BY a": "MATERIALIZED VIEW",
    "CREATE STREAMING TABLE t AS SELECT a FROM STREAM read_files('x.json') LIMIT 5": "query the result",
    "CREATE STREAMING TABLE t AS SELECT a FROM STREAM read_files('x.json') ORDER BY a": "query the result",
    "CREATE STREAMING TABLE t AS SELECT sum(a) FROM STREAM read_files('x.json')": "MATERIALIZED VIEW",
    "CREATE STREAMING TABLE t AS SELECT 1 AS a": "FROM STREAM",
    "CREATE VIEW v AS SELECT 1": "TEMPORARY VIEW",
    "CREATE TABLE v (x INT)": "STREAMING TABLE",
    "CREATE OR REPLACE MATERIALIZED VIEW v AS SELECT 1": "OR REFRESH",
    "CREATE TEMPORARY VIEW v AS SELECT * FROM STREAM t": "STREAM",
    "CREATE MATERIALIZED VIEW v AS SELECT * FROM STREAM t": "count(*)",
    "CREATE MATERIALIZED VIEW v AS SELECT a FROM STREAM t": "CREATE STREAMING TABLE",
    "CREATE MATERIALIZED VIEW v AS DELETE FROM t": "SELECT",
    "CREATE MATERIALIZED VIEW v AS PIVOT t ON a USING sum(b)": "IN (",
    "CREATE STREAMING TABLE _t AS SELECT * FROM STREAM read_files('x.json')": "another name",
    "CREATE STREAMING TABLE \"a#b\" AS SELECT * FROM STREAM read_files('x.json')": 'such as "a_b"',
    'CREATE FLOW "#f" AS INSERT INTO t BY NAME SELECT * FROM STREAM s': 'such as "f"',
    'CREATE MATERIALIZED VIEW "a#b#c" AS SELECT 1': 'such as "a_b_c"',
    'CREATE TEMPORARY VIEW "a#" AS SELECT 1': 'such as "a"',
    "CREATE STREAMING TABLE t (x INT PRIMARY KEY) AS SELECT * FROM STREAM read_files('x.json')": "Take it out",
    "CREATE STREAMING TABLE t (x ARRAY<INT>) AS SELECT * FROM STREAM read_files('x.json')": "BIGINT[]",
    "SELECT 1": "CREATE MATERIALIZED VIEW",
    "INSERT INTO t VALUES (1)": "Statements begin",
    "REFRESH t": "SQL pane",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_not_kept_is_refused_with_what_to_write_instead(text: str) -> None:
    assert REFUSED[text] in one(text).hint


@pytest.mark.parametrize("name", ["_commit", "_ROW", "_metadata", "_violations", "_rescued_data", "_k0", "_p12"])
def test_reserved_names_of_columns_are_refused(name: str) -> None:
    problem = one(f"CREATE STREAMING TABLE t (x INT, {name} INT) AS SELECT * FROM STREAM read_files('x.json')")
    assert (problem.column, problem.width) == (34, len(name))
    assert "reserved" in problem.message


def test_a_table_has_as_many_expectations_as_a_mask_has_bits() -> None:
    rules = [f"CONSTRAINT r{i} EXPECT (x <> {i})" for i in range(MAX_EXPECTATIONS + 1)]
    written = "CREATE STREAMING TABLE t (x INT, {}) AS SELECT * FROM STREAM read_files('x.json')"
    assert problems(written.format(", ".join(rules[1:]))) == ()
    problem = one(written.format(", ".join(rules)))
    assert problem.message == f"a table has at most {MAX_EXPECTATIONS} expectations"


def test_all_mistakes_of_a_statement_are_told_at_once() -> None:
    text = """CREATE STREAMING TABLE t (x BIGINT, X INT, y FOO, z, CONSTRAINT c EXPECT x > 0, w INT DEFAULT 3,)
    AS SELECT count(*) FROM STREAM read_files('x.json', fromat => 'json', follow => 3);
    CREATE VIEW v AS SELECT 1"""
    places = [(p.line, p.text[p.column - 1 : p.column - 1 + p.width]) for p in problems(text)]
    assert places == [(1, "X"), (1, "FOO"), (1, "z"), (1, "EXPECT"), (1, "DEFAULT"), (1, ")"), (2, "fromat"), (2, "3"), (3, "VIEW")]


def test_a_missing_semicolon_is_told_where_it_is_missing_and_the_next_statement_is_read() -> None:
    found = problems("CREATE TEMPORARY VIEW a AS SELECT 1 AS x\n\nCREATE VIEW b AS SELECT 2")
    assert [(p.line, p.column) for p in found] == [(1, 41), (3, 8)]
    found = problems("CREATE TEMPORARY VIEW a AS SELECT 1 AS x\n\nCREATE TEMPORARY VIEW b AS SELECT nope(")
    assert [(p.line, p.column) for p in found] == [(1, 41), (3, 39)]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("CREATE TEMPORARY VIEW v AS SELECT 'it''s never closed\n FROM t", (1, 35)),
        ('CREATE TEMPORARY VIEW v AS SELECT "never closed', (1, 35)),
        ("SELECT '/*' /* never closed", (1, 13)),
        ("-- it's fine\nSELECT $tag$ never closed $$", (2, 8)),
        ("CREATE TEMPORARY VIEW v AS SELECT (1 + [2)", (1, 40)),
        ("CREATE TEMPORARY VIEW v AS SELECT 1)", (1, 36)),
        ("CREATE STREAMING TABLE t (a INT", (1, 26)),
        ("CREATE TEMPORARY VIEW v AS SELECT `a` + 1", (1, 35)),
        ("SELECT a\x00b", (1, 8)),
    ],
)
def test_the_caret_points_at_what_is_never_closed_or_cannot_be(text: str, place: tuple[int, int]) -> None:
    found = problems(text)[0]
    assert (found.line, found.column) == place
    assert found.hint


def test_a_problem_is_drawn_with_its_line_and_a_caret() -> None:
    drawn = str(one("CREATE TEMPORARY VIEW v AS\n\tSELECT * FROM ordrs;\nCREATE TEMPORARY VIEW orders AS SELECT 1 AS x"))
    assert drawn == "p.sql:2:16: there is no table ordrs\n  \tSELECT * FROM ordrs;\n  \t              ^^^^^\n  Did you mean orders?"


WORDS = """
CREATE MATERIALIZED VIEW v AS SELECT ( ) , ; ' " $$ /* -- [ ] { } é \0 * window( STREAM WATERMARK DELAY OF INTERVAL GROUP BY HAVING 1 sum(
FILTER lambda : :: . WITH REFRESH DROP EXPECT CONSTRAINT TRIGGER ON UPDATE
"""
pieces = st.sampled_from([*ORDERS.split(), *WORDS.split(), "\n"])


@settings(max_examples=300, deadline=None)
@given(st.lists(pieces, max_size=25).map(" ".join) | st.text(max_size=40))
def test_no_text_breaks_the_parser(text: str) -> None:
    for problem in problems(text):
        assert problem.file == "p.sql"
        assert 1 <= problem.line <= text.count("\n") + 1
        assert 1 <= problem.column <= len(problem.text) + 1
        assert problem.message
        assert problem.hint


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_damaged_statement_is_a_problem_or_still_a_statement(data: st.DataObject) -> None:
    words = (
        ORDERS + "; CREATE MATERIALIZED VIEW v AS SELECT window(ts, '1 minute') AS m, sum(amount) FROM STREAM orders GROUP BY 1"
    ).split(" ")
    at = data.draw(st.integers(0, len(words) - 1))
    words[at : at + data.draw(st.integers(0, 3))] = data.draw(st.lists(pieces, max_size=2))
    text = " ".join(words)
    try:
        found = parse_script(text)
    except PipelineError:
        assert problems(text)
    else:
        assert len(found) <= 2


@pytest.mark.parametrize("kind", ["DECIMAL(99,2)", "DECIMAL(3, 5)", "NUMERIC(0)", "DECIMAL(4.5)"])
def test_a_decimal_that_there_is_not_is_a_mistake_where_it_stands(kind: str) -> None:
    found = one(f"CREATE STREAMING TABLE t (a BIGINT, b {kind}) AS SELECT * FROM STREAM read_files('x.json')")
    assert found.text[found.column - 1 :].startswith(kind)
    assert found.width == len(kind)
    assert "1 to 38 digits" in found.message
