"""A tab of the SQL pane: its text, its last run, its result, and whether it refreshes itself."""

from __future__ import annotations

from dataclasses import dataclass, field

from workbench.protocol import QueryStatus
from workbench.tui.sql.changes import Changes
from workbench.tui.sql.pages import Pages
from workbench.tui.sql.statement import Statement, name_of


@dataclass(slots=True)
class Run:
    """One query: what was asked, how far it is, the rows that are here."""

    statement: Statement
    status: QueryStatus | None = None
    pages: Pages = field(default_factory=Pages)
    error: str = ""
    hint: str = ""
    position: int | None = None
    """Of the error, in characters of the tab's text."""
    cancelling: bool = False

    @property
    def running(self) -> bool:
        return not self.error and (self.status is None or self.status.state == "running")

    @property
    def columns(self) -> tuple[tuple[str, str], ...]:
        return self.status.columns if self.status is not None else ()

    @property
    def grouped(self) -> bool:
        """A result of groups, whose amounts are worth a bar."""
        return "group by" in " ".join(self.statement.text.lower().split())


@dataclass(slots=True)
class Tab:
    """What belongs to one tab.

    Attributes:
        run: the run whose result is shown; `next_run` the refresh that is on its way behind it.
        live: refreshes itself; `ran_at` is when it last did, in seconds of the desk's clock.
        row, top, left: cursor row, first row and first column shown.
    """

    number: int
    text: str = ""
    place: tuple[int, int] = (0, 0)
    run: Run | None = None
    next_run: Run | None = None
    live: bool = False
    ran_at: float = 0.0
    ran_commit: int = -1
    row: int = 0
    top: int = 0
    left: int = 0
    changes: Changes = field(default_factory=Changes)

    @property
    def name(self) -> str:
        source = self.run.statement.text if self.run is not None else self.text
        return name_of(source) if source.strip() else "new"

    @property
    def running(self) -> bool:
        return any(run is not None and run.running for run in (self.run, self.next_run))

    @property
    def asking(self) -> bool:
        """A person waits for an answer: a query runs that is not just a refresh."""
        return self.run is not None and self.run.running
