"""Zoomed Failures, third level: one record, where it came from, and what every rule says of it."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType

from workbench.protocol import QuarantineDetail, RuleVerdict
from workbench.tui.line import Line
from workbench.tui.live import Live
from workbench.tui.numbers import clock, count, milliseconds
from workbench.tui.picture import Picture
from workbench.tui.raw import put_raw
from workbench.tui.text import cut_middle, visible, wrap_raw, wrap_words
from workbench.tui.title import Part, keys, title
from workbench.tui.widgets.failure_rules import ACTIONS


class FailureDetail(Live, can_focus=True):
    """File, line, byte, commit; the raw line wrapped, its bad fields marked; the verdicts, broken ones first."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "scroll(1)", "down", show=False),
        Binding("k,up", "scroll(-1)", "up", show=False),
        Binding("pagedown", "scroll(10)", "page down", show=False),
        Binding("pageup", "scroll(-10)", "page up", show=False),
        Binding("g,home", "scroll(-100000)", "top", show=False),
        Binding("G,end", "scroll(100000)", "end", show=False),
    ]

    def __init__(self, picture: Picture, *, id: str | None = None) -> None:
        super().__init__(picture, id=id)
        self.detail: QuarantineDetail | None = None
        self.trouble = ""
        self.top = 0
        self._height = 0

    def show(self, detail: QuarantineDetail | None, trouble: str = "") -> None:
        """Another record."""
        self.detail, self.trouble, self.top = detail, trouble, 0
        self.frame()

    def action_scroll(self, by: int) -> None:
        self.top = max(0, min(self.top + by, self._height - self.size.height))
        self.frame()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.action_scroll(3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.action_scroll(-3)

    def build(self, cells: int) -> list[Line]:
        detail, p = self.detail, self.palette
        if detail is None:
            text = self.trouble or "Choose a row: its raw line, rules and origin show here."
            return [title(self.look, cells, "record", focused=self.has_focus), self.line(cells).put(text, p.muted)]
        parts = [Part("quarantine ", p.faint), Part(f"q-{detail.row.id}", p.muted)]
        if detail.state and detail.state != "quarantined":
            parts.append(Part(f"  {visible(detail.state)}", p.text))
        name = f"{detail.row.stream} line {detail.row.line:,}"
        head = title(self.look, cells, name, focused=self.has_focus, parts=parts, right=keys(self.look, ("y", "copy")))
        body = [*self._origin(cells, detail), self.line(cells), *self._raw(cells, detail), self.line(cells), *self._verdicts(cells, detail)]
        self._height = len(body) + 1
        return [head, *body[self.top :]]

    def _origin(self, cells: int, d: QuarantineDetail) -> list[Line]:
        p, zone = self.palette, self.picture.zone
        file = (
            self.line(cells)
            .put("file    ", p.faint)
            .put(cut_middle(visible(d.row.file), max(12, cells - 30), self.look.glyphs.ellipsis), p.text)
        )
        file.put("    line ", p.faint).put(f"{d.row.line:,}", p.bright)
        byte = self.line(cells).put("byte    ", p.faint).put(f"{d.row.offset:,}", p.bright).put(f" + {d.size:,}", p.muted)
        commit = self.line(cells).put("commit  ", p.faint).put(count(d.commit), p.text)
        commit.put(f"  {clock(d.committed_at, zone)}", p.muted).put(milliseconds(d.committed_at, zone), p.faint)
        return [file, byte, commit]

    def _raw(self, cells: int, d: QuarantineDetail) -> list[Line]:
        p = self.palette
        out: list[Line] = []
        for start, stop in wrap_raw(d.raw, max(10, cells - 2)):
            line = self.line(cells, p.band).gap()
            put_raw(line, d, start, stop)
            out.append(line)
        return out

    def _verdicts(self, cells: int, d: QuarantineDetail) -> list[Line]:
        p = self.palette
        broken = [v for v in d.verdicts if v.broken]
        kept = [v for v in d.verdicts if v.broken is False]
        unknown = [v for v in d.verdicts if v.broken is None]
        text = f"{len(broken)} {'rule' if len(broken) == 1 else 'rules'} broken, {len(kept)} kept"
        if unknown:
            text += f", {len(unknown)} not judged"
        out = [self.line(cells).put(text, p.muted)]
        for verdict in [*broken, *kept, *unknown]:
            out += self._verdict(cells, verdict)
        return out

    def _verdict(self, cells: int, v: RuleVerdict) -> list[Line]:
        p, g = self.palette, self.look.glyphs
        colour = (p.late if v.action == "mark" else p.fail) if v.broken else p.muted
        glyph = g.fail if v.broken else g.none if v.broken is None else g.done
        value = f"{v.field} = {v.value}" if v.field and v.value else v.value
        line = self.line(cells).put(f"{glyph} ", colour, bold=bool(v.broken)).left(v.rule, 20, p.bright if v.broken else p.muted).gap()
        value_cells = max(10, cells - 23 - 12)
        line.left(value if v.broken is not None else "not judged", value_cells, colour, bold=bool(v.broken)).gap()
        if v.broken:
            line.put(ACTIONS.get(v.action, v.action), p.muted)
        out = [line]
        if v.broken and v.predicate and v.predicate != v.rule:
            out += [self.line(cells).gap(2).put(text, p.faint) for text in wrap_words(f"expects {v.predicate}", cells - 4)]
        return out
