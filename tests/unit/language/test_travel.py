"""Which tables of a query are read as of another commit, and what is put in their place."""

from __future__ import annotations

import pytest

from workbench.errors import QueryError, QueryRefused
from workbench.language.gate import admit
from workbench.language.project import load
from workbench.language.travel import edited, travels


def rewritten(sql: str) -> str:
    return edited(sql, [(travel, f"{travel.schema}|{travel.name}|{travel.constant}") for travel in travels(admit(sql))]).sql


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT 1", "SELECT 1"),
        ("SELECT ts AT TIME ZONE 'UTC' FROM t", "SELECT ts AT TIME ZONE 'UTC' FROM t"),
        ("SELECT 'AT (VERSION => 3)' FROM t", "SELECT 'AT (VERSION => 3)' FROM t"),
        ("FROM t AT (VERSION => 3)", "FROM (|t|3) AS t "),
        ("FROM main.t AT (VERSION => 3) WHERE t.a = 1", "FROM (main|t|3) AS t  WHERE t.a = 1"),
        ('FROM "My T" AT(VERSION=>3)', 'FROM (|My T|3) AS "My T" '),
        ("FROM t AT (VERSION => 3) AS o", "FROM (|t|3)  AS o"),
        ("FROM t AT (VERSION => 3) o", "FROM (|t|3)  o"),
        ("FROM t o AT (VERSION => 3)", "FROM (|t|3) o "),
        ("FROM t AT (TIMESTAMP => now() - INTERVAL 1 HOUR)", "FROM (|t|now() - INTERVAL 1 HOUR) AS t "),
        ("FROM t AT (TIMESTAMP => ('2026-01-01'))", "FROM (|t|('2026-01-01')) AS t "),
        (
            "SELECT a.n - b.n FROM t AT (VERSION => 2) a, t AT (VERSION => 1) b",
            "SELECT a.n - b.n FROM (|t|2)  a, (|t|1)  b",
        ),
        ("FROM u JOIN t AT (VERSION => 3) USING (k)", "FROM u JOIN (|t|3) AS t  USING (k)"),
        (
            "SELECT (SELECT max(a) FROM t AT (VERSION => 3)) FROM t",
            'SELECT (SELECT max(a) FROM (|t|3) AS t ) AS "(SELECT max(a) FROM t AT (VERSION => 3))" FROM t',
        ),
        (
            "SELECT 1 -(SELECT\n 2 FROM t AT (VERSION => 3)), (FROM t AT (VERSION => 3)) AS b UNION FROM u",
            'SELECT 1 -(SELECT\n 2 FROM (|t|3) AS t ) AS "1 -(SELECT 2 FROM t AT (VERSION => 3))", (FROM (|t|3) AS t ) AS b UNION FROM u',
        ),
        (
            "WITH x AS (SELECT 1) SELECT DISTINCT * EXCLUDE (a), exists(FROM t AT (VERSION => 3)) FROM x",
            'WITH x AS (SELECT 1) SELECT DISTINCT * EXCLUDE (a), exists(FROM (|t|3) AS t ) AS "exists(FROM t AT (VERSION => 3))" FROM x',
        ),
        ("SELECT a: (SELECT 1 FROM t AT (VERSION => 3))", "SELECT a: (SELECT 1 FROM (|t|3) AS t )"),
        ("WITH x AS (FROM t AT (VERSION => 3)) FROM x", "WITH x AS (FROM (|t|3) AS t ) FROM x"),
        ("EXPLAIN SELECT * FROM t AT (VERSION => 3)", "EXPLAIN SELECT * FROM (|t|3) AS t "),
        ("SUMMARIZE t AT (VERSION => 3)", "SUMMARIZE (|t|3) "),
        ("PIVOT (FROM t AT (VERSION => 3)) ON a USING sum(b) LIMIT 1", "PIVOT (FROM (|t|3) AS t ) ON a USING sum(b) LIMIT 1"),
        ("SELECT _commit, * FROM t", "SELECT _commit, * EXCLUDE (_commit) FROM (|t|) AS t"),
        ("SELECT a FROM t o WHERE o._commit > 3", "SELECT a FROM (|t|) o WHERE o._commit > 3"),
        ("WITH x AS (FROM y) SELECT _commit FROM x", "WITH x AS (FROM (|y|) AS y) SELECT _commit FROM x"),
        ("WITH t AS (FROM t AT (VERSION => 3)) FROM t", "WITH t AS (FROM (|t|3) AS t ) FROM t"),
        (
            "WITH t AS (SELECT _commit FROM t) SELECT max(_commit) FROM t",
            "WITH t AS (SELECT _commit FROM (|t|) AS t) SELECT max(_commit) FROM t",
        ),
        ("WITH x AS (FROM t AT (VERSION => 3)), t AS (SELECT 1) FROM x, t", "WITH x AS (FROM (|t|3) AS t ), t AS (SELECT 1) FROM x, t"),
        (
            "WITH t AS (WITH t AS (FROM t AT (VERSION => 3)) FROM t) FROM t",
            "WITH t AS (WITH t AS (FROM (|t|3) AS t ) FROM t) FROM t",
        ),
        (
            "WITH RECURSIVE t AS (SELECT _commit FROM t UNION SELECT _commit + 1 FROM (FROM t) WHERE _commit < 3) FROM t",
            "WITH RECURSIVE t AS (SELECT _commit FROM (|t|) AS t UNION SELECT _commit + 1 FROM (FROM t) WHERE _commit < 3) FROM t",
        ),
        ("WITH RECURSIVE t AS (FROM t AT (VERSION => 3)) FROM t", "WITH RECURSIVE t AS (FROM (|t|3) AS t ) FROM t"),
        ("SELECT (WITH t AS (SELECT 1) FROM t), a FROM t AT (VERSION => 3)", "SELECT (WITH t AS (SELECT 1) FROM t), a FROM (|t|3) AS t "),
        ("SELECT _commit FROM workbench.commits", "SELECT _commit FROM workbench.commits"),
        ("-- AT (VERSION => 3)\nFROM t", "-- AT (VERSION => 3)\nFROM t"),
        ("FROM t AT /* then */ (VERSION => 3) -- now", "FROM (|t|3) AS t  -- now"),
    ],
)
def test_what_stands_for_a_table(sql: str, expected: str) -> None:
    assert rewritten(sql) == expected


@pytest.mark.parametrize(
    ("sql", "message", "at"),
    [
        ("SELECT * FROM t AT (VERSION => a)", "constant", "a)"),
        ("SELECT * FROM t AT (VERSION => (SELECT 1))", "constant", "(SELECT"),
        ("SELECT * FROM t BEFORE (VERSION => 3)", "BEFORE (VERSION => 3) is not known", "BEFORE"),
        ("WITH x AS (SELECT 1) SELECT * FROM x AT (VERSION => 3)", "name of a WITH", "x AT"),
        ("WITH x AS (SELECT 1) SELECT (WITH y AS (FROM x AT (VERSION => 3)) FROM y)", "name of a WITH", "x AT"),
        ("SELECT * FROM range(3) AT (VERSION => 3)", "after a function", None),
    ],
)
def test_what_has_no_meaning_is_an_error_with_its_place(sql: str, message: str, at: str | None) -> None:
    with pytest.raises(QueryError, match=message.replace("(", r"\(").replace(")", r"\)")) as caught:
        travels(admit(sql))
    assert (
        caught.value.position is None
        if at is None
        else (caught.value.position is not None and sql[caught.value.position :].lstrip().startswith(at))
    )


@pytest.mark.parametrize("sql", ["SELECT * FROM _store.t AT (VERSION => 3)", "SELECT * FROM t AT (VERSION => nextval('s'))"])
def test_the_gate_judges_what_travels_too(sql: str) -> None:
    with pytest.raises(QueryRefused):
        admit(sql)


def test_positions_come_back_to_the_text_that_was_typed() -> None:
    sql = "SELECT a, b FROM t AT (VERSION => 3) JOIN u AT (VERSION => 4) ON x"
    changed = edited(sql, [(travel, "SELECT 1234567890 FROM somewhere") for travel in travels(sql)])
    for word in ("SELECT a", "a,", "b FROM", "JOIN", "ON x"):
        assert changed.place(changed.sql.index(word)) == sql.index(word), word
    inside = changed.sql.index("1234567890")
    assert sql[changed.place(inside) :].startswith("t AT")
    assert sql[changed.place(changed.sql.rindex("1234567890")) :].startswith("u AT")


@pytest.mark.parametrize("kind", ["TEMPORARY VIEW", "MATERIALIZED VIEW", "STREAMING TABLE"])
def test_a_definition_cannot_read_a_version(kind: str) -> None:
    stream = "STREAM " if kind == "STREAMING TABLE" else ""
    (problem,) = load({"a.sql": f"CREATE {kind} v AS\nSELECT * FROM {stream}orders AT (VERSION => 3);"}).problems
    assert "not AT a version" in problem.message
    assert "workbench sql" in problem.hint
    assert problem.line == 2
    assert problem.text[problem.column - 1 :].startswith("AT (VERSION")
