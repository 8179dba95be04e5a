"""A raw line with its bad fields marked."""

from __future__ import annotations

from workbench.protocol import QuarantineDetail
from workbench.tui.line import Line
from workbench.tui.text import cut, visible, width


def put_raw(line: Line, detail: QuarantineDetail, start: int, stop: int) -> None:
    """Puts `raw[start:stop]` on a line, as far as it fits; spans of broken rules stand out."""
    p = line.palette
    place = start
    for begin, end, action in sorted(detail.spans):
        first, last = max(begin, place), min(end, stop)
        if first >= last:
            continue
        _put(line, detail.raw[place:first], None)
        _put(line, detail.raw[first:last], p.late if action == "mark" else p.fail)
        place = last
    _put(line, detail.raw[place:stop], None)


def _put(line: Line, text: str, colour: str | None) -> None:
    text = cut(visible(text), line.room, line.glyphs.ellipsis)
    if width(text) and colour is not None:
        line.bad(text, colour)
    elif text:
        line.put(text, line.palette.muted)
