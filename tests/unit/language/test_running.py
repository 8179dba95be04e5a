"""Running states: what is compiled, and what is refused rather than kept wrongly."""

from __future__ import annotations

import pytest

from tests.language import parse_statement
from workbench.language.definitions import EventWindow, MaterializedView, RunningState
from workbench.language.project import load


def running(query: str, clause: str = "") -> RunningState:
    view = parse_statement(f"CREATE MATERIALIZED VIEW v {clause} AS {query}")
    assert isinstance(view, MaterializedView)
    assert view.running is not None
    return view.running


def refused(query: str) -> list[tuple[str, str]]:
    """(what the caret points at, message) of each problem."""
    text = f"CREATE STREAMING TABLE s AS SELECT * FROM STREAM read_files('x.json');\nCREATE MATERIALIZED VIEW v AS {query}"
    return [(p.text[p.column - 1 : p.column - 1 + p.width], p.message) for p in load({"p.sql": text}).problems]


def test_the_four_queries_of_a_state() -> None:
    state = running(
        "SELECT country AS land, count(*) AS n, avg(x) FILTER (WHERE y) AS m FROM STREAM s WHERE x > 0 GROUP BY land HAVING n > 1"
    )
    assert (state.stream, state.keys, state.partials, state.key_columns) == ("s", 1, 3, (0,))
    assert state.partial == (
        "SELECT country AS _k0, count(*) AS _p0, sum(x) FILTER (WHERE y) AS _p1, count(x) FILTER (WHERE y) AS _p2"
        ' FROM _delta AS "s" WHERE x > 0 GROUP BY 1'
    )
    assert state.combine == (
        "SELECT _k0, coalesce(sum(_p0), 0)::BIGINT AS _p0, sum(_p1) AS _p1, coalesce(sum(_p2), 0)::BIGINT AS _p2 FROM _state GROUP BY 1"
    )
    assert state.finish.endswith("FROM _state GROUP BY 1) AS _groups WHERE n > 1")
    assert state.recompute == (
        'SELECT country AS "land", count(*) AS "n", avg(x) FILTER (WHERE y) AS "m" FROM _rows AS "s" WHERE x > 0 GROUP BY land HAVING n > 1'
    )


def test_equal_aggregates_are_stored_once() -> None:
    assert running("SELECT sum(x) AS a, SUM( x ) + 1 AS b FROM STREAM s HAVING sum(x) > 0").partials == 1
    assert running("SELECT sum(x) AS a, sum(x) FILTER (y) AS b FROM STREAM s").partials == 2
    assert running("SELECT sum(CASE WHEN t = 'A' THEN 1 END) AS a, sum(CASE WHEN t = 'a' THEN 1 END) AS b FROM STREAM s").partials == 2


@pytest.mark.parametrize(
    ("group", "keys", "shown"),
    [
        ("a, b", 2, (0, 1)),
        ("1, 2", 2, (0, 1)),
        ("ALL", 2, (0, 1)),
        ("b, a, lower(c)", 3, (1, 0, -1)),
        ("b, s.a", 2, (1, 0)),
        ("a, b, A, 1", 2, (0, 1)),
    ],
)
def test_keys(group: str, keys: int, shown: tuple[int, ...]) -> None:
    state = running(f"SELECT a, b, count(*) AS n FROM STREAM s GROUP BY {group}")
    assert (state.keys, state.key_columns) == (keys, shown)


def test_a_column_goes_before_an_alias_as_duckdb_has_it() -> None:
    assert running("SELECT upper(a) AS a, count(*) AS n FROM STREAM s GROUP BY a").partial.startswith("SELECT a AS _k0")
    assert running("SELECT upper(a) AS b, count(*) AS n FROM STREAM s GROUP BY b").partial.startswith("SELECT upper(a) AS _k0")


def test_a_key_is_not_found_in_names_of_other_things() -> None:
    items = [
        "x.day AS a",
        "day(ts) AS b",
        "INTERVAL 1 day AS c",
        "ts::day AS d",
        "{day: 1} AS e",
        "f(day := 2) AS f",
        "extract(day FROM ts) AS g",
    ]
    finish = running(f"SELECT {', '.join(items)}, day FROM STREAM q GROUP BY day").finish
    assert finish.startswith("SELECT " + ", ".join(item[:-1] + f'"{item[-1]}"' for item in items) + ', _k0 AS "day"')


def test_an_expression_that_is_a_key_is_found_only_where_it_stands_alone() -> None:
    state = running("SELECT (a + b) * 2 AS x, a + b * 2 AS y FROM STREAM s GROUP BY a + b")
    assert state.finish.startswith('SELECT (_k0) * 2 AS "x", a + b * 2 AS "y"')


def test_windows_and_watermarks() -> None:
    query = "SELECT a, window(ts, '1 minute') AS w, count(*) AS n FROM STREAM s WATERMARK ts DELAY OF INTERVAL '1 min 30 s' GROUP BY {}"
    assert running(query.format("a, w")).window == EventWindow("ts", 60_000_000, 90_000_000, 1, "tumbling", 60_000_000)
    assert running(query.format("window(s.ts, '60 seconds'), a")).window == EventWindow(
        "ts", 60_000_000, 90_000_000, 0, "tumbling", 60_000_000
    )
    assert running("SELECT count(*) AS n FROM STREAM s WATERMARK s.ts DELAY OF INTERVAL 2 HOURS").window == EventWindow(
        "ts", 0, 7_200_000_000, None
    )
    assert running("SELECT window(ts, '1 day') AS w, count(*) AS n FROM STREAM s GROUP BY w").window is None


MARKED = "FROM STREAM s WATERMARK ts DELAY OF INTERVAL 5 SECONDS GROUP BY ALL"
CHOSEN = "WHERE session_window(ts, '1 minute') > x GROUP"


def test_windows_that_hop_and_sessions_are_keys() -> None:
    hopping = running(f"SELECT window(ts, '1 minute', '25 seconds'), a, count(*) AS n {MARKED}")
    assert hopping.window == EventWindow("ts", 60_000_000, 5_000_000, 0, "hopping", 25_000_000)
    assert [c.name for c in hopping.extras] == ["_wb_window", "_wb_late"]
    assert 'AS "window"' in hopping.finish
    session = running(f"SELECT a, session_window(s.ts, '5 minutes'), count(*) AS n {MARKED}")
    assert session.window == EventWindow("ts", 300_000_000, 5_000_000, 1, "session")
    assert [c.name for c in session.extras] == ["_wb_time", "_wb_bound", "_wb_late", "_wb_place"]
    assert 'AS "session_window"' in session.finish
    assert running(f"SELECT window(ts, '1 minute', '60 seconds') AS w, count(*) AS n {MARKED}").window == EventWindow(
        "ts", 60_000_000, 5_000_000, 0, "tumbling", 60_000_000
    )


@pytest.mark.parametrize(("clause", "taken"), [("", "list"), ("ON LATE UPDATE", "update"), ("COMMENT 'x' on late drop", "drop")])
def test_on_late_says_what_becomes_of_late_rows(clause: str, taken: str) -> None:
    window = running(f"SELECT window(ts, '1 minute') AS w, count(*) AS n {MARKED}", clause).window
    assert window is not None
    assert window.on_late == taken


def test_the_rows_of_a_window_are_counted_even_where_the_query_does_not() -> None:
    state = running(f"SELECT window(ts, '1 minute') AS w, sum(x) AS n {MARKED}")
    assert (state.partials, state.count) == (2, 1)
    assert running(f"SELECT window(ts, '1 minute') AS w, count(*) AS n, sum(x) {MARKED}").count == 0
    late = running(f"SELECT window(ts, '1 minute') AS w, count(*) AS n {MARKED}", "ON LATE UPDATE")
    assert (late.partials, late.count) == (2, 1)


def test_a_watermark_may_stand_before_or_after_the_alias() -> None:
    for source in ("s AS o WATERMARK o.ts DELAY OF INTERVAL 5 MINUTES", "s WATERMARK ts DELAY OF INTERVAL 5 MINUTES AS o", "s o"):
        assert 'FROM _delta AS "o" JOIN t' in running(f"SELECT count(*) AS n FROM STREAM {source} JOIN t ON o.a = t.a").partial


def test_columns_without_alias_are_named_by_what_is_written() -> None:
    state = running("SELECT s.a, count(*), sum( x ) FROM STREAM s GROUP BY a")
    assert 'AS "a"' in state.finish
    assert 'AS "count(*)"' in state.finish
    assert 'AS "sum( x )"' in state.finish


@pytest.mark.parametrize(
    "expression",
    [
        "median(x)",
        "count(DISTINCT x)",
        "approx_count_distinct(x)",
        "string_agg(x, ',')",
        "first(x)",
        "sum(x) OVER (PARTITION BY y)",
        "max(x, 3)",
        "quantile_cont(x, 0.5)",
        "list(x ORDER BY y)",
        "stddev(x)",
    ],
)
def test_an_aggregate_that_cannot_be_kept_is_named(expression: str) -> None:
    [(shown, message)] = refused(f"SELECT a, {expression} AS m FROM STREAM s GROUP BY a")
    assert shown in expression
    assert "cannot be kept as a running state" in message


@pytest.mark.parametrize("expression", ["now()", "random()", "current_date", "uuid()", "current_timestamp", "today()"])
def test_what_differs_from_run_to_run_is_refused(expression: str) -> None:
    for query in (f"SELECT count(*) AS n FROM STREAM s WHERE x < {expression}", f"SELECT count(*) AS n, {expression} AS t FROM STREAM s"):
        assert any("differs from run to run" in message for _, message in refused(query))


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT a FROM STREAM s", "needs an aggregate"),
        ("SELECT * FROM STREAM s", "names its columns"),
        ("SELECT DISTINCT a FROM STREAM s", "SELECT DISTINCT"),
        ("SELECT a, count(*) FROM STREAM s GROUP BY a ORDER BY 2", "no order"),
        ("SELECT a, count(*) FROM STREAM s GROUP BY a LIMIT 3", "keeps all its groups"),
        ("SELECT a, count(*) FROM STREAM s GROUP BY ROLLUP (a)", "ROLLUP"),
        ("SELECT a, count(*) FROM STREAM s GROUP BY GROUPING SETS ((a), ())", "GROUPING"),
        ("SELECT a, count(*) FROM STREAM s GROUP BY 3", "GROUP BY 3"),
        ("SELECT sum(a), count(*) FROM STREAM s GROUP BY 1", "an aggregate cannot be a key"),
        ("SELECT count(*) AS n, count(*) AS N FROM STREAM s", "two columns"),
        ("SELECT count(*) AS n, (SELECT 1) AS m FROM STREAM s", "subquery"),
        ("SELECT count(*) AS n FROM STREAM s RIGHT JOIN s t ON true", "RIGHT JOIN"),
        ("SELECT count(*) AS n FROM STREAM s UNION ALL SELECT 1", "UNION"),
        ("SELECT count(*) AS n FROM STREAM s, STREAM s", "a second STREAM"),
        ("SELECT count(*) AS n FROM STREAM read_files('x.json')", "reads a streaming table"),
        ("SELECT window(ts, '1 month') AS w, count(*) FROM STREAM s GROUP BY w", "no size"),
        ("SELECT window(ts + x, '1 day') AS w, count(*) FROM STREAM s GROUP BY w", "column of the stream"),
        ("SELECT window(a, '1 day') AS w, count(*) FROM STREAM s WATERMARK b DELAY OF INTERVAL 1 DAY GROUP BY w", "the watermark on b"),
        ("SELECT window(a, '1 day') AS w, window(a, '1 hour') AS h, count(*) FROM STREAM s GROUP BY ALL", "a second window"),
        ("SELECT window(a, '1 day').start AS w, count(*) FROM STREAM s GROUP BY ALL", "start itself"),
        ("SELECT count(*) AS n FROM STREAM s WATERMARK a DELAY OF INTERVAL 1 MONTH", "no fixed length"),
        ("SELECT window(a, '1 day', '1 hour') AS w, count(*) FROM STREAM s GROUP BY w", "need a watermark"),
        ("SELECT session_window(a, '1 hour') AS w, count(*) FROM STREAM s GROUP BY w", "need a watermark"),
        (f"SELECT window(ts, '1 minute', '2 minutes') AS w, count(*) {MARKED}", "slide by more than their size"),
        (f"SELECT window(ts, '1 hour', '1 millisecond') AS w, count(*) {MARKED}", "would be in 3,600,000 windows"),
        (f"SELECT window(ts, '1 minute', '1 month') AS w, count(*) {MARKED}", "no size for a window"),
        (f"SELECT session_window(ts, '1 minute', '1 minute') AS w, count(*) {MARKED}", "a column and a gap"),
        (f"SELECT session_window(ts, '1 minute').start AS w, count(*) {MARKED}", "start itself"),
        ("SELECT max(window(a, '1 day', '1 hour')) AS w FROM STREAM s WATERMARK a DELAY OF INTERVAL 1 DAY", "are keys"),
        (f"SELECT session_window(ts, '1 minute') AS w, count(*) {MARKED.replace('GROUP', CHOSEN)}", "WHERE has chosen"),
        ("SELECT count(*) AS n FROM STREAM s WATERMARK a DELAY OF INTERVAL 300000000 DAYS", "no fixed length"),
        ("SELECT window(ts, '300000000 days') AS w, count(*) FROM STREAM s GROUP BY w", "no size"),
        ("SELECT count(*) AS n FROM STREAM s WATERMARK a DELAY 5", "not complete"),
    ],
)
def test_what_a_running_state_cannot_do_is_refused(query: str, message: str) -> None:
    assert any(message in said for _, said in refused(query)), refused(query)


@pytest.mark.parametrize(
    ("expression", "shown"),
    [
        ("row_number() OVER ()", "row_number() OVER"),
        ("1 + lag(a, 1) OVER (ORDER BY a)", "lag(a, 1) OVER"),
        ("rank() OVER w", "rank() OVER"),
        ("count(*) FILTER (WHERE (a > 0)) OVER ()", "count(*) FILTER (WHERE (a > 0)) OVER"),
    ],
)
def test_a_window_function_is_refused_where_it_stands(expression: str, shown: str) -> None:
    for query in (
        f"SELECT a, count(*) AS n, {expression} AS m FROM STREAM s GROUP BY a",
        f"SELECT a FROM STREAM s GROUP BY a, {expression}",
    ):
        assert (shown, f"{shown} cannot be kept as a running state: it looks at other rows") in refused(query)
    joined = f"SELECT a, count(*) AS n FROM STREAM s JOIN (SELECT b, {expression} AS m FROM c) AS d ON a = b GROUP BY a"
    assert not any("looks at other rows" in message for _, message in refused(joined))


def test_on_late_needs_a_watermark() -> None:
    text = (
        "CREATE STREAMING TABLE s AS SELECT * FROM STREAM read_files('x.json');\n"
        "CREATE MATERIALIZED VIEW v ON LATE UPDATE AS SELECT count(*) AS n FROM STREAM s"
    )
    [problem] = load({"p.sql": text}).problems
    assert (problem.line, problem.message) == (2, "nothing is late in a view without a watermark")


def test_every_aggregate_that_cannot_be_kept_is_told() -> None:
    assert [shown for shown, _ in refused("SELECT median(x), mode(y), count(*) FROM STREAM s HAVING first(z) > 1")] == [
        "median(x)",
        "mode(y)",
        "first(z)",
    ]
