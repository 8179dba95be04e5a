"""New fields are told once, and a flood of them ends."""

from __future__ import annotations

from workbench.stream.drift import MOST, Drift


def test_a_field_is_told_once() -> None:
    drift = Drift()
    assert drift.fresh([("a", 0), ("b", 1)]) == ([("a", 0), ("b", 1)], False)
    assert drift.fresh([("b", 5), ("c", 6)]) == ([("c", 6)], False)


def test_a_flood_is_told_to_end_once() -> None:
    drift = Drift()
    told, ends = drift.fresh((f"id-{n}", n) for n in range(MOST))
    assert (len(told), ends) == (MOST, False)
    assert drift.fresh([("x", 0), ("id-1", 1)]) == ([], True)
    assert drift.fresh([("y", 0)]) == ([], False)
