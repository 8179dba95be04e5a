"""One line of a pane: text put down cell by cell, then handed over as a Strip."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from rich.segment import Segment
from textual.strip import Strip

from workbench.tui.glyphs import Glyphs
from workbench.tui.look import Look
from workbench.tui.palette import Palette, ink
from workbench.tui.text import cut, visible, width


class Line:
    """A line of `cells` cells. Whatever is put on it is shown as text: controls are made visible, markup means nothing.

    Args:
        look: palette and glyphs.
        cells: the width; what goes beyond is cut off.
        ground: the background.
    """

    __slots__ = ("cells", "glyphs", "ground", "look", "palette", "segments", "x")

    def __init__(self, look: Look, cells: int, ground: str | None = None) -> None:
        self.look = look
        self.palette: Palette = look.palette
        self.glyphs: Glyphs = look.glyphs
        self.cells = cells
        self.ground = ground or look.palette.ground
        self.segments: list[Segment] = []
        self.x = 0

    @property
    def room(self) -> int:
        """Cells that are left."""
        return max(0, self.cells - self.x)

    def put(
        self,
        text: str,
        colour: str | None = None,
        *,
        bold: bool = False,
        italic: bool = False,
        underline: bool = False,
        reverse: bool = False,
        ground: str | None = None,
    ) -> Line:
        """Text in a colour (default: `text`)."""
        if text:
            text = visible(text)
            style = ink(colour or self.palette.text, ground or self.ground, bold, italic, underline, reverse)
            self.segments.append(Segment(text, style))
            self.x += width(text)
        return self

    def gap(self, cells: int = 1) -> Line:
        """Blanks."""
        if cells > 0:
            self.segments.append(Segment(" " * cells, ink(None, self.ground)))
            self.x += cells
        return self

    def to(self, x: int) -> Line:
        """Blanks up to a column."""
        return self.gap(x - self.x)

    def left(self, text: str, cells: int, colour: str | None = None, *, bold: bool = False, underline: bool = False) -> Line:
        """Words, in so many cells."""
        text = cut(visible(text), cells, self.glyphs.ellipsis)
        return self.put(text, colour, bold=bold, underline=underline).gap(cells - width(text))

    def right(self, text: str, cells: int, colour: str | None = None, *, bold: bool = False, underline: bool = False) -> Line:
        """A number, in so many cells."""
        text = cut(visible(text), cells, self.glyphs.ellipsis)
        return self.gap(cells - width(text)).put(text, colour, bold=bold, underline=underline)

    def key(self, key: str, word: str) -> Line:
        """A key and what it does, as in the footer."""
        return self.put(key, self.palette.here, bold=True).put(f" {word}" if word else "", self.palette.muted)

    def marked(self, text: str, needle: str, colour: str, *, bold: bool = False) -> Line:
        """Text with each occurrence of `needle` underlined, whatever its case."""
        if not needle:
            return self.put(text, colour, bold=bold)
        folded, wanted, start = text.lower(), needle.lower(), 0
        if len(folded) != len(text):
            return self.put(text, colour, bold=bold)
        while (found := folded.find(wanted, start)) >= 0:
            self.put(text[start:found], colour, bold=bold)
            self.put(text[found : found + len(wanted)], self.palette.here, underline=True, bold=bold)
            start = found + len(wanted)
        return self.put(text[start:], colour, bold=bold)

    def bad(self, text: str, colour: str) -> Line:
        """The field that broke a rule: reversed, so that it survives without colour."""
        return self.put(text, colour, ground=self.palette.ground, bold=True, reverse=True)

    def spark(
        self,
        values: Sequence[float | None],
        cells: int,
        colour: str,
        last: str | None = None,
        hot: Collection[int] = (),
        hot_colour: str | None = None,
    ) -> Line:
        """A sparkline of values 0…1, right-aligned; None draws a dot; `last` colours the newest cell."""
        values = list(values)[-cells:]
        self.gap(cells - len(values))
        run, current = "", ""
        for i, value in enumerate(values):
            wanted = self.palette.faint if value is None else colour
            if value is not None and i in hot:
                wanted = hot_colour or colour
            elif value is not None and last and i == len(values) - 1:
                wanted = last
            if wanted != current:
                self.put(run, current)
                run, current = "", wanted
            run += self.glyphs.none if value is None else self.glyphs.bars[max(0, min(6, int(value * 6.99)))]
        return self.put(run, current)

    def thin(self, fraction: float, cells: int, colour: str, track: str) -> Line:
        """A progress line, in steps of half a cell."""
        halves = max(0, min(2 * cells, round(fraction * 2 * cells)))
        full, half = divmod(halves, 2)
        self.put(self.glyphs.heavy * full + (self.glyphs.half if half else ""), colour)
        return self.put(self.glyphs.line * (cells - full - half), track)

    def bar(self, fraction: float, cells: int, colour: str, before: float | None = None, grown: str | None = None) -> Line:
        """An amount on the baseline, in steps of half a cell; what grew since `before` is coloured `grown`."""
        halves = max(0, min(2 * cells, round(fraction * 2 * cells)))
        full, half = divmod(max(1, halves) if fraction > 0 else 0, 2)
        text = self.glyphs.block * full + (self.glyphs.half_block if half else "")
        if before is None or grown is None or not text:
            self.put(text, colour)
        else:
            kept = min(len(text) - 1, int(max(0.0, before) * cells))
            self.put(text[:kept], colour).put(text[kept:], grown)
        return self.gap(cells - len(text))

    def add(self, other: Line) -> Line:
        """Another line behind this one."""
        strip = other.strip()
        self.segments.extend(strip)
        self.x += other.cells
        return self

    def faded(self) -> Line:
        """The whole line in one quiet colour: what it says is no longer so."""
        quiet = self.palette.muted
        self.segments = [
            Segment(text, ink(quiet, style.bgcolor.name if style is not None and style.bgcolor is not None else self.ground))
            for text, style, _ in self.segments
        ]
        return self

    def strip(self) -> Strip:
        """The finished line, exactly as wide as asked for."""
        if self.x < self.cells:
            self.gap(self.cells - self.x)
        strip = Strip(self.segments, self.x)
        return strip.crop(0, self.cells) if self.x > self.cells else strip
