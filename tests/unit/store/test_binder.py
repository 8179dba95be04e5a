"""Binding: the types of every dataset, and DuckDB's errors led back to the pipeline's text.

Each definition ends up in exactly one of `schemas`, `waiting` and (itself or something that it reads) `problems`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.language import graph_of
from workbench.errors import Problem
from workbench.language.definitions import Column, SourceSpec
from workbench.language.project import load
from workbench.store.binder import Bound, bind
from workbench.store.session import scratch

ORDERS = """CREATE STREAMING TABLE orders (
  id BIGINT NOT NULL, country VARCHAR COMMENT 'c', amount DOUBLE, day INTEGER, ts TIMESTAMPTZ,
  CONSTRAINT positive EXPECT (amount > 0) ON VIOLATION DROP ROW,
  CONSTRAINT known EXPECT (country IS NOT NULL)
) AS SELECT * FROM STREAM read_files('x.json');
CREATE MATERIALIZED VIEW countries AS SELECT 'KR' AS code, 'Asia' AS continent;
"""


def nothing(source: SourceSpec, name: str) -> tuple[Column, ...] | None:
    return None


def bound(text: str, orders: str = ORDERS) -> Bound:
    loaded = load({"p.sql": orders + text})
    assert loaded.problems == ()
    return bind(loaded.graph, scratch, nothing)


def one(text: str, orders: str = ORDERS) -> Problem:
    found = bound(text, orders).problems
    assert len(found) == 1, found
    return found[0]


def at(problem: Problem) -> str:
    return problem.text[problem.column - 1 : problem.column - 1 + problem.width]


def types(columns: tuple[Column, ...]) -> list[tuple[str, str]]:
    return [(c.name, c.type) for c in columns]


def test_a_plain_table_has_its_declared_columns() -> None:
    schema = bound("").schemas["orders"]
    assert schema.input == schema.output
    assert schema.output[0] == Column("id", "BIGINT", True)
    assert schema.output[1].comment == "c"
    assert types(schema.output)[-1] == ("ts", "TIMESTAMP WITH TIME ZONE")


def test_types_flow_through_streams_states_and_views() -> None:
    found = bound("""
    CREATE STREAMING TABLE paid AS SELECT o.*, c.continent, amount * 2 AS double
      FROM STREAM orders o LEFT JOIN countries c ON c.code = o.country;
    CREATE MATERIALIZED VIEW m AS SELECT window(ts, '1 minute') AS w, continent, count(*), sum(id) AS s, avg(double) AS a
      FROM STREAM paid WATERMARK ts DELAY OF INTERVAL 1 MINUTE GROUP BY ALL;
    CREATE MATERIALIZED VIEW d (land COMMENT 'where', n BIGINT) AS SELECT continent, count(*) FROM m GROUP BY 1;
    CREATE TEMPORARY VIEW v AS SELECT * FROM d, orders;
    """)
    assert found.problems == []
    assert types(found.schemas["paid"].output)[-2:] == [("continent", "VARCHAR"), ("double", "DOUBLE")]
    assert types(found.schemas["m"].output) == [
        ("w", "TIMESTAMP WITH TIME ZONE"),
        ("continent", "VARCHAR"),
        ("count(*)", "BIGINT"),
        ("s", "HUGEINT"),
        ("a", "DOUBLE"),
    ]
    assert [c.name for c in found.schemas["m"].state] == ["_k0", "_k1", "_p0", "_p1", "_p2", "_p3"]
    assert found.schemas["d"].output == (Column("land", "VARCHAR", comment="where"), Column("n", "BIGINT"))
    assert "_violations" in [c.name for c in found.schemas["v"].output]


def test_a_mark_is_a_column_for_readers_and_no_column_of_the_table() -> None:
    found = bound("CREATE STREAMING TABLE bad AS SELECT *, _violations AS broken FROM STREAM orders WHERE len(_violations) > 0")
    assert found.problems == []
    assert "_violations" not in [c.name for c in found.schemas["orders"].output]
    assert types(found.schemas["bad"].output)[-1] == ("broken", "VARCHAR[]")


def test_what_is_inferred_has_a_place_for_unknown_fields() -> None:
    graph = graph_of({"p.sql": "CREATE STREAMING TABLE t AS SELECT *, _metadata.file AS file FROM STREAM read_files('x.json')"})
    found = bind(
        graph, scratch, lambda source, name: (Column("a", "BIGINT"),) if (source.label, name) == ("read_files x.json", "t") else None
    )
    assert found.problems == []
    assert types(found.schemas["t"].input) == [("a", "BIGINT")]
    assert types(found.schemas["t"].output) == [("a", "BIGINT"), ("_rescued_data", "VARCHAR"), ("file", "VARCHAR")]


def test_without_a_first_record_a_stream_waits_and_what_reads_it_too() -> None:
    found = bound("""
    CREATE STREAMING TABLE clicks AS SELECT * FROM STREAM read_files('clicks/*.json');
    CREATE MATERIALIZED VIEW n AS SELECT count(*) AS n FROM STREAM clicks;
    CREATE TEMPORARY VIEW v AS SELECT * FROM n;
    """)
    assert found.problems == []
    assert list(found.waiting) == ["clicks", "n", "v"]
    assert "clicks/*.json" in found.waiting["v"]
    assert set(found.schemas) == {"orders", "countries"}


def test_an_unknown_column_is_told_where_it_stands_with_a_near_name() -> None:
    problem = one("CREATE STREAMING TABLE t AS\r\n  SELECT 'é', id, -- note\r\n    \tupper(contry) AS c FROM STREAM orders")
    assert (problem.line, at(problem), problem.message) == (9, "contry", "there is no column contry")
    assert "country" in problem.hint


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("CREATE MATERIALIZED VIEW v AS SELECT sum(country) AS s FROM orders", "sum", "sum(VARCHAR)"),
        ("CREATE MATERIALIZED VIEW v AS SELECT id + FROM orders", "FROM", "cannot be read"),
        ("CREATE TEMPORARY VIEW v AS SELECT country, count(*) FROM orders", "country", "must appear in the GROUP BY"),
        ("CREATE MATERIALIZED VIEW v AS SELECT day, count(*) FROM STREAM orders GROUP BY country", "day", "must appear in the GROUP BY"),
        ("CREATE MATERIALIZED VIEW v AS SELECT avg(ts) AS a FROM STREAM orders", "avg", "cannot be kept"),
        ("CREATE MATERIALIZED VIEW v AS SELECT country, sum(amont) AS a FROM STREAM orders GROUP BY 1", "amont", "no column amont"),
        ("CREATE MATERIALIZED VIEW v AS SELECT window(id, '1 day') AS w, count(*) FROM STREAM orders GROUP BY 1", "id", "not a time"),
        (
            "CREATE MATERIALIZED VIEW v AS SELECT count(*) AS n FROM STREAM orders WATERMARK tz DELAY OF INTERVAL 1 DAY",
            "tz",
            "no column tz",
        ),
        ("CREATE MATERIALIZED VIEW v AS SELECT id AS day, count(*) FROM STREAM orders GROUP BY day, id", "day", "as well as a name"),
        ("CREATE TEMPORARY VIEW v AS SELECT nosuch(id) AS x FROM orders", "nosuch", "nosuch"),
        ("CREATE MATERIALIZED VIEW v AS SELECT * FROM read_csv('nowhere.csv')", "read_csv", "No files found"),
        ("CREATE MATERIALIZED VIEW v AS SELECT 1 AS a, 2 AS A", "SELECT 1 AS a, 2 AS A", "two columns"),
        ("CREATE MATERIALIZED VIEW v AS SELECT 1 AS _commit", "SELECT 1 AS _commit", "reserved"),
        ("CREATE MATERIALIZED VIEW v (n INTEGER) AS SELECT count(*) FROM orders", "n", "declared INTEGER, but the query gives BIGINT"),
        ("CREATE STREAMING TABLE t (id BIGINT, x INT) AS SELECT id FROM STREAM orders", "x", "no column x"),
        ("CREATE STREAMING TABLE t (id BIGINT) AS SELECT id, day FROM STREAM orders", "SELECT id, day FROM STREAM orders", "gives day"),
        ("CREATE STREAMING TABLE t (id BIGINT[]) AS SELECT id FROM STREAM orders", "id", "declared BIGINT[]"),
    ],
)
def test_the_caret_points_at_the_mistake(text: str, place: str, message: str) -> None:
    loaded = load({"p.sql": ORDERS + text})
    [problem] = loaded.problems or bind(loaded.graph, scratch, nothing).problems
    assert message in problem.message
    assert at(problem) == place


def test_every_expectation_is_judged_by_itself() -> None:
    text = """CREATE STREAMING TABLE t (x BIGINT,
      CONSTRAINT a EXPECT (y > 0),
      CONSTRAINT b EXPECT (x + 1),
      CONSTRAINT c EXPECT (sum(x) > 1),
      CONSTRAINT d EXPECT (x > 0 AND
        x <> 'word')
    ) AS SELECT * FROM STREAM read_files('x.json')"""
    found = bound(text).problems
    assert [(p.line - 6, at(p)) for p in found][:3] == [(2, "y"), (3, "x + 1"), (4, "sum")]
    assert set(bound("CREATE TEMPORARY VIEW v AS SELECT * FROM orders").schemas) == {"orders", "countries", "v"}


def test_an_unsound_definition_takes_its_readers_with_it_and_nothing_else() -> None:
    found = bound("""
    CREATE STREAMING TABLE bad AS SELECT nope FROM STREAM orders;
    CREATE MATERIALIZED VIEW n AS SELECT count(*) AS n FROM STREAM bad;
    CREATE TEMPORARY VIEW fine AS SELECT * FROM orders;
    """)
    assert len(found.problems) == 1
    assert set(found.schemas) == {"orders", "countries", "fine"}
    assert found.waiting == {}


def test_declared_columns_may_be_reached_by_a_cast() -> None:
    found = bound("CREATE STREAMING TABLE t (ts VARCHAR, id INTEGER NOT NULL) AS SELECT id, ts FROM STREAM orders")
    assert found.problems == []
    assert found.schemas["t"].output == (Column("ts", "VARCHAR"), Column("id", "INTEGER", True))


def test_a_null_without_a_type_takes_the_columns() -> None:
    columns = "(id BIGINT, at_ TIMESTAMPTZ, tags VARCHAR[], place STRUCT(x DOUBLE, y DATE), day DATE)"
    select = "SELECT id, NULL AS at_, [] AS tags, {'x': NULL, 'y': NULL} AS place, CASE WHEN id > 0 THEN NULL END AS day FROM STREAM orders"
    found = bound(f"""
    CREATE STREAMING TABLE t {columns} AS {select};
    CREATE STREAMING TABLE u {columns};
    CREATE FLOW f AS INSERT INTO u BY NAME {select};
    CREATE STREAMING TABLE v AS SELECT id, NULL AS at_, [] AS tags FROM STREAM orders;
    """)
    assert found.problems == []
    assert found.schemas["t"].output[1] == Column("at_", "TIMESTAMP WITH TIME ZONE")
    assert types(found.schemas["v"].output) == [("id", "BIGINT"), ("at_", "INTEGER"), ("tags", "INTEGER[]")]


def test_paths_begin_at_the_root_and_system_tables_can_be_named(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text("code,name\nKR,Korea\n")
    text = "CREATE MATERIALIZED VIEW c AS SELECT * FROM read_csv('c.csv'); CREATE MATERIALIZED VIEW s AS SELECT name FROM workbench.streams"
    system = "CREATE SCHEMA workbench; CREATE TABLE workbench.streams (name VARCHAR)"
    found = bind(graph_of({"p.sql": text}), scratch, nothing, tmp_path, system)
    assert found.problems == []
    assert types(found.schemas["c"].output) == [("code", "VARCHAR"), ("name", "VARCHAR")]


TARGET = "CREATE STREAMING TABLE t (id BIGINT NOT NULL, country VARCHAR, at_ TIMESTAMPTZ, CONSTRAINT c EXPECT (id > 0));\n"


def test_a_flow_gives_some_of_its_tables_columns() -> None:
    found = bound(
        TARGET
        + """CREATE FLOW a AS INSERT INTO t BY NAME SELECT id, ts AS at_ FROM STREAM orders;
    CREATE FLOW b AS INSERT INTO t BY NAME SELECT * FROM STREAM read_files('b.json');
    CREATE FLOW c AS INSERT INTO t BY NAME SELECT value AS ID FROM STREAM read_rate();
    CREATE FLOW d AS INSERT INTO t BY NAME SELECT o.id, c.continent AS country FROM STREAM orders o JOIN countries c ON c.code = o.country;
    CREATE MATERIALIZED VIEW n AS SELECT country, count(*) AS n FROM STREAM t GROUP BY country;"""
    )
    assert found.problems == []
    output = found.schemas["t"].output
    assert found.schemas["t"].input == ()
    assert [c.name for c in output] == ["id", "country", "at_"]
    assert all(found.schemas[name].output == output for name in "abcd")
    assert types(found.schemas["a"].input) == types(found.schemas["orders"].output)
    assert (found.schemas["b"].input, found.schemas["b"].inferred) == (output, False)
    assert [c.name for c in found.schemas["c"].input] == ["timestamp", "value"]


def test_a_flow_without_a_first_record_waits_and_its_table_does_not() -> None:
    found = bound(
        TARGET
        + """CREATE FLOW a AS INSERT INTO t BY NAME SELECT id FROM STREAM read_files('a.json');
    CREATE STREAMING TABLE clicks AS SELECT * FROM STREAM read_files('clicks.json');
    CREATE FLOW more AS INSERT INTO clicks BY NAME SELECT * FROM STREAM read_files('more.json');
    CREATE MATERIALIZED VIEW n AS SELECT count(*) AS n FROM STREAM t;"""
    )
    assert list(found.waiting) == ["a", "clicks", "more"]
    assert "a.json" in found.waiting["a"]
    assert {"t", "n"} <= set(found.schemas)


def test_unknown_fields_of_a_flow_go_where_its_table_keeps_them() -> None:
    text = """CREATE STREAMING TABLE t AS SELECT * FROM STREAM read_files('a.json');
    CREATE FLOW f AS INSERT INTO t BY NAME SELECT *, 1 AS b FROM STREAM read_files('b.json');
    CREATE STREAMING TABLE u (a BIGINT) AS SELECT * FROM STREAM read_files('a.json');
    CREATE FLOW g AS INSERT INTO u BY NAME SELECT * FROM STREAM read_files('b.json') WHERE a > 0;"""
    fields = {"t": (Column("a", "BIGINT"), Column("b", "BIGINT")), "f": (Column("a", "BIGINT"),), "g": (Column("a", "BIGINT"),)}
    found = bind(graph_of({"p.sql": text}), scratch, lambda source, name: fields[name])
    assert found.problems == []
    assert [c.name for c in found.schemas["f"].output] == ["a", "b", "_rescued_data"]
    assert found.schemas["f"].inferred
    assert [c.name for c in found.schemas["g"].output] == ["a"]


@pytest.mark.parametrize(
    ("select", "place", "message"),
    [
        ("SELECT id, upper(country) AS land FROM STREAM orders", "land", "t has no column land"),
        ("SELECT country FROM STREAM orders", "SELECT country FROM STREAM orders", "t.id is NOT NULL"),
        ("SELECT id, amount AS at_ FROM STREAM orders", "at_", "at_ of t is TIMESTAMP WITH TIME ZONE, but the SELECT gives DOUBLE"),
        ("SELECT id, amount * INTERVAL 1 DAY AS at_ FROM STREAM orders", "at_", "TIME ZONE, but the SELECT gives INTERVAL"),
        ("SELECT INTERVAL 1 DAY AS id FROM STREAM orders", "id", "id of t is BIGINT, but the SELECT gives INTERVAL"),
        ("SELECT id, contry FROM STREAM orders", "contry", "no column contry"),
        ("SELECT id, id FROM STREAM orders", "SELECT id, id FROM STREAM orders", "two columns are named id"),
    ],
)
def test_what_does_not_fit_into_a_flows_table_is_said(select: str, place: str, message: str) -> None:
    problem = one(f"{TARGET}CREATE FLOW f AS INSERT INTO t BY NAME {select}")
    assert message in problem.message
    assert at(problem) == place


CLICKS = "CREATE STREAMING TABLE clicks (id BIGINT, seen TIMESTAMP, day INTEGER) AS SELECT * FROM STREAM read_files('c.json');\n"
JOIN = """CREATE STREAMING TABLE j AS SELECT o.*, c.seen FROM STREAM orders WATERMARK {left} DELAY OF INTERVAL 1 MINUTE AS o
JOIN STREAM clicks WATERMARK {right} DELAY OF INTERVAL 1 MINUTE AS c
ON {key} AND c.{right} BETWEEN o.{left} AND o.{left} + INTERVAL 1 HOUR"""


def test_a_join_of_two_streams() -> None:
    found = bound(CLICKS + JOIN.format(left="ts", right="seen", key="o.id = c.id"))
    assert found.problems == []
    assert [c.name for c in found.schemas["j"].output] == ["id", "country", "amount", "day", "ts", "seen"]
    assert types(found.schemas["j"].state) == [("_k0", "BIGINT")]


@pytest.mark.parametrize(
    ("left", "right", "key", "place", "message"),
    [
        ("tz", "seen", "o.id = c.id", "tz", "the stream has no column tz"),
        ("ts", "day", "o.id = c.id", "day", "day is INTEGER, not a time"),
        ("ts", "seen", "o.id = c.idd", "c", "idd"),
        ("ts", "seen", "id = c.id", "id", "Ambiguous"),
    ],
)
def test_mistakes_in_a_join_of_two_streams(left: str, right: str, key: str, place: str, message: str) -> None:
    problem = one(CLICKS + JOIN.format(left=left, right=right, key=key))
    assert message in problem.message
    assert at(problem) == place


def test_keys_and_time_of_distinct_on() -> None:
    query = "SELECT DISTINCT ON (id, lower(country)) id FROM STREAM orders WATERMARK {} DELAY OF INTERVAL 1 MINUTE WITHIN INTERVAL 1 HOUR"
    found = bound(f"CREATE STREAMING TABLE d AS {query.format('ts')}")
    assert found.problems == []
    assert types(found.schemas["d"].output) == [("id", "BIGINT")]
    assert types(found.schemas["d"].state) == [("_k0", "BIGINT"), ("_k1", "VARCHAR"), ("_p0", "TIMESTAMP WITH TIME ZONE")]
    assert "amount is DOUBLE, not a time" in one(f"CREATE STREAMING TABLE d AS {query.format('amount')}").message
    wrong = one(f"CREATE STREAMING TABLE d AS {query.format('ts').replace('lower(country)', 'lower(contry)')}")
    assert (at(wrong), wrong.message) == ("contry", "there is no column contry")


@pytest.mark.parametrize(
    ("definition", "place", "says"),
    [
        ("CREATE STREAMING TABLE t (a BIGINT, e ENUM('a', 'a')) AS SELECT * FROM STREAM read_files('x.json');", "e", "duplicate value a"),
        (
            "CREATE STREAMING TABLE t (s STRUCT(x INT, X INT)) AS SELECT * FROM STREAM read_files('x.json');",
            "s",
            "Duplicate type parameter",
        ),
    ],
)
def test_a_type_that_duckdb_refuses_is_a_mistake_at_its_column_and_hides_no_other(definition: str, place: str, says: str) -> None:
    found = bound(f"{definition}\nCREATE MATERIALIZED VIEW v AS SELECT nothing FROM orders;")
    refused, unknown = found.problems
    assert (at(refused), refused.line > 1) == (place, True)
    assert says in refused.message
    assert "{" not in refused.message
    assert at(unknown) == "nothing"
    assert "t" not in found.schemas


def test_a_type_in_a_schema_that_duckdb_refuses_is_a_mistake_of_its_definition() -> None:
    found = one("CREATE STREAMING TABLE t AS SELECT * FROM STREAM read_files('x.json', schema => 'a INT[0]');")
    assert "ARRAY type size must be at least 1" in found.message


@pytest.mark.parametrize(
    ("expression", "place"),
    [
        ("'x'::INT", "'x'::INT"),
        ("1 + CAST('abc' AS DOUBLE)", "CAST('abc' AS DOUBLE)"),
        ("DATE '2026-13-01'", "DATE '2026-13-01'"),
        ("ts < 'noon'::TIMESTAMP WITH TIME ZONE", "'noon'::TIMESTAMP WITH TIME ZONE"),
        ("300::TINYINT", "300::TINYINT"),
        ("'1,5'::DECIMAL(9, 2)", "'1,5'::DECIMAL(9, 2)"),
        ("'[1, x]'::INTEGER[]", "'[1, x]'::INTEGER[]"),
    ],
)
def test_a_constant_that_its_cast_refuses_is_a_mistake_where_it_stands(expression: str, place: str) -> None:
    assert at(one(f"CREATE STREAMING TABLE t AS SELECT {expression} AS v FROM STREAM orders;")) == place
    assert at(one(f"CREATE MATERIALIZED VIEW m AS SELECT {expression} AS v FROM orders;")) == place
    rule = f"CONSTRAINT r EXPECT (({expression}) IS NOT NULL)"
    assert at(one(f"CREATE STREAMING TABLE t (id BIGINT, ts TIMESTAMPTZ, {rule}) AS SELECT id, ts FROM STREAM orders;")) == place


@pytest.mark.parametrize(
    "expression",
    [
        "'7'::INT",
        "TRY_CAST('x' AS INT)",
        "TRY('x'::INT)",
        "CASE WHEN id IS NULL THEN 'x'::INT ELSE 1 END",
        "country::INT",
        "DATE '2026-12-01'",
        "CASE WHEN true THEN 1 END + '7'::INT",
        "coalesce(id, 'x'::INT)",
        "'a'::VARCHAR::VARCHAR",
    ],
)
def test_constants_that_can_be_cast_or_need_not_be_are_left_alone(expression: str) -> None:
    assert bound(f"CREATE STREAMING TABLE t AS SELECT {expression} AS v FROM STREAM orders;").problems == []


INFERRED = "CREATE STREAMING TABLE inf AS SELECT * FROM STREAM read_files('x.json');\n"


@pytest.mark.parametrize(
    "definition",
    [
        "CREATE STREAMING TABLE t (a BIGINT) AS SELECT * FROM STREAM inf;",
        "CREATE STREAMING TABLE t (a BIGINT); CREATE FLOW f AS INSERT INTO t BY NAME SELECT * FROM STREAM inf;",
    ],
)
def test_what_has_no_column_for_rescued_fields_is_told_how_to_leave_them_out(definition: str) -> None:
    loaded = load({"p.sql": INFERRED + definition})
    [problem] = bind(loaded.graph, scratch, lambda source, name: (Column("a", "BIGINT"),)).problems
    assert "EXCLUDE (_rescued_data)" in problem.hint
