"""The statement under the cursor."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.tui.sql.statement import name_of, offset_of, place_of, statement_at, statements, word_at


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("select 1; select 2", ["select 1", "select 2"]),
        ("select ';'; select 2", ["select ';'", "select 2"]),
        ("select 'it''s; fine'; x", ["select 'it''s; fine'", "x"]),
        ('select ";" from t; x', ['select ";" from t', "x"]),
        ("-- a; b\nselect 1; x", ["-- a; b\nselect 1", "x"]),
        ("/* a; b */ select 1; x", ["/* a; b */ select 1", "x"]),
        ("select $$a;b$$; x", ["select $$a;b$$", "x"]),
        ("select $t$ $$;$$ $t$; x", ["select $t$ $$;$$ $t$", "x"]),
        ("select 'open; and on", ["select 'open; and on"]),
        (";;  ; -- only a comment\n;", []),
        ("", []),
    ],
)
def test_semicolons_count_only_outside_quotes_and_comments(text: str, found: list[str]) -> None:
    assert [s.text for s in statements(text)] == found


def test_the_cursor_finds_its_statement() -> None:
    text = "select 1;\n\nselect\n  2;\nselect 3"
    found = [statement_at(text, offset) for offset in (0, 8, text.index("2"), len(text))]
    assert [s.text if s else None for s in found] == ["select 1", "select 1", "select\n  2", "select 3"]


def test_behind_a_semicolon_on_its_line_is_still_that_statement() -> None:
    text = "select 1;  \nselect 2"
    assert getattr(statement_at(text, 10), "text", "") == "select 1"
    assert getattr(statement_at("select 1;\n\n", 11), "text", "") == "select 1"
    assert statement_at("  -- nothing", 3) is None


@settings(max_examples=200)
@given(st.text(alphabet="a;'\"$-/*\n ", max_size=40))
def test_statements_are_slices_of_the_text_in_order(text: str) -> None:
    found = statements(text)
    assert all(text[s.start : s.stop] == s.text for s in found)
    assert all(a.stop <= b.start for a, b in pairwise(found))


@settings(max_examples=100)
@given(st.text(alphabet="ab\n", max_size=30), st.data())
def test_places_and_offsets_are_each_others_inverse(text: str, data: st.DataObject) -> None:
    offset = data.draw(st.integers(0, len(text)))
    assert offset_of(text, *place_of(text, offset)) == offset


def test_the_word_at_a_mistake() -> None:
    assert word_at("select amuont from x", 7) == (7, 13)
    assert word_at("select )", 7) == (7, 8)


@pytest.mark.parametrize(
    ("sql", "name"),
    [
        ("select * from orders", "orders"),
        ("select 1", "query"),
        ("-- from x\nselect * from workbench.quarantine q", "quarantine"),
        ("refresh materialized view daily", "daily"),
        ("create streaming table if not exists clicks as …", "clicks"),
    ],
)
def test_a_tab_is_named_after_what_it_reads(sql: str, name: str) -> None:
    assert name_of(sql) == name
