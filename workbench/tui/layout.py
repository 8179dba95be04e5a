"""Which panes a screen of a size shows, and how high each is: pure arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Mode = Literal["full", "single", "small"]

FULL = (100, 30)
SMALLEST = (80, 20)
STRIPS = 3
PANE_OF = {
    "streams": "1",
    "tail": "1",
    "state": "1",
    "jobs": "2",
    "failures": "3",
    "editor": "4",
    "result": "4",
}
"""The key of the pane that a widget belongs to."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Heights in lines; 0 hides. `body` is what lies between header (with its band) and footer.

    `streams`, `tail`, `state` stack in the left column, `jobs` and `failures` in the right one, `editor` and `result` below;
    `stream_zoom`, `job_zoom` and `failure_zoom` take the whole body. `spaced` leaves blank lines between the left column's panes.
    """

    mode: Mode
    top: int = 0
    streams: int = 0
    tail: int = 0
    state: int = 0
    jobs: int = 0
    failures: int = 0
    sql: int = 0
    editor: int = 0
    result: int = 0
    strips: int = 0
    job_zoom: int = 0
    failure_zoom: int = 0
    stream_zoom: int = 0
    spaced: bool = False
    right: int = 0
    """Cells of the right column; 0 when it takes all."""


def mode_of(width: int, height: int) -> Mode:
    """Four panes, one at a time, or a sentence."""
    if width < SMALLEST[0] or height < SMALLEST[1]:
        return "small"
    return "full" if width >= FULL[0] and height >= FULL[1] else "single"


def plan(width: int, height: int, *, band: int, streams: int, has_view: bool, pane: str, zoom: str, sources: int = 0) -> Layout:
    """The layout of a screen.

    Args:
        band: lines that the problem band takes.
        streams: how many streams there are.
        sources: lines that their sources want below them; they get all of them or none.
        has_view: the chosen stream has a running state.
        pane: the key of the pane that has the focus, 1 to 4.
        zoom: the widget that takes the whole screen; empty for none.
    """
    mode = mode_of(width, height)
    body = height - 2 - band
    if mode == "small":
        return Layout(mode)
    if zoom:
        return _zoomed(mode, body, zoom)
    if mode == "single":
        return _single(body - STRIPS, streams, sources, has_view, pane)
    top = round(body * 22 / 34)
    left = _left(top, streams, sources, has_view, spaced=True)
    sql = body - top
    editor = 4 if sql < 16 else sql // 3
    return Layout(
        mode,
        top=top,
        streams=left[0],
        tail=left[1],
        state=left[2],
        jobs=top // 2,
        failures=top - top // 2,
        sql=sql,
        editor=editor,
        result=sql - 1 - editor,
        spaced=True,
        right=40,
    )


def _left(lines: int, streams: int, sources: int, has_view: bool, spaced: bool) -> tuple[int, int, int]:
    blank = 1 if spaced else 0
    first = max(4, min(max(1, streams) + 2 + blank, lines * 9 // 20 - blank))
    if streams + sources + 2 + blank <= lines // 2:
        first = max(first, streams + sources + 2 + blank)
    state = (max(5 + blank, lines // 4) if lines >= 14 else 0) if has_view else (2 + blank if lines >= 14 else 0)
    return first, lines - first - state, state


def _single(body: int, streams: int, sources: int, has_view: bool, pane: str) -> Layout:
    lines = body - 1
    if pane == "1":
        first, tail, state = _left(lines, streams, sources, has_view, spaced=False)
        return Layout("single", top=lines, streams=first, tail=tail, state=state, strips=STRIPS)
    if pane == "2":
        return Layout("single", top=lines, jobs=lines, strips=STRIPS)
    if pane == "3":
        return Layout("single", top=lines, failures=lines, strips=STRIPS)
    return Layout("single", sql=lines, editor=5, result=lines - 6, strips=STRIPS)


def _zoomed(mode: Mode, body: int, zoom: str) -> Layout:
    if zoom == "jobs":
        return Layout(mode, job_zoom=body)
    if zoom == "failures":
        return Layout(mode, failure_zoom=body)
    if zoom == "editor":
        editor = max(5, body * 2 // 5)
        return Layout(mode, sql=body, editor=editor, result=body - 1 - editor)
    if zoom == "result":
        return Layout(mode, sql=body, result=body - 1)
    if zoom == "tail":
        return Layout(mode, top=body, tail=body)
    if zoom == "state":
        return Layout(mode, top=body, state=body)
    return Layout(mode, stream_zoom=body)
