"""The base of all panes and bars: builds its lines, repaints only those that differ from the last frame."""

from __future__ import annotations

from rich.segment import Segment
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from workbench.tui.line import Line
from workbench.tui.look import Look
from workbench.tui.palette import Palette, ink
from workbench.tui.picture import Picture


class Live(Widget):
    """A widget of lines. `frame` compares what `build` gives with what is on the screen and repaints the difference."""

    DEFAULT_CSS = "Live { height: 1fr; }"
    fades = False
    """What is under its title looks old once the engine is gone."""

    def __init__(self, picture: Picture, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.picture = picture
        self._strips: list[Strip] = []

    @property
    def look(self) -> Look:
        return self.picture.look

    @property
    def palette(self) -> Palette:
        return self.picture.look.palette

    def line(self, cells: int, ground: str | None = None) -> Line:
        """An empty line in the look that is in force."""
        return Line(self.picture.look, cells, ground)

    def build(self, cells: int) -> list[Line]:
        """The lines of this pane for a width; subclasses say what they are."""
        return [self.line(cells)]

    def frame(self) -> int:
        """Draws what changed.

        Returns:
            how many lines were repainted.
        """
        cells, rows = self.size
        if not cells or not rows or not self.display:
            return 0
        lines = self.build(cells)[:rows]
        if self.fades and self.picture.stale:
            lines = lines[:1] + [line.faded() for line in lines[1:]]
        new = [line.strip() for line in lines]
        old, self._strips = self._strips, new
        dirty = [Region(0, y, cells, 1) for y in range(max(len(old), len(new))) if y >= len(old) or y >= len(new) or old[y] != new[y]]
        if dirty:
            self.refresh(*dirty)
        return len(dirty)

    def redraw(self) -> None:
        """Draws everything: the size or the palette changed."""
        self._strips = []
        self.frame()
        self.refresh()

    def on_resize(self) -> None:
        self.redraw()

    def watch_has_focus(self, has_focus: bool) -> None:
        """Not `on_focus`, which comes before the widget itself has taken note of it."""
        super().watch_has_focus(has_focus)
        self.frame()

    def render_line(self, y: int) -> Strip:
        if y < len(self._strips):
            return self._strips[y]
        return Strip([Segment(" " * self.size.width, ink(None, self.palette.ground))], self.size.width)
