"""The top line: name, project, what the streams do, speed, the screen's own delay, the clock."""

from __future__ import annotations

from collections.abc import Mapping

from workbench.protocol import Snapshot
from workbench.tui.line import Line
from workbench.tui.live import Live
from workbench.tui.numbers import clock, count, rate
from workbench.tui.text import cut_middle, width
from workbench.tui.widgets.streams import lost

UI_LATE = 50.0
"""Milliseconds of delay from which the screen calls itself late."""
DROPPED = ("cpu", "rows/s", "waiting", "paused", "ui", "stopped", "live")
"""What goes first when the line gets narrow; counts that call for somebody stay, and so does a delay that is late."""


class Header(Live):
    """Counts of streams by state, of rejected and of lost rows; drops cpu, rows/s, `waiting`, `paused` … as it gets narrow."""

    DEFAULT_CSS = "Header { height: 1; }"

    def build(self, cells: int) -> list[Line]:
        p, picture = self.palette, self.picture
        line = self.line(cells, p.band).gap().put(f"{self.look.glyphs.logo} ", p.here, bold=True).put("workbench", p.bright, bold=True)
        wide = cells >= 100
        line.gap(2).put(cut_middle(picture.project, 24 if wide else 12, self.look.glyphs.ellipsis), p.text).gap(3 if wide else 2)
        snapshot = picture.snapshot if picture.paused else picture.figures
        counts: dict[str, Line] = {}
        if picture.connection != "live" or snapshot is None:
            self._connection(line)
        else:
            counts = self._counts(snapshot, 3 if wide else 2)
        right = self._right(snapshot, wide)
        kept = _fitting(counts | right, cells - line.x)
        for word, part in counts.items():
            if word in kept:
                line.add(part)
        line.to(cells - sum(part.x for word, part in right.items() if word in kept))
        for word, part in right.items():
            if word in kept:
                line.add(part)
        return [line]

    def _connection(self, line: Line) -> None:
        p, picture = self.palette, self.picture
        if picture.connection == "lost":
            line.put(f"{self.look.glyphs.fail} engine gone", p.fail, bold=True).put("  nothing is read now", p.muted)
        else:
            line.put("starting the engine" + self.look.glyphs.ellipsis, p.text)

    def _counts(self, snapshot: Snapshot, gap: int) -> dict[str, Line]:
        """By the word of each: its sign, its number and the word."""
        p, g = self.palette, self.look.glyphs
        states = [s.state for s in snapshot.streams]
        rejected = sum(s.rejected for s in snapshot.streams)
        out: dict[str, Line] = {}
        pieces = [
            (g.run, states.count("RUN"), "live", p.alive, True),
            (g.late, states.count("LAG"), "behind", p.late, False),
            (g.pause, states.count("PAUSE"), "paused", p.held, False),
            (g.stop, states.count("STOP"), "stopped", p.held, False),
            (g.fail, states.count("FAIL"), "failed", p.fail, False),
            (g.wait, states.count("WAIT"), "waiting", p.muted, False),
            (g.fail, rejected, "rejected", p.fail, True),
            (g.fail, sum(lost(s) for s in snapshot.streams), "lost", p.fail, False),
        ]
        for glyph, number, word, colour, always in pieces:
            if not (number or always):
                continue
            quiet, text = number == 0, f" {count(number)} "
            line = self.line(width(glyph + text + word) + gap, p.band)
            line.put(glyph, p.faint if quiet else colour).put(text, p.faint if quiet else p.bright, bold=not quiet)
            out[word] = line.put(word, p.muted).gap(gap)
        return out

    def _right(self, snapshot: Snapshot | None, wide: bool) -> dict[str, Line]:
        """Figures by name: rows/s and cpu where it is wide, the screen's own delay, the clock."""
        p, picture = self.palette, self.picture
        late = picture.ui > UI_LATE
        pieces: dict[str, list[tuple[str, str, bool]]] = {}
        if wide and snapshot is not None and picture.connection == "live":
            pieces["rows/s"] = [(rate(snapshot.rate), p.text, False), (" rows/s   ", p.muted, False)]
            pieces["cpu"] = [("cpu ", p.muted, False), (f"{snapshot.cpu * 100:.0f}%   ", p.text, False)]
        pieces["late" if late else "ui"] = [("ui ", p.muted, False), (f"{picture.ui:.0f} ms   ", p.late if late else p.text, late)]
        pieces["clock"] = [(clock(picture.clock(), picture.zone), p.bright, False), (" ", p.text, False)]
        out = {}
        for name, texts in pieces.items():
            line = self.line(sum(width(text) for text, _, _ in texts), p.band)
            for text, colour, bold in texts:
                line.put(text, colour, bold=bold)
            out[name] = line
        return out


def _fitting(parts: Mapping[str, Line], room: int) -> set[str]:
    """The parts that fit, those that are dropped last taken first."""
    kept = set(parts.keys() - set(DROPPED))
    room -= sum(parts[word].x for word in kept)
    for word in reversed(DROPPED):
        if word in parts:
            room -= parts[word].x
            if room < 0:
                break
            kept.add(word)
    return kept
