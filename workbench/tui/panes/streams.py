"""The left column: streams, the tail and the running state of the chosen one, and the keys that they share."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from workbench.tui.link import Link
from workbench.tui.messages import Chosen, Opened
from workbench.tui.widgets.state import StatePane
from workbench.tui.widgets.streams import Streams
from workbench.tui.widgets.tail import TailPane


class StreamPane(Vertical):
    """Choosing a stream changes tail and state; moving up in the tail stops the following."""

    DEFAULT_CSS = "StreamPane { width: 1fr; height: 1fr; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "screen.filter", "filter"),
        Binding("f", "follow", "follow"),
        Binding("space", "screen.pause_view", "pause view"),
        Binding("p", "app.pause_stream", "pause ingest"),
        Binding("r", "screen.control('rewind')", "rewind", show=False),
        Binding("E", "screen.control('end')", "read from the end", show=False),
        Binding("l", "screen.control('limit')", "rate limit", show=False),
        Binding("S", "screen.control('stop')", "stop", show=False),
        Binding("w", "screen.ask('windows')", "windows", show=False),
        Binding("L", "screen.ask('late')", "late rows", show=False),
    ]

    def __init__(self, link: Link) -> None:
        super().__init__(id="stream-pane")
        self._link = link
        self.streams = Streams(link.picture, id="streams")
        self.tail = TailPane(link.picture, id="tail")
        self.state = StatePane(link.picture, id="state")

    def compose(self) -> ComposeResult:
        yield self.streams
        yield self.tail
        yield self.state

    def frame(self) -> None:
        for pane in (self.streams, self.tail, self.state):
            pane.frame()

    def redraw(self) -> None:
        for pane in (self.streams, self.tail, self.state):
            pane.redraw()

    def lay_out(self, streams: int, tail: int, state: int, spaced: bool) -> None:
        """Heights; 0 hides."""
        for pane, lines in ((self.streams, streams), (self.tail, tail), (self.state, state)):
            pane.display = lines > 0
            pane.styles.height = max(1, lines)
            pane.below = 1 if spaced else 0
        self._link.rows_shown = max(8, tail)
        self._link.groups_shown = max(4, state)

    def on_chosen(self, message: Chosen) -> None:
        if message.pane == "streams":
            message.stop()
            self._link.picture.choose(message.row)
            self._link.look_now()
            self.frame()

    def on_opened(self, message: Opened) -> None:
        if message.pane == "streams":
            message.stop()
            self.tail.focus()
        elif message.pane == "state" and message.row == "next":
            message.stop()
            self._link.look_now()
        elif message.pane == "tail" and message.row == "pause":
            message.stop()
            self.run_worker(self._link.hold(), group="hold", exclusive=True)
        elif message.pane == "tail" and message.row == "resume":
            message.stop()
            self.action_follow()

    def action_follow(self) -> None:
        self.tail.row = ""
        self._link.resume()
        self.frame()

    def toggle_pause(self) -> None:
        """space: holds the view, or lets it follow again."""
        if self._link.picture.paused:
            self.action_follow()
        else:
            rows = self.tail.rows()
            self.tail.row = rows[-1] if rows else ""
            self.run_worker(self._pause(), group="hold", exclusive=True)

    async def _pause(self) -> None:
        await self._link.hold()
        rows = self.tail.rows()
        self.tail.row = rows[-1] if rows else ""
        self.frame()
