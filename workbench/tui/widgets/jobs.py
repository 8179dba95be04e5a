"""Pane 2: runs of jobs: running first, then waiting, then the latest finished."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from workbench.protocol import RunStatus
from workbench.tui.glyphs import RUN_STATES
from workbench.tui.line import Line
from workbench.tui.listing import Listing
from workbench.tui.numbers import ago, duration, spell
from workbench.tui.text import width, wrap_words
from workbench.tui.title import Part, title

NAME = 14


class Jobs(Listing):
    """One line a run: glyph, number, name, then progress and time left, the error, or how long it took and when."""

    above = 1
    newest_first = True
    fades = True
    DEFAULT_CSS = "Jobs { height: 11; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "open"),
        Binding("slash", "screen.filter", "filter"),
        Binding("R", "screen.refresh_job", "refresh"),
    ]

    def runs(self) -> list[RunStatus]:
        """The runs that pass the filter."""
        snapshot, wanted = self.picture.snapshot, self.picture.filters.get("jobs", "").lower()
        runs = snapshot.runs if snapshot is not None else ()
        return [r for r in runs if wanted in f"{r.job} {r.state} {r.error} {r.cause}".lower()]

    def rows(self) -> Sequence[str]:
        return [str(run.id) for run in self.runs()]

    @property
    def current(self) -> RunStatus | None:
        runs = self.runs()
        return runs[self.place] if runs else None

    def build(self, cells: int) -> list[Line]:
        runs = self.runs()
        out = [title(self.look, cells, "Jobs", key="2", focused=self.has_focus, parts=self._counts())]
        if not runs:
            return out + self._empty(cells)
        return out + [self._run(cells, runs[place], self.has_focus and place == self.place) for place in self.window()]

    def _counts(self) -> list[Part]:
        p, snapshot = self.palette, self.picture.snapshot
        states = [run.state for run in snapshot.runs] if snapshot is not None else []
        parts: list[Part] = []
        for state, loud in (("running", False), ("waiting", False), ("failed", True)):
            glyph, colour = RUN_STATES[state]
            if number := sum(1 for s in states if s == state):
                parts += [Part(f"{'  ' if parts else ''}{self.look.glyph(glyph)} ", self.look.colour(colour))]
                parts += [Part(str(number), p.bright if loud else p.text, loud)]
        if self.picture.stale:
            parts = [Part(part.text, p.muted) for part in parts]
        if wanted := self.picture.filters.get("jobs"):
            parts.append(Part(f"   /{wanted}", p.here))
        return parts

    def _run(self, cells: int, run: RunStatus, chosen: bool) -> Line:
        p = self.palette
        line = self.line(cells, p.select if chosen else None)
        glyph, colour = RUN_STATES[run.state]
        number = f"#{run.id} " if cells >= 38 else ""
        failed = run.state == "failed"
        name = p.bright if run.state in {"running", "failed"} else p.text if run.state == "waiting" else p.muted
        line.put(f"{self.look.glyph(glyph)} ", self.look.colour(colour)).put(number, p.faint)
        line.left(run.job, NAME, name, bold=failed or chosen).gap()
        if run.state == "running":
            self._progress(line, run)
        elif failed:
            line.left(run.error.partition("\n")[0], line.room, p.fail)
        elif run.state == "waiting":
            line.left(run.cause or "waiting", line.room, p.muted)
        else:
            when = ago(run.started_at + run.seconds, self.picture.clock(), self.picture.zone)
            took = "cancelled" if run.state == "cancelled" else spell(run.seconds) if run.seconds >= 0.05 else "<0.1 s"
            line.left(took, max(0, line.room - width(when)), p.muted).put(when, p.faint)
        return line

    def _progress(self, line: Line, run: RunStatus) -> None:
        p = self.palette
        if run.progress is None:
            number, unit = duration(run.seconds)
            line.gap(line.room - 9).right(number, 5, p.bright).put(f" {unit}", p.muted)
            return
        bar = max(0, line.room - 12)
        if bar >= 4:
            line.thin(run.progress, bar, p.alive, p.rule)
        line.right(f"{run.progress * 100:.0f}%", 5, p.text)
        if run.left is not None and line.room >= 6:
            number, unit = duration(max(1.0, run.left))
            line.right(number.partition(".")[0] if unit == "s" else number, 4, p.bright).put(f" {unit}", p.muted)

    def _empty(self, cells: int) -> list[Line]:
        picture = self.picture
        if picture.connection != "live":
            return []
        if wanted := picture.filters.get("jobs"):
            text = f"No run contains {wanted!r}; esc shows all again."
        elif picture.snapshot is not None and any(d.kind == "materialized view" for d in picture.snapshot.datasets):
            text = "Nothing ran yet. REFRESH MATERIALIZED VIEW name in SQL runs one."
        else:
            text = "No jobs. A materialized view over a table, without STREAM, is refreshed as a job."
        return [self.line(cells).put(part, self.palette.muted) for part in wrap_words(text, cells - 1)]
