"""Tables: aligned and plain in a pipe, drawn on a terminal; errors on standard error."""

from __future__ import annotations

import io

from workbench.cli.output import Output
from workbench.errors import PipelineError, Problem, UsageError

COLUMNS = ("name", "rows")
ROWS = [("orders", "41,200"), ("clicks", "7")]


class Screen(io.StringIO):
    """A text stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_plain_table_is_aligned_and_has_no_trailing_blanks() -> None:
    out = io.StringIO()
    Output(out, io.StringIO()).table(COLUMNS, ROWS, (False, True))
    assert out.getvalue() == "name      rows\norders  41,200\nclicks       7\n"


def test_a_plain_table_without_rows_is_its_head() -> None:
    out = io.StringIO()
    Output(out, io.StringIO()).table(COLUMNS, [], (False, True))
    assert out.getvalue() == "name  rows\n"


def test_a_terminal_gets_every_cell_as_it_is() -> None:
    screen = Screen()
    Output(screen, io.StringIO()).table(("a", "b"), [("[bold]x[/]", ":smile:")], (False, False))
    assert "[bold]x[/]" in screen.getvalue()
    assert ":smile:" in screen.getvalue()


def test_errors_go_to_standard_error_with_their_hint() -> None:
    out, err = io.StringIO(), io.StringIO()
    Output(out, err).error(UsageError("what happened", "what to do"))
    assert (out.getvalue(), err.getvalue()) == ("", "workbench: what happened\n  what to do\n")


def test_pipeline_errors_are_printed_as_a_compiler_prints_them() -> None:
    err = io.StringIO()
    problems = (Problem("shop.sql", 3, 5, "no", text="SELECT", width=2), Problem("web.sql", 1, 1, "neither"))
    Output(io.StringIO(), err).error(PipelineError(problems))
    assert err.getvalue() == "shop.sql:3:5: no\n  SELECT\n      ^^\nweb.sql:1:1: neither\n"


def test_control_characters_tear_no_table_and_command_no_terminal() -> None:
    for out in (io.StringIO(), Screen()):
        Output(out, io.StringIO()).table(("a\nb", "c"), [("new\nline\t", "\x1b[31mred\x85"), ("größe 😀", "pla\u202ein")], (False, False))
        text = out.getvalue()
        assert "pla\\u202Ein" in text
        assert "a\\nb" in text
        assert "new\\nline\\t" in text
        assert "\\x1B[31mred\\x85" in text
        assert "größe 😀" in text
        assert len([line for line in text.splitlines() if "line" in line]) == 1
