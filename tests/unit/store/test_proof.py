"""The check of running states finds what was tampered with."""

from __future__ import annotations

import pytest

from tests.event_time import WINDOWS, Push, Row, Stage, windowed


@pytest.fixture(scope="module", params=list(WINDOWS))
def stage(request: pytest.FixtureRequest) -> Stage:
    return Stage(windowed(request.param, 0), sources=("a", "b"))


TAMPERED = {
    "INSERT INTO _store.v SELECT * FROM _store.v LIMIT 1": "a recomputation",
    "DELETE FROM _store.orders WHERE id = 0": "a recomputation",
    "DELETE FROM _system.windows WHERE rowid = (SELECT min(rowid) FROM _system.windows)": "is not told as closed",
    "INSERT INTO _system.windows SELECT * FROM _system.windows LIMIT 1": "should not be closed",
    'UPDATE _system.windows SET "rows" = "rows" + 1': "should not be closed",
    "DELETE FROM _system.late": "are listed",
    "UPDATE _system.view_log SET late = late + 1": "late rows were counted",
    "UPDATE _system.view_log SET watermark = watermark + 1": "its watermark is",
    "UPDATE _system.view_log SET closed = closed + 1": "closed windows were counted",
    "UPDATE _system.view_log SET idle = '[\"b\"]' WHERE commit = 1": "a recomputation",
}


@pytest.mark.parametrize("sql", TAMPERED)
def test_what_was_tampered_with_is_found(stage: Stage, sql: str) -> None:
    stage.clear()
    stage.push(Push((Row("a", "x", 1), Row("b", "y", 2), Row("a", "x", 40), Row("b", "x", 30))))
    stage.push(Push((Row("a", "x", 50), Row("b", "y", 55), Row("b", "y", 3))))
    stage.push(Push((Row("a", "x", 90), Row("b", "y", 95))))
    assert stage.check() == []
    stage.session.execute(sql)
    assert any(TAMPERED[sql] in wrong for wrong in stage.check()), stage.check()


def test_late_counts_of_a_window_are_compared() -> None:
    stage = Stage(windowed("tumbling", 0))
    stage.push(Push((Row("a", "x", 40), Row("a", "x", 1))))
    stage.session.execute('UPDATE _system.late_counts SET "rows" = 7')
    assert any("late for the window at 0" in wrong for wrong in stage.check())
