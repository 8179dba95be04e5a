"""Our palettes as Textual themes, for the widgets that are Textual's own: inputs, the command palette."""

from __future__ import annotations

from textual.theme import Theme

from workbench.tui.palette import Palette


def theme_of(p: Palette) -> Theme:
    """A Textual theme in the colours of a palette, without blends."""
    return Theme(
        name=p.name,
        primary=p.here,
        secondary=p.data,
        accent=p.here,
        foreground=p.text,
        background=p.ground,
        surface=p.band,
        panel=p.band,
        success=p.alive,
        warning=p.late,
        error=p.fail,
        dark=p.dark,
        variables={
            "input-cursor-background": p.here,
            "input-cursor-foreground": p.ground,
            "input-selection-background": p.select,
            "block-cursor-background": p.select,
            "block-cursor-foreground": p.bright,
            "block-cursor-blurred-background": p.select,
            "border": p.here,
            "scrollbar": p.rule,
            "scrollbar-background": p.band,
        },
    )
