"""SELECT DISTINCT ON … WITHIN INTERVAL: where it may stand, and what it becomes."""

from __future__ import annotations

import pytest

from workbench.language.definitions import Distinct, FlowQuery, StreamingTable
from workbench.language.project import load

STREAM = "CREATE STREAMING TABLE s (id BIGINT, ts TIMESTAMPTZ) AS SELECT * FROM STREAM read_files('s.json');\n"
FROM = "FROM STREAM s WATERMARK ts DELAY OF INTERVAL 1 SECOND"


def query(text: str) -> FlowQuery:
    found = load({"p.sql": f"{STREAM}CREATE STREAMING TABLE t AS {text}"})
    assert found.problems == ()
    table = found.graph.get("t")
    assert isinstance(table, StreamingTable)
    assert table.query is not None
    return table.query


def test_keys_and_time_come_after_the_columns() -> None:
    found = query(f"SELECT DISTINCT ON (id, lower(name)) * {FROM} WHERE id > 0 WITHIN INTERVAL 10 SECONDS")
    assert found.distinct == Distinct(("id", "lower(name)"), "ts", 1_000_000, 10_000_000)
    assert found.sql == (
        'SELECT "s"._row AS _row, * EXCLUDE (_row, _metadata), (id) AS _k0, (lower(name)) AS _k1, "s".ts AS _p0'
        ' FROM _input AS "s" WHERE id > 0'
    )
    assert found.extra == ("_k0", "_k1", "_p0")
    assert not found.identity


@pytest.mark.parametrize(
    "text",
    [
        f"SELECT DISTINCT ON (id) id {FROM} WITHIN INTERVAL '10 seconds'",
        f"SELECT DISTINCT ON (id) id {FROM} WITHIN INTERVAL 10 SECONDS AS s",
        f"SELECT DISTINCT ON (id) id {FROM} AS s WITHIN INTERVAL 10 SECONDS WHERE true",
        "SELECT DISTINCT ON (id) within AS id FROM STREAM read_rate() WATERMARK ts DELAY OF INTERVAL 1 SECOND WITHIN INTERVAL 10 SECONDS",
    ],
)
def test_within_may_stand_after_the_watermark_or_at_the_end(text: str) -> None:
    found = query(text).distinct
    assert found is not None
    assert (found.time, found.within) == ("ts", 10_000_000)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (f"SELECT DISTINCT ON (id) * {FROM}", "WITHIN INTERVAL is missing", "WITHIN INTERVAL 10 MINUTES"),
        (f"SELECT DISTINCT ON (id) * {FROM} WITHIN INTERVAL", "needs a length of time", "WITHIN INTERVAL 10 MINUTES"),
        (f"SELECT DISTINCT ON (id) * {FROM} WITHIN INTERVAL 2 MONTHS", "no fixed length", "microseconds to weeks"),
        (f"SELECT DISTINCT ON (id) * {FROM} WITHIN INTERVAL 0 SECONDS", "no time at all", "WITHIN INTERVAL 10 MINUTES"),
        (f"SELECT * {FROM} WITHIN INTERVAL 10 SECONDS", "WITHIN belongs to DISTINCT ON", "DISTINCT ON (order_id)"),
        (f"SELECT DISTINCT id {FROM} WITHIN INTERVAL 10 SECONDS", "WITHIN belongs to DISTINCT ON", "DISTINCT ON (order_id)"),
        ("SELECT DISTINCT ON (id) * FROM STREAM s WITHIN INTERVAL 10 SECONDS", "s needs a WATERMARK", "WATERMARK ts"),
        (f"SELECT DISTINCT ON (1) * {FROM} WITHIN INTERVAL 10 SECONDS", "not its number", "DISTINCT ON (order_id)"),
        (f"SELECT DISTINCT ON () * {FROM} WITHIN INTERVAL 10 SECONDS", "needs its keys", "DISTINCT ON (order_id)"),
        (f"SELECT DISTINCT ON id * {FROM} WITHIN INTERVAL 10 SECONDS", "needs its keys", "DISTINCT ON (order_id)"),
        (f"SELECT DISTINCT ON (id) * {FROM} ORDER BY id WITHIN INTERVAL 10 SECONDS", "ORDER", "query the result"),
        (f"SELECT DISTINCT ON (_row) * {FROM} WITHIN INTERVAL 10 SECONDS", "_row is given out", "line"),
        (f"SELECT DISTINCT ON (id) * {FROM} AS x JOIN STREAM s AS y ON x.id = y.id WITHIN INTERVAL 10 SECONDS", "a second STREAM", "two"),
    ],
)
def test_what_is_wrong_is_said(text: str, message: str, hint: str) -> None:
    problems = load({"p.sql": f"{STREAM}CREATE STREAMING TABLE t AS {text}"}).problems
    assert len(problems) == 1, problems
    assert message in problems[0].message
    assert hint in problems[0].hint
