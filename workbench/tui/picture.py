"""Everything that the panes draw from, in one place; only the link and the screen change it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Literal

from workbench.protocol import DriftStatus, Hello, RunStatus, Snapshot, StatePage, StreamState, StreamStatus, Tail, ViewStatus
from workbench.tui.drift import drift_key
from workbench.tui.look import Look

Connection = Literal["starting", "live", "lost"]

FIGURES = 0.5
"""Seconds between changes of numbers; bars and the tail may move with each frame."""


@dataclass(slots=True)
class Picture:
    """The state of the screen.

    Attributes:
        snapshot: the newest; `figures` the one whose numbers are shown; both None until the engine answers.
        stream: the chosen stream; empty when there is none.
        filter: what the tail is searched for.
        paused: the view stands still; ingestion goes on. `paused_total` is the stream's records at that moment.
        ui: the event loop's delay in ms, measured by the app itself.
        opened: rules that were looked at, which are NEW no more.
        seen: keys of drifts that were looked at, which need no band any more.
        demo: what becomes of the demo's folder when it ends; empty when this is no demo.
        runs: every run of a job seen since the screen opened, by id.
    """

    project: str
    look: Look = field(default_factory=Look)
    clock: Callable[[], float] = time.time
    zone: tzinfo | None = None
    connection: Connection = "starting"
    trouble: str = ""
    hello: Hello | None = None
    snapshot: Snapshot | None = None
    figures: Snapshot | None = None
    figures_at: float = 0.0
    tail: Tail | None = None
    state: StatePage | None = None
    stream: str = ""
    view: str = ""
    filter: str = ""
    paused: bool = False
    paused_total: int = 0
    ui: float = 0.0
    demo: str = ""
    opened: set[str] = field(default_factory=set)
    seen: set[str] = field(default_factory=set)
    runs: dict[int, RunStatus] = field(default_factory=dict)
    filters: dict[str, str] = field(default_factory=dict)

    def accept(self, snapshot: Snapshot) -> None:
        """Takes a snapshot; keeps the chosen stream and view while they exist. A stream that comes or goes waits for no figures."""
        self.snapshot = snapshot
        now, names = self.clock(), [s.name for s in snapshot.streams]
        if self.stream not in names:
            self.choose(names[0] if names else "")
        if self.figures is None or (not self.paused and (self._figures_are_old(now) or names != [s.name for s in self.figures.streams])):
            self.figures, self.figures_at = snapshot, now
        for run in snapshot.runs:
            self.runs[run.id] = run
        chosen = self.chosen
        if chosen is not None and self.view not in chosen.views:
            self.view = chosen.views[0] if chosen.views else ""
            self.state = None

    def _figures_are_old(self, now: float) -> bool:
        return not 0 <= now - self.figures_at < FIGURES

    def choose(self, stream: str) -> None:
        """Another stream; its tail and state are yet to come."""
        if stream == self.stream:
            return
        self.stream, self.tail, self.state, self.view, self.filter = stream, None, None, "", ""
        self.paused = False
        chosen = self.chosen
        if chosen is not None and chosen.views:
            self.view = chosen.views[0]

    def next_view(self) -> bool:
        """Shows the next running state of the chosen stream; False when there is no other one."""
        chosen = self.chosen
        if chosen is None or len(chosen.views) < 2:
            return False
        place = chosen.views.index(self.view) if self.view in chosen.views else -1
        self.view, self.state = chosen.views[(place + 1) % len(chosen.views)], None
        return True

    @property
    def chosen(self) -> StreamStatus | None:
        """The chosen stream's newest status."""
        if self.snapshot is None:
            return None
        return next((s for s in self.snapshot.streams if s.name == self.stream), None)

    @property
    def stale(self) -> bool:
        """What is shown is from before the engine went: nothing of it is true of now."""
        return self.connection == "lost" and self.snapshot is not None

    def word(self, state: StreamState) -> str:
        """A stream's state, as far as it is known."""
        return "GONE" if self.stale else state

    @property
    def view_status(self) -> ViewStatus | None:
        """The event time of the view that is shown; None when the engine says nothing of it."""
        views = self.snapshot.views if self.snapshot is not None else ()
        return next((v for v in views if v.name == self.view), None)

    @property
    def drifts(self) -> tuple[DriftStatus, ...]:
        """Fields that no longer fit, those of the chosen stream first."""
        drifts = self.snapshot.drifts if self.snapshot is not None else ()
        return tuple(sorted(drifts, key=lambda d: d.stream != self.stream))

    @property
    def unseen(self) -> tuple[DriftStatus, ...]:
        """Those that nobody looked at yet."""
        return tuple(drift for drift in self.drifts if drift_key(drift) not in self.seen)

    @property
    def new_rows(self) -> int:
        """Records that came since the view was paused."""
        chosen = self.chosen
        return max(0, chosen.rows_in - self.paused_total) if self.paused and chosen is not None else 0

    def rule_key(self, stream: str, rule: str) -> str:
        """The name of a rule of a stream, for `opened` and for cursors."""
        return f"{stream}\x1f{rule}"
