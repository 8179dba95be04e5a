"""Moments and speeds as people write them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from workbench.moments import moment, speed


@pytest.mark.parametrize(
    ("now", "text", "meant"),
    [
        ("2026-11-22 12:00", "29 Feb", "2024-02-29"),
        ("2026-11-22 12:00", "29 Feb 09:30", "2024-02-29 09:30"),
        ("2024-02-29 12:00", "29 Feb", "2024-02-29"),
        ("2024-02-29 12:00", "29 Feb 13:00", "2020-02-29 13:00"),
        ("2024-02-29 12:00", "1 Mar", "2023-03-01"),
        ("1904-02-28 12:00", "29 Feb", "1896-02-29"),
        ("2024-01-31 12:00", "30 Apr", "2023-04-30"),
        ("2026-11-22 12:00", "29 Feb 2028", "2028-02-29"),
    ],
)
def test_a_day_without_a_year_is_the_last_one_that_was(now: str, text: str, meant: str) -> None:
    at = datetime.fromisoformat(now).replace(tzinfo=UTC).timestamp()
    assert moment(text, at, UTC) == datetime.fromisoformat(meant).replace(tzinfo=UTC)


@pytest.mark.parametrize("text", ["29 Feb 2026", "30 Feb", "31 Apr", "0 Jan", "29 Feb 25:00", "1 Foo"])
def test_a_day_that_never_was_is_none(text: str) -> None:
    assert moment(text, datetime(2026, 11, 22, tzinfo=UTC).timestamp(), UTC) is None


@pytest.mark.parametrize(("text", "rows"), [("20k", 20_000.0), ("5,000 rows/s", 5_000.0), (" no  limit", None)])
def test_speeds(text: str, rows: float | None) -> None:
    assert speed(text) == rows


@pytest.mark.parametrize("text", ["", "fast", "0", "-5", "9 kB/s"])
def test_what_is_no_speed_says_so(text: str) -> None:
    with pytest.raises(ValueError, match=r"^$|not a number|pause"):
        speed(text)


@pytest.mark.parametrize("unit", ["", "k", " rows/s"])
def test_a_speed_of_400_digits_is_refused(unit: str) -> None:
    with pytest.raises(ValueError, match="no source is that fast"):
        speed("9" * 400 + unit)


def test_a_moment_of_400_digits_is_none() -> None:
    assert moment("9" * 400 + " min ago", 0.0, UTC) is None
