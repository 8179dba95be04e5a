"""Pane 1: the streaming tables, one a line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from workbench.protocol import FlowStatus, Snapshot, StreamState, StreamStatus
from workbench.tui.glyphs import STREAM_STATES
from workbench.tui.line import Line
from workbench.tui.listing import Listing
from workbench.tui.messages import Opened
from workbench.tui.numbers import clock, count, duration, rate, spell, step_above
from workbench.tui.picture import Picture
from workbench.tui.text import cut, cut_middle, visible, wrap_words
from workbench.tui.title import Part, title

SCALE_HOLDS = 60.0
"""Seconds before a sparkline's scale goes down again; up it goes at once."""
NAME, STATE, RATE, BEHIND, ROWS, QUEUE, REJECTED, LOST = 12, 8, 6, 9, 6, 6, 8, 6
LOUD = 50
"""Rejected rows in five minutes from which their number calls for somebody."""
FIXED = 2 + NAME + STATE + RATE + 2 + BEHIND
SLOW = {
    "source": "its source is slow",
    "decode": "decoding is slow",
    "commit": "commits are slow",
    "disk": "the disk is slow",
    "limit": "held by its limit",
}
"""Who a stream waits for, in words."""
CALM = {"RUN", "DONE", "WAIT", "GONE"}
"""States that call for nobody."""
PART = "\x1f"
"""Between a stream and one of its sources, in the keys of rows."""


class Streams(Listing):
    """State, speed, delay, queue and rejected rows of each stream; drops sparkline, queue, rejected, rows when narrow.

    Rejected and lost are totals, as in SQL; the column of lost rows is there when some were. A stream with several sources has
    each of them below it, as long as all of it fits; the cursor stands on streams only.
    """

    above = 2
    with_sources = True
    fades = True
    DEFAULT_CSS = "Streams { height: 8; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "open"),
    ]

    def __init__(self, picture: Picture, *, id: str | None = None) -> None:
        super().__init__(picture, id=id)
        self._scales: dict[str, tuple[float, float]] = {}

    def rows(self) -> Sequence[str]:
        figures = self.picture.figures
        if figures is None:
            return ()
        with_flows = self.with_sources and sum(lines_of(figures)) <= self.shown
        return [key for s in figures.streams for key in (_keys(s) if with_flows else [s.name])]

    def go(self, place: int) -> None:
        rows = self.rows()
        if rows:
            stream = rows[max(0, min(place, len(rows) - 1))].partition(PART)[0]
            self.picture.choose(stream)
            super().go(rows.index(stream))

    def action_move(self, by: int) -> None:
        rows = self.rows()
        streams = [row for row in rows if PART not in row]
        if self.picture.stream in streams:
            place = streams.index(self.picture.stream) + by
            self.go(rows.index(streams[max(0, min(place, len(streams) - 1))]))

    def action_last(self) -> None:
        """G resumes a view that is paused, wherever the cursor is: that is what the tail's title says."""
        if self.picture.paused:
            self.post_message(Opened("tail", "resume"))
        else:
            super().action_last()

    def build(self, cells: int) -> list[Line]:
        picture, p = self.picture, self.palette
        figures = picture.figures
        streams = figures.streams if figures is not None else ()
        parts = [Part(str(len(streams)), p.muted)] if streams else []
        out = [title(self.look, cells, "Streams", key="1", focused=self.has_focus, parts=parts, right=self._note(streams))]
        if not streams:
            return out + self._empty(cells)
        self.row = picture.stream
        columns = _columns(cells, any(lost(s) for s in streams))
        out.append(self._heads(cells, columns))
        newest = {s.name: s for s in picture.snapshot.streams} if picture.snapshot is not None else {}
        by_name, rows = {s.name: s for s in streams}, self.rows()
        for place in self.window():
            stream, _, flow = rows[place].partition(PART)
            status, now = by_name[stream], newest.get(stream, by_name[stream])
            if flow:
                out.append(self._flow(cells, columns, next((f for f in now.flows if f.name == flow), None)))
            else:
                out.append(self._stream(cells, columns, status, now))
        return out

    def _note(self, streams: Sequence[StreamStatus]) -> list[Part]:
        """The one thing most worth saying: what is lost, who is slow and how long it takes; of the chosen stream if there is any."""
        p, g = self.palette, self.look.glyphs
        if self.picture.stale:
            return self._as_of()
        limit = sum(f.limit or 0.0 for s in streams if s.name == self.picture.stream for f in s.flows)
        for s in sorted(streams, key=lambda s: (s.name != self.picture.stream, -s.lag_seconds)):
            gone, late = lost(s), s.state == "LAG"
            if gone or late:
                name = Part(cut(visible(s.name), NAME, g.ellipsis), p.text)
                parts = [Part(f"  {g.fail} {rate(gone)} lost", p.fail, True)] if gone else []
                return [name, *parts, *([Part(f"  {trouble(s)}", p.late)] if late else [])]
        return [Part(f"limit {rate(limit)} rows/s", p.held)] if limit else []

    def _as_of(self) -> list[Part]:
        """From when the figures are, once the engine is gone."""
        picture = self.picture
        if not picture.stale or picture.snapshot is None:
            return []
        return [Part(f"  as of {clock(picture.snapshot.at, picture.zone)}, when the engine last answered", self.palette.late)]

    def _heads(self, cells: int, columns: dict[str, int]) -> Line:
        faint = self.palette.faint
        line = self.line(cells).gap(2).left("name", NAME, faint).left("state", STATE, faint).right("rows/s", RATE, faint).gap(2)
        if spark := columns["spark"]:
            line.left("60 s", spark, faint).gap(2)
        line.right("behind", 6, faint).gap(3)
        if columns["rows"]:
            line.right("rows", ROWS, faint)
        if columns["queue"]:
            line.gap(2).left("queue", QUEUE, faint)
        if columns["rejected"]:
            line.right("rejected", columns["rejected"], faint)
        if columns["lost"]:
            line.right("lost", columns["lost"], faint)
        return line

    def _stream(self, cells: int, columns: dict[str, int], s: StreamStatus, now: StreamStatus) -> Line:
        p = self.palette
        chosen = s.name == self.picture.stream
        line = self.mark(self.line(cells, p.select if chosen else None), chosen)
        line.left(s.name, NAME - 1, p.bright if chosen else p.text, bold=chosen).gap()
        self._state(line, now.state)
        goes_on = len(now.flows) > 1 and s.rate >= 0.5  # by another of its sources
        if now.detail and now.state in {"FAIL", "WAIT", "STOP"} and not goes_on:
            return self._detail(line, columns, now)
        line.right(self._rate(s.rate), RATE, p.bright if s.rate >= 0.5 else p.faint).gap(2)
        if columns["spark"]:
            self._spark(line, columns["spark"], s)
        self._behind(line, now)
        if columns["rows"]:
            self._unread(line, now)
        if columns["queue"]:
            self._queue(line.gap(2), now, chosen)
        if columns["rejected"]:
            self._rejected(line, s, columns["rejected"])
        if columns["lost"]:
            self._lost(line, lost(now))
        return line

    def _flow(self, cells: int, columns: dict[str, int], f: FlowStatus | None) -> Line:
        """One of several sources of the stream above it."""
        p, g, line = self.palette, self.look.glyphs, self.line(cells)
        if f is None:
            return line
        line.gap(3).left(f.name, NAME - 2, p.muted).gap()
        self._state(line, f.state)
        line.right(self._rate(f.rate), RATE, p.text if f.rate >= 0.5 else p.faint).gap(2)
        if spark := columns["spark"]:
            line.left(cut_middle(visible(address(f)), spark, g.ellipsis), spark, p.faint).gap(2)
        self._behind(line, f)
        if columns["rows"]:
            self._unread(line, f)
        if columns["lost"]:
            line.gap(columns["queue"] + columns["rejected"])
            self._lost(line, f.dropped)
        return line

    def _state(self, line: Line, state: StreamState) -> None:
        word = self.picture.word(state)
        glyph, name = STREAM_STATES[word]
        colour, calm = self.look.colour(name), word in CALM
        line.put(f"{self.look.glyph(glyph)} ", colour).left(word, STATE - 2, self.palette.muted if calm else colour, bold=not calm)

    def _rate(self, rows: float) -> str:
        """Rows/s; nothing is read once the engine is gone."""
        return self.look.glyphs.dash if self.picture.stale else rate(rows)

    def _detail(self, line: Line, columns: dict[str, int], now: StreamStatus) -> Line:
        p = self.palette
        room = line.room - columns["rejected"] - columns["lost"]
        line.left(" " + now.detail, room, p.fail if now.state == "FAIL" else p.muted)
        if columns["rejected"]:
            self._rejected(line, now, columns["rejected"])
        if columns["lost"]:
            self._lost(line, lost(now))
        return line

    def _spark(self, line: Line, cells: int, s: StreamStatus) -> None:
        p = self.palette
        values = _buckets(s.spark, cells)
        top = self._scale(s.name, max((v for v in values if v is not None), default=0.0))
        scaled = [None if v is None else v / top for v in values]
        if s.state in {"PAUSE", "STOP"}:
            scaled = _trailing_dots(scaled)
        hot = range(cells - 5, cells) if s.state == "LAG" else ()
        line.spark(scaled, cells, p.data, p.data2, hot, p.late).gap(2)

    def _scale(self, name: str, peak: float) -> float:
        now, wanted = self.picture.clock(), step_above(peak)
        top, since = self._scales.get(name, (wanted, now))
        if wanted >= top or now - since > SCALE_HOLDS:
            top, since = wanted, now
        self._scales[name] = (top, since)
        return top

    def _behind(self, line: Line, s: StreamStatus | FlowStatus) -> None:
        p = self.palette
        late, held = s.state == "LAG", s.state in {"PAUSE", "STOP"}
        number, unit = (self.look.glyphs.dash, "") if self.picture.stale else duration(s.lag_seconds)
        line.right(number, 5, p.late if late else p.held if held else p.text, bold=late).gap()
        line.left(unit, 3, p.late if late else p.muted)

    def _unread(self, line: Line, s: StreamStatus | FlowStatus, cells: int = ROWS) -> None:
        p = self.palette
        line.right(rate(s.lag_rows), cells, p.late if s.state == "LAG" else p.muted if s.lag_rows else p.faint)

    def _queue(self, line: Line, s: StreamStatus, chosen: bool) -> None:
        p = self.palette
        if s.state == "LAG" and s.slow:
            line.left(s.slow, QUEUE, p.late)
        elif s.queue >= 0.99:
            line.put(f"{self.look.glyphs.heavy} ", p.late).left("full", QUEUE - 2, p.late, bold=True)
        else:
            line.thin(s.queue, QUEUE, p.late if s.queue > 0.4 else p.data2, p.faint if chosen else p.rule)

    def _rejected(self, line: Line, s: StreamStatus, cells: int) -> None:
        p = self.palette
        loud = s.rejected_recently > LOUD
        number = count(s.rejected) if s.rejected < 1_000_000 else rate(s.rejected)
        line.right(number, cells, p.fail if loud else p.text if s.rejected else p.faint)

    def _lost(self, line: Line, gone: int) -> None:
        line.right(rate(gone), LOST, self.palette.fail if gone else self.palette.faint, bold=gone > 0)

    def _empty(self, cells: int) -> list[Line]:
        picture, p = self.picture, self.palette
        if picture.connection == "starting":
            text = "The engine is starting; streams show here as soon as it answers."
        elif picture.connection == "lost":
            text = "The engine is gone. `:` restart starts it again; nothing that was committed is lost."
        elif picture.snapshot is not None and picture.snapshot.problems:
            text = "The pipelines have errors, so no stream runs yet. Mend the file; it is read again when it is saved."
        elif picture.snapshot is not None and picture.snapshot.inputs:
            said = [f"Nothing has come {'through the pipe' if one == '-' else f'to {one}'} yet" for one in picture.snapshot.inputs]
            text = f"{'; '.join(said)}. The first record tells how to read it, and makes it a table."
            waited = picture.snapshot.inputs
            troubles = [n.text for n in picture.snapshot.notices if n.kind != "info" and any(one in n.text for one in waited)]
            text = troubles[-1] if troubles else text
        else:
            text = "No streams yet. Write CREATE STREAMING TABLE … AS SELECT * FROM STREAM read_files('data/*.ndjson') into pipelines/."
        return [self.line(cells).gap(2).put(part, p.muted) for part in wrap_words(text, max(20, cells - 4))]


def lost(s: StreamStatus) -> int:
    """Records that were sent to a stream and could not be kept."""
    return sum(f.dropped for f in s.flows)


def lines_of(snapshot: Snapshot | None) -> tuple[int, int]:
    """Lines that the list wants: one a stream, and one for each source where a stream has several."""
    streams = snapshot.streams if snapshot is not None else ()
    return len(streams), sum(len(_keys(s)) - 1 for s in streams)


def address(f: FlowStatus) -> str:
    """What a source reads, without the function that reads it."""
    function, _, rest = f.source.partition(" ")
    return rest if rest and function.startswith("read_") else f.source


def trouble(s: StreamStatus) -> str:
    """Who a stream that is behind waits for, and how long it takes until it is not: `decoding is slow, about 21 s left`."""
    if s.catch_up is None and not s.watched:
        return "just begun"
    left = f"about {spell(s.catch_up)} left" if s.catch_up is not None else "not getting nearer"
    return f"{SLOW[s.slow]}, {left}" if s.slow else left


def _keys(s: StreamStatus) -> list[str]:
    return [s.name, *(f"{s.name}{PART}{f.name}" for f in s.flows)] if len(s.flows) > 1 else [s.name]


def _columns(cells: int, losses: bool = False) -> dict[str, int]:
    """Which columns fit: sparkline, queue, rejected and rows go first, in this order; lost rows, where there are any, are last to go."""
    have = {"spark": 0, "queue": 0, "rejected": 0, "rows": 0, "lost": 0}
    room = cells - FIXED
    for name, wide in (*((("lost", LOST),) if losses else ()), ("rows", ROWS), ("rejected", REJECTED), ("queue", QUEUE + 2)):
        if room < wide:
            have["rejected"] += 1 if have["rejected"] and room else 0  # or it stands right behind `rows`
            return have
        have[name] = wide
        room -= wide
    if room >= 10:
        have["spark"] = min(24, room - 2)
    return have


def _buckets(values: Sequence[float], cells: int) -> list[float | None]:
    """60 values of a second each as `cells` buckets, the newest last; seconds before the stream began are None."""
    if not values:
        return [None] * cells
    size = 60 / cells
    out: list[float | None] = []
    for i in range(cells):
        start, stop = len(values) - round((cells - i) * size), len(values) - round((cells - i - 1) * size)
        part = values[max(0, start) : max(0, stop)]
        out.append(sum(part) / len(part) if part else None)
    return out


def _trailing_dots(values: list[float | None]) -> list[float | None]:
    """Nothing since it was paused: dots, not bars of zero."""
    out = list(values)
    for i in range(len(out) - 1, -1, -1):
        if out[i]:
            break
        out[i] = None
    return out
