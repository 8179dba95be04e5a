"""The base of panes that are lists: a cursor that stays on its row, scrolling, keys and mouse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType

from workbench.tui.line import Line
from workbench.tui.live import Live
from workbench.tui.messages import Chosen, Opened
from workbench.tui.picture import Picture


class Listing(Live, can_focus=True):
    """A list with a cursor. The cursor holds on to a row's key, not to its place, so nothing moves under it.

    Attributes:
        above: lines over the first row (title, column heads).
        below: lines under the last row; a blank one between panes, where there is room.
        row: the key of the row under the cursor; empty before there are rows.
        top: the first row that is shown.
        newest_first: new rows come on top; a cursor at the top stays there as long as nobody is at the list.
    """

    above: int = 1
    below: int = 0
    newest_first: bool = False

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "move(1)", "down", show=False),
        Binding("k,up", "move(-1)", "up", show=False),
        Binding("g,home", "first", "first row", show=False),
        Binding("G,end", "last", "last row", show=False),
        Binding("pagedown", "page(1)", "page down", show=False),
        Binding("pageup", "page(-1)", "page up", show=False),
        Binding("enter", "open", "open"),
    ]

    def __init__(self, picture: Picture, *, id: str | None = None) -> None:
        super().__init__(picture, id=id)
        self.row = ""
        self.top = 0
        self._place = 0
        self._newest = ""
        """The row on top when the cursor was put there."""

    def rows(self) -> Sequence[str]:
        """The keys of all rows, in order; subclasses say what they are."""
        return ()

    @property
    def shown(self) -> int:
        """How many rows fit."""
        return max(1, self.size.height - self.above - self.below)

    @property
    def place(self) -> int:
        """Where the cursor stands now; when its row is gone, where that row was."""
        rows = self.rows()
        if self.newest_first and rows and not self.has_focus and self.row in ("", self._newest):
            self._place, self.row, self._newest = 0, rows[0], rows[0]
        elif self.row in rows:
            self._place = rows.index(self.row)
        elif rows:
            self._place = max(0, min(self._place, len(rows) - 1))
            self.row = rows[self._place]
        else:
            self._place, self.row = 0, ""
        return self._place

    def window(self) -> range:
        """The places that are shown, with the cursor among them."""
        total, place = len(self.rows()), self.place
        self.top = max(0, min(self.top, total - self.shown))
        if place < self.top:
            self.top = place
        elif place >= self.top + self.shown:
            self.top = place - self.shown + 1
        return range(self.top, min(total, self.top + self.shown))

    def go(self, place: int) -> None:
        """Moves the cursor to a place and says so."""
        rows = self.rows()
        if not rows:
            return
        self._place = max(0, min(place, len(rows) - 1))
        self.row = rows[self._place]
        self._newest = rows[0]
        self.frame()
        self.post_message(Chosen(self.id or "", self.row))

    def mark(self, line: Line, chosen: bool) -> Line:
        """The first two cells: the cursor."""
        return line.put(f"{self.look.glyphs.cursor} " if chosen else "  ", self.palette.here)

    def action_move(self, by: int) -> None:
        self.go(self.place + by)

    def action_page(self, by: int) -> None:
        self.go(self.place + by * self.shown)

    def action_first(self) -> None:
        self.go(0)

    def action_last(self) -> None:
        self.go(len(self.rows()) - 1)

    def action_open(self) -> None:
        if self.row:
            self.post_message(Opened(self.id or "", self.row))

    def on_click(self, event: events.Click) -> None:
        place = self.top + event.y - self.above
        if event.y >= self.above and place in self.window():
            self.go(place)
            if event.chain == 2:
                self.action_open()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.action_move(3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.action_move(-3)
