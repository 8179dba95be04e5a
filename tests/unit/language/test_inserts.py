"""CREATE FLOW: several sources of one streaming table, in order, with what is wrong between them said at its place."""

from __future__ import annotations

import pytest

from tests.language import parse_statement
from workbench.errors import Problem
from workbench.language.definitions import Drop, InsertFlow, ReadFiles, ReadRate, StreamingTable, StreamRef
from workbench.language.graph import reads, stored_tables
from workbench.language.project import Loaded, load
from workbench.language.script import parse_script

TABLE = "CREATE STREAMING TABLE t (id BIGINT, x VARCHAR);\n"
OWN = "CREATE STREAMING TABLE u (id BIGINT, x VARCHAR) AS SELECT * FROM STREAM read_files('u.json');\n"


def project(text: str) -> Loaded:
    return load({"p.sql": text})


def one(text: str) -> Problem:
    [problem] = project(text).problems
    return problem


def names(text: str) -> list[str]:
    found = project(text)
    assert found.problems == ()
    return [d.name for d in found.graph.definitions]


def flow(select: str, text: str = TABLE + OWN) -> InsertFlow:
    found = project(f"{text}CREATE FLOW f AS INSERT INTO t BY NAME {select}")
    assert found.problems == ()
    definition = found.graph.get("f")
    assert isinstance(definition, InsertFlow)
    return definition


def test_a_table_without_a_query_takes_what_flows_bring() -> None:
    found = project(TABLE + "CREATE FLOW f COMMENT 'from files' AS INSERT INTO T BY NAME SELECT * FROM STREAM read_files('x.json');")
    table, insert = found.graph.definitions
    assert isinstance(table, StreamingTable)
    assert (table.source, table.query) == (None, None)
    assert [c.name for c in table.columns] == ["id", "x"]
    assert isinstance(insert, InsertFlow)
    assert (insert.name, insert.table, insert.comment) == ("f", "t", "from files")
    assert insert.source == ReadFiles("x.json", "json")


@pytest.mark.parametrize(
    ("select", "identity"),
    [
        ("SELECT * FROM STREAM read_files('x.json')", True),
        ("SELECT * FROM STREAM read_socket('tcp://localhost:1')", True),
        ("SELECT * FROM STREAM read_files('x.json', schema => 'id BIGINT, x VARCHAR')", False),
        ("SELECT * FROM STREAM read_rate()", False),
        ("SELECT * FROM STREAM u", False),
        ("SELECT id FROM STREAM read_files('x.json')", False),
    ],
)
def test_a_plain_star_over_an_undeclared_source_reads_the_tables_columns(select: str, identity: bool) -> None:
    assert flow(select).query.identity is identity


def test_sources_of_any_kind() -> None:
    assert flow("SELECT value AS id FROM STREAM read_rate(rowsPerSecond => 5)").source == ReadRate(5)
    joined = flow(
        "SELECT u.id, c.x FROM STREAM u LEFT JOIN c USING (id)", TABLE + OWN + "CREATE MATERIALIZED VIEW c AS SELECT 1 AS id, 'a' AS x;"
    )
    assert joined.source == StreamRef("u")
    assert reads(joined) == ("u", "c")


def test_a_table_with_a_query_of_its_own_takes_flows_too() -> None:
    more = "CREATE FLOW f AS INSERT INTO u BY NAME SELECT * FROM STREAM read_files('more.json');"
    assert names(more + OWN) == ["u", "f"]


def test_every_flow_stands_after_its_table_and_before_the_tables_readers() -> None:
    text = """CREATE MATERIALIZED VIEW v AS SELECT count(*) AS n FROM STREAM t;
    CREATE STREAMING TABLE w AS SELECT * FROM STREAM u WHERE id IN (SELECT id FROM t);
    CREATE FLOW f AS INSERT INTO t BY NAME SELECT * FROM STREAM read_files('x.json');
    CREATE FLOW g AS INSERT INTO t BY NAME SELECT id FROM STREAM u;
    """
    found = names(text + TABLE + OWN)
    assert set(found) == {"v", "w", "f", "g", "t", "u"}
    for before, after in (("t", "f"), ("t", "g"), ("u", "g"), ("f", "v"), ("g", "v"), ("f", "w"), ("g", "w")):
        assert found.index(before) < found.index(after)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (TABLE, "nothing writes into t", "CREATE FLOW"),
        ("CREATE FLOW f AS INSERT INTO tt BY NAME SELECT * FROM STREAM u;" + OWN, "no table tt", "tables: u."),
        (
            "CREATE FLOW f AS INSERT INTO v BY NAME SELECT * FROM STREAM u; CREATE MATERIALIZED VIEW v AS SELECT 1 AS id;" + OWN,
            "v is no streaming table",
            "CREATE STREAMING TABLE",
        ),
        ("CREATE FLOW f AS INSERT INTO t BY NAME SELECT * FROM STREAM t;" + TABLE, "circle: f → t → f", "break the circle"),
        (
            TABLE + "CREATE FLOW f AS INSERT INTO t BY NAME SELECT * FROM STREAM w; CREATE STREAMING TABLE w AS SELECT * FROM STREAM t;",
            "in a circle",
            "break the circle",
        ),
        (TABLE + OWN + "CREATE FLOW u AS INSERT INTO t BY NAME SELECT * FROM STREAM read_files('x.json')", "u is defined twice", "Rename"),
        (
            TABLE
            + OWN
            + "CREATE FLOW f AS INSERT INTO t BY NAME SELECT * FROM STREAM u; CREATE STREAMING TABLE z AS SELECT * FROM STREAM f",
            "f is a flow: its rows are in t",
            "Read STREAM t",
        ),
        (
            TABLE + OWN + "CREATE FLOW f AS INSERT INTO t BY NAME SELECT * FROM STREAM u; CREATE TEMPORARY VIEW z AS SELECT * FROM f",
            "f is a flow: its rows are in t",
            "Read t",
        ),
        (TABLE + "CREATE FLOW f AS INSERT INTO t SELECT * FROM STREAM read_files('x.json')", "BY NAME is missing", "INSERT INTO t BY NAME"),
        (TABLE + "CREATE FLOW f AS AUTO CDC INTO t FROM STREAM read_files('x.json') KEYS (id)", "AUTO CDC is not kept", "arg_max"),
    ],
)
def test_what_is_wrong_between_flows_and_tables_is_said(text: str, message: str, hint: str) -> None:
    problem = one(text)
    assert message in problem.message
    assert hint in problem.hint


def test_a_flow_that_is_wrong_leaves_its_table_and_the_others_alone() -> None:
    found = project(
        TABLE
        + "CREATE FLOW f AS INSERT INTO t BY NAME SELECT sum(id) AS id FROM STREAM read_files('x.json');"
        + "CREATE FLOW g AS INSERT INTO t BY NAME SELECT * FROM STREAM read_files('y.json');"
        + "CREATE MATERIALIZED VIEW v AS SELECT count(*) AS n FROM STREAM t;"
    )
    assert [p.line for p in found.problems] == [2]
    assert [d.name for d in found.graph.definitions] == ["t", "g", "v"]


def test_the_console_takes_a_table_whose_flow_comes_next() -> None:
    assert load({"<console>": TABLE}).problems == ()
    table, insert = parse_script(TABLE + "CREATE FLOW f AS INSERT INTO t BY NAME SELECT * FROM STREAM read_files('x.json')")
    assert isinstance(table, StreamingTable)
    assert isinstance(insert, InsertFlow)
    dropped = parse_statement("DROP FLOW IF EXISTS f")
    assert isinstance(dropped, Drop)
    assert (dropped.kind, dropped.name, dropped.if_exists) == ("flow", "f", True)


def test_the_digest_of_a_flow_tells_what_can_change_its_rows() -> None:
    first = flow("SELECT id FROM STREAM u").digest
    assert flow("select  id -- same\nFROM STREAM u").digest == first
    assert flow("SELECT id + 1 AS id FROM STREAM u").digest != first
    other = project(TABLE.replace("t ", "z ") + OWN + "CREATE FLOW f AS INSERT INTO z BY NAME SELECT id FROM STREAM u").graph.get("f")
    assert isinstance(other, InsertFlow)
    assert other.digest != first


def test_temporary_views_are_looked_through_down_to_what_is_stored() -> None:
    views = "CREATE TEMPORARY VIEW v AS SELECT * FROM w, u; CREATE TEMPORARY VIEW w AS SELECT * FROM m;"
    graph = project(OWN + views + "CREATE MATERIALIZED VIEW m AS SELECT 1 AS y;").graph
    assert stored_tables(graph, ("V",)) == ("u", "m")
    assert stored_tables(graph, ("m", "u", "w", "nothing")) == ("m", "u")
