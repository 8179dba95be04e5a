"""The title of pane 4: tabs, which of them run or refresh, and the two keys that matter."""

from __future__ import annotations

from collections.abc import Callable

from textual import events

from workbench.tui.line import Line
from workbench.tui.live import Live
from workbench.tui.picture import Picture
from workbench.tui.sql.desk import Desk
from workbench.tui.text import width

KEYS_CELLS = 15


class SqlTitle(Live):
    """` 4 ` SQL, the tabs, the rule, `^j run  ^r live`. A click on a tab shows it."""

    DEFAULT_CSS = "SqlTitle { height: 1; }"

    def __init__(self, picture: Picture, desk: Desk, focused: Callable[[], bool], *, id: str | None = None) -> None:
        super().__init__(picture, id=id)
        self._desk = desk
        self._focused = focused
        self._places: list[tuple[int, int]] = []

    def build(self, cells: int) -> list[Line]:
        p, g, desk = self.palette, self.look.glyphs, self._desk
        focused = self._focused()
        line = self.line(cells)
        if focused:
            line.put(" 4 ", p.here, ground=p.ground, bold=True, reverse=True)
        else:
            line.put(" 4 ", p.muted, ground=p.band)
        line.gap().put("SQL", p.bright if focused else p.text, bold=True).gap(2)
        self._places = []
        for i, tab in enumerate(desk.tabs):
            name, chosen = f"{tab.number} {tab.name}", i == desk.active
            if line.x + width(name) + 8 > cells - KEYS_CELLS:
                line.put(g.ellipsis, p.faint).gap()
                break
            start = line.x
            line.put(name, p.bright if chosen else p.muted, bold=chosen, underline=chosen)
            if tab.asking:
                line.put(f" {g.run}", p.here)
            elif tab.live:
                line.put(f" {g.live} 2 s", p.alive)
            self._places.append((start, line.x))
            line.gap(3)
        rule = cells - line.x - KEYS_CELLS - 1
        line.put(g.line * max(0, rule), p.here if focused else p.rule).gap()
        return [line.key("^j", "run").gap(2).key("^r", "live")]

    def on_click(self, event: events.Click) -> None:
        for i, (start, stop) in enumerate(self._places):
            if start <= event.x < stop:
                self._desk.show(i)
