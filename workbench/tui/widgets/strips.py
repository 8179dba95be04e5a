"""On small screens: one line for each pane that is not shown, with the one thing most worth reading."""

from __future__ import annotations

from collections.abc import Callable

from textual import events

from workbench.tui.glyphs import RUN_STATES
from workbench.tui.line import Line
from workbench.tui.live import Live
from workbench.tui.messages import Opened
from workbench.tui.numbers import count, duration, elapsed, rate
from workbench.tui.picture import Picture
from workbench.tui.sql.desk import Desk
from workbench.tui.widgets.failures import rules_of, spark


class Strips(Live):
    """Key, name, counts, then a line's worth of the pane; a click goes there."""

    DEFAULT_CSS = "Strips { height: 3; }"

    def __init__(self, picture: Picture, desk: Desk, shown: Callable[[], str], *, id: str | None = None) -> None:
        super().__init__(picture, id=id)
        self._desk = desk
        self._shown = shown

    def others(self) -> list[tuple[str, str]]:
        """(key, name) of the panes that are not shown."""
        panes = [("1", "Streams"), ("2", "Jobs"), ("3", "Failures"), ("4", "SQL")]
        return [(key, name) for key, name in panes if key != self._shown()]

    def build(self, cells: int) -> list[Line]:
        p = self.palette
        out: list[Line] = []
        for key, name in self.others():
            line = self.line(cells).put(f" {key} ", p.muted, ground=p.band).gap().left(name, 10, p.text, bold=True)
            {"1": self._streams, "2": self._jobs, "3": self._failures, "4": self._sql}[key](line)
            out.append(line)
        return out

    def on_click(self, event: events.Click) -> None:
        others = self.others()
        if event.y < len(others):
            self.post_message(Opened("strips", others[event.y][0]))

    def _streams(self, line: Line) -> None:
        p, g, figures = self.palette, self.look.glyphs, self.picture.figures
        streams = figures.streams if figures is not None else ()
        if self.picture.stale:
            line.put("nothing is read now", p.muted)
            return
        states = [s.state for s in streams]
        line.put(f"{g.run} ", p.alive).left(str(states.count("RUN")), 3, p.text)
        line.put(f"{g.late} ", p.late).left(str(states.count("LAG")), 3, p.text).gap(5)
        worst = max(streams, key=lambda s: (s.state == "FAIL", s.state == "LAG", s.rate), default=None)
        if worst is not None:
            number, unit = duration(worst.lag_seconds)
            late = worst.state == "LAG"
            line.put(worst.name, p.muted).put(f"  {rate(worst.rate)}", p.text).put(" rows/s  ", p.muted)
            line.put(number, p.late if late else p.text, bold=late).put(f" {unit} behind", p.muted)
            line.put(f"  {worst.slow}" if late else "", p.late)

    def _jobs(self, line: Line) -> None:
        p, snapshot = self.palette, self.picture.snapshot
        runs = snapshot.runs if snapshot is not None else ()
        for state, loud in (("running", False), ("waiting", False), ("failed", True)):
            glyph, colour = RUN_STATES[state]
            number = sum(1 for run in runs if run.state == state)
            line.put(f"{self.look.glyph(glyph)} ", self.look.colour(colour) if number else p.faint)
            line.left(str(number), 3, (p.bright if loud else p.text) if number else p.faint, bold=loud and number > 0)
        run = next((r for r in runs if r.state == "running"), next((r for r in runs if r.state == "failed"), None))
        if run is not None and run.state == "running":
            line.put(f"{run.job} ", p.muted)
            if run.progress is not None:
                line.thin(run.progress, 12, p.alive, p.rule).put(f"  {run.progress * 100:.0f}%", p.text)
            if run.left is not None:
                left, unit = duration(run.left)
                line.put(f"  {left}", p.bright).put(f" {unit}", p.muted)
        elif run is not None:
            line.put(f"{run.job} ", p.bright, bold=True).put(run.error.partition("\n")[0], p.fail)

    def _failures(self, line: Line) -> None:
        p, rules = self.palette, rules_of(self.picture)
        recent = sum(r.recent for r in rules)
        line.put(f"{self.look.glyphs.fail} ", p.fail if recent else p.faint)
        line.put(count(recent), p.bright if recent else p.faint, bold=recent > 0).put(" in 5 min", p.muted).to(34)
        opened = self.picture.opened
        fresh = next((r for r in rules if r.new and self.picture.rule_key(r.stream, r.rule) not in opened), None)
        worst = fresh or max(rules, key=lambda r: r.recent, default=None)
        if worst is not None:
            line.left(worst.rule, 16, p.muted).gap()
            spark(line, worst, 12, worst.recent > 10)
            line.right(count(worst.recent), 6, p.bright).gap()
            if fresh is not None:
                line.put(" NEW ", p.changed, ground=p.ground, bold=True, reverse=True)

    def _sql(self, line: Line) -> None:
        p, g, tab = self.palette, self.look.glyphs, self._desk.tab
        line.left(f"{g.live} 2 s" if tab.live else f"{g.run} running" if tab.asking else "", 15, p.alive if tab.live else p.here)
        line.put(tab.name, p.text, underline=True)
        run = tab.run
        if run is not None and run.error:
            line.put(f"  {g.fail} {run.error}", p.fail)
        elif run is not None and run.status is not None:
            line.put(f"  {count(run.pages.total)}", p.text).put(f" rows  {elapsed(run.status.seconds)}", p.muted)
            if tab.live and tab.changes.changed:
                line.gap(3).put(f"{g.up} {tab.changes.changed} changed", p.changed, bold=True)
