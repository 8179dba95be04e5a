"""Counts over time, by the wall clock."""

from __future__ import annotations

from workbench.engine.monitor import Buckets, Monitor, RuleHistory
from workbench.store.session import scratch


def test_old_stretches_are_forgotten() -> None:
    buckets = Buckets(3, 10)
    buckets.add(100.0, 1)
    buckets.add(109.9, 1)
    buckets.add(110.0, 5)
    assert buckets.values(110.0) == [0, 2, 5]
    assert buckets.values(125.0) == [2, 5, 0]
    assert buckets.values(149.0) == [0, 0, 0]


def test_a_long_silence_and_a_clock_set_back_start_afresh() -> None:
    buckets = Buckets(3, 1)
    buckets.add(50.0, 4)
    assert buckets.values(1000.0) == [0, 0, 0]
    buckets.add(1000.0, 2)
    assert buckets.values(10.0) == [0, 0, 0]
    buckets.add(10.0, 1)
    assert buckets.values(10.0) == [0, 0, 1]


def test_what_is_remembered_of_the_last_minutes_outlives_another_streams_rewind() -> None:
    session = scratch()
    session.execute("CREATE SCHEMA workbench")
    values = "('kept', 'r', 3), ('back', 'r', 2)"
    session.execute(
        "CREATE VIEW workbench.rules AS SELECT stream, rule, total, to_timestamp(90) AS first_seen, to_timestamp(95) AS last_seen,"
        f" 7 AS last_id FROM (VALUES {values}) t(stream, rule, total)"
    )
    monitor = Monitor()
    for stream in ("kept", "back"):
        history = monitor.rules[(stream, "r")] = RuleHistory(3, 90.0, 95.0, 7)
        history.recent.add(95.0, 3)
    monitor.forget("back")
    monitor.load(session)
    session.close()
    assert sum(monitor.rules[("kept", "r")].recent.values(100.0)) == 3
    assert (monitor.rules[("back", "r")].total, sum(monitor.rules[("back", "r")].recent.values(100.0))) == (2, 0)
