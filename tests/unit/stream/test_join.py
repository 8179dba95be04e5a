"""A join of two streams in its commits: rules, quarantine, late rows, status, and what it reads after a start."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pyarrow as pa
import pytest

from tests.commits import balanced
from tests.joining import Row, Stage
from workbench.errors import ExpectationFailed
from workbench.store.commit import StreamDelta
from workbench.store.session import Session, scratch

SECOND = 1_000_000
HEAD = "CREATE STREAMING TABLE m (CONSTRAINT small EXPECT ({rule}) {action}) AS SELECT {items}"
FROM = """ FROM STREAM a WATERMARK ts DELAY OF INTERVAL 1 SECOND AS x JOIN STREAM b WATERMARK seen DELAY OF INTERVAL 1 SECOND AS y
ON x.id = y.id AND y.seen BETWEEN x.ts AND x.ts + INTERVAL 10 SECONDS"""
SOURCES: dict[str, tuple[str, ...]] = {"a": ("a",), "b": ("b",)}


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    made = scratch()
    yield made
    made.close()


def stage(
    session: Session, rule: str = "true", action: str = "ON VIOLATION DROP ROW", items: str = "x.n AS ln, y.n AS rn", joined: str = FROM
) -> Stage:
    return Stage(session, SOURCES, HEAD.format(rule=rule, action=action, items=items) + joined)


def a(id: int, second: float) -> Row:
    return Row(id, round(second * SECOND), "a")


def b(id: int, second: float) -> Row:
    return Row(id, round(second * SECOND), "b")


def delta(stage: Stage, left: list[Row], right: list[Row]) -> StreamDelta:
    made = stage.flow.delta(stage.session, stage.arrivals(left, right), frozenset(), 5.0, 7)
    assert made is not None
    return made[0]


def test_the_later_row_brings_the_pair(session: Session) -> None:
    found = stage(session)
    found.commit([a(1, 0), a(2, 0)], [])
    assert found.found == []
    found.commit([], [b(1, 10), b(1, 11), b(2, 10)])
    assert sorted(found.found) == [(0, 0), (1, 2)]
    found.commit([a(1, 10)], [b(1, 12)])
    assert sorted(found.found[2:]) == [(2, 0), (2, 1), (2, 3)]
    assert found.flow.totals.accepted == 5
    assert balanced(found.flow.totals)


def test_a_pair_that_breaks_a_rule_goes_to_quarantine_with_both_rows(session: Session) -> None:
    found = stage(session, "ln + rn < 1")
    found.commit([a(1, 0)], [])
    made = delta(found, [a(1, 1)], [b(1, 2)])
    assert (made.counts.accepted, made.counts.rejected) == (1, 1)
    assert made.rejections is not None
    [row] = made.rejections.to_pylist()
    assert (row["id"], row["rules"], row["source"], row["arrived_at"]) == (7, ["small"], "STREAM a JOIN STREAM b", 5.0)
    raw = json.loads(row["raw"])
    assert (raw["left"]["n"], raw["right"]["n"]) == (1, 0)


def test_a_rule_that_marks_and_one_that_stops(session: Session) -> None:
    with pytest.raises(ExpectationFailed, match="a pair of a and b broke small"):
        stage(session, "rn > 5", "ON VIOLATION FAIL UPDATE").commit([a(1, 0)], [b(1, 0)])
    marked = stage(session, "rn > 5", "", joined=FROM)
    marked.flow.violations, marked.flow.book = True, marked.marking()
    made = delta(marked, [a(1, 0)], [b(1, 0)])
    assert made.rows is not None
    assert made.rows["_violations"].to_pylist() == [["small"]]


def test_late_rows_are_listed_and_joined_with_nothing(session: Session) -> None:
    found = stage(session)
    found.commit([a(1, 100), a(1, 99), a(1, 98.9)], [b(1, 100)])
    assert sorted(found.found) == [(0, 0), (1, 0)]
    made = delta(found, [], [b(1, 50)])
    [late] = made.late
    [row] = late.rows.to_pylist()
    assert (late.stream, row["event_time"], row["watermark"]) == ("b", 50 * SECOND, 99 * SECOND)
    assert json.loads(row["row"])["unused"] == "x"
    status = found.flow.status()
    assert (status.kind, status.stream, status.late, status.watermark) == ("join", "a, b", 1, 99.0)


def test_rows_are_let_go_when_no_partner_can_come(session: Session) -> None:
    found = stage(session)
    found.commit([a(1, 0)], [b(1, 0)])
    assert found.flow.status().state_rows == 2
    found.commit([], [b(2, 11.1)])
    assert found.flow.status().state_rows == 2
    assert found.flow.status().state_bytes > 0
    assert "10 s after it" in found.flow.status().expires
    found.commit([a(2, 1.5)], [])
    assert [buffer.rows for buffer in found.flow.buffers] == [1, 1]
    found.flow = found.start()
    assert [buffer.rows for buffer in found.flow.buffers] == [1, 1]
    found.commit([a(2, 2)], [])
    assert found.found == [(0, 0), (1, 1), (2, 1)]


def test_it_waits_for_a_source_that_gave_nothing(session: Session) -> None:
    found = Stage(session, {"a": ("a", "z"), "b": ("b",)}, HEAD.format(rule="true", action="", items="x.n AS ln, y.n AS rn") + FROM)
    found.commit([a(1, 100), a(1, 0)], [])
    status = found.flow.status()
    assert (status.watermark, status.waits_for, status.late) == (None, ("z", "b"), 0)


def test_only_columns_that_are_used_are_kept(session: Session) -> None:
    assert stage(session).flow.kept == (("id", "n", "ts"), ("id", "n", "seen"))
    whole = stage(session, items="x.n AS ln, y.n AS rn, y.*", joined=FROM)
    assert whole.flow.kept == (("id", "n", "ts"), ("id", "n", "seen", "unused"))


def test_a_stream_joined_with_itself(session: Session) -> None:
    itself = FROM.replace("STREAM b WATERMARK seen", "STREAM a WATERMARK ts").replace("y.seen", "y.ts")
    found = Stage(session, {"a": ("a",)}, HEAD.format(rule="true", action="", items="x.n AS ln, y.n AS rn") + itself, right="a")
    found.commit([a(1, 0)], [])
    found.commit([a(1, 5), a(1, 20)], [])
    assert sorted(found.found) == [(0, 0), (0, 1), (1, 1), (2, 2)]


def test_windows_that_are_equal(session: Session) -> None:
    window = FROM[: FROM.index(" AND y.seen")] + " AND window(x.ts, '10 seconds') = window(y.seen, '10 seconds')"
    found = stage(session, joined=window)
    found.commit([a(1, 9), a(1, 10)], [])
    found.commit([], [b(1, 9.5), b(1, 19.9), b(1, 20)])
    assert sorted(found.found) == [(0, 0), (1, 1)]


def test_nothing_came_of_a_commit_without_accepted_rows(session: Session) -> None:
    found = stage(session)
    assert found.flow.delta(found.session, {}, frozenset(), 1.0, 1) is None
    [arrival] = found.arrivals([a(1, 0)], [])["a"]
    rejected = type(arrival)("a", arrival.rows, arrival.verdict + 1, arrival.origins)
    assert found.flow.delta(found.session, {"a": [rejected]}, frozenset(), 1.0, 1) is None
    made = delta(found, [a(1, 0)], [])
    assert isinstance(made.rows, pa.Table)
    assert (made.counts.rows_in, made.counts.filtered, made.rejections) == (1, 1, None)
