"""Jobs on the whole screen: each job with its last runs; below, the runs of the chosen one and what went wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from workbench.protocol import RunStatus
from workbench.tui.glyphs import RUN_STATES
from workbench.tui.line import Line
from workbench.tui.listing import Listing
from workbench.tui.numbers import ago, clock, count, duration, spell
from workbench.tui.text import wrap_words
from workbench.tui.title import Part, keys, title

HISTORY = 30
BELOW = 14
"""Lines for the chosen job, when there is room."""


class JobZoom(Listing):
    """History: height = time; failed, cancelled and running ones keep their signs. `usual` is the median of the done ones."""

    above = 2
    fades = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "", show=False),
        Binding("slash", "screen.filter", "filter"),
        Binding("R", "screen.refresh_job", "refresh"),
    ]

    def jobs(self) -> dict[str, list[RunStatus]]:
        """Runs by job, oldest first; jobs in the order of the Jobs pane."""
        picture, wanted = self.picture, self.picture.filters.get("jobs", "").lower()
        out: dict[str, list[RunStatus]] = {}
        for run in picture.snapshot.runs if picture.snapshot is not None else ():
            out.setdefault(run.job, [])
        for run in sorted(picture.runs.values(), key=lambda r: r.id):
            out.setdefault(run.job, []).append(run)
        return {job: runs for job, runs in out.items() if runs and wanted in f"{job} {runs[-1].error}".lower()}

    def rows(self) -> Sequence[str]:
        return list(self.jobs())

    @property
    def shown(self) -> int:
        return max(1, min(self.size.height - self.above - BELOW, 12)) if self.size.height > 24 else max(1, (self.size.height - 3) // 2)

    @property
    def current(self) -> RunStatus | None:
        runs = self.jobs().get(self.row, [])
        return runs[-1] if runs else None

    def build(self, cells: int) -> list[Line]:
        rows = self.size.height
        p, jobs = self.palette, self.jobs()
        states = [runs[-1].state for runs in jobs.values()]
        parts: list[Part] = []
        for state in ("running", "waiting", "failed"):
            glyph, colour = RUN_STATES[state]
            number = sum(1 for s in states if s == state)
            parts += [Part(f"{self.look.glyph(glyph)} ", self.look.colour(colour)), Part(f"{number}", p.text), Part(f" {state}  ", p.muted)]
        if wanted := self.picture.filters.get("jobs"):
            parts.append(Part(f" /{wanted}", p.here))
        right = keys(self.look, ("/", "filter"), ("esc", "back"))
        out = [title(self.look, cells, "Jobs", key="2", focused=self.has_focus, parts=parts, right=right), self._heads(cells)]
        if not jobs:
            return [*out, self.line(cells).gap(2).put("Nothing ran yet. R refreshes the chosen materialized view.", p.muted)]
        names = list(jobs)
        out += [self._job(cells, jobs[names[place]], place == self.place) for place in self.window()]
        return [*out, self.line(cells), *self._chosen(cells, rows - len(out) - 1, jobs.get(self.row, []))]

    def _heads(self, cells: int) -> Line:
        faint = self.palette.faint
        line = (
            self.line(cells).gap(2).left("job", 24, faint).left("last 30 runs   height = time", HISTORY + 3, faint).left("now", 26, faint)
        )
        if cells >= 100:
            line.right("usual", 8, faint).gap(3).left("runs", 20, faint)
        return line

    def _job(self, cells: int, runs: list[RunStatus], chosen: bool) -> Line:
        p, run = self.palette, runs[-1]
        line = self.mark(self.line(cells, p.select if chosen else None), chosen)
        glyph, colour = RUN_STATES[run.state]
        line.put(f"{self.look.glyph(glyph)} ", self.look.colour(colour)).put(f"#{run.id} ", p.muted if chosen else p.faint)
        loud = run.state in {"running", "failed"}
        line.left(run.job, max(6, 26 - line.x - 1), p.bright if loud else p.text, bold=chosen).gap()
        self._history(line, runs)
        self._now(line, run)
        if cells >= 100:
            number, unit = duration(usual(runs))
            line.right(number if usual(runs) else "", 5, p.text).put(f" {unit:3}" if usual(runs) else "    ", p.muted).gap(2)
            line.left(run.cause, min(22, line.room), p.muted)
        return line

    def _history(self, line: Line, runs: list[RunStatus]) -> None:
        p, g = self.palette, self.look.glyphs
        last = runs[-HISTORY:]
        top = max((run.seconds for run in last), default=0.0) or 1.0
        line.gap(HISTORY - len(last))
        for run in last:
            if run.state == "done":
                line.put(g.bars[max(0, min(6, int(run.seconds / top * 6.99)))], p.data)
            else:
                glyph, colour = RUN_STATES[run.state]
                line.put(self.look.glyph(glyph), self.look.colour(colour), bold=run.state == "failed")
        line.gap(3)

    def _now(self, line: Line, run: RunStatus) -> None:
        p, start = self.palette, line.x
        if run.state == "running" and run.progress is not None:
            line.thin(run.progress, 8, p.alive, p.rule).right(f"{run.progress * 100:.0f}%", 5, p.text).gap(2)
            line.left(f"{spell(run.left)} left" if run.left is not None else "", 11, p.bright)
        elif run.state == "running":
            line.put(spell(run.seconds), p.bright)
        elif run.state == "failed":
            line.left(run.error.partition("\n")[0], 25, p.fail, bold=True)
        elif run.state == "waiting":
            line.left(run.cause or "waiting", 25, p.muted)
        else:
            when = ago(run.started_at + run.seconds, self.picture.clock(), self.picture.zone)
            line.left(f"{spell(run.seconds)}, {when}", 25, p.muted)
        line.to(start + 26)

    def _chosen(self, cells: int, rows: int, runs: list[RunStatus]) -> list[Line]:
        if not runs or rows < 3:
            return []
        p, run = self.palette, runs[-1]
        glyph, colour = RUN_STATES[run.state]
        parts = [Part(f"{self.look.glyph(glyph)} {run.state.upper()}", self.look.colour(colour), True)]
        if run.cause:
            parts.append(Part(f"  {run.cause}", p.muted))
        head = title(self.look, cells, f"#{run.id} {run.job}", parts=parts, right=keys(self.look, ("R", "refresh")))
        left = min(52, cells)
        attempts = self._attempts(left, runs, rows - 1)
        if cells < 100:
            text = self._words(cells, run)
            return [head, *(text if run.error else []), *attempts]
        words = self._words(cells - left - 2, run)
        out = [head]
        for i in range(max(len(attempts), len(words))):
            a = attempts[i] if i < len(attempts) else self.line(left)
            b = words[i] if i < len(words) else self.line(cells - left - 2)
            out.append(self.line(cells).add(a).gap(2).add(b))
        return out

    def _attempts(self, cells: int, runs: list[RunStatus], rows: int) -> list[Line]:
        p, zone = self.palette, self.picture.zone
        out = [
            self.line(cells)
            .gap(2)
            .left("run", 7, p.faint)
            .left("started", 10, p.faint)
            .right("took", 9, p.faint)
            .right("rows", 12, p.faint)
            .gap(2)
            .put("end", p.faint)
        ]
        for run in reversed(runs[-max(1, rows - 1) :]):
            glyph, colour = RUN_STATES[run.state]
            shade = self.look.colour(colour)
            line = (
                self.line(cells)
                .put(f"{self.look.glyph(glyph)} ", shade)
                .left(f"#{run.id}", 7, p.text)
                .left(clock(run.started_at, zone), 10, p.muted)
            )
            number, unit = duration(run.seconds)
            line.right(number, 5, p.bright).put(f" {unit:3}", p.muted).right(
                count(run.rows) if run.rows is not None else "", 12, p.text
            ).gap(2)
            out.append(line.put(run.state, shade if run.state == "failed" else p.muted))
        return out

    def _words(self, cells: int, run: RunStatus) -> list[Line]:
        p = self.palette
        if run.error:
            lines = wrap_words(run.error, cells - 1)
            return [self.line(cells).put(text, p.fail if i == 0 else p.text, bold=i == 0) for i, text in enumerate(lines)]
        if run.rows is not None:
            return [self.line(cells).put(count(run.rows), p.bright).put(" rows written", p.muted)]
        return []


def usual(runs: Sequence[RunStatus]) -> float:
    """The median duration of the runs that were done; 0 without any."""
    done = sorted(run.seconds for run in runs if run.state == "done")
    return done[len(done) // 2] if done else 0.0
