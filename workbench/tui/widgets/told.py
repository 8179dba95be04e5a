"""A message that is too long for the footer's left end: all of it, in lines of its own above the footer."""

from __future__ import annotations

from workbench.tui.line import Line
from workbench.tui.live import Live
from workbench.tui.picture import Picture
from workbench.tui.text import wrap_words

MOST = 8
"""Lines."""
READ = 25.0
"""Characters that a person reads in a second, at ease."""


class Told(Live):
    """Lies over the last lines of the panes until it was read; nothing below it moves."""

    DEFAULT_CSS = "Told { layer: above; dock: bottom; height: 1; margin: 0 0 1 0; display: none; }"

    def __init__(self, picture: Picture) -> None:
        super().__init__(picture, id="told")
        self.text, self.kind, self.until = "", "info", 0.0

    def show(self, text: str, kind: str, seconds: float) -> None:
        """Shows a message for so long, and longer when there is more to read."""
        self.text, self.kind = text, kind
        self.until = self.picture.clock() + max(seconds, len(text) / READ)
        self.styles.height = min(MOST, len(self._wrapped(self.app.size.width)) + 1)
        self.display = True
        self.frame()

    def hide(self) -> None:
        self.until, self.display = 0.0, False

    def frame(self) -> int:
        if self.until and self.picture.clock() >= self.until:
            self.hide()
        return super().frame()

    def build(self, cells: int) -> list[Line]:
        p, g = self.palette, self.look.glyphs
        glyph, colour = {"info": (g.done, p.alive), "warning": (g.late, p.late)}.get(self.kind, (g.fail, p.fail))
        out = [self.line(cells, p.band).put(g.heavy * cells, colour)]
        for i, text in enumerate(self._wrapped(cells)):
            line = self.line(cells, p.band).gap()
            out.append((line.put(f"{glyph} ", colour, bold=True) if not i else line.gap(2)).put(text, p.bright))
        return out

    def _wrapped(self, cells: int) -> list[str]:
        return wrap_words(self.text, max(10, cells - 5))
