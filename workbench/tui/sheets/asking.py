"""A sheet with one line to type in: examples above it, below it what is understood so far."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from workbench.tui.line import Line
from workbench.tui.live import Live
from workbench.tui.picture import Picture
from workbench.tui.target import Target
from workbench.tui.text import cut_middle, width
from workbench.tui.widgets.footer import Footer
from workbench.tui.widgets.prompt import Label

Example = tuple[str, str]
"""What could be typed, and what it would mean."""


class AskBody(Live):
    """The question and the examples, in two columns."""

    def __init__(self, picture: Picture, question: str, note: str, examples: Sequence[Example]) -> None:
        super().__init__(picture, id="ask-body")
        self.question, self.note, self.examples = question, note, examples

    def build(self, cells: int) -> list[Line]:
        p, g, band = self.palette, self.look.glyphs, self.palette.band
        column = min(max((width(example) for example, _ in self.examples), default=0) + 3, cells // 3)
        head = self.line(cells, band).gap(2).put(self.question, p.bright, bold=True).put(f"   {self.note}", p.muted)
        out = [self.line(cells, band).put(g.heavy * cells, p.here), head, self.line(cells, band)]
        for example, words in self.examples:
            line = self.line(cells, band).gap(4).left(cut_middle(example, column - 3, g.ellipsis), column, p.text)
            out.append(line.left(words, line.room, p.muted))
        return [*out, self.line(cells, band)]


class AskSheet(ModalScreen[Target | None]):
    """Comes back with what was typed, understood; None when it was left by esc. Enter does nothing while it is not understood.

    Args:
        question: the heading.
        examples: tab takes them into the line, one after the other.
        read: understands the text, or raises ValueError with the reason in words.
    """

    DEFAULT_CSS = """
    AskSheet { background: transparent; }
    AskSheet #ask { dock: bottom; height: auto; margin: 0 0 1 0; }
    AskSheet #ask-row { height: 1; }
    AskSheet #ask-chip { width: 4; }
    AskSheet Input, AskSheet Input:focus { width: 1fr; height: 1; border: none; padding: 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "back"),
        Binding("tab", "example", "next example", priority=True),
    ]

    def __init__(
        self, picture: Picture, question: str, read: Callable[[str], Target], *, note: str = "", examples: Sequence[Example] = ()
    ) -> None:
        super().__init__()
        self._picture, self._read, self._examples, self._turn = picture, read, examples, -1
        self._body = AskBody(picture, question, note, examples)
        self._chip, self._meaning = Label(picture, id="ask-chip"), Label(picture, id="ask-meaning")
        self._input = Input(id="ask-input", compact=True, select_on_focus=False)
        self._footer = Footer(picture)
        self._footer.first = [("enter", "show what it would do"), ("tab", "next example"), ("esc", "back")]

    def compose(self) -> ComposeResult:
        with Vertical(id="ask"):
            yield self._body
            with Horizontal(id="ask-row"):
                yield self._chip
                yield self._input
            yield self._meaning
        yield self._footer

    def on_mount(self) -> None:
        p = self._picture.look.palette
        self._footer.styles.dock = "bottom"
        self._body.styles.height = len(self._examples) + 4
        self._chip.parts = [("  : ", p.here, True)]
        row = self.query_one("#ask-row")
        row.styles.background = self._input.styles.background = p.band
        self._input.styles.color = p.bright
        self._input.focus()
        self._explain("")

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._explain(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        target, _ = self._understood(event.value)
        if target is not None:
            self.dismiss(target)

    def action_example(self) -> None:
        if self._examples:
            self._turn = (self._turn + 1) % len(self._examples)
            self._input.value = self._examples[self._turn][0]
            self._input.cursor_position = len(self._input.value)

    def action_leave(self) -> None:
        self.dismiss(None)

    def _understood(self, text: str) -> tuple[Target | None, str]:
        try:
            return self._read(text), ""
        except ValueError as error:
            return None, str(error)

    def _explain(self, text: str) -> None:
        p, g = self._picture.look.palette, self._picture.look.glyphs
        target, why = self._understood(text)
        if target is not None:
            self._meaning.parts = [(f"    {g.done} ", p.alive, True), (target.words, p.text, False)]
        elif why:
            self._meaning.parts = [(f"    {g.late} ", p.late, True), (why, p.late, False)]
        else:
            self._meaning.parts = []
        self._meaning.redraw()
