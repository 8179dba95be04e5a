"""Numbers read as the look says."""

from __future__ import annotations

from datetime import UTC

import pytest

from workbench.tui import numbers

AT = 1_795_368_280.118


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (40, "40"),
        (999, "999"),
        (999.6, "1.0k"),
        (1_100, "1.1k"),
        (98_200, "98.2k"),
        (99_960, "100k"),
        (157_000, "157k"),
        (1_210_000, "1.21M"),
        (41_200_000, "41.2M"),
        (2_000_000_000, "2.00G"),
    ],
)
def test_rates_have_three_figures(value: float, text: str) -> None:
    assert numbers.rate(value) == text


@pytest.mark.parametrize(("value", "text"), [(0, "0"), (884_216, "884,216"), (9_999_999, "9,999,999"), (41_201_334, "41.2M"), (-4, "-4")])
def test_counts_are_exact_up_to_seven_digits(value: int, text: str) -> None:
    assert numbers.count(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0%"), (0.00058, "0.058%"), (0.021, "2.1%"), (0.44, "44%"), (1, "100%"), (0.0000001, "<0.001%"), (0.005, "0.50%")],
)
def test_shares(value: float, text: str) -> None:
    assert numbers.share(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.1, "0.1 s"), (8.4, "8.4 s"), (48, "48 s"), (186, "3.1 min"), (1_860, "31 min"), (7_200, "2 h"), (400_000, "5 d")],
)
def test_durations_have_a_unit_of_their_own(seconds: float, text: str) -> None:
    assert numbers.spell(seconds) == text


@pytest.mark.parametrize(("seconds", "text"), [(0.21, "0.21 s"), (12.41, "12.4 s"), (186, "3.1 min")])
def test_elapsed(seconds: float, text: str) -> None:
    assert numbers.elapsed(seconds) == text


def test_clock_and_dates() -> None:
    assert numbers.clock(AT, UTC) == "17:24:40"
    assert numbers.milliseconds(AT, UTC) == ".118"
    assert numbers.moment(AT - 60, AT, UTC) == "17:23:40"
    assert numbers.moment(AT - 13 * 86_400, AT, UTC) == "9 Nov"


@pytest.mark.parametrize(("back", "text"), [(0.2, "now"), (5, "5 s ago"), (120, "2 min ago"), (7_200, "2 h ago"), (13 * 86_400, "9 Nov")])
def test_ages(back: float, text: str) -> None:
    assert numbers.ago(AT - back, AT, UTC) == text


def test_a_time_out_of_range_is_not_an_error() -> None:
    assert numbers.clock(1e20, UTC) == "00:00:00"


@pytest.mark.parametrize(("bytes_", "text"), [(512, "512 B"), (4_000, "4.0 kB"), (412_000_000, "412 MB"), (1_200_000_000, "1.2 GB")])
def test_sizes(bytes_: int, text: str) -> None:
    assert numbers.size(bytes_) == text


@pytest.mark.parametrize(("cell", "number"), [("12,841", 12_841), ("-12.50", -12.5), ("", None), (None, None), ("DE", None), ("nan", None)])
def test_the_number_in_a_cell(cell: str | None, number: float | None) -> None:
    assert numbers.number_of(cell) == number


@pytest.mark.parametrize(("value", "step"), [(0, 1), (1, 1), (1.5, 2), (3, 5), (98_200, 100_000), (100_000, 100_000), (100_001, 200_000)])
def test_scales_go_in_steps_of_1_2_5(value: float, step: float) -> None:
    assert numbers.step_above(value) == pytest.approx(step)


@pytest.mark.parametrize(
    ("value", "text"), [(1204.0, "+1,204"), (-4.0, "-4"), (0.25, "+0.25"), (3180.55, "+3,181"), (-1_287_073.0, "-1.29M")]
)
def test_growth_has_its_sign(value: float, text: str) -> None:
    assert numbers.signed(value) == text


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("12841", "12,841"),
        ("-271884.10", "-271,884.10"),
        ("271884.0999999", "271,884.09"),
        ("0.000581", "0.000581"),
        ("2026-11-22", "2026-11-22"),
        ("inf", "inf"),
    ],
)
def test_amounts_get_commas_and_nothing_else_does(cell: str, text: str) -> None:
    assert numbers.grouped(cell) == text


@pytest.mark.parametrize(("cell", "cells"), [("276.11", 3), ("384.8", 2), ("12", 0), ("1e-7", 0), ("2026-11-22", 0), (None, 0)])
def test_how_far_a_number_goes_behind_its_point(cell: str | None, cells: int) -> None:
    assert numbers.behind_point(cell) == cells
