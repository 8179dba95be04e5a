"""The SQL editor: highlighting in our palette, run under the cursor, the place of an error, pasted newlines that do not run."""

from __future__ import annotations

import contextlib
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import TextArea
from textual.widgets.text_area import LanguageDoesNotExist, TextAreaTheme

from workbench.tui.palette import Palette
from workbench.tui.text import tame

BURST = 0.012
"""Seconds between two keys below which they are a paste: nobody types that fast."""


class Editor(TextArea):
    """Posts Run, Cancel, Leave and the tab keys; single characters are only text."""

    DEFAULT_CSS = """
    Editor, Editor:focus { height: 4; border: none; padding: 0 0 0 1; scrollbar-size: 0 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+j,ctrl+enter,f5", "run", "run"),
        Binding("ctrl+c", "cancel_or_copy", "cancel"),
        Binding("ctrl+w", "close_tab", "close tab", show=False),
        Binding("escape", "leave", "leave the editor", show=False),
    ]

    burst: ClassVar[float] = BURST

    class Run(Message):
        """Run the statement under the cursor."""

    class Cancel(Message):
        """^c without a selection."""

    class Leave(Message):
        """esc."""

    class CloseTab(Message):
        """^w."""

    def __init__(self, palette: Palette, *, id: str | None = None) -> None:
        super().__init__(id=id, soft_wrap=False, show_line_numbers=False, highlight_cursor_line=True)
        self._mistake: tuple[int, int, int] | None = None
        self._palette = palette
        self._last_key = 0.0
        self._key = 0.0

    def on_mount(self) -> None:
        self.wear(self._palette)
        self.cursor_blink = False
        self.call_after_refresh(self._highlight)

    def _highlight(self) -> None:
        """After the first paint, which need not wait for a grammar; one that does not load costs only the colours."""
        with contextlib.suppress(LanguageDoesNotExist, OSError, ImportError):
            self.language = "sql"

    def wear(self, palette: Palette) -> None:
        """Takes the colours of a palette."""
        self._palette = palette
        self.register_theme(theme_of(palette))
        self.theme = palette.name
        self.styles.background = palette.ground

    def point_at(self, place: tuple[int, int, int] | None) -> None:
        """Marks (row, start column, stop column) as the place of an error; None takes the mark away."""
        if place != self._mistake:
            self._mistake = place
            self._line_cache.clear()
            self.refresh()

    def get_line(self, line_index: int) -> Text:
        line = super().get_line(line_index)
        if self._mistake is not None and self._mistake[0] == line_index:
            _, start, stop = self._mistake
            line.stylize(
                Style(color=self._palette.fail, bgcolor=self._palette.ground, bold=True, reverse=True), start, max(stop, start + 1)
            )
        return line

    async def _on_key(self, event: events.Key) -> None:
        self._last_key, self._key = self._key, event.time
        if event.key == "ctrl+j" and self._key - self._last_key < self.burst:
            event.stop()
            event.prevent_default()
            self.insert("\n")
            return
        await super()._on_key(event)

    async def _on_paste(self, event: events.Paste) -> None:
        event.stop()
        event.prevent_default()
        self.insert(tame(event.text))

    def action_run(self) -> None:
        self.post_message(self.Run())

    def action_cancel_or_copy(self) -> None:
        if self.selected_text:
            self.action_copy()
        else:
            self.post_message(self.Cancel())

    def action_close_tab(self) -> None:
        self.post_message(self.CloseTab())

    def action_leave(self) -> None:
        self.post_message(self.Leave())


def theme_of(p: Palette) -> TextAreaTheme:
    """The editor's colours: the one place where colours are syntax."""
    keyword, quiet, number = Style(color=p.data2, bold=True), Style(color=p.muted), Style(color=p.held)
    plain, call = Style(color=p.text), Style(color=p.here)
    syntax = {
        "keyword": keyword,
        "keyword.operator": keyword,
        "attribute": keyword,
        "storageclass": keyword,
        "conditional": keyword,
        "type.qualifier": keyword,
        "type.builtin": Style(color=p.data2),
        "type": Style(color=p.bright),
        "operator": quiet,
        "punctuation.bracket": quiet,
        "punctuation.delimiter": quiet,
        "string": Style(color=p.alive),
        "number": number,
        "float": number,
        "boolean": number,
        "comment": Style(color=p.faint, italic=True),
        "function.call": call,
        "field": plain,
        "variable": plain,
        "parameter": plain,
    }
    return TextAreaTheme(
        name=p.name,
        base_style=Style(color=p.text, bgcolor=p.ground),
        gutter_style=Style(color=p.faint, bgcolor=p.ground),
        cursor_style=Style(color=p.ground, bgcolor=p.here),
        cursor_line_style=Style(bgcolor=p.band),
        cursor_line_gutter_style=Style(color=p.text, bgcolor=p.band),
        bracket_matching_style=Style(underline=True, bold=True),
        selection_style=Style(bgcolor=p.select),
        syntax_styles=syntax,
    )
