"""The page of a running state: which of its rows belong to windows that may still grow."""

from __future__ import annotations

import pytest

from tests.event_time import Push, Row, Stage, windowed
from workbench.engine.inspection import Inspector


@pytest.mark.parametrize(
    ("kind", "opened"),
    [
        ("tumbling", {"00:00:00": False, "00:00:10": False, "00:00:20": True, "00:00:30": True}),
        ("hopping", {"00:00:12": False, "00:00:16": False, "00:00:20": True, "00:00:32": True}),
        ("session", {"00:00:02": False, "00:00:12": False, "00:00:25": True, "00:00:32": True}),
    ],
)
def test_a_row_is_open_until_the_watermark_passes_its_window(kind: str, opened: dict[str, bool]) -> None:
    stage = Stage(windowed(kind, 6))
    stage.push(Push((Row("a", "x", 2), Row("a", "y", 12), Row("a", "x", 25), Row("a", None, 32))))
    page = Inspector(stage.session.cursor()).state(stage.running, "here", 50, stage.commit)
    found = {row.cells[0][11:19]: row.open for row in page.rows}
    assert {time: found[time] for time in opened} == opened
    assert (page.watermark, page.late, page.groups) == (26.0, 0, len(page.rows))


def test_sessions_of_several_keys_that_begin_at_once_are_told_apart() -> None:
    stage = Stage(windowed("session", 0))
    stage.push(Push((Row("a", "x", 2), Row("a", "y", 2), Row("a", "y", 6), Row("a", "y", 9))))
    page = Inspector(stage.session.cursor()).state(stage.running, "here", 50, stage.commit)
    assert {row.cells[1]: row.open for row in page.rows} == {"x": False, "y": True}


def test_a_second_look_before_the_next_commit_is_the_same_without_growth(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(windowed("tumbling", 6))
    stage.push(Push((Row("a", "x", 2), Row("a", "y", 12))))
    session = stage.session.cursor()
    inspector = Inspector(session)
    first = inspector.state(stage.running, "here", 50, stage.commit)
    with monkeypatch.context() as patched:
        patched.setattr(session, "arrow", None)  # it asks the database nothing
        second = inspector.state(stage.running, "here", 50, stage.commit)
    assert [(row.cells, row.open, row.amount) for row in second.rows] == [(row.cells, row.open, row.amount) for row in first.rows]
    stage.push(Push((Row("a", "x", 3), Row("a", "y", 25))))
    third = inspector.state(stage.running, "here", 50, stage.commit)
    grown = {row.cells[0][11:19]: (row.open, row.changed) for row in third.rows}
    assert grown == {"00:00:00": (False, 1.0), "00:00:10": (True, 0.0), "00:00:20": (True, 1.0)}
