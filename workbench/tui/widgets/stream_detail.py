"""Everything about one stream: what is unread and why, its sources, its running states, fields without a column."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC

from workbench.protocol import DriftStatus, FlowStatus, StreamStatus, ViewStatus
from workbench.tui.drift import around, drift_text
from workbench.tui.glyphs import STREAM_STATES
from workbench.tui.line import Line
from workbench.tui.live import Live
from workbench.tui.numbers import count, duration, rate, size, stamp
from workbench.tui.palette import Palette
from workbench.tui.text import cut_middle, visible, width, wrap_words
from workbench.tui.title import Part, flowing, title
from workbench.tui.widgets.event_time import WIDE, table
from workbench.tui.widgets.streams import CALM, address, trouble

LABEL = 8
BESIDE = 36
"""Cells of a title that its state and its commit may take."""


def detail_lines(
    pane: Live, cells: int, s: StreamStatus, views: Sequence[ViewStatus], drifts: Sequence[DriftStatus], view: str
) -> list[Line]:
    """The lines under the list of streams, for the one that is chosen.

    Args:
        views: its running states.
        drifts: its fields that no longer fit.
        view: the running state that is shown in the main screen.
    """
    out = [_title(pane, cells, s), *_why(pane, cells, s), _unread(pane, cells, s), _queue(pane, cells, s), _sum(pane, cells, s)]
    if s.flows:
        out += [pane.line(cells), *_flows(pane, cells, s.flows)]
    if views:
        out += [pane.line(cells), *table(pane, cells, views, view)]
    if drifts:
        out += [pane.line(cells), *_drifts(pane, cells, drifts)]
    return out


def _title(pane: Live, cells: int, s: StreamStatus) -> Line:
    p = pane.palette
    word = pane.picture.word(s.state)
    glyph, colour = STREAM_STATES[word]
    parts = [Part(f"{pane.look.glyph(glyph)} {word}", pane.look.colour(colour), True)]
    if s.detail and not _is_long(cells, s):
        parts.append(Part(f"  {s.detail}", _tone(p, s)))
    right = [Part("commit ", p.faint), Part(count(s.commit), p.muted)]
    return title(pane.look, cells, s.name, parts=parts, right=right)


def _is_long(cells: int, s: StreamStatus) -> bool:
    """Whether the title has no room for what there is to say."""
    return width(s.detail) > cells - width(s.name) - BESIDE


def _tone(p: Palette, s: StreamStatus) -> str:
    return p.fail if s.state == "FAIL" else p.muted


def _why(pane: Live, cells: int, s: StreamStatus) -> list[Line]:
    """What there is to say of the stream, where it is more than the title takes."""
    if not _is_long(cells, s):
        return []
    return [pane.line(cells).gap(2).put(part, _tone(pane.palette, s)) for part in wrap_words(visible(s.detail), cells - 4)]


def _unread(pane: Live, cells: int, s: StreamStatus) -> Line:
    p, late = pane.palette, s.state == "LAG"
    line = pane.line(cells).gap(2).left("unread", LABEL, p.faint)
    if not s.lag_rows and not s.lag_bytes:
        return line.put("nothing", p.muted)
    line.put(count(s.lag_rows), p.late if late else p.text, bold=late).put(" rows  ", p.muted).put(size(s.lag_bytes), p.text)
    number, unit = duration(s.lag_seconds)
    line.gap(2).put(number, p.late if late else p.text, bold=late).put(f" {unit} behind  ", p.muted)
    return line.left(trouble(s), line.room, p.late) if late else line


def _queue(pane: Live, cells: int, s: StreamStatus) -> Line:
    p = pane.palette
    line = pane.line(cells).gap(2).left("queue", LABEL, p.faint)
    line.thin(s.queue, 16, p.late if s.queue > 0.4 else p.data2, p.rule)
    line.put(f" {s.queue * 100:3.0f}%   ", p.late if s.queue > 0.4 else p.text)
    if s.queue_limit:
        line.put(size(s.queue_bytes), p.text).put(
            f" of {size(s.queue_limit)} decoded{', not yet committed' if cells >= WIDE else ''}", p.muted
        )
    return line


def _sum(pane: Live, cells: int, s: StreamStatus) -> Line:
    """The sum that always holds."""
    p = pane.palette
    line = pane.line(cells).gap(2).left("rows", LABEL, p.faint)
    whole, good = (f"{s.rows_in:,}", f"{s.accepted:,}") if cells >= WIDE else (count(s.rows_in), count(s.accepted))
    line.put(whole, p.text).put(" in = ", p.muted).put(good, p.text).put(" accepted + ", p.muted)
    line.put(count(s.rejected), p.fail if s.rejected else p.faint).put(" rejected + ", p.muted)
    line.put(count(s.filtered), p.text if s.filtered else p.faint).put(" filtered + ", p.muted)
    return line.put(count(s.blank), p.text if s.blank else p.faint).put(" blank", p.muted)


def _flows(pane: Live, cells: int, flows: Sequence[FlowStatus]) -> list[Line]:
    faint, wide = pane.palette.faint, cells >= WIDE
    head = pane.line(cells).gap(2).left("source" if len(flows) == 1 else f"{len(flows)} sources", 18, faint).left("state", 8, faint)
    head.right("rows/s", 7, faint).right("behind", 7, faint).gap(3).right("rows", 7, faint).right("unread", 9, faint)
    holds = wide and any(f.hold_limit for f in flows)
    if wide:
        head.right("rejected", 10, faint)
    if holds:
        head.right("peers", 6, faint).gap(2).left("held", 24, faint)
    out = [head.gap(2).put("event time", faint)]
    for f in flows:
        out += [_flow(pane, cells, f, wide, holds), *_address(pane, cells, f, wide)]
    return out


def _flow(pane: Live, cells: int, f: FlowStatus, wide: bool, holds: bool) -> Line:
    p, late, line = pane.palette, f.state == "LAG", pane.line(cells)
    word = pane.picture.word(f.state)
    glyph, name = STREAM_STATES[word]
    colour, calm = pane.look.colour(name), word in CALM
    line.gap(2).left(f.name, 17, p.text).gap()
    line.put(f"{pane.look.glyph(glyph)} ", colour).left(word, 6, p.muted if calm else colour, bold=not calm)
    line.right(pane.look.glyphs.dash if pane.picture.stale else rate(f.rate), 7, p.bright if f.rate >= 0.5 else p.faint)
    number, unit = duration(f.lag_seconds)
    line.right(number, 6, p.late if late else p.text, bold=late).gap().left(unit, 3, p.muted)
    line.right(rate(f.lag_rows), 7, p.late if late else p.muted if f.lag_rows else p.faint)
    line.right(size(f.lag_bytes), 9, p.muted if f.lag_bytes else p.faint)
    if wide:
        line.right(count(f.rejected), 10, p.text if f.rejected else p.faint)
    if holds:
        line.right(count(f.peers) if f.peers or f.hold_limit else "", 6, p.text if f.peers else p.faint).gap(2)
        _held(line, f)
    line.gap(2)
    if f.event_time is not None:
        line.put(stamp(f.event_time, pane.picture.clock(), UTC), p.muted if f.watermark_idle else p.text)
    return line


def _held(line: Line, f: FlowStatus) -> None:
    """What was received and is kept until it is committed, against its limit."""
    p = line.palette
    if not f.hold_limit:
        line.gap(24)
        return
    share = f.held / f.hold_limit
    line.thin(share, 6, p.late if share > 0.4 else p.data2, p.rule)
    line.left(f" {size(f.held)} of {size(f.hold_limit)}", 18, p.late if share > 0.4 else p.muted)


def _address(pane: Live, cells: int, f: FlowStatus, wide: bool) -> list[Line]:
    """Where it reads, and whatever is out of the ordinary: what was lost comes first."""
    p, g = pane.palette, pane.look.glyphs
    notes: list[Part] = []
    if f.dropped:
        notes.append(Part(f"{g.fail} {count(f.dropped)} lost before they could be kept", p.fail, True))
    if f.dropped_by_kernel:
        notes.append(Part(f"{count(f.dropped_by_kernel)} of them by the kernel: raise net.core.rmem_max", p.fail))
    if f.limit is not None:
        notes.append(Part(f"limit {f.limit:,.0f} rows/s", p.held))
    if f.watermark_idle:
        notes.append(Part("idle, holds no watermark", p.muted))
    if not wide and f.hold_limit:
        peers = "" if "udp://" in f.source or "unixgram://" in f.source else f"{count(f.peers)} peer{'' if f.peers == 1 else 's'}, "
        notes.append(Part(f"{peers}{size(f.held)} of {size(f.hold_limit)} held", p.muted))
    if f.detail:
        notes.append(Part(f.detail, p.fail if f.state == "FAIL" else p.muted))
    line = pane.line(cells).gap(4).put(cut_middle(visible(address(f)), max(12, cells // 2 - 4), g.ellipsis), p.faint)
    return flowing(line, notes, 4)


def _drifts(pane: Live, cells: int, drifts: Sequence[DriftStatus]) -> list[Line]:
    p, g = pane.palette, pane.look.glyphs
    out = [pane.line(cells).gap(2).put("fields", p.faint)]
    for drift in drifts:
        line = pane.line(cells).gap(2).put(f"{g.late} {drift_text(drift)}", p.late)
        line.gap(3).put(f"as {drift.type}   " if drift.kind == "new" else "", p.muted)
        out.append(line.key("a", "adds the column" if drift.kind == "new" else "changes the column") if drift.addable else line)
        out.append(pane.line(cells).gap(4).marked(around(drift.sample, drift.field, cells - 5), drift.field, p.muted))
    return out
