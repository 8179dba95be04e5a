"""The band under the header: mistakes in the pipelines, then fields that no longer fit their stream's columns."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events

from workbench.protocol import ProblemStatus
from workbench.tui.drift import around, drift_text
from workbench.tui.line import Line
from workbench.tui.live import Live
from workbench.tui.messages import Opened
from workbench.tui.text import cut, visible, width
from workbench.tui.title import keys

WIDE = 100


class ProblemBand(Live):
    """The first problem with its place, line and caret; without one the first drift that nobody looked at, with a line of it.

    It says how many more there are; `!` shows them all.
    """

    DEFAULT_CSS = "ProblemBand { height: 1; }"

    @property
    def problems(self) -> Sequence[ProblemStatus]:
        snapshot = self.picture.snapshot
        return snapshot.problems if snapshot is not None else ()

    def wanted(self, height: int) -> int:
        """Lines that the band takes on a screen of so many."""
        problems = self.problems
        if not problems:
            return (1 if height < 30 else 2) if self.picture.unseen else 0
        return 1 if height < 30 else 1 + (2 if problems[0].text else 0) + 1

    def build(self, cells: int) -> list[Line]:
        rows = self.size.height
        p, g, problems = self.palette, self.look.glyphs, self.problems
        if not problems:
            return self._drift(cells)
        first = problems[0]
        right = "  ! show all" if len(problems) > 1 else "  ! show"
        more = f"  +{len(problems) - 1} more" if len(problems) > 1 else ""
        line = (
            self.line(cells, p.band)
            .put(f" {g.fail} ", p.fail, bold=True)
            .put(f"{first.file}:{first.line}:{first.column} ", p.bright, bold=True)
        )
        line.put(cut(visible(first.message), max(0, line.room - width(more) - width(right)), g.ellipsis), p.fail).put(more, p.fail)
        line.to(cells - width(right) - 1)
        for part in keys(self.look, ("!", right.strip()[2:])):
            line.put(part.text, part.colour, bold=part.bold)
        out = [line]
        if rows > 1:
            out += problem_lines(self, cells, first, p.band)
            words = first.hint or "mend the file; it is read again when it is saved"
            out.append(self.line(cells, p.band).gap(3).put(f"{words}  ", p.text).put("The old definitions keep running.", p.muted))
        return out

    def _drift(self, cells: int) -> list[Line]:
        drifts, p, g = self.picture.unseen, self.palette, self.look.glyphs
        if not drifts:
            return []
        first, more = drifts[0], len(drifts) - 1
        right = [
            *(
                keys(self.look, ("a", "add column" if first.addable else "why not"), ("!", "show"))
                if first.kind != "vanished"
                else keys(self.look, ("!", "show"))
            )
        ]
        wide = sum(width(part.text) for part in right)
        line = self.line(cells, p.band).put(f" {g.late} ", p.late, bold=True).put(f"{first.stream}: ", p.bright, bold=True)
        count = f"   +{more} more" if more else ""
        words = drift_text(first) + (", which no column holds" if first.kind == "new" and cells >= WIDE else "")
        line.put(cut(visible(words), max(0, line.room - width(count) - wide - 3), g.ellipsis), p.late).put(count, p.muted)
        line.to(cells - wide - 1)
        for part in right:
            line.put(part.text, part.colour, bold=part.bold)
        return [line, self.line(cells, p.band).gap(3).marked(around(first.sample, first.field, cells - 4), first.field, p.muted)]

    def on_click(self, event: events.Click) -> None:
        event.stop()
        self.post_message(Opened("problems", ""))


def problem_lines(pane: Live, cells: int, problem: ProblemStatus, ground: str) -> list[Line]:
    """The source line and its caret; long lines are shown around the caret."""
    if not problem.text:
        return []
    p = pane.palette
    text, column = problem.text.expandtabs(1), max(0, problem.column - 1)
    start = max(0, column - cells // 2) if width(text) > cells - 4 else 0
    shown = cut(visible(text[start:]), cells - 4, pane.look.glyphs.ellipsis)
    pad = width(visible(text[start:column]))
    caret = "^" * max(1, min(problem.width, cells - 4 - pad))
    return [
        pane.line(cells, ground).gap(3).put(shown, p.text),
        pane.line(cells, ground).gap(3 + pad).put(caret, p.fail, bold=True),
    ]
