"""A line is exactly as wide as asked for, whatever is put on it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.tui.glyphs import FANCY, PLAIN, choose_glyphs
from workbench.tui.line import Line
from workbench.tui.look import Look
from workbench.tui.palette import GRAPHITE, PAPER, choose_palette
from workbench.tui.text import width
from workbench.tui.title import Part, title

LOOK = Look()


@settings(max_examples=200)
@given(st.text(), st.integers(1, 40))
def test_any_text_fills_the_line_exactly(text: str, cells: int) -> None:
    strip = Line(LOOK, cells).put(text).strip()
    assert strip.cell_length == cells
    assert width(strip.text) == cells
    assert strip.text.isprintable()


def test_words_stand_left_and_numbers_right() -> None:
    line = Line(LOOK, 20).left("orders", 8).right("98.2k", 8)
    assert line.strip().text == "orders     98.2k    "


def test_markup_means_nothing() -> None:
    assert Line(LOOK, 20).put("[bold]x[/bold]").strip().text.rstrip() == "[bold]x[/bold]"


def test_wide_characters_count_two_cells() -> None:
    assert Line(LOOK, 10).left("日本語", 5).put("|").strip().text == "日本…|    "


def test_a_sparkline_is_right_aligned_and_never_a_full_block() -> None:
    text = Line(LOOK, 6).spark([None, 0.0, 0.5, 1.0], 6, GRAPHITE.data).strip().text
    assert text == "  ·▁▄▇"


def test_a_progress_line_moves_by_half_cells() -> None:
    assert Line(LOOK, 4).thin(0.375, 4, "#ffffff", "#000000").strip().text == "━╸──"
    assert Line(LOOK, 4).thin(2.0, 4, "#ffffff", "#000000").strip().text == "━━━━"


def test_a_bar_shows_what_grew() -> None:
    strip = Line(LOOK, 10).bar(0.5, 10, GRAPHITE.data, 0.3, GRAPHITE.changed).strip()
    colours = [s.style.color.get_truecolor().hex for s in strip if s.style and s.style.color]
    assert colours == [GRAPHITE.data, GRAPHITE.changed]
    assert strip.text == "▄▄▄▄▄     "


def test_nothing_is_no_bar_and_a_little_is_half_a_cell() -> None:
    assert Line(LOOK, 4).bar(0.0, 4, GRAPHITE.data).strip().text == "    "
    assert Line(LOOK, 4).bar(0.001, 4, GRAPHITE.data).strip().text == "▖   "


def test_a_match_is_underlined_whatever_its_case() -> None:
    strip = Line(LOOK, 20).marked("a Refund here", "refund", GRAPHITE.text).strip()
    assert [s.text for s in strip if s.style and s.style.underline] == ["Refund"]


def test_focus_is_a_reversed_chip_and_a_coloured_rule() -> None:
    focused = title(LOOK, 30, "Streams", key="1", focused=True).strip()
    other = title(LOOK, 30, "Streams", key="1").strip()
    assert focused.text == other.text == " 1  Streams  " + "─" * 17
    assert any(s.style and s.style.reverse for s in focused)
    assert not any(s.style and s.style.reverse for s in other)


def test_the_rule_is_the_progress_bar() -> None:
    assert title(LOOK, 20, "result", progress=0.5).strip().text == "result  ━━━━━━──────"


def test_parts_of_a_title_give_way_to_its_right_end() -> None:
    line = title(LOOK, 20, "tail", parts=[Part("fits ", "#ffffff"), Part("does not fit here", "#ffffff")], right=[Part("end", "#ffffff")])
    assert line.strip().text == "tail  fits  ──── end"


def test_plain_terminals_get_ascii() -> None:
    assert choose_glyphs({"NO_COLOR": "1"}, "utf-8") is PLAIN
    assert choose_glyphs({"TERM": "dumb"}, "utf-8") is PLAIN
    assert choose_glyphs({"TERM": "xterm"}, "latin-1") is PLAIN
    assert choose_glyphs({"TERM": "xterm"}, "UTF-8") is FANCY
    assert all(getattr(PLAIN, name).isascii() for name in PLAIN.__slots__)


def test_glyphs_of_both_sets_take_the_same_cells() -> None:
    for name in FANCY.__slots__:
        assert width(getattr(FANCY, name)) == width(getattr(PLAIN, name)), name


def test_themes() -> None:
    assert choose_palette("dark", {}) is GRAPHITE
    assert choose_palette("light", {}) is PAPER
    assert choose_palette("auto", {}) is GRAPHITE
    assert choose_palette("auto", {"COLORFGBG": "0;15"}) is PAPER
    assert choose_palette("auto", {"COLORFGBG": "15;0"}) is GRAPHITE
