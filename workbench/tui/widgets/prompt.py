"""The prompt in the footer's place: filter, go to, path."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Input

from workbench.tui.line import Line
from workbench.tui.live import Live
from workbench.tui.messages import PromptChanged, PromptDone
from workbench.tui.picture import Picture
from workbench.tui.text import width

Suggest = Callable[[str], Sequence[tuple[str, str]]]


class Label(Live):
    """A line that is set from outside."""

    DEFAULT_CSS = "Label { height: 1; width: 1fr; }"
    parts: Sequence[tuple[str, str, bool]] = ()

    def build(self, cells: int) -> list[Line]:
        line = self.line(cells, self.palette.band)
        for text, colour, bold in self.parts:
            if line.x + width(text) > cells:
                break
            line.put(text, colour, bold=bold)
        return [line]


class Prompt(Horizontal):
    """One line to type in. Enter accepts, esc gives up, tab takes the next suggestion; says what is typed as it is typed."""

    DEFAULT_CSS = """
    Prompt { height: 1; display: none; }
    Prompt #prompt-chip { width: 12; }
    Prompt Input, Prompt Input:focus { width: 32; height: 1; border: none; padding: 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "give_up", "back"),
        Binding("tab", "next", "next suggestion"),
    ]

    def __init__(self, picture: Picture, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._picture = picture
        self._chip = Label(picture, id="prompt-chip")
        self._input = Input(id="prompt-input", compact=True, select_on_focus=False)
        self._hint = Label(picture, id="prompt-hint")
        self._purpose = ""
        self._suggest: Suggest | None = None
        self._turn = 0

    def compose(self) -> ComposeResult:
        yield self._chip
        yield self._input
        yield self._hint

    def ask(self, purpose: str, sign: str, value: str = "", suggest: Suggest | None = None, hint: str = "") -> None:
        """Opens the prompt."""
        p = self._picture.look.palette
        self._purpose, self._suggest, self._turn = purpose, suggest, 0
        self._chip.parts = [(f" {sign} ", p.here, True)]
        self._chip.styles.width = width(sign) + 2
        self._hint.parts = [(f"  {hint}", p.muted, False)]
        self.styles.background = self._input.styles.background = p.band
        self._input.styles.color = p.bright
        self.display = True
        self._input.value = value
        self._input.cursor_position = len(value)
        self._input.focus()
        self._offer(value)
        self._chip.redraw()

    @property
    def choice(self) -> str:
        """What enter takes: the suggestion in turn, or the text itself."""
        offers = self._suggest(self._input.value) if self._suggest is not None else ()
        return offers[self._turn % len(offers)][0] if offers else self._input.value

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._turn = 0
        self._offer(event.value)
        self.post_message(PromptChanged(self._purpose, event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._close(self.choice if self._suggest is not None else event.value, True)

    def action_give_up(self) -> None:
        self._close(self._input.value, False)

    def action_next(self) -> None:
        self._turn += 1
        self._offer(self._input.value)

    def _offer(self, value: str) -> None:
        if self._suggest is None:
            self._hint.frame()
            return
        p = self._picture.look.palette
        offers = list(self._suggest(value))
        parts: list[tuple[str, str, bool]] = [("  ", p.muted, False)]
        turn = self._turn % len(offers) if offers else 0
        for name, kind in offers[turn:] + offers[:turn]:
            chosen = len(parts) == 1
            parts += [(name, p.bright if chosen else p.text, chosen), (f" {kind}   ", p.muted, False)]
        self._hint.parts = parts if offers else [("  nothing has this name", p.muted, False)]
        self._hint.frame()

    def _close(self, value: str, accepted: bool) -> None:
        self.display = False
        self.post_message(PromptDone(self._purpose, value, accepted))
