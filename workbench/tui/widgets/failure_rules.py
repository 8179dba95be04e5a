"""Zoomed Failures, first level: every rule, with its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from workbench.protocol import RuleStatus
from workbench.tui.line import Line
from workbench.tui.listing import Listing
from workbench.tui.numbers import count, moment, share
from workbench.tui.title import Part, keys, title
from workbench.tui.widgets.failures import rules_of, spark

ACTIONS = {"mark": "keep row", "drop": "drop row", "fail": "fail update"}


class FailureRules(Listing):
    """Rule, stream, action, five minutes as a sparkline and a number, all, share, first seen."""

    above = 2
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "in"),
        Binding("slash", "screen.filter", "filter"),
        Binding("s", "screen.kept_rows", "kept rows in SQL", show=False),
    ]

    def rows(self) -> Sequence[str]:
        return [self.picture.rule_key(r.stream, r.rule) for r in rules_of(self.picture)]

    @property
    def current(self) -> RuleStatus | None:
        rules = rules_of(self.picture)
        return rules[self.place] if rules else None

    def build(self, cells: int) -> list[Line]:
        p, rules = self.palette, rules_of(self.picture)
        recent = sum(r.recent for r in rules)
        parts = [Part(count(recent), p.bright, True), Part(" rows in 5 min", p.muted)]
        parts += [Part(f"   {sum(1 for r in rules if r.recent)}", p.text), Part(f" of {len(rules)} rules", p.muted)]
        parts += [Part(f"  {len({r.stream for r in rules})}", p.text), Part(" streams", p.muted)]
        if wanted := self.picture.filters.get("failures"):
            parts.append(Part(f"   /{wanted}", p.here))
        right = keys(self.look, ("/", "filter"), ("esc", "back"))
        out = [title(self.look, cells, "Failures", key="3", focused=self.has_focus, parts=parts, right=right), self._heads(cells)]
        out += [self._rule(cells, rules[place], place == self.place) for place in self.window()]
        if not rules:
            out.append(self.line(cells).gap(2).put("No rule was broken yet.", p.muted))
        return out

    def _heads(self, cells: int) -> Line:
        faint = self.palette.faint
        line = self.line(cells).gap(2).left("rule", 22, faint).left("stream", 12, faint)
        if cells >= 100:
            line.left("on violation", 14, faint).left("last 5 min", 26, faint)
        line.right("5 min", 7, faint).right("all", 9, faint)
        if cells >= 70:
            line.right("share", 8, faint).gap(3).left("first seen", 10, faint)
        return line

    def _rule(self, cells: int, r: RuleStatus, chosen: bool) -> Line:
        p, picture = self.palette, self.picture
        quiet, loud = r.recent == 0, r.recent > 10
        word = p.faint if quiet else p.muted
        line = self.mark(self.line(cells, p.select if chosen else None), chosen)
        line.left(r.rule, 21, p.bright if chosen else p.faint if quiet else p.text, bold=chosen).gap().left(r.stream, 11, word).gap()
        if cells >= 100:
            line.left(ACTIONS.get(r.action, r.action), 14, word)
            spark(line, r, 24, loud)
            line.gap(2)
        line.right(count(r.recent), 7, p.faint if quiet else p.bright, bold=loud).right(count(r.total), 9, p.faint if quiet else p.text)
        if cells >= 70:
            seen = moment(r.first_seen, picture.clock(), picture.zone) if r.first_seen is not None else ""
            line.right(share(r.share), 8, word).gap(3).left(seen, 10, word)
            if r.new and picture.rule_key(r.stream, r.rule) not in picture.opened:
                line.put(" NEW ", p.changed, ground=p.ground, bold=True, reverse=True)
        return line
