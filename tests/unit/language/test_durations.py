"""Lengths of time as people write them."""

from __future__ import annotations

import pytest

from workbench.language.durations import LONGEST, duration


@pytest.mark.parametrize(
    ("text", "micros"),
    [("1 minute", 60_000_000), ("1 hour 30 minutes", 5_400_000_000), ("1.5 ms", 1_500), ("0 s", 0), (f"{LONGEST} us", LONGEST)],
)
def test_lengths(text: str, micros: int) -> None:
    assert duration(text) == micros


@pytest.mark.parametrize("text", ["", "1", "minute", "1 month", "1 minute ago", "40000 weeks 9999999 weeks", "9" * 400 + " days"])
def test_what_is_no_length_of_time_and_what_is_too_long_is_none(text: str) -> None:
    assert duration(text) is None
