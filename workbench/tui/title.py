"""The title rule of a pane: key chip, name, facts, the rule that is also its focus and its progress bar, keys at the right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from workbench.tui.line import Line
from workbench.tui.look import Look
from workbench.tui.text import width, wrap_words


class Part(NamedTuple):
    """A piece of a title: text, colour, bold, underlined."""

    text: str
    colour: str
    bold: bool = False
    underline: bool = False


def title(
    look: Look,
    cells: int,
    name: str,
    *,
    key: str = "",
    focused: bool = False,
    parts: Sequence[Part] = (),
    right: Sequence[Part] = (),
    progress: float | None = None,
) -> Line:
    """A title line; focus is a reversed chip, a bright name and a coloured rule, never colour alone."""
    palette = look.palette
    line = Line(look, cells)
    if key:
        if focused:
            line.put(f" {key} ", palette.here, ground=palette.ground, bold=True, reverse=True)
        else:
            line.put(f" {key} ", palette.muted, ground=palette.band)
        line.gap()
    line.put(name, palette.bright if focused else palette.text, bold=True).gap(2)
    right_cells = sum(width(part.text) for part in right)
    room = cells - right_cells - (3 if right else 1)
    for part in parts:
        if line.x + width(part.text) > room:
            break
        line.put(part.text, part.colour, bold=part.bold, underline=part.underline)
    if parts:
        line.gap()
    rule = cells - line.x - right_cells - (1 if right else 0)
    if rule > 0 and progress is None:
        line.put(
            (look.glyphs.heavy if focused and look.glyphs.line == "-" else look.glyphs.line) * rule,
            palette.here if focused else palette.rule,
        )
    elif rule > 0 and progress is not None:
        line.thin(progress, rule, palette.here, palette.rule)
    if right:
        line.gap()
    for part in right:
        line.put(part.text, part.colour, bold=part.bold)
    return line


def keys(look: Look, *pairs: tuple[str, str]) -> list[Part]:
    """Keys with their words, for the right end of a title."""
    out: list[Part] = []
    for i, (key, word) in enumerate(pairs):
        out += [Part(("  " if i else "") + key, look.palette.here, True), Part(f" {word}", look.palette.muted)]
    return out


def flowing(line: Line, parts: Sequence[Part], indent: int) -> list[Line]:
    """Parts behind what is on a line, three cells between them; those that do not fit go on indented lines below it, on several
    when one line is not enough."""
    out = [line]
    wide = line.cells - indent - 1
    for part in [whole._replace(text=piece) for whole in parts for piece in _pieces(whole.text, wide)]:
        if out[-1].x > indent:
            if out[-1].room < width(part.text) + 3:
                out.append(Line(line.look, line.cells, line.ground).gap(indent))
            else:
                out[-1].gap(3)
        out[-1].left(part.text, min(out[-1].room, width(part.text)), part.colour, bold=part.bold)
    return out


def _pieces(text: str, cells: int) -> list[str]:
    return wrap_words(text, cells) if width(text) > cells > 0 else [text]
