"""The result of the active tab: rows asked for as they are shown, progress in the title rule, changes of live results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from workbench.tui.line import Line
from workbench.tui.listing import Listing
from workbench.tui.messages import Opened
from workbench.tui.numbers import behind_point, count, elapsed, grouped, number_of, signed, spell
from workbench.tui.picture import Picture
from workbench.tui.sql.desk import Desk, explain_position
from workbench.tui.sql.pages import Row
from workbench.tui.sql.tab import Run, Tab
from workbench.tui.text import visible, width, wrap_words
from workbench.tui.title import Part, keys, title

WIDEST, DELTA, BAR, SPARK = 24, 9, 40, 20
NUMBERS = ("INT", "DECIMAL", "DOUBLE", "FLOAT", "REAL", "NUMERIC")


class Result(Listing):
    """Virtual: holds at most a few pages of the result; moves through millions of rows by asking for what it shows."""

    above = 2
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("h,left", "shift(-1)", "columns left", show=False),
        Binding("l,right", "shift(1)", "columns right", show=False),
        Binding("ctrl+c", "cancel", "cancel"),
        Binding("enter", "open", "edit", show=False),
        Binding("e", "screen.export", "export"),
    ]

    def __init__(self, picture: Picture, desk: Desk, *, id: str | None = None) -> None:
        super().__init__(picture, id=id)
        self._desk = desk

    @property
    def total(self) -> int:
        run = self._desk.tab.run
        return run.pages.total if run is not None else 0

    @property
    def place(self) -> int:
        tab = self._desk.tab
        tab.row = max(0, min(tab.row, self.total - 1))
        return tab.row

    def window(self) -> range:
        tab, total, place = self._desk.tab, self.total, self.place
        tab.top = max(0, min(tab.top, total - self.shown))
        if place < tab.top:
            tab.top = place
        elif place >= tab.top + self.shown:
            tab.top = place - self.shown + 1
        self.top = tab.top
        return range(tab.top, min(total, tab.top + self.shown))

    def go(self, place: int) -> None:
        self._desk.tab.row = max(0, min(place, self.total - 1))
        self.frame()

    def action_last(self) -> None:
        self.go(self.total - 1)

    def action_cancel(self) -> None:
        self._desk.cancel()

    def action_open(self) -> None:
        self.post_message(Opened("result", ""))

    def action_shift(self, by: int) -> None:
        tab = self._desk.tab
        columns = len(tab.run.columns) if tab.run is not None else 0
        tab.left = max(0, min(tab.left + by, columns - 1))
        self.frame()

    def build(self, cells: int) -> list[Line]:
        tab = self._desk.tab
        run = tab.run
        out = [result_title(self, cells, tab)]
        if run is None:
            text = "Write SQL above and press ^j. Streams, views, files, workbench.* are tables; `:` lists them, DESCRIBE their columns."
            return [*out, *(self.line(cells).gap(2).put(part, self.palette.muted) for part in wrap_words(text, cells - 2))]
        if run.error:
            return out + self._error(cells, tab, run)
        if run.status is not None and run.status.statement:
            glyph, p = self.look.glyphs.done, self.palette
            return [*out, self.line(cells).put(f"{glyph} ", p.alive, bold=True).put(run.status.statement, p.text)]
        if not run.columns:
            return out
        window = self.window()
        self._desk.need(tab, window.start, window.stop)
        shown = [run.pages.row(i) for i in window]
        table = Table(self, tab, run, cells, shown)
        out.append(table.heads())
        out += [table.row(row, self.has_focus and i == self.place) for i, row in zip(window, shown, strict=True)]
        if not shown and run.status is not None and run.status.state == "done":
            out.append(self.line(cells).gap(2).put("No rows: the query ran, and nothing matches.", self.palette.muted))
        return out

    def _error(self, cells: int, tab: Tab, run: Run) -> list[Line]:
        p, g = self.palette, self.look.glyphs
        lines = wrap_words(run.error, max(20, cells - 4))
        out = [self.line(cells).put(f"{g.fail} " if i == 0 else "  ", p.fail, bold=True).put(text, p.fail) for i, text in enumerate(lines)]
        if run.position is not None:
            out.append(self.line(cells).gap(2).put(explain_position(tab.text, run.statement, run.position), p.muted))
        out += [self.line(cells).gap(2).put(text, p.text) for text in wrap_words(run.hint, max(20, cells - 4)) if text]
        return out


class Table:
    """The columns of a result as they stand now: widths by content, Δ, bar and the last refreshes of a live one.

    They drop in this order: refreshes, bar, the number of Δ.
    """

    def __init__(self, pane: Result, tab: Tab, run: Run, cells: int, rows: Sequence[Row | None]) -> None:
        self.pane, self.tab, self.run, self.cells = pane, tab, run, cells
        self.palette, self.glyphs = pane.palette, pane.look.glyphs
        names = run.columns
        self.numeric = run.pages.numeric or tuple(any(n in kind.upper() for n in NUMBERS) for _, kind in names)
        rows = [self._shown(row) for row in rows]
        self.first = min(tab.left, max(0, len(names) - 1))
        self.widths = self._widths(names, rows)
        changes = tab.changes
        self.amount = changes.amount if tab.live or run.grouped else None
        used = 2 + sum(w + 2 for w in self.widths[self.first :])
        room = cells - used
        self.delta = 0
        if tab.live and self.amount is not None:
            self.delta = DELTA if room >= DELTA + 2 else 1 if room >= 3 else 0
            room -= self.delta + 2 if self.delta else 0
        self.spark = SPARK if tab.live and self.amount is not None and room >= SPARK + 2 + 10 else 0
        room -= self.spark + 2 if self.spark else 0
        self.bar = min(BAR, room - 1) if self.amount is not None and room >= 9 and len(names) <= 8 else 0
        self.top = max((abs(v) for v in (self._amount(r) for r in rows) if v is not None), default=0.0)

    def _shown(self, row: Row | None) -> Row | None:
        """Groups have amounts, which are read with commas; anything else may be a key or a year and stays as it is."""
        if row is None or not self.run.grouped:
            return row
        return tuple(grouped(cell) if cell and self.numeric[i] else cell for i, cell in enumerate(row))

    def _lined_up(self, cell: str, column: int) -> str:
        """A number with blanks behind it, so that the decimal points of its column stand in line."""
        return cell + " " * (self.points[column] - behind_point(cell)) if self.numeric[column] else cell

    def _amount(self, row: Row | None) -> float | None:
        return number_of(row[self.amount]) if row is not None and self.amount is not None else None

    def _widths(self, names: Sequence[tuple[str, str]], rows: Sequence[Row | None]) -> list[int]:
        natural = [width(visible(name)) for name, _ in names]
        self.points = [0] * len(names)
        for row in rows:
            for i, cell in enumerate(row or ()):
                self.points[i] = max(self.points[i], behind_point(cell) if self.numeric[i] else 0)
        for row in rows:
            for i, cell in enumerate(row or ()):
                natural[i] = max(natural[i], width(visible(self._lined_up(cell, i))) if cell is not None else 4)
        if sum(w + 2 for w in natural) + 2 <= self.cells or len(names) == 1:
            return [min(w, self.cells - 3) for w in natural]
        return [w if self.numeric[i] else min(w, WIDEST) for i, w in enumerate(natural)]

    def heads(self) -> Line:
        faint = self.palette.faint
        line = self.pane.line(self.cells).gap(2)
        for i, (name, _) in list(enumerate(self.run.columns))[self.first :]:
            (line.right if self.numeric[i] else line.left)(name, self.widths[i], faint)
            line.gap(2)
            if i == self.amount and self.delta:
                line.right(self.glyphs.delta, self.delta, faint).gap(2)
        if self.bar and self.amount is not None:
            line.left(self.run.columns[self.amount][0], self.bar, faint).gap(2)
        if self.spark:
            line.left("last 20 refreshes", self.spark, faint)
        return line

    def row(self, row: Row | None, chosen: bool) -> Line:
        p = self.palette
        line = self.pane.mark(self.pane.line(self.cells, p.select if chosen else None), chosen)
        if row is None:
            return line.put(self.glyphs.ellipsis, p.faint)
        for i, cell in list(enumerate(self._shown(row) or row))[self.first :]:
            if cell is None:
                (line.right if self.numeric[i] else line.left)("NULL", self.widths[i], p.faint)
            elif self.numeric[i]:
                line.right(self._lined_up(cell, i), self.widths[i], p.bright if i == self.amount or self.amount is None else p.text)
            else:
                line.left(cell, self.widths[i], p.text)
            line.gap(2)
            if i == self.amount and self.delta:
                self._delta(line, row)
        if self.bar:
            self._bar(line, row)
        if self.spark:
            self._spark(line, row)
        return line

    def _delta(self, line: Line, row: Row) -> None:
        p, g = self.palette, self.glyphs
        change = self.tab.changes.rows.get(self.tab.changes.key(row))
        text = ""
        if change is not None and change.new:
            text = "NEW"
        elif change is not None and change.delta:
            glyph = g.up if change.delta > 0 else g.down
            text = f"{glyph} {signed(change.delta)}" if self.delta > 1 else glyph
        elif change is not None:
            text = g.delta
        line.right(text[: self.delta] if self.delta == 1 else text, self.delta, p.changed, bold=change is not None and change.fresh).gap(2)

    def _bar(self, line: Line, row: Row) -> None:
        p, value = self.palette, self._amount(row)
        change = self.tab.changes.rows.get(self.tab.changes.key(row)) if self.tab.live else None
        share = abs(value) / self.top if value is not None and self.top else 0.0
        before = (abs(value) - change.delta) / self.top if value and change is not None and change.delta > 0 and self.top else None
        line.bar(share, self.bar, p.data, before, p.changed).gap(2)

    def _spark(self, line: Line, row: Row) -> None:
        p = self.palette
        changes = self.tab.changes
        values = list(changes.history.get(changes.key(row), ()))
        low, high = min(values, default=0.0), max(values, default=0.0)
        span = high - low or 1.0
        scaled: list[float | None] = [0.3 + 0.69 * (v - low) / span if high > low else 0.5 for v in values]
        line.spark(scaled, self.spark, p.data, p.changed if changes.key(row) in changes.rows else p.data2)


def result_title(pane: Result, cells: int, tab: Tab) -> Line:
    """Facts about the result; while it runs, the rule is the progress bar."""
    p, g, run = pane.palette, pane.look.glyphs, tab.run
    if run is None:
        return title(pane.look, cells, "result", focused=pane.has_focus)
    status = run.status
    if run.running:
        return _running(pane, cells, run)
    if run.error or status is None:
        return title(pane.look, cells, "result", focused=pane.has_focus, parts=[Part(f"{g.fail} FAIL", p.fail, True)])
    right = [Part(f"{g.live} ", p.alive), Part("2 s", p.muted)] if tab.live else []
    if status.statement:
        return title(pane.look, cells, "done", focused=pane.has_focus, parts=[Part(elapsed(status.seconds), p.muted)], right=right)
    parts = [Part(count(run.pages.total), p.text), Part(" rows  ", p.muted), *_split(elapsed(status.seconds), p.text, p.muted)]
    if status.state == "cancelled":
        parts.append(Part(f"  {g.cancelled} cancelled", p.late, True))
    if status.truncated:
        parts.append(Part(f"  {g.late} cut at the result limit", p.late, True))
    if tab.live and tab.changes.changed:
        parts.append(Part(f"  {g.up} {tab.changes.changed} changed", p.changed, True))
    if status.commit:
        parts += [Part("  at commit ", p.faint), Part(count(status.commit), p.muted)]
    if run.pages.total > pane.shown:
        right = [*right, Part("  " if right else "", p.muted), Part(f"row {pane.place + 1:,}", p.muted)]
    return title(pane.look, cells, "result", focused=pane.has_focus, parts=parts, right=right)


def _running(pane: Result, cells: int, run: Run) -> Line:
    p, status = pane.palette, run.status
    seconds = status.seconds if status is not None else 0.0
    progress = status.progress if status is not None else None
    rows = run.pages.total
    parts = [Part(f"first {count(min(rows, 200))} rows" if rows else "running", p.muted)]
    right: list[Part] = []
    if progress is not None and progress >= 0:
        right.append(Part(f"{progress * 100:.0f}%", p.text))
    right.append(Part(f"  {seconds:.1f} s", p.bright))
    if progress is not None and progress > 0.02 and seconds > 0.5:
        right.append(Part(f"  about {spell(seconds / progress - seconds)} left", p.muted))
    right += [Part("  cancelling", p.late)] if run.cancelling else [Part("  ", p.muted), *keys(pane.look, ("^c", "cancel"))]
    return title(pane.look, cells, "result", focused=pane.has_focus, parts=parts, right=right, progress=max(0.0, progress or 0.0))


def _split(text: str, loud: str, quiet: str) -> list[Part]:
    number, _, unit = text.partition(" ")
    return [Part(number, loud), Part(f" {unit}", quiet)]
