"""How things are drawn: palette and glyphs together."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.tui.glyphs import FANCY, Glyphs
from workbench.tui.palette import GRAPHITE, Palette


@dataclass(slots=True)
class Look:
    """The palette and glyphs in force; the palette can change while the app runs."""

    palette: Palette = GRAPHITE
    glyphs: Glyphs = FANCY

    def colour(self, name: str) -> str:
        """A colour of the palette by the name of its meaning."""
        return str(getattr(self.palette, name))

    def glyph(self, name: str) -> str:
        """A glyph by the name of its state."""
        return str(getattr(self.glyphs, name))
