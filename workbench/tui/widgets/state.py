"""The running state of the chosen stream: the newest windows or the largest groups, and what grew."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from typing import ClassVar

from textual.binding import Binding, BindingType

from workbench.protocol import StatePage, StateRow
from workbench.tui.line import Line
from workbench.tui.listing import Listing
from workbench.tui.messages import Opened
from workbench.tui.numbers import clock, count, signed
from workbench.tui.text import visible, width
from workbench.tui.title import Part, title
from workbench.tui.widgets.event_time import facts, title_parts, watermark_parts

DELTA, WIDEST = 11, 24
ROOMY = 16
"""Lines from which there is room for the facts of event time too."""


class StatePane(Listing):
    """Keys, numbers, growth since the last look, a bar of the amount; drops bar, later numbers, the size of the growth."""

    above = 2
    fades = True
    newest_first = True
    DEFAULT_CSS = "StatePane { height: 6; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "open"),
        Binding("v", "next_view", "next view"),
        Binding("w", "screen.ask('windows')", "windows"),
        Binding("L", "screen.ask('late')", "late rows"),
    ]

    def rows(self) -> Sequence[str]:
        page = self.picture.state
        return ["\x1f".join(row.cells[: page.keys]) for row in page.rows] if page is not None else ()

    def action_next_view(self) -> None:
        if self.picture.next_view():
            self.post_message(Opened("state", "next"))
            self.frame()

    def build(self, cells: int) -> list[Line]:
        picture, p = self.picture, self.palette
        page = picture.state
        if page is None:
            name = picture.view or "running state"
            text = f"Waiting for {name}." if picture.view else "No running state: CREATE MATERIALIZED VIEW … FROM STREAM keeps one."
            head = title(self.look, cells, name, focused=self.has_focus)
            return [head, self.line(cells).gap(2).put(text if picture.connection == "live" else "", p.muted)]
        out = [self._title(cells, page)]
        view = picture.view_status
        if view is not None and self.size.height >= ROOMY:
            out += facts(self, cells, view)
        self.above = len(out) + 1
        widths = self._widths(page, cells)
        out.append(self._heads(cells, page, widths))
        top = max((abs(row.amount) for row in page.rows), default=0.0)
        return out + [
            self._row(cells, page, page.rows[place], widths, top, self.has_focus and place == self.place) for place in self.window()
        ]

    def _title(self, cells: int, page: StatePage) -> Line:
        p = self.palette
        chosen = self.picture.chosen
        more = len(chosen.views) - 1 if chosen is not None else 0
        view = self.picture.view_status
        others = [Part(f"  v: {more} more", p.faint)] if more > 0 else []
        if view is not None and self.size.height < ROOMY:
            parts = title_parts(self, view) + others
            urgent = sum(width(part.text) for part in parts[: 3 if view.late else 1])
            right = watermark_parts(self, view, cells - width(page.view) - urgent - 8)
            return title(self.look, cells, page.view, focused=self.has_focus, parts=parts, right=right)
        parts = [
            Part(view.kind if view is not None else "running state", p.muted),
            Part(f"  {count(page.groups)} groups", p.muted),
            *others,
        ]
        if page.late and view is None:
            parts += [Part(f"  {self.look.glyphs.late} {count(page.late)} late", p.late, True)]
        right = []
        if page.watermark is not None and view is None:
            right += [Part("watermark ", p.faint), Part(clock(page.watermark, UTC), p.muted), Part("  ", p.muted)]
        right += [Part("commit ", p.faint), Part(count(page.commit), p.muted)]
        return title(self.look, cells, page.view, focused=self.has_focus, parts=parts, right=right)

    def _widths(self, page: StatePage, cells: int) -> list[int]:
        widths = [min(WIDEST, width(visible(name))) for name in page.columns]
        for row in page.rows:
            for i, cell in enumerate(row.cells[: len(widths)]):
                widths[i] = max(widths[i], min(WIDEST, width(visible(cell))))
        for i in range(len(widths) - 1, page.keys - 1, -1):
            if 2 + sum(w + 2 for w in widths if w) + 2 <= cells:
                break
            if i != page.amount:
                widths[i] = 0
        return widths

    def _heads(self, cells: int, page: StatePage, widths: Sequence[int]) -> Line:
        line, faint = self.line(cells).gap(2), self.palette.faint
        for i, name in enumerate(page.columns):
            if widths[i]:
                (line.right if page.numeric[i] else line.left)(name, widths[i], faint)
                line.gap(2)
        if line.room >= DELTA:
            line.right(self.look.glyphs.delta, DELTA - 2, faint)
        if line.room >= 8 and page.amount < len(page.columns):
            line.gap(2).left(page.columns[page.amount], line.room - 3, faint)
        return line

    def _row(self, cells: int, page: StatePage, row: StateRow, widths: Sequence[int], top: float, chosen: bool) -> Line:
        p, g = self.palette, self.look.glyphs
        line = self.line(cells, p.select if chosen else None)
        line.put(f"{g.window} " if row.open else f"{g.cursor} " if chosen else "  ", p.alive if row.open else p.here)
        for i, cell in enumerate(row.cells):
            if not widths[i]:
                continue
            colour = p.bright if i == page.amount or (row.open and i < page.keys) else p.text
            (line.right if page.numeric[i] else line.left)(cell, widths[i], colour)
            line.gap(2)
        self._delta(line, row)
        if line.room >= 8 and top > 0:
            share = abs(row.amount) / top
            before = (abs(row.amount) - row.changed) / top if row.changed > 0 else None
            line.gap(2).bar(share, min(40, line.room - 1), p.data, before, p.changed)
        return line

    def _delta(self, line: Line, row: StateRow) -> None:
        p, g = self.palette, self.look.glyphs
        glyph = g.up if row.changed > 0 else g.down
        if line.room >= DELTA:
            line.right(f"{glyph} {signed(row.changed)}" if row.changed else "", DELTA - 2, p.changed)
        elif line.room >= 1 and row.changed:
            line.put(glyph, p.changed)
