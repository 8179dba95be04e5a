"""Running states as they are stored: compacted in parts, looked at as of a commit."""

from __future__ import annotations

import pytest

from tests.event_time import WINDOWS, Push, Row, Stage, answer, windowed
from workbench.store import state as stored_state
from workbench.store.state import as_of_sql, partial_rows


@pytest.mark.parametrize("kind", list(WINDOWS))
def test_a_compaction_in_parts_keeps_every_group_once(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_state, "PART", 7)
    stage = Stage(windowed(kind, 30))
    for at in range(6):
        stage.push(Push(tuple(Row("a", key, at) for key in ("x", "y", "z", None))))
    before = stage.shown()
    stage.compact()
    assert stage.shown() == before
    assert partial_rows(stage.session, "v") == len(before) == stage.running.partials
    assert stage.session.execute("SELECT min(_commit), max(_commit) FROM _store.v") == [(6, 6)]


def test_what_a_view_showed_is_read_off_its_partials_or_computed_anew() -> None:
    stage = Stage(windowed("tumbling", 0))
    shown = []
    for at in (1, 2, 15, 3):
        stage.push(Push((Row("a", "x", at),)))
        shown.append(stage.shown())
    stage.compact()
    stage.push(Push((Row("a", "y", 16),)))
    shown.append(stage.shown())
    assert [answer(stage.session, as_of_sql(stage.session, "v", stage.state, n + 1)) for n in range(5)] == shown
    assert answer(stage.session, as_of_sql(stage.session, "v", stage.state, 0)) == []
    assert "_rows" in as_of_sql(stage.session, "v", stage.state, 3)
    assert "_rows" not in as_of_sql(stage.session, "v", stage.state, 4)
