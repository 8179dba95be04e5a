"""The top line: name, project, what the streams do, speed, the screen's own delay, the clock."""

from __future__ import annotations

from workbench.protocol import Snapshot
from workbench.tui.line import Line
from workbench.tui.live import Live
from workbench.tui.numbers import clock, count, rate
from workbench.tui.text import cut_middle, width

UI_LATE = 50.0
"""Milliseconds of delay from which the screen calls itself late."""


class Header(Live):
    """Counts of streams by state and of rejected rows; drops cpu, rows/s and `paused` when it gets narrow."""

    DEFAULT_CSS = "Header { height: 1; }"

    def build(self, cells: int) -> list[Line]:
        p, picture = self.palette, self.picture
        line = self.line(cells, p.band).gap().put(f"{self.look.glyphs.logo} ", p.here, bold=True).put("workbench", p.bright, bold=True)
        wide = cells >= 100
        line.gap(2).put(cut_middle(picture.project, 24 if wide else 12, self.look.glyphs.ellipsis), p.text).gap(3 if wide else 2)
        snapshot = picture.snapshot if picture.paused else picture.figures
        if picture.connection != "live" or snapshot is None:
            self._connection(line)
        else:
            self._counts(line, snapshot, wide)
        right = self._right(snapshot, wide)
        line.to(cells - right.x)
        return [line.add(right)]

    def _connection(self, line: Line) -> None:
        p, picture = self.palette, self.picture
        if picture.connection == "lost":
            line.put(f"{self.look.glyphs.fail} engine gone", p.fail, bold=True).put("  nothing is read now", p.muted)
        else:
            line.put("starting the engine" + self.look.glyphs.ellipsis, p.text)

    def _counts(self, line: Line, snapshot: Snapshot, wide: bool) -> None:
        p, g = self.palette, self.look.glyphs
        states = [s.state for s in snapshot.streams]
        rejected = sum(s.rejected_recently for s in snapshot.streams)
        pieces = [
            (g.run, states.count("RUN"), "live", p.alive, True),
            (g.late, states.count("LAG"), "behind", p.late, False),
            (g.pause, states.count("PAUSE"), "paused", p.held, False),
            (g.fail, states.count("FAIL"), "failed", p.fail, False),
            (g.wait, states.count("WAIT"), "waiting", p.muted, False),
            (g.fail, rejected, "rejected", p.fail, True),
        ]
        for glyph, number, word, colour, always in pieces:
            if not (number or always) or (not wide and word in {"paused", "waiting"}):
                continue
            quiet = number == 0
            line.put(glyph, p.faint if quiet else colour).put(f" {count(number)} ", p.faint if quiet else p.bright, bold=not quiet)
            line.put(word, p.muted).gap(3 if wide else 2)

    def _right(self, snapshot: Snapshot | None, wide: bool) -> Line:
        p, picture = self.palette, self.picture
        pieces: list[tuple[str, str, bool]] = []
        if wide and snapshot is not None and picture.connection == "live":
            pieces += [(rate(snapshot.rate), p.text, False), (" rows/s   ", p.muted, False)]
            pieces += [("cpu ", p.muted, False), (f"{snapshot.cpu * 100:.0f}%", p.text, False), ("   ", p.text, False)]
        late = picture.ui > UI_LATE
        pieces += [("ui ", p.muted, False), (f"{picture.ui:.0f} ms", p.late if late else p.text, late), ("   ", p.text, False)]
        pieces += [(clock(picture.clock(), picture.zone), p.bright, False), (" ", p.text, False)]
        line = self.line(sum(width(text) for text, _, _ in pieces), p.band)
        for text, colour, bold in pieces:
            line.put(text, colour, bold=bold)
        return line
