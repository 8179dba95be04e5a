"""One run of a job: what it is, how it went."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.language.definitions import MaterializedView
from workbench.protocol import RunState, RunStatus


@dataclass(slots=True)
class JobRun:
    """A refresh of one materialized view. `started_at` is seconds since 1970, 0.0 while it waits."""

    id: int
    view: MaterializedView
    cause: str
    state: RunState = "waiting"
    started_at: float = 0.0
    seconds: float = 0.0
    rows: int | None = None
    error: str = ""
    progress: float | None = None

    def status(self, now: float) -> RunStatus:
        seconds = max(0.0, now - self.started_at) if self.state == "running" else self.seconds
        left = None
        if self.state == "running" and self.progress and self.progress > 0.02:
            left = seconds * (1 - self.progress) / self.progress
        return RunStatus(
            self.id, self.view.name, self.state, self.progress, self.started_at, seconds, left, self.rows, self.error, self.cause
        )
