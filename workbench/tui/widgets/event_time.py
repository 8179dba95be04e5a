"""Event time of a running state, in words and numbers: for its own title, its zoom, and the zoom of its stream."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC

from workbench.protocol import ViewStatus
from workbench.tui.line import Line
from workbench.tui.live import Live
from workbench.tui.numbers import count, size, stamp
from workbench.tui.picture import Picture
from workbench.tui.text import width
from workbench.tui.title import Part, flowing

LATE = {"list": "listed", "update": "taken in", "drop": "left out"}
"""What becomes of late rows, by the view's ON LATE."""
WINDOWED = {"tumbling", "hopping", "session"}
WIDE = 100


def missing(picture: Picture, what: str) -> str:
    """Why the view that is shown has no `windows`, or no `late` rows; empty when it may have some."""
    views = picture.snapshot.views if picture.snapshot is not None else ()
    shown = next((view for view in views if view.name == picture.view), None)
    if shown is None or shown.kind in WINDOWED:
        return ""
    others = [view for view in views if view.stream == shown.stream and (view.kind in WINDOWED or view.late)]
    if what == "windows":
        windowed = [view.name for view in others if view.kind in WINDOWED]
        return f"{shown.name} has no windows{f'; v goes on to {windowed[0]}, which has' if windowed else ''}."
    if shown.kind != "groups" or shown.late:
        return ""
    most = max(others, key=lambda view: view.late, default=None)
    on = f"; v goes on to {most.name}, which has {f'{count(most.late)} such' if most.late else 'event time'}" if most is not None else ""
    return f"{shown.name} has no event time: no row of it is late{on}."


def title_parts(pane: Live, view: ViewStatus) -> list[Part]:
    """The kind, open and closed windows, late rows; the most worth reading first."""
    p, g = pane.palette, pane.look.glyphs
    parts = [Part(view.kind, p.muted)]
    if view.late:
        parts += [Part(f"  {g.late} {count(view.late)} late", p.late, True), Part(f" {LATE[view.on_late]}", p.muted)]
    if view.kind in WINDOWED:
        parts += [Part(f"  {g.window} {count(view.open_windows)} open", p.text), Part(f"  {count(view.closed_windows)} closed", p.muted)]
    return parts


def watermark_parts(pane: Live, view: ViewStatus, room: int) -> list[Part]:
    """The watermark, and which sources hold it back as far as that fits in so many cells."""
    p, held = pane.palette, ", ".join(view.waits_for)
    if view.watermark is None:
        parts = [Part("no watermark yet", p.muted)] if view.kind in WINDOWED or held else []
    else:
        parts = [
            Part("watermark ", p.faint),
            Part(stamp(view.watermark, pane.picture.clock(), UTC), p.late if held else p.muted, bool(held)),
        ]
    if held and sum(width(part.text) for part in parts) + width(held) + 11 <= room:
        parts.append(Part(f" waits for {held}", p.late))
    return parts


def facts(pane: Live, cells: int, view: ViewStatus) -> list[Line]:
    """Everything that is known, a line each: for a state that has the whole screen."""
    p, g = pane.palette, pane.look.glyphs

    def start(label: str) -> Line:
        return pane.line(cells).gap(2).left(label, 12, p.faint)

    out: list[Line] = []
    if view.kind in WINDOWED:
        line = start("windows").put(f"{g.window} {count(view.open_windows)}", p.bright).put(" open   ", p.muted)
        out.append(line.put(count(view.closed_windows), p.text).put(" closed   ", p.muted).key("w", "lists them"))
    if view.watermark is not None or view.waits_for:
        line = start("watermark")
        if view.watermark is not None:
            line.put(f"{stamp(view.watermark, pane.picture.clock(), UTC)}   ", p.bright)
        if view.waits_for:
            line.put(f"{g.late} waits for {', '.join(view.waits_for)}", p.late)
        out.append(line)
        line = start("late rows").put(count(view.late), p.late if view.late else p.faint, bold=view.late > 0)
        out.append(line.put(f" {LATE[view.on_late]}   ", p.muted).key("L", "lists them"))
    line = start("keeps").put(count(view.state_rows), p.text).put(" rows   ", p.muted).put(size(view.state_bytes), p.text)
    return [*out, line.put(f"   {view.expires}" if view.expires else "", p.muted), pane.line(cells)]


def table(pane: Live, cells: int, views: Sequence[ViewStatus], chosen: str) -> list[Line]:
    """Views of a stream, a line each, and one more for what holds its watermark back and when state is let go."""
    faint, wide = pane.palette.faint, cells >= WIDE
    head = pane.line(cells).gap(2).left("running state", 22, faint).left("kind", 10, faint).left("watermark", 17, faint)
    head.right("open", 6, faint).right("closed", 9, faint).right("late", 8, faint)
    if wide:
        head.gap(10).right("keeps rows", 11, faint).right("size", 10, faint)
    out = [head]
    for view in views:
        out.append(_row(pane, cells, view, view.name == chosen, wide))
        out += _below(pane, cells, view, wide)
    return out


def _row(pane: Live, cells: int, view: ViewStatus, chosen: bool, wide: bool) -> Line:
    p, g = pane.palette, pane.look.glyphs
    line = pane.line(cells).gap(2).left(view.name, 21, p.bright if chosen else p.text, bold=chosen).gap().left(view.kind, 10, p.muted)
    if view.watermark is None:
        line.left("none yet" if view.kind in WINDOWED else g.dash, 17, p.faint)
    else:
        line.left(stamp(view.watermark, pane.picture.clock(), UTC), 17, p.late if view.waits_for else p.text)
    if view.kind in WINDOWED:
        line.right(f"{g.window} {count(view.open_windows)}", 6, p.alive if view.open_windows else p.faint)
        line.right(count(view.closed_windows), 9, p.text)
    else:
        line.right(g.dash, 6, p.faint).right(g.dash, 9, p.faint)
    line.right(count(view.late), 8, p.late if view.late else p.faint, bold=view.late > 0)
    if wide:
        line.left(f" {LATE[view.on_late]}" if view.late else "", 10, p.muted)
        line.right(count(view.state_rows), 11, p.text).right(size(view.state_bytes), 10, p.text)
    return line


def _below(pane: Live, cells: int, view: ViewStatus, wide: bool) -> list[Line]:
    p = pane.palette
    notes: list[Part] = []
    if view.waits_for:
        notes.append(Part(f"{pane.look.glyphs.late} waits for {', '.join(view.waits_for)}", p.late))
    if not wide and view.late:
        notes.append(Part(f"late rows {LATE[view.on_late]}", p.muted))
    if not wide:
        notes.append(Part(f"keeps {count(view.state_rows)} rows, {size(view.state_bytes)}", p.muted))
    if view.expires:
        notes.append(Part(view.expires, p.muted))
    return flowing(pane.line(cells).gap(4), notes, 4) if notes else []
