"""F8: what was run before; enter takes it into the editor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from workbench.tui.line import Line
from workbench.tui.listing import Listing
from workbench.tui.picture import Picture
from workbench.tui.widgets.footer import Footer


class HistoryList(Listing):
    """One statement a line, newest first."""

    above = 2
    DEFAULT_CSS = "HistoryList { dock: bottom; }"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "open", "take")]

    def __init__(self, picture: Picture, statements: Sequence[str]) -> None:
        super().__init__(picture, id="history")
        self.statements = statements

    def rows(self) -> Sequence[str]:
        return self.statements

    def build(self, cells: int) -> list[Line]:
        rows = self.size.height
        p, g = self.palette, self.look.glyphs
        out = [self.line(cells, p.band).put(g.heavy * cells, p.here)]
        out.append(
            self.line(cells, p.band)
            .gap(2)
            .put("History", p.bright, bold=True)
            .put(f"   {len(self.statements)} statements, newest first", p.muted)
        )
        for place in self.window():
            chosen = place == self.place
            line = self.mark(self.line(cells, p.select if chosen else p.band), chosen)
            out.append(line.left(" ".join(self.statements[place].split()), cells - 3, p.bright if chosen else p.text))
        if not self.statements:
            out.append(
                self.line(cells, p.band).gap(2).put("Nothing was run yet. ^j in the editor runs the statement under the cursor.", p.muted)
            )
        return [*out, *[self.line(cells, p.band) for _ in range(rows - len(out))]]


class HistorySheet(ModalScreen[str]):
    """Comes back with a statement, or with "" when it was left by esc."""

    DEFAULT_CSS = "HistorySheet { background: transparent; }"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,f8", "leave", "back")]

    def __init__(self, picture: Picture, statements: Sequence[str]) -> None:
        super().__init__()
        self._list = HistoryList(picture, statements)
        self._footer = Footer(picture)
        self._footer.first = [("↑↓", "move"), ("enter", "take into the editor"), ("esc", "back")]

    def compose(self) -> ComposeResult:
        yield self._list
        yield self._footer

    def on_mount(self) -> None:
        self._footer.styles.dock = "bottom"
        self._arrange(self.app.size.height)
        self._list.focus()

    def on_resize(self, event: events.Resize) -> None:
        self._arrange(event.size.height)

    def _arrange(self, height: int) -> None:
        self._list.styles.height = min(height // 2, max(4, len(self._list.statements) + 3))
        self._list.styles.margin = (0, 0, 1, 0)

    def on_opened(self) -> None:
        self.dismiss(self._list.row)

    def action_leave(self) -> None:
        self.dismiss("")
