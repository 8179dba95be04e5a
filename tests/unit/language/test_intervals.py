"""Joins of two streams: the bounds in time are found however they are written, and what is missing is said."""

from __future__ import annotations

import pytest

from workbench.errors import Problem
from workbench.language.definitions import FlowQuery, IntervalJoin, StreamingTable
from workbench.language.project import load

STREAMS = """CREATE STREAMING TABLE a (id BIGINT, ts TIMESTAMPTZ) AS SELECT * FROM STREAM read_files('a.json');
CREATE STREAMING TABLE b (id BIGINT, at_ TIMESTAMPTZ) AS SELECT * FROM STREAM read_files('b.json');
CREATE MATERIALIZED VIEW c AS SELECT 1 AS id, 'x' AS name;
"""
A = "STREAM a WATERMARK ts DELAY OF INTERVAL 1 SECOND AS x"
B = "STREAM b WATERMARK at_ DELAY OF INTERVAL 2 SECONDS AS y"
SECOND = 1_000_000


def query(text: str) -> FlowQuery:
    found = load({"p.sql": STREAMS + f"CREATE STREAMING TABLE m AS {text}"})
    assert found.problems == ()
    table = found.graph.get("m")
    assert isinstance(table, StreamingTable)
    assert table.query is not None
    return table.query


def join(on: str) -> IntervalJoin:
    found = query(f"SELECT x.id FROM {A} JOIN {B} ON {on}").join
    assert found is not None
    return found


def refused(text: str) -> Problem:
    found = load({"p.sql": STREAMS + f"CREATE STREAMING TABLE m AS {text}"}).problems
    assert len(found) == 1, found
    return found[0]


@pytest.mark.parametrize(
    ("on", "low", "high"),
    [
        ("y.at_ BETWEEN x.ts AND x.ts + INTERVAL 10 SECONDS", 0, 10),
        ("y.at_ >= x.ts AND y.at_ <= x.ts + INTERVAL '10 seconds'", 0, 10),
        ("x.ts <= y.at_ AND x.ts + INTERVAL 10 SECONDS >= y.at_", 0, 10),
        ("y.at_ > x.ts AND y.at_ < x.ts + INTERVAL 10 SECONDS", 0, 10),
        ("x.ts BETWEEN y.at_ - INTERVAL 5 SECONDS AND y.at_ + INTERVAL 1 MINUTE", -60, 5),
        ("x.ts - INTERVAL 3 SECONDS <= y.at_ AND y.at_ - INTERVAL 7 SECONDS <= x.ts", -3, 7),
        ("y.at_ - x.ts BETWEEN INTERVAL 0 SECONDS AND INTERVAL '1 minute 30 seconds'", 0, 90),
        ("(y.at_ - x.ts) <= INTERVAL 4 SECONDS AND INTERVAL 2 SECONDS <= y.at_ - x.ts", 2, 4),
        ("y.at_ = x.ts", 0, 0),
        ("y.at_ = x.ts + INTERVAL 1 HOUR", 3600, 3600),
        ("(at_ BETWEEN ts AND ts + INTERVAL 10 SECONDS)", 0, 10),
        ("y.at_ BETWEEN x.ts - INTERVAL 9 SECONDS AND x.ts AND y.at_ >= x.ts - INTERVAL 2 SECONDS", -2, 0),
    ],
)
def test_bounds_are_found_however_they_are_written(on: str, low: int, high: int) -> None:
    found = join(f"x.id = y.id AND {on}")
    assert (found.low, found.high) == (low * SECOND, high * SECOND)
    assert (found.right, found.left_time, found.right_time) == ("b", "ts", "at_")
    assert (found.left_delay, found.right_delay) == (SECOND, 2 * SECOND)


def test_windows_that_are_equal_bound_the_time_and_are_an_equality() -> None:
    found = join("window(x.ts, '10 seconds') = window(y.at_, '10 seconds')")
    assert (found.low, found.high) == (1 - 10 * SECOND, 10 * SECOND - 1)


def test_conditions_may_stand_in_where_and_using() -> None:
    near = "y.at_ BETWEEN x.ts AND x.ts + INTERVAL 10 SECONDS"
    for text in (f"SELECT id FROM {A} JOIN {B} USING (id) WHERE {near}", f"SELECT x.id FROM {A}, {B} WHERE x.id = y.id AND {near}"):
        found = query(text).join
        assert found is not None
        assert (found.low, found.high) == (0, 10 * SECOND)
    assert query(f"SELECT x.id, name FROM {A} JOIN {B} ON x.id = y.id AND {near} LEFT JOIN c ON c.id = x.id").tables == ("c",)


def test_what_the_query_reads() -> None:
    near = "x.id = y.id AND y.at_ BETWEEN x.ts AND x.ts + INTERVAL 10 SECONDS"
    found = query(f"SELECT x.ts, y.* FROM {A} JOIN {B} ON {near}")
    assert found.sql == (
        'SELECT "x"._row AS _row, x.ts, y.* EXCLUDE (_row), "y"._row AS _k0 FROM _input AS "x" JOIN _right AS "y" ON ' + near
    )
    assert found.extra == ("_k0",)
    assert found.join is not None
    assert found.join.right_columns == ()
    assert {"id", "ts"} <= set(found.join.left_columns)
    assert query(f"SELECT * EXCLUDE (id) FROM {A} JOIN {B} ON {near}").join == query(f"SELECT x, y FROM {A} JOIN {B} ON {near}").join
    assert not {"other"} & set(join(near).left_columns)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (
            f"SELECT x.id FROM {A} JOIN {B} ON x.id = y.id",
            "nothing bounds the time between x.ts and y.at_",
            "BETWEEN x.ts AND x.ts + INTERVAL",
        ),
        (f"SELECT x.id FROM {A} JOIN {B} ON x.id = y.id AND y.at_ >= x.ts", "how long after x.ts", "y.at_ <= x.ts + INTERVAL"),
        (f"SELECT x.id FROM {A} JOIN {B} ON x.id = y.id AND y.at_ <= x.ts", "how long before x.ts", "y.at_ >= x.ts - INTERVAL"),
        (f"SELECT x.id FROM {A} JOIN {B} ON x.id = y.id AND (y.at_ = x.ts OR x.id > 1)", "nothing bounds the time", "BETWEEN"),
        (f"SELECT x.id FROM {A} JOIN {B} ON x.id = y.id AND y.at_ BETWEEN x.ts AND x.ts + INTERVAL 1 MONTH", "how long after", "<="),
        (
            f"SELECT x.id FROM {A} JOIN {B} ON x.id = y.id AND y.at_ BETWEEN x.ts + INTERVAL 5 SECONDS AND x.ts",
            "no y.at_ is within these bounds",
            "signs",
        ),
        (
            f"SELECT x.id FROM {A} JOIN {B} ON x.id = 5 AND x.id = x.id AND y.at_ BETWEEN x.ts AND x.ts + INTERVAL 1 DAY",
            "nothing has to be equal",
            "x.id = y.id",
        ),
        (f"SELECT x.id FROM STREAM a AS x JOIN {B} ON x.id = y.id AND y.at_ = x.ts", "x needs a WATERMARK", "STREAM x WATERMARK ts"),
        (f"SELECT x.id FROM {A} JOIN STREAM b AS y ON x.id = y.id AND y.at_ = x.ts", "y needs a WATERMARK", "WATERMARK"),
        (f"SELECT x.id FROM {A} LEFT JOIN {B} ON x.id = y.id AND y.at_ = x.ts", "not with LEFT JOIN", "JOIN STREAM b"),
        (f"SELECT x.id FROM {A} FULL OUTER JOIN {B} ON x.id = y.id AND y.at_ = x.ts", "FULL", "stream on the left"),
        (f"SELECT x.id FROM {A} ANTI JOIN {B} ON x.id = y.id AND y.at_ = x.ts", "not with ANTI JOIN", "JOIN STREAM b"),
        (f"SELECT x.id FROM {A} JOIN {B.replace(' AS y', ' AS X')} ON x.id = y.id", "both streams are called", "another name"),
        (
            f"SELECT x.id FROM {A} JOIN {B.replace('STREAM b', 'STREAM read_rate()')} ON x.id = y.id",
            "reads streaming tables",
            "STREAM of that table",
        ),
        (f"SELECT x.id FROM {A} WHERE x.id IN (SELECT y.id FROM {B})", "second STREAM stands in the FROM", "JOIN STREAM b"),
        (f"SELECT x.id FROM {A} JOIN {B} ON x.id = y.id JOIN STREAM a AS z ON z.id = x.id", "a second STREAM", "two streaming tables"),
        (
            f"SELECT x.id FROM {A.replace('WATERMARK ts', 'WATERMARK ts + 1')} JOIN {B} ON x.id = y.id AND y.at_ = x.ts",
            "is a column of the stream",
            "Compute it",
        ),
        (f"SELECT x._row FROM {A} JOIN {B} ON x.id = y.id AND y.at_ = x.ts", "_row is given out", "_metadata"),
    ],
)
def test_what_is_missing_is_said(text: str, message: str, hint: str) -> None:
    problem = refused(text)
    assert message in problem.message
    assert hint in problem.hint


@pytest.mark.parametrize("interval", ["INTERVAL 99999999999 DAYS", f"INTERVAL {'9' * 400} SECONDS", f"INTERVAL '-{'9' * 400} seconds'"])
def test_a_bound_beyond_all_times_is_refused(interval: str) -> None:
    problem = refused(f"SELECT x.id FROM {A} JOIN {B} ON x.id = y.id AND y.at_ BETWEEN x.ts AND x.ts + {interval}")
    assert "longer than any event time is away" in problem.message
    assert "36,000 years" in problem.hint
