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


class FailureRows(Listing):
    """Arrival, line, how many rules it broke, the beginning of the record."""

    above = 2
    below = 1
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "in"),
        Binding("n", "move(1)", "next row"),
        Binding("e", "screen.export", "export"),
    ]

    def __init__(self, picture: Picture, *, id: str | None = None) -> None:
        super().__init__(picture, id=id)
        self.rule = ""
        self.marks = False
        self.total = 0
        self.records: tuple[QuarantineRow, ...] = ()

    def rows(self) -> Sequence[str]:
        return [str(record.id) for record in self.records]

    @property
    def current(self) -> QuarantineRow | None:
        return self.records[self.place] if self.records else None

    def build(self, cells: int) -> list[Line]:
        p, picture = self.palette, self.picture
        parts = [Part(count(self.total), p.text), Part(" rows", p.muted)]
        right = [Part("newest first", p.faint)]
        out = [title(self.look, cells, self.rule or "rows", focused=self.has_focus, parts=parts, right=right)]
        out.append(
            self.line(cells)
            .gap(2)
            .left("arrived", 14, p.faint)
            .right("line", 10, p.faint)
            .right("rules", 7, p.faint)
            .gap(2)
            .put("record", p.faint)
        )
        window = self.window()
        for place in window:
            record, chosen = self.records[place], place == self.place
            line = self.mark(self.line(cells, p.select if chosen else None), chosen)
            line.put(clock(record.arrived_at, picture.zone), p.text if chosen else p.muted)
            line.put(milliseconds(record.arrived_at, picture.zone), p.faint).gap(2)
            line.right(f"{record.line:,}", 10, p.bright if chosen else p.text)
            broken = len(record.rules)
            line.right(str(broken), 7, p.bright if broken > 1 else p.muted, bold=broken > 1).gap(2)
            out.append(line.left(record.preview, line.room, p.text if chosen else p.muted))
        if self.records:
            last = f"{window.start + 1:,}{self.look.glyphs.dash}{window.stop:,} of {self.total:,}"
            out.append(self.line(cells).gap(2).put(last, p.faint))
        else:
            text = (
                "Rows that break this rule are kept in their table and marked in the tail." if self.marks else "No rows are in quarantine."
            )
            out += [self.line(cells).gap(2).put(part, p.muted) for part in wrap_words(text, cells - 3)]
        return out
