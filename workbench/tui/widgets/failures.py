"""Pane 3: which rules are broken, how often lately, and the last bad line with its field marked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from workbench.protocol import QuarantineDetail, RuleStatus
from workbench.tui.line import Line
from workbench.tui.listing import Listing
from workbench.tui.numbers import clock, count
from workbench.tui.picture import Picture
from workbench.tui.raw import put_raw
from workbench.tui.text import wrap_words
from workbench.tui.title import Part, title

LAST = 3
"""Lines of the last bad record, with the blank one above."""


def rules_of(picture: Picture) -> list[RuleStatus]:
    """The rules that were ever broken and pass the filter, in the engine's order."""
    snapshot, wanted = picture.figures if picture.paused else picture.snapshot, picture.filters.get("failures", "").lower()
    rules = snapshot.rules if snapshot is not None else ()
    return [r for r in rules if (r.total or r.recent) and wanted in f"{r.rule} {r.stream} {r.predicate}".lower()]


def newest(rules: Sequence[RuleStatus]) -> RuleStatus | None:
    """The rule that was broken last."""
    broken = [r for r in rules if r.last_id is not None]
    return max(broken, key=lambda r: r.last_seen or 0.0, default=None)


class Failures(Listing):
    """By rule: sparkline, count of the last five minutes, NEW, stream; drops the last line, sparkline, stream."""

    above = 1
    fades = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "open"),
        Binding("slash", "screen.filter", "filter"),
    ]

    def __init__(self, picture: Picture, *, id: str | None = None) -> None:
        super().__init__(picture, id=id)
        self.last: QuarantineDetail | None = None

    def rows(self) -> Sequence[str]:
        return [self.picture.rule_key(r.stream, r.rule) for r in rules_of(self.picture)]

    @property
    def current(self) -> RuleStatus | None:
        rules = rules_of(self.picture)
        return rules[self.place] if rules else None

    @property
    def shown(self) -> int:
        space = self.size.height - 1
        return max(1, space - LAST if self.last is not None and space >= LAST + 2 else space)

    def build(self, cells: int) -> list[Line]:
        rows = self.size.height
        rules, p = rules_of(self.picture), self.palette
        recent = sum(r.recent for r in rules)
        parts = [Part(count(recent), p.bright if recent else p.faint, bool(recent)), Part(" in 5 min", p.muted)] if rules else []
        if wanted := self.picture.filters.get("failures"):
            parts.append(Part(f"   /{wanted}", p.here))
        out = [title(self.look, cells, "Failures", key="3", focused=self.has_focus, parts=parts, right=[Part("by rule", p.faint)])]
        if not rules:
            return out + self._empty(cells)
        out += [self._rule(cells, rules[place], self.has_focus and place == self.place) for place in self.window()]
        if self.last is not None and rows - len(out) >= LAST:
            out += self._last(cells, self.last)
        return out

    def _rule(self, cells: int, r: RuleStatus, chosen: bool) -> Line:
        p = self.palette
        line = self.line(cells, p.select if chosen else None)
        quiet, loud = r.recent == 0, r.recent > 10
        line.left(r.rule, 15 if cells < 60 else 24, p.faint if quiet else p.bright if chosen else p.text, bold=chosen).gap()
        if cells >= 36:
            spark(line, r, 7 if cells < 60 else 24, loud)
        line.right(count(r.recent), 6, p.faint if quiet else p.bright, bold=loud).gap()
        if r.new and self.picture.rule_key(r.stream, r.rule) not in self.picture.opened:
            line.put("NEW", p.changed, ground=p.ground, bold=True, reverse=True)
        else:
            line.gap(3)
        return line.gap().right(r.stream, line.room, p.faint if quiet else p.muted)

    def _last(self, cells: int, detail: QuarantineDetail) -> list[Line]:
        p = self.palette
        row = detail.row
        head = self.line(cells).put("last ", p.faint).put(clock(row.arrived_at, self.picture.zone), p.muted)
        head.put(f"  {row.stream} line ", p.faint).put(f"{row.line:,}", p.text)
        raw = self.line(cells)
        put_raw(raw, detail, *around(detail, cells))
        return [self.line(cells), head, raw]

    def _empty(self, cells: int) -> list[Line]:
        if self.picture.connection != "live":
            return []
        wanted = self.picture.filters.get("failures")
        text = (
            f"No rule contains {wanted!r}; esc shows all again." if wanted else "Nothing was rejected. Rows that break an EXPECT show here."
        )
        return [self.line(cells).put(part, self.palette.muted) for part in wrap_words(text, cells - 1)]


def spark(line: Line, r: RuleStatus, cells: int, loud: bool) -> None:
    """The last five minutes of a rule."""
    p = line.palette
    values = list(r.spark)
    if not any(values):
        line.spark([None] * cells, cells, p.data)
        return
    number = len(values)
    parts = [values[i * number // cells : max(i * number // cells + 1, (i + 1) * number // cells)] for i in range(cells)]
    means = [sum(part) / len(part) for part in parts]
    top = max(means)
    line.spark([value / top for value in means], cells, p.data, p.fail if loud and means[-1] else p.data2)


def around(detail: QuarantineDetail, cells: int) -> tuple[int, int]:
    """The part of the raw line that shows the first bad field, with a little before it."""
    start = 0
    if detail.spans:
        begin, end, _ = next((span for span in detail.spans if span[2] != "mark"), detail.spans[0])
        if end > cells - 2:
            comma = detail.raw.rfind(",", 0, max(0, begin - 1))
            start = comma + 1 if comma >= 0 and end - comma <= cells - 2 else begin
    return start, len(detail.raw)
