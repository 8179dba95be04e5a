"""A sheet at the bottom: a question with its answers, or text to read; nothing floats over what it is about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from workbench.tui.line import Line
from workbench.tui.listing import Listing
from workbench.tui.picture import Picture
from workbench.tui.text import wrap_words
from workbench.tui.widgets.footer import Footer


class Answer(NamedTuple):
    """One answer: the key that gives it, what it is called, what it does; `name` is what comes back."""

    key: str
    word: str
    consequence: str
    name: str


class Words(NamedTuple):
    """A line of text for the body: text and the name of a colour, or key and word in two columns; `hang` indents lines after the first."""

    text: str
    colour: str = "text"
    key: str = ""
    hang: int = 0


class SheetBody(Listing):
    """The question, the text, the answers; the safest answer comes first."""

    DEFAULT_CSS = "SheetBody { dock: bottom; }"

    def __init__(
        self, picture: Picture, question: str, note: str, body: Sequence[Words], answers: Sequence[Answer], alarming: bool
    ) -> None:
        super().__init__(picture, id="sheet")
        self.question, self.note, self.words, self.answers, self.alarming = question, note, body, answers, alarming
        self.row = answers[0].name if answers else ""
        self.skipped = 0

    def rows(self) -> Sequence[str]:
        return [answer.name for answer in self.answers]

    def lines_wanted(self, cells: int, rows: int) -> int:
        """Its height on a screen of that size."""
        head = 3 if self.answers and self._lines(cells) == [] else 2
        between = 1 if self.answers and self._lines(cells) else 0
        return min(rows - 2, head + len(self._lines(cells)) + between + len(self.answers) + 1)

    def _lines(self, cells: int) -> list[Line]:
        out: list[Line] = []
        band = self.palette.band
        for words in self.words:
            if words.key:
                line = self.line(cells, band).right(words.key, 12, self.palette.here, bold=True).gap(2)
                out.append(line.put(words.text, self.look.colour(words.colour)))
                continue
            lines = wrap_words(words.text, cells - 4 - words.hang)
            indents = [2, *[2 + words.hang] * (len(lines) - 1)]
            out += [
                self.line(cells, band).gap(indent).put(text, self.look.colour(words.colour))
                for indent, text in zip(indents, lines, strict=True)
            ]
        return out

    def build(self, cells: int) -> list[Line]:
        rows = self.size.height
        p, g = self.palette, self.look.glyphs
        out = [self.line(cells, p.band).put(g.heavy * cells, p.here)]
        head = self.line(cells, p.band).gap(2).put(self.question, p.bright, bold=True)
        if self.note:
            head.gap(3).put(f"{g.late} " if self.alarming else "", p.late).put(self.note, p.late if self.alarming else p.muted)
        out.append(head)
        body = self._lines(cells)
        if self.answers and not body:
            out.append(self.line(cells, p.band))
        room = rows - len(out) - 1 - (len(self.answers) + 1 if self.answers else 0)
        self.skipped = max(0, min(self.skipped, len(body) - room))
        out += body[self.skipped : self.skipped + max(0, room)] if body else []
        if self.answers and body:
            out.append(self.line(cells, p.band))
        self.answers_at = len(out)
        for answer in self.answers:
            chosen = answer.name == self.row
            line = self.mark(self.line(cells, p.select if chosen else p.band), chosen)
            line.right(answer.key, 5, p.here, bold=True).gap(2).left(answer.word, 20, p.bright if chosen else p.text, bold=chosen)
            out.append(line.put(answer.consequence, p.muted))
        return [*out, *[self.line(cells, p.band) for _ in range(rows - len(out))]]

    def action_move(self, by: int) -> None:
        if self.answers and len(self.answers) > 1:
            super().action_move(by)
        else:
            self.skipped += by
            self.frame()

    def action_page(self, by: int) -> None:
        self.skipped += by * 10
        self.frame()

    def on_click(self, event: events.Click) -> None:
        place = event.y - self.answers_at
        if 0 <= place < len(self.answers):
            self.go(place)
            self.action_open()


class Sheet(ModalScreen[str]):
    """Comes back with the name of an answer, or with "" when it was left by esc.

    Args:
        question: the heading.
        note: beside the heading; `alarming` makes it a warning.
        answers: in the order shown, the safest first; without any it is only text.
    """

    DEFAULT_CSS = "Sheet { background: transparent; }"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "stay")]

    def __init__(
        self,
        picture: Picture,
        question: str,
        *,
        note: str = "",
        alarming: bool = False,
        body: Sequence[Words] = (),
        answers: Sequence[Answer] = (),
    ) -> None:
        super().__init__()
        self._sheet = SheetBody(picture, question, note, body, answers, alarming)
        self._footer = Footer(picture)
        arrows = [("↑↓ enter", "choose")] if len(answers) > 1 else []
        self._footer.first = [*arrows, *((a.key, a.word) for a in answers)] or [("↑↓", "scroll"), ("esc", "back")]

    def compose(self) -> ComposeResult:
        yield self._sheet
        yield self._footer

    def on_mount(self) -> None:
        self._footer.styles.dock = "bottom"
        self._arrange(self.app.size.width, self.app.size.height)
        self._sheet.focus()

    def on_resize(self, event: events.Resize) -> None:
        self._arrange(event.size.width, event.size.height)

    def _arrange(self, width: int, height: int) -> None:
        self._sheet.styles.height = self._sheet.lines_wanted(width, height)
        self._sheet.styles.margin = (0, 0, 1, 0)

    def on_key(self, event: events.Key) -> None:
        for answer in self._sheet.answers:
            if event.key == answer.key or event.character == answer.key:
                event.stop()
                self.dismiss(answer.name)

    def on_opened(self) -> None:
        self.dismiss(self._sheet.row)

    def action_leave(self) -> None:
        self.dismiss("")
