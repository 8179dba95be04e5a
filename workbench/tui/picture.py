"""Everything that the panes draw from, in one place; only the link and the screen change it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Literal

from workbench.protocol import Hello, RunStatus, Snapshot, StatePage, StreamStatus, Tail
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
    opened: set[str] = field(default_factory=set)
    runs: dict[int, RunStatus] = field(default_factory=dict)
    filters: dict[str, str] = field(default_factory=dict)

    def accept(self, snapshot: Snapshot) -> None:
        """Takes a snapshot; keeps the chosen stream and view while they exist."""
        self.snapshot = snapshot
        now = self.clock()
        if self.figures is None or (not self.paused and not 0 <= now - self.figures_at < FIGURES):
            self.figures, self.figures_at = snapshot, now
        for run in snapshot.runs:
            self.runs[run.id] = run
        names = [s.name for s in snapshot.streams]
        if self.stream not in names:
            self.choose(names[0] if names else "")
        chosen = self.chosen
        if chosen is not None and self.view not in chosen.views:
            self.view = chosen.views[0] if chosen.views else ""
            self.state = None

    def choose(self, stream: str) -> None:
        """Another stream; its tail and state are yet to come."""
        if stream == self.stream:
            return
        self.stream, self.tail, self.state, self.view, self.filter = stream, None, None, "", ""
        self.paused = False
        chosen = self.chosen
        if chosen is not None and chosen.views:
            self.view = chosen.views[0]

    @property
    def chosen(self) -> StreamStatus | None:
        """The chosen stream's newest status."""
        if self.snapshot is None:
            return None
        return next((s for s in self.snapshot.streams if s.name == self.stream), None)

    @property
    def new_rows(self) -> int:
        """Records that came since the view was paused."""
        chosen = self.chosen
        return max(0, chosen.rows_in - self.paused_total) if self.paused and chosen is not None else 0

    def rule_key(self, stream: str, rule: str) -> str:
        """The name of a rule of a stream, for `opened` and for cursors."""
        return f"{stream}\x1f{rule}"
