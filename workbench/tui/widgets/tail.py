"""The latest records of the chosen stream, rejected ones in place; follows, or stands still while ingestion goes on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from workbench.protocol import Tail, TailRow
from workbench.tui.line import Line
from workbench.tui.listing import Listing
from workbench.tui.messages import Opened
from workbench.tui.numbers import behind_point, clock, count, milliseconds, number_of, rate
from workbench.tui.picture import Picture
from workbench.tui.text import cut, visible, width
from workbench.tui.title import Part, keys, title

WIDEST = 24
GAP = 2


class TailPane(Listing):
    """Rows oldest first. Moving up stops the following; `G` or `f` follows again."""

    fades = True
    DEFAULT_CSS = "TailPane { height: 1fr; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "open"),
        Binding("G,end", "last", "resume", show=False),
    ]

    def __init__(self, picture: Picture, *, id: str | None = None) -> None:
        super().__init__(picture, id=id)
        self._columns: tuple[str, ...] = ()
        self._natural: list[int] = []
        self._points: list[int] = []

    def rows(self) -> Sequence[str]:
        tail = self.picture.tail
        return [_identity(row, i) for i, row in enumerate(tail.rows)] if tail is not None else ()

    @property
    def current(self) -> TailRow | None:
        """The row under the cursor; the newest while following."""
        tail = self.picture.tail
        if tail is None or not tail.rows:
            return None
        return tail.rows[self.place] if self.picture.paused else tail.rows[-1]

    def action_move(self, by: int) -> None:
        if self.picture.paused:
            super().action_move(by)
        elif by < 0:
            self._stop_following(by)

    def action_page(self, by: int) -> None:
        if self.picture.paused:
            super().action_page(by)
        elif by < 0:
            self._stop_following(by * self.shown)

    def action_first(self) -> None:
        if self.picture.paused:
            super().action_first()
        else:
            self._stop_following(-(10**9))

    def action_last(self) -> None:
        self.row = ""
        self.post_message(Opened("tail", "resume"))

    def action_open(self) -> None:
        row = self.current
        if row is not None and row.quarantine_id is not None:
            self.post_message(Opened("tail", str(row.quarantine_id)))
        elif row is not None:
            self.post_message(Opened("tail", "row"))

    def _stop_following(self, by: int) -> None:
        rows = self.rows()
        if rows:
            self._place = len(rows) - 1
            self.row = rows[-1]
            self.top = max(0, len(rows) - self.shown)
            self.post_message(Opened("tail", "pause"))
            super().go(self._place + by)

    def build(self, cells: int) -> list[Line]:
        picture, p = self.picture, self.palette
        tail = picture.tail
        out = [self._title(cells, tail)]
        if tail is None or not tail.rows:
            return [*out, self.line(cells).gap(2).put(self._nothing(tail), p.muted)]
        shown = self.window() if picture.paused else range(max(0, len(tail.rows) - self.shown), len(tail.rows))
        visible_rows = [tail.rows[i] for i in shown]
        self._measure(tail, visible_rows)
        widths = _fit(self._natural, tail, visible_rows, cells, picture.filter)
        with_ms = cells >= 70
        return out + [
            self._row(cells, tail, tail.rows[i], widths, with_ms, self.has_focus and picture.paused and i == self.place) for i in shown
        ]

    def _measure(self, tail: Tail, rows: Sequence[TailRow]) -> None:
        """Widths and decimal places of the columns; they only grow, so that columns stand still while rows run."""
        if self._columns != (tail.stream, *tail.columns):
            self._columns = (tail.stream, *tail.columns)
            self._natural, self._points = [0] * len(tail.columns), [0] * len(tail.columns)
        for row in rows:
            for i, cell in enumerate(row.cells[: len(self._points)]):
                self._points[i] = max(self._points[i], behind_point(cell) if tail.numeric[i] else 0)
        for row in rows:
            for i in range(min(len(row.cells), len(self._natural))):
                self._natural[i] = max(self._natural[i], min(WIDEST, width(visible(self._lined_up(tail, row, i)))))

    def _title(self, cells: int, tail: Tail | None) -> Line:
        picture, p, g = self.picture, self.palette, self.look.glyphs
        if not picture.stream:
            return title(self.look, cells, "tail", focused=self.has_focus)
        if picture.paused:
            parts = [Part(f"{g.pause} PAUSED", p.held, True), Part(f"  +{count(picture.new_rows)} new", p.bright, True)]
            right = keys(self.look, ("G", "resume"))
        elif picture.stale:
            parts, right = [Part(f"{g.none} no longer followed", p.muted)], []
        else:
            parts = [Part(f"{g.run} FOLLOW", p.alive, True)]
            right = [Part("space pause", p.faint)]
        if picture.filter:
            parts.append(Part(f"   /{visible(picture.filter)}", p.here))
            if tail is not None:
                parts += [Part(f"  {count(tail.matched)}", p.text), Part(f" of {rate(tail.searched)}", p.muted)]
        return title(self.look, cells, picture.stream, focused=self.has_focus, parts=parts, right=right)

    def _nothing(self, tail: Tail | None) -> str:
        picture = self.picture
        if picture.filter and tail is not None:
            return f"None of the last {count(tail.searched)} records contains {picture.filter!r}. esc shows all again."
        if picture.connection != "live" or not picture.stream:
            return "The latest records of the chosen stream show here."
        chosen = picture.chosen
        if chosen is not None and chosen.source:
            return f"Nothing has come yet. Waiting for records from {chosen.source}."
        return "Nothing has come yet."

    def _row(self, cells: int, tail: Tail, row: TailRow, widths: Sequence[int], with_ms: bool, chosen: bool) -> Line:
        p, g, picture = self.palette, self.look.glyphs, self.picture
        line = self.line(cells, p.select if chosen else None)
        bad = bool(row.rules)
        colour = p.fail if row.dropped else p.late
        line.put(f"{g.fail if row.dropped else g.late} " if bad else f"{g.cursor} " if chosen else "  ", colour if bad else p.here)
        line.put(clock(row.at, picture.zone), p.muted)
        if with_ms:
            line.put(milliseconds(row.at, picture.zone), p.faint)
        line.gap(2)
        suspects = self._suspects(tail, row)
        verdict, action = self._note(row, widths, suspects, line.room)
        note = width(verdict) + width(action) + GAP if bad else 0
        if row.cells:
            widths = widths[: len(row.cells)]
            for i in sorted(_placed(widths, suspects, line.room - note)):
                self._cell(line, self._lined_up(tail, row, i), widths[i], tail.numeric[i], i in suspects, row.dropped)
                line.gap(GAP)
        else:
            line.left(row.raw, max(0, line.room - note - 1), p.muted).gap()
        if bad:
            line.put(verdict, colour).put(action, p.muted)
        return line

    def _note(self, row: TailRow, widths: Sequence[int], suspects: set[int], room: int) -> tuple[str, str]:
        """(rules, action) as far as they fit beside the columns up to the bad field; of the rules at least twelve cells."""
        verdict, action = ", ".join(visible(rule) for rule in row.rules), "  drop" if row.dropped else "  mark"
        before = sum(w + GAP for w in widths[: max(suspects, default=len(widths) // 2) + 1] if w) + GAP
        if before + width(verdict) + width(action) > room:
            action = ""
        if before + width(verdict) > room:
            verdict = cut(verdict, max(12, room - before), self.look.glyphs.ellipsis)
        return verdict, action

    def _lined_up(self, tail: Tail, row: TailRow, column: int) -> str:
        """A cell with blanks behind it, so that the decimal points of its column stand in line."""
        cell = row.cells[column]
        return cell + " " * (self._points[column] - behind_point(cell)) if tail.numeric[column] and cell else cell

    def _cell(self, line: Line, cell: str, wide: int, numeric: bool, suspect: bool, dropped: bool) -> None:
        p = self.palette
        text = visible(cell)
        if suspect:
            put = line.right if numeric else line.left
            put(text or "NULL", wide, p.fail if dropped else p.late, bold=True)
            return
        colour = p.bright if numeric and number_of(cell) is not None else p.text
        if self.picture.filter and width(text) <= wide:
            pad = wide - width(text)
            line.gap(pad if numeric else 0).marked(text, self.picture.filter, colour).gap(0 if numeric else pad)
        elif numeric:
            line.right(text, wide, colour)
        else:
            line.left(text, wide, colour)

    def _suspects(self, tail: Tail, row: TailRow) -> set[int]:
        """Columns that a broken rule speaks of."""
        if not row.rules or self.picture.snapshot is None:
            return set()
        texts = list(row.rules)
        texts += [r.predicate for r in self.picture.snapshot.rules if r.stream == tail.stream and r.rule in row.rules]
        words = {word.lower() for text in texts for word in re.findall(r"\w+", text)}
        return {i for i, column in enumerate(tail.columns) if column.lower() in words}


def _identity(row: TailRow, place: int) -> str:
    return f"{row.at:.3f}/{row.line}/{place}"


def _fit(natural: Sequence[int], tail: Tail, rows: Sequence[TailRow], cells: int, wanted: str) -> list[int]:
    """Widths of the columns; 0 for those that do not fit, from the right, but never one that holds the filter's text."""
    folded = wanted.lower()
    widths = list(natural)
    keep = [bool(folded) and any(folded in row.cells[i].lower() for row in rows if i < len(row.cells)) for i in range(len(tail.columns))]
    room = cells - 2 - (12 if cells >= 70 else 8) - GAP
    for i in range(len(widths) - 1, -1, -1):
        if sum(w + GAP for w in widths if w) - GAP <= room:
            break
        if not keep[i]:
            widths[i] = 0
    return widths


def _placed(widths: Sequence[int], suspects: set[int], room: int) -> set[int]:
    """Which columns of one row are drawn beside its broken rules: in their places as long as the bad fields fit, else these first."""
    last = max(suspects, default=-1)
    in_place = sum(w + GAP for w in widths[: last + 1] if w) <= room
    order = range(len(widths)) if in_place else [*sorted(suspects), *(i for i in range(len(widths)) if i not in suspects)]
    fitting: set[int] = set()
    for i in order:
        if widths[i] and widths[i] > room:
            break
        if widths[i]:
            fitting.add(i)
            room -= widths[i] + GAP
    return fitting
