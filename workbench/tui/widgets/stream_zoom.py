"""Streams on the whole screen: every number of each of them; below, everything about the chosen one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from textual.binding import Binding, BindingType

from workbench.protocol import StreamStatus
from workbench.tui.line import Line
from workbench.tui.numbers import duration, size
from workbench.tui.title import Part, keys, title
from workbench.tui.widgets.stream_detail import detail_lines
from workbench.tui.widgets.streams import LOST, Streams, lost

NAME, STATE, RATE, BEHIND, ROWS = 16, 8, 7, 9, 8
FIXED = 2 + NAME + STATE + RATE + 1 + BEHIND + ROWS
OPTIONAL = (("slow", 9), ("left", 10), ("unread", 9), ("rejected", 9), ("queue", 14), ("spark", 16))
"""Columns that are not always there, with their cells; the last ones go first."""


class StreamZoom(Streams):
    """The list takes what it needs up to two fifths, the detail the rest; PgUp and PgDn scroll the detail."""

    DEFAULT_CSS = "StreamZoom { height: 1fr; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "tail"),
        Binding("p", "app.pause_stream", "pause ingest"),
        Binding("r", "screen.control('rewind')", "rewind"),
        Binding("E", "screen.control('end')", "from the end"),
        Binding("l", "screen.control('limit')", "limit"),
        Binding("S", "screen.control('stop')", "stop"),
        Binding("w", "screen.ask('windows')", "windows"),
        Binding("L", "screen.ask('late')", "late rows"),
        Binding("v", "next_view", "next view", show=False),
        Binding("pagedown", "page(1)", "scroll down", show=False),
        Binding("pageup", "page(-1)", "scroll up", show=False),
    ]
    with_sources = False
    skipped = 0
    """Lines of the detail above the first one that is shown."""

    @property
    def shown(self) -> int:
        return max(3, min(len(self.rows()), (self.size.height - self.above) * 2 // 5))

    def go(self, place: int) -> None:
        self.skipped = 0
        super().go(place)

    def action_page(self, by: int) -> None:
        self.skipped += by * 5
        self.frame()

    def action_next_view(self) -> None:
        """Marks the next running state as the one that the keys and the main screen mean."""
        self.picture.next_view()
        self.frame()

    def build(self, cells: int) -> list[Line]:
        picture, p = self.picture, self.palette
        figures = picture.figures
        streams = self._lag_of_now(figures.streams if figures is not None else ())
        parts = [Part(str(len(streams)), p.muted), *self._as_of()] if streams else []
        right = keys(self.look, ("enter", "tail"), ("esc", "back"))
        out = [title(self.look, cells, "Streams", key="1", focused=self.has_focus, parts=parts, right=right)]
        if not streams:
            return out + self._empty(cells)
        self.row = picture.stream
        columns = _columns(cells, any(lost(s) for s in streams))
        out.append(self._heads(cells, columns))
        out += [self._line(cells, columns, streams[place]) for place in self.window()]
        chosen = next((s for s in streams if s.name == picture.stream), None)
        detail = self._detail_lines(cells, self.size.height - len(out) - 1, chosen) if chosen is not None else []
        return [*out, self.line(cells), *detail]

    def _lag_of_now(self, streams: Sequence[StreamStatus]) -> Sequence[StreamStatus]:
        """With the view paused the figures stand still, but not what is unread and why."""
        if not self.picture.paused or self.picture.snapshot is None:
            return streams
        newest = {s.name: s for s in self.picture.snapshot.streams}
        out = []
        for figure in streams:
            now = newest.get(figure.name, figure)
            s = replace(figure, state=now.state, slow=now.slow, catch_up=now.catch_up, flows=now.flows, queue=now.queue)
            s = replace(s, lag_seconds=now.lag_seconds, lag_rows=now.lag_rows, lag_bytes=now.lag_bytes, queue_bytes=now.queue_bytes)
            out.append(s)
        return out

    def _detail_lines(self, cells: int, rows: int, chosen: StreamStatus) -> list[Line]:
        picture = self.picture
        views = [v for v in picture.snapshot.views if v.stream == chosen.name] if picture.snapshot is not None else []
        drifts = [d for d in picture.drifts if d.stream == chosen.name]
        lines = detail_lines(self, cells, chosen, views, drifts, picture.view)
        self.skipped = max(0, min(self.skipped, len(lines) - rows))
        if len(lines) <= rows:
            return lines
        below = len(lines) - rows - self.skipped + 1
        shown = lines[:1] + lines[1 + self.skipped : self.skipped + rows]
        if below > 1:
            shown[-1] = self.line(cells).gap(2).put(f"{below} lines more   ", self.palette.faint).key("PgDn", "")
        return shown

    def _heads(self, cells: int, columns: Mapping[str, int]) -> Line:
        faint = self.palette.faint
        line = self.line(cells).gap(2).left("name", NAME, faint).left("state", STATE, faint).right("rows/s", RATE, faint)
        if columns["spark"]:
            line.gap(2).left("60 s", columns["spark"] - 2, faint)
        line.gap().right("behind", 6, faint).gap(3).right("rows", ROWS, faint)
        if columns["unread"]:
            line.right("unread", columns["unread"], faint)
        if columns["left"]:
            line.right("left", columns["left"] - 4, faint).gap(4)
        if columns["slow"]:
            line.gap(2).left("slow", columns["slow"] - 2, faint)
        if columns["queue"]:
            line.gap(2).left("queue", columns["queue"] - 2, faint)
        if columns["rejected"]:
            line.right("rejected", columns["rejected"], faint)
        if columns["lost"]:
            line.right("lost", columns["lost"], faint)
        return line

    def _line(self, cells: int, columns: Mapping[str, int], s: StreamStatus) -> Line:
        p = self.palette
        chosen = s.name == self.picture.stream
        line = self.mark(self.line(cells, p.select if chosen else None), chosen)
        line.left(s.name, NAME - 1, p.bright if chosen else p.text, bold=chosen).gap()
        self._state(line, s.state)
        line.right(self._rate(s.rate), RATE, p.bright if s.rate >= 0.5 else p.faint)
        if columns["spark"]:
            self._spark(line.gap(2), columns["spark"] - 4, s)
        self._far(line, columns, s)
        if columns["slow"]:
            limited = any(f.limit is not None for f in s.flows)
            word = s.slow if s.state == "LAG" and s.slow else "limited" if limited else ""
            line.gap(2).left(word, columns["slow"] - 2, p.late if s.slow and s.state == "LAG" else p.held)
        if columns["queue"]:
            late = s.queue > 0.4
            line.gap(2).thin(s.queue, 6, p.late if late else p.data2, p.faint if chosen else p.rule)
            line.right(f"{s.queue * 100:.0f}%", 5, p.late if late else p.muted if s.queue else p.faint).gap()
        if columns["rejected"]:
            self._rejected(line, s, columns["rejected"])
        if columns["lost"]:
            self._lost(line, lost(s))
        return line

    def _far(self, line: Line, columns: Mapping[str, int], s: StreamStatus) -> None:
        """How far it is behind, and how long that lasts."""
        p, late = self.palette, s.state == "LAG"
        self._behind(line.gap(), s)
        self._unread(line, s, ROWS)
        if columns["unread"]:
            unread = size(s.lag_bytes) if s.lag_bytes or not s.lag_rows else ""
            line.right(unread, columns["unread"], p.late if late else p.muted if s.lag_bytes else p.faint)
        if columns["left"]:
            number, unit = duration(s.catch_up) if s.catch_up is not None else ("no", "end") if late else ("", "")
            line.right(number, columns["left"] - 4, p.bright).gap().left(unit, 3, p.muted)


def _columns(cells: int, losses: bool = False) -> dict[str, int]:
    """Which columns fit. Args: losses: some rows were lost."""
    wanted = (("lost", LOST), *OPTIONAL) if losses else OPTIONAL
    have = dict.fromkeys((name for name, _ in (("lost", LOST), *OPTIONAL)), 0)
    room = cells - FIXED
    for name, wide in wanted:
        if room < wide:
            break
        have[name] = wide
        room -= wide
    return have
