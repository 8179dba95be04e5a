"""A flow with a limit reads that many records a second, and no more at once than a quarter of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from workbench.stream.allowance import BURST, Allowance


def test_without_a_limit_it_takes_what_fits() -> None:
    assert Allowance().bytes(1.0) is None


def test_what_was_taken_is_paid_for_in_time() -> None:
    allowance = Allowance()
    allowance.limit(100.0)
    assert allowance.bytes(10.0)
    allowance.took(25, 25 * 80)
    assert allowance.bytes(10.0) == 0
    assert 0 < allowance.wait() <= 0.02
    assert allowance.bytes(10.0 + allowance.wait() + 0.001)


@given(st.floats(0.5, 1e5), st.lists(st.floats(0.0, 0.3), min_size=20, max_size=60))
def test_no_more_records_than_the_rate_allows_over_any_stretch(rate: float, steps: list[float]) -> None:
    allowance = Allowance()
    allowance.limit(rate)
    now, taken, size = 5.0, 0, 100
    for step in steps:
        now += step
        if allowed := allowance.bytes(now):
            records = max(1, allowed // size)
            allowance.took(records, records * size)
            taken += records
    assert taken <= rate * (now - 5.0) + max(1.0, rate * BURST) + 1
