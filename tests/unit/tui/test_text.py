"""Nothing that a terminal obeys gets through, and everything fits in its cells."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.tui import text


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("plain", "plain"),
        ("\x1b[31mred", "␛[31mred"),
        ("a\x07b\x00c\td\n", "a␇b␀c␉d␊"),
        ("del\x7f", "del␡"),
        ("c1\x9b31m", "c1�31m"),
        ("bidi\u202ex", "bidi�x"),
        ("日本", "日本"),
        ("\ud800", "�"),
    ],
)
def test_controls_are_made_visible(raw: str, shown: str) -> None:
    assert text.visible(raw) == shown


@settings(max_examples=200)
@given(st.text())
def test_what_is_shown_is_printable(raw: str) -> None:
    assert text.visible(raw).isprintable()
    assert all(line.isprintable() for line in text.tame(raw).split("\n"))


@settings(max_examples=200)
@given(st.text(alphabet="ab,日本 é"), st.integers(1, 30))
def test_cuts_fit(raw: str, cells: int) -> None:
    assert text.width(text.cut(raw, cells)) <= cells
    assert text.width(text.cut_middle(raw, cells)) <= cells


def test_cuts_say_that_something_is_missing() -> None:
    assert text.cut("revenue_by_minute", 8) == "revenue…"
    assert text.cut_middle("orders/2026-11-22.ndjson", 13) == "orders…ndjson"
    assert text.cut("日本語", 4) == "日…"


@settings(max_examples=200)
@given(st.text(alphabet='ab,"日', max_size=80), st.integers(2, 20))
def test_a_raw_line_is_wrapped_whole(raw: str, cells: int) -> None:
    pieces = text.wrap_raw(raw, cells)
    assert "".join(raw[a:b] for a, b in pieces) == raw
    assert all(text.width(raw[a:b]) <= cells for a, b in pieces)


def test_a_raw_line_breaks_after_commas() -> None:
    raw = '{"a":1,"bb":22,"c":3}'
    assert [raw[a:b] for a, b in text.wrap_raw(raw, 16)] == ['{"a":1,"bb":22,', '"c":3}']


def test_words_wrap_and_long_ones_break() -> None:
    assert text.wrap_words("one two three", 7) == ["one two", "three"]
    assert text.wrap_words("abcdefghij", 4) == ["abcd", "efgh", "ij"]
    assert text.wrap_words("a\nb", 10) == ["a", "b"]
