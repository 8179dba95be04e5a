"""Counts over time, by the wall clock."""

from __future__ import annotations

from workbench.engine.monitor import Buckets


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
