"""Colours by meaning, in two themes; every one is an xterm-256 cell, so terminals without truecolor show the same picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from rich.style import Style


@dataclass(frozen=True, slots=True)
class Palette:
    """One colour, one meaning: backgrounds, inks from quiet to loud, states, data."""

    name: str
    dark: bool
    ground: str
    band: str
    select: str
    rule: str
    faint: str
    muted: str
    text: str
    bright: str
    here: str
    alive: str
    late: str
    fail: str
    held: str
    changed: str
    data: str
    data2: str


GRAPHITE = Palette(
    name="graphite",
    dark=True,
    ground="#121212",
    band="#1c1c1c",
    select="#303030",
    rule="#3a3a3a",
    faint="#767676",
    muted="#949494",
    text="#d0d0d0",
    bright="#ffffff",
    here="#87d7ff",
    alive="#5fd7af",
    late="#ffaf5f",
    fail="#ff5f5f",
    held="#afafff",
    changed="#ff87d7",
    data="#5f87af",
    data2="#87afd7",
)

PAPER = Palette(
    name="paper",
    dark=False,
    ground="#ffffff",
    band="#eeeeee",
    select="#d7ffff",
    rule="#bcbcbc",
    faint="#767676",
    muted="#585858",
    text="#303030",
    bright="#000000",
    here="#005f87",
    alive="#00875f",
    late="#af5f00",
    fail="#af0000",
    held="#5f5faf",
    changed="#af0087",
    data="#5f87af",
    data2="#005faf",
)


def choose_palette(theme: str, environment: Mapping[str, str]) -> Palette:
    """The palette for a setting: `dark`, `light`, or `auto`, which asks COLORFGBG and settles for dark."""
    if theme == "light":
        return PAPER
    if theme == "auto":
        background = environment.get("COLORFGBG", "").rpartition(";")[2]
        return PAPER if background in {"7", "15"} else GRAPHITE
    return GRAPHITE


@lru_cache(maxsize=4096)
def ink(
    colour: str | None, ground: str | None = None, bold: bool = False, italic: bool = False, underline: bool = False, reverse: bool = False
) -> Style:
    """A Rich style; cached, because each frame asks for the same few hundred."""
    return Style(
        color=colour, bgcolor=ground, bold=bold or None, italic=italic or None, underline=underline or None, reverse=reverse or None
    )
