"""Commits come as often as the tick says, and less often where they are dear."""

from __future__ import annotations

import pytest

from workbench.stream.pace import MOST, STEP, Pace


def settled(pace: Pace, cpu: float, wall: float = 0.0) -> Pace:
    for _ in range(100):
        pace.committed(cpu, wall)
    return pace


def test_what_is_cheap_comes_with_every_tick() -> None:
    assert settled(Pace(0.02), 0.001).seconds == 0.02
    assert Pace(0.0).seconds == 0.0


def test_a_trickle_whose_commits_are_dear_takes_a_seventh_of_a_core_at_most() -> None:
    pace = settled(Pace(0.02), 0.02)
    assert 0.02 / pace.seconds == pytest.approx(0.15, abs=0.01)


def test_decoding_counts_as_well() -> None:
    pace = Pace(0.02)
    for _ in range(100):
        pace.decoded(0.01, 1, 100.0)
        pace.committed(0.01, 0.0)
    assert 0.02 / pace.seconds == pytest.approx(0.15, abs=0.01)


def test_a_busy_stream_may_take_most_of_a_core() -> None:
    pace = Pace(0.02)
    pace.decoded(0.0, 0, 100.0)
    pace.decoded(0.0, 50_000, 100.5)
    pace.decoded(0.0, 1, 101.5)
    assert 0.04 / settled(pace, 0.04).seconds == pytest.approx(0.8, abs=0.01)
    pace.decoded(0.0, 1, 111.5)
    assert 0.02 / settled(pace, 0.02).seconds == pytest.approx(0.15, abs=0.01)


def test_rows_are_never_held_longer_than_the_most() -> None:
    assert settled(Pace(0.02), 10.0, 10.0).seconds == MOST
    assert Pace(1.0).seconds == 1.0


def test_no_commit_begins_before_the_last_has_ended() -> None:
    assert settled(Pace(0.01), 0.001, 0.1).seconds >= 0.1


def test_ticks_are_the_same_moments_for_all() -> None:
    pace = Pace(4 * STEP)
    assert pace.next_tick(10.0) == pace.next_tick(10.001) == pace.next_tick(10.019) == pytest.approx(10.02)
    assert pace.next_tick(10.021) == pytest.approx(10.041)
    assert Pace(0.0).next_tick(10.0) > 10.0


def test_a_pace_that_changes_puts_no_tick_nearer_than_it_says() -> None:
    pace, now = Pace(0.01), 100.0
    for cpu in (0.006, 0.0065, 0.007, 0.0065, 0.006, 0.008):
        seconds = settled(pace, cpu).seconds
        assert pace.next_tick(now) - now == pytest.approx(seconds)
        now += seconds + 0.0001
