"""Zoomed Failures, second level: the rejected records of a rule, newest first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from workbench.protocol import QuarantineRow
from workbench.tui.line import Line
from workbench.tui.listing import Listing
from workbench.tui.numbers import clock, count, milliseconds
from workbench.tui.picture import Picture
from workbench.tui.text import wrap_words
from workbench.tui.title import Part, title

WIDE = 60
"""Cells from which there is room for milliseconds."""


class FailureRows(Listing):
    """Arrival, line, how many rules it broke, the beginning of the record; where the others are, of a rule that keeps its rows."""

    above = 2
    below = 1
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "in"),
        Binding("n", "move(1)", "next row"),
        Binding("e", "screen.export", "export"),
        Binding("s", "screen.kept_rows", "kept rows in SQL", show=False),
    ]

    def __init__(self, picture: Picture, *, id: str | None = None) -> None:
        super().__init__(picture, id=id)
        self.rule = self.stream = ""
        self.marks = False
        self.total = 0
        self.kept = 0
        """Rows that broke the rule and are in their table."""
        self.records: tuple[QuarantineRow, ...] = ()

    def rows(self) -> Sequence[str]:
        return [str(record.id) for record in self.records]

    @property
    def current(self) -> QuarantineRow | None:
        return self.records[self.place] if self.records else None

    def build(self, cells: int) -> list[Line]:
        p, picture = self.palette, self.picture
        parts = [Part(count(self.total), p.text), Part(" rejected" if self.kept else " rows", p.muted)]
        parts += [Part(f"  {count(self.kept)}", p.late), Part(" kept", p.muted)] if self.kept else []
        elsewhere = self._elsewhere(cells)
        self.below = 1 + len(elsewhere)
        right = [] if self.kept else [Part("newest first", p.faint)]
        out = [title(self.look, cells, self.rule or "rows", focused=self.has_focus, parts=parts, right=right)]
        wide = cells >= WIDE
        head = self.line(cells).gap(2).left("arrived", 14 if wide else 9, p.faint).right("line", 10, p.faint)
        out.append(head.right("rules", 7 if wide else 6, p.faint).gap(2).put("record", p.faint))
        window = self.window()
        for place in window:
            record, chosen = self.records[place], place == self.place
            line = self.mark(self.line(cells, p.select if chosen else None), chosen)
            line.put(clock(record.arrived_at, picture.zone), p.text if chosen else p.muted)
            line.put(milliseconds(record.arrived_at, picture.zone) if wide else "", p.faint).gap(2 if wide else 1)
            line.right(f"{record.line:,}", 10, p.bright if chosen else p.text)
            broken = len(record.rules)
            line.right(str(broken), 7 if wide else 6, p.bright if broken > 1 else p.muted, bold=broken > 1).gap(2)
            out.append(line.left(record.preview, line.room, p.text if chosen else p.muted))
        if self.records:
            last = f"{window.start + 1:,}{self.look.glyphs.dash}{window.stop:,} of {self.total:,}"
            out.append(self.line(cells).gap(2).put(last, p.faint))
        else:
            text = "No rows are in quarantine." if self.rule else "The rows of the rule show here."
            text = "Rows that break this rule are kept in their table and marked in the tail." if self.marks else text
            out += [self.line(cells).gap(2).put(part, p.muted) for part in wrap_words(text, cells - 3)]
        return out + elsewhere

    def _elsewhere(self, cells: int) -> list[Line]:
        """Rows of a rule that keeps them are rejected only when they broke another one too: the others are no failures to list."""
        if not self.kept:
            return []
        p = self.palette
        text = f"{count(self.kept)} more {'was' if self.kept == 1 else 'were'} kept in {self.stream}, marked in _violations"
        lines = [self.line(cells).gap(2).put(part, p.late) for part in wrap_words(text, cells - 3)]
        return [*lines, self.line(cells).gap(2).key("s", "shows them in SQL")]
