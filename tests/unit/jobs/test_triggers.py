"""Which views a change makes due."""

from __future__ import annotations

import threading

import pytest

from tests.conftest import wait_until
from tests.door import Door
from tests.language import graph_of
from workbench.jobs.triggers import AT_MOST_EVERY, Triggers
from workbench.language.definitions import MaterializedView

SQL = """
CREATE STREAMING TABLE orders (id BIGINT) AS SELECT * FROM STREAM read_files('a.ndjson', format => 'json');
CREATE MATERIALIZED VIEW sums AS SELECT count(*) AS n FROM STREAM orders;
CREATE TEMPORARY VIEW recent AS SELECT * FROM orders;
CREATE MATERIALIZED VIEW a TRIGGER ON UPDATE AS SELECT * FROM recent;
CREATE MATERIALIZED VIEW b TRIGGER ON UPDATE AT MOST EVERY INTERVAL 10 SECONDS AS SELECT * FROM a;
CREATE MATERIALIZED VIEW c TRIGGER ON UPDATE AS SELECT * FROM sums;
CREATE MATERIALIZED VIEW by_hand AS SELECT * FROM orders;
"""
GRAPH = graph_of({"a.sql": SQL})


def due(triggers: Triggers, now: float, force: bool = False) -> dict[str, str]:
    found: dict[str, str] = {}

    def enqueue(view: MaterializedView, cause: str) -> None:
        found[view.name] = cause

    triggers.run_due(now, enqueue, force)
    return found


def test_views_are_due_through_temporary_views_and_running_states() -> None:
    triggers = Triggers(GRAPH)
    assert due(triggers, 0.0) == {}
    triggers.updated(["orders"])
    assert due(triggers, 0.0) == {"a": "update of orders", "c": "update of orders"}
    assert due(triggers, 100.0) == {}
    triggers.updated(["A"])
    assert due(triggers, 100.0) == {"b": "update of A"}


def test_no_view_runs_more_often_than_it_may() -> None:
    triggers = Triggers(GRAPH)
    triggers.updated(["a"])
    assert due(triggers, 0.0) == {"b": "update of a"}
    triggers.updated(["a"])
    assert due(triggers, 9.0) == {}
    assert due(triggers, 9.0, force=True) == {"b": "update of a"}
    triggers.updated(["orders"])
    assert set(due(triggers, 9.0)) == {"a", "c"}
    triggers.updated(["orders"])
    assert due(triggers, 9.0 + AT_MOST_EVERY / 2) == {}


def test_what_was_due_stays_due_over_a_reload() -> None:
    triggers = Triggers(GRAPH)
    triggers.updated(["orders"])
    assert due(triggers, 0.0, force=True)
    triggers.updated(["orders", "a"])
    triggers.follow(GRAPH)
    assert due(triggers, 0.0) == {"b": "update of a"}, "when the others ran is not forgotten"
    triggers.follow(graph_of({"a.sql": "\n".join(line for line in SQL.splitlines() if "VIEW c " not in line)}))
    assert set(due(triggers, 100.0)) == {"a"}


def test_who_asks_meanwhile_waits_and_gets_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    triggers, door, handed = Triggers(GRAPH), Door(), list[tuple[str, str]]()
    monkeypatch.setattr(triggers, "_lock", door, raising=False)
    triggers.updated(["orders"])
    other = threading.Thread(target=lambda: triggers.run_due(0.0, enqueue))

    def enqueue(view: MaterializedView, cause: str) -> None:
        if not handed:
            handed.append((view.name, threading.current_thread().name))
            other.start()
            wait_until(lambda: door.waited.is_set() or not other.is_alive())
        else:
            handed.append((view.name, threading.current_thread().name))

    triggers.run_due(0.0, enqueue)
    other.join()
    assert handed == [(name, threading.current_thread().name) for name in ("a", "c")]
