"""Running states over event time: which windows close and when, what becomes of late rows, what is told of them."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from tests.event_time import SECOND, Push, Row, Stage, answer, view_of, windowed
from workbench.store.running import Progress
from workbench.stream.closing import Sessions
from workbench.stream.running import RunningView


def rows(*times: int | None, source: str = "a", k: str | None = "x") -> tuple[Row, ...]:
    return tuple(Row(source, k, time) for time in times)


def windows(stage: Stage) -> list[tuple[Any, ...]]:
    """(key, start, state, rows, late) of each window, in seconds."""
    found = answer(stage.session, "SELECT key, window_start, state, rows, late FROM workbench.windows")
    return [(key, start // SECOND, state, rows, late) for key, start, state, rows, late in found]


def test_a_window_closes_once_in_the_commit_that_passes_its_end() -> None:
    stage = Stage(windowed("tumbling", 0))
    stage.push(Push(rows(1, 2, 9)))
    assert stage.closed() == []
    stage.push(Push(rows(10)))
    stage.push(Push(rows(12, 30)))
    found = stage.session.arrow('SELECT epoch("start")::INT AS s, "rows", commit FROM _system.windows ORDER BY 1').to_pylist()
    assert found == [{"s": 0, "rows": 3, "commit": 2}, {"s": 10, "rows": 2, "commit": 3}]
    assert stage.running.progress.closed == 2


def test_open_windows_are_shown_with_their_rows_and_closed_ones_with_those_that_came_late() -> None:
    stage = Stage(windowed("tumbling", 0))
    stage.push(Push((*rows(1, 2, 15, 3, 4), Row("a", "y", 16))))
    assert windows(stage) == [("", 0, "closed", 2, 2), ("", 10, "open", 2, 0)]
    ends = answer(stage.session, "SELECT window_start, window_end, closed_at IS NULL, commit FROM workbench.windows")
    assert ends == [(0, 10 * SECOND, False, 1), (10 * SECOND, 20 * SECOND, True, None)]


def test_a_window_that_only_late_rows_came_for_is_shown_as_closed() -> None:
    stage = Stage(windowed("tumbling", 0), "ON LATE DROP")
    stage.push(Push(rows(25, 3)))
    assert windows(stage) == [("", 0, "closed", 0, 1), ("", 20, "open", 1, 0)]


@pytest.mark.parametrize(("clause", "listed", "total"), [("", 1, 1), ("ON LATE UPDATE", 0, 2), ("ON LATE DROP", 0, 1)])
def test_late_rows_are_counted_whatever_becomes_of_them(clause: str, listed: int, total: int) -> None:
    stage = Stage(windowed("tumbling", 0), clause)
    stage.push(Push(rows(1, 15, 2)))
    assert len(stage.late()) == listed
    assert stage.shown()[0][:3] == (0, "x", total)
    assert stage.running.late == 1
    assert windows(stage)[0] == ("", 0, "closed", 1, 1)


def test_a_row_enters_the_hopping_windows_that_it_is_in_time_for_and_is_listed_for_each_other() -> None:
    stage = Stage(windowed("hopping", 0))
    stage.push(Push(rows(17, 9)))
    assert sorted((start // SECOND, count) for start, _, count, *_ in stage.shown()) == [(8, 2), (12, 1), (16, 1)]
    late = [(time // SECOND, start // SECOND) for time, _, start, _ in stage.late()]
    assert sorted(late) == [(9, 0), (9, 4)]
    assert stage.running.late == 2


def test_rows_without_an_event_time_have_a_group_of_their_own_that_never_closes() -> None:
    for kind in ("tumbling", "hopping", "session"):
        stage = Stage(windowed(kind, 0))
        stage.push(Push(rows(None, 100, None)))
        stage.push(Push(rows(None, 500)))
        assert [found for found in stage.shown() if found[0] is None] == [(None, "x", 3, 3, 0)]
        assert all(start > 0 for _, start, *_ in windows(stage))
        assert stage.check() == []


def test_windows_at_the_ends_of_time_never_close() -> None:
    endless = 9_000_000_000_000
    for kind in ("tumbling", "hopping", "session"):
        stage = Stage(windowed(kind, 0))
        stage.push(Push(rows(1, endless, -endless, 30)))
        stage.restart()
        stage.push(Push(rows(60)))
        assert {state for _, start, state, *_ in windows(stage) if start in (0, -4, 1)} == {"closed"}
        assert all(abs(start) < 100 for _, start, *_ in windows(stage))
        assert stage.check() == []


def test_the_log_of_watermarks_keeps_what_a_rebuild_needs() -> None:
    stage = Stage(windowed("tumbling", 0), sources=("a", "b"))
    for at, idle in enumerate(["", "", "b", "b", "b", "", ""]):
        stage.push(Push((*rows(at * 10), *rows(at * 5, source="b")), frozenset(idle)))
    before = (stage.running.progress, answer(stage.session, "FROM workbench.watermarks"))
    stage.fold()
    assert answer(stage.session, "SELECT commit FROM _system.view_log") == [(1,), (3,), (6,), (7,)]
    assert stage.check() == []
    stage.restart()
    assert (stage.running.progress, answer(stage.session, "FROM workbench.watermarks")) == before


def test_sessions_close_by_the_gap_and_do_not_reopen() -> None:
    stage = Stage(windowed("session", 3))
    stage.push(Push(rows(0, 4, 20)))
    stage.push(Push(rows(14)))
    assert windows(stage) == [('["x"]', 0, "closed", 2, 0), ('["x"]', 14, "open", 1, 0), ('["x"]', 20, "open", 1, 0)]
    stage.push(Push(rows(17, 8)))
    assert windows(stage) == [('["x"]', 0, "closed", 2, 1), ('["x"]', 14, "open", 3, 0)]
    assert [(time // SECOND, start) for time, _, start, _ in stage.late()] == [(8, None)]


def test_a_row_behind_the_watermark_does_not_prolong_a_session_that_is_closed() -> None:
    stage = Stage(windowed("session", 0))
    stage.push(Push(rows(0, 6, 4)))
    assert [(start // SECOND, count) for start, _, count, *_ in stage.shown()] == [(0, 1), (4, 2)]


def test_sessions_may_have_several_keys_or_none_and_null_keys() -> None:
    none = Stage(windowed("session", 0, ""))
    none.push(Push((*rows(0), *rows(3, k=None), *rows(20))))
    assert windows(none) == [("[]", 0, "closed", 2, 0), ("[]", 20, "open", 1, 0)]
    several = Stage(windowed("session", 0, "k, id"))
    several.push(Push((*rows(0, 1), *rows(1, k=None), *rows(20))))
    assert [key for key, *_ in windows(several)] == ['["x",0]', '["x",1]', '["x",3]', "[null,2]"]
    assert several.check() == []


def test_having_applies_to_whole_sessions() -> None:
    query = (
        "SELECT session_window(ts, '5 seconds') AS w, count(*) AS rows FROM STREAM orders"
        " WATERMARK ts DELAY OF INTERVAL 30 SECONDS GROUP BY w HAVING count(*) > 1"
    )
    stage = Stage(query)
    stage.push(Push(rows(0, 20)))
    assert stage.shown() == []
    stage.push(Push(rows(3)))
    assert stage.shown() == [(0, 2)]


def test_looking_at_sessions_waits_its_turn_and_finds_the_same_later() -> None:
    stage = Stage(windowed("session", 0))
    ticks = count()
    assert isinstance(stage.running.windows, Sessions)
    stage.running.windows.clock = lambda: float(next(ticks))
    for at in (0, 10, 20, 30):
        stage.push(Push(rows(at)))
    assert len(stage.closed()) < 3
    assert stage.running.moved_by(frozenset())
    stage.push(Push(()))
    assert [start // SECOND for _, start, *_ in stage.closed()] == [0, 10, 20]
    assert not stage.running.moved_by(frozenset())
    assert stage.check() == []


def test_the_slowest_source_holds_the_watermark_until_it_is_idle() -> None:
    stage = Stage(windowed("tumbling", 0), sources=("a", "b"))
    stage.push(Push(rows(5, 50)))
    assert stage.running.status().watermark is None
    assert stage.running.status().waits_for == ("b",)
    stage.push(Push(rows(12, source="b")))
    assert stage.running.watermark == 12.0
    assert stage.running.status().waits_for == ("b",)
    idle = frozenset({"b", "unknown"})
    assert stage.running.moved_by(idle)
    stage.push(Push((), idle))
    assert stage.running.watermark == 50.0
    assert not stage.running.moved_by(idle)
    stage.push(Push(rows(20, source="b")))
    assert (stage.running.watermark, stage.running.late) == (50.0, 1)


def test_the_end_of_the_input_closes_every_window_for_good() -> None:
    for kind, late in (("tumbling", 1), ("hopping", 3), ("session", 1)):
        stage = Stage(windowed(kind, 3))
        stage.push(Push(rows(1, 12), ended=True))
        assert {state for _, _, state, *_ in windows(stage)} == {"closed"}
        stage.restart()
        stage.push(Push(rows(12)))
        assert stage.running.late == late
        assert stage.check() == []


def test_a_watermark_without_a_window_judges_by_the_row_itself() -> None:
    stage = Stage("SELECT k, count(*) AS n FROM STREAM orders WATERMARK ts DELAY OF INTERVAL 2 SECONDS GROUP BY k")
    stage.push(Push(rows(10, 8, 7)))
    assert stage.shown() == [("x", 2)]
    assert [(time // SECOND, start) for time, _, start, _ in stage.late()] == [(7, None)]
    assert windows(stage) == []
    assert stage.check() == []


def test_status_says_what_is_kept_and_when_it_goes() -> None:
    stage = Stage(windowed("tumbling", 30), "ON LATE UPDATE")
    stage.push(Push(rows(1, 2, 15)))
    status = stage.running.status()
    assert (status.name, status.stream, status.kind, status.on_late) == ("v", "orders", "tumbling", "update")
    assert (status.open_windows, status.closed_windows, status.late, status.state_rows) == (2, 0, 0, 2)
    assert 20 <= status.state_bytes / status.state_rows <= 500
    assert "closes 30 s of event time after its end" in status.expires
    assert (status.watermark, status.waits_for) == (-15.0, ())
    plain, state, _ = view_of("SELECT k, count(*) AS n FROM STREAM orders GROUP BY k")
    assert RunningView(plain, state, ("k",)).status().expires.startswith("never")


def test_a_delta_changes_nothing_before_it_is_taken_over() -> None:
    stage = Stage(windowed("tumbling", 0))
    stage.push(Push(rows(1)))
    before = stage.running.progress
    assert isinstance(before, Progress)
    for _ in range(2):
        delta = stage.running.delta(stage.session, stage._arrivals(rows(25)), frozenset())
        assert delta.closings is not None
        assert delta.closings.num_rows == 1
    assert stage.running.progress is before
