"""A running state built anew from the stored rows of its stream, a bounded number of rows at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from workbench.language.definitions import MaterializedView, RunningState
from workbench.store import running as stored_running
from workbench.store import state as stored_state
from workbench.store.ids import keep_ids
from workbench.store.inserts import Inserts
from workbench.store.names import quote, stored
from workbench.store.running import Step, clear_progress, clear_view, write_view
from workbench.store.session import Session
from workbench.store.windows import publish_windows
from workbench.stream.arrival import Arrival
from workbench.stream.running import RunningView

CHUNK_ROWS = 122_880
"""Rows of a row group; a commit that stored more is taken whole."""


@dataclass(frozen=True, slots=True)
class _Stored:
    """The rows of one commit: their number and where they lie."""

    commit: int
    first: int
    last: int
    rows: int


def rebuild(
    session: Session,
    view: MaterializedView,
    state: RunningState,
    columns: tuple[str, ...],
    sources: tuple[str, ...],
    commit: int,
    chunk_rows: int = CHUNK_ROWS,
) -> RunningView:
    """Replay all stored rows through the code that takes new ones, by the sources and the idle times that the commits wrote down.

    Inside the caller's transaction, after the state's table was made.

    Args:
        columns: of the stream; sources: the flows that its rows come from now.
        commit: the newest one.
        chunk_rows: rows that are taken at a time, in whole commits.
    """
    history = stored_running.steps(session, view.name) if state.window is not None else []
    session.execute(f"DELETE FROM {stored(view.name)}")
    keep_ids(session)
    clear_view(session, view.name)
    clear_progress(session, view.name)
    publish_windows(session, view.name, stored_state.windows_sql(view.name, state))
    built = RunningView.load(session, view, state, columns, sources)
    _Replay(session, built, history, chunk_rows).run()
    built.sources = sources
    stored_state.mark_compacted(session, view.name, commit)
    return built


class _Replay:
    """Puts a stream's history through a view that is empty."""

    def __init__(self, session: Session, view: RunningView, history: Sequence[Step], chunk_rows: int) -> None:
        self._session, self._view, self._history, self._chunk_rows = session, view, list(history), chunk_rows
        self._inserts = Inserts(session)
        self._idle: frozenset[str] = frozenset()
        self._begun = view.state.window is None
        self._at = 0.0

    def run(self) -> None:
        waiting: list[_Stored] = []
        if self._history:
            self._view.sources = self._history[0].sources
        last = 0
        for piece in self._commits():
            last = piece.commit
            while self._history and (self._history[0].commit, self._history[0].ended) <= (piece.commit, False):
                waiting = self._take(waiting)
                self._step(self._history.pop(0))
            if not self._begun:
                self._step(Step(piece.commit, self._view.sources, (), False))
            waiting.append(piece)
            if sum(p.rows for p in waiting) >= self._chunk_rows:
                waiting = self._take(waiting)
        waiting = self._take(waiting)
        for step in self._history:
            self._step(step)
            last = step.commit
        if self._view.moved_by(self._idle):
            self._write(self._view.delta(self._session, (), self._idle), last)
        self._inserts.forget()

    def _step(self, step: Step) -> None:
        self._begun = True
        self._view.sources, self._idle = step.sources, frozenset(step.idle)
        self._write(self._view.delta(self._session, (), self._idle, step.ended), step.commit)

    def _take(self, pieces: list[_Stored]) -> list[_Stored]:
        """Put the rows of some commits into the state."""
        if pieces:
            self._write(self._view.delta(self._session, [self._arrival(pieces)], self._idle), pieces[-1].commit)
            self._compact(pieces[-1].commit)
        return []

    def _write(self, delta: stored_running.ViewDelta, commit: int) -> None:
        found = self._session.execute('SELECT epoch(max("at")) FROM _system.commits WHERE id = ?', [commit])
        self._at = found[0][0] or self._at
        write_view(self._inserts, delta, commit, self._at)
        self._view.advance(delta)

    def _compact(self, commit: int) -> None:
        view = self._view
        if view.compaction_due:
            view.groups = stored_state.groups(self._session, view.name, view.state)
            if view.compaction_due:
                view.partials = stored_state.compact_inside(self._session, view.name, view.state, commit)

    def _arrival(self, pieces: list[_Stored]) -> Arrival:
        names = ", ".join(map(quote, self._view.columns))
        rows = self._session.arrow(
            f"SELECT {names}, 0::UTINYINT AS _verdict FROM {stored(self._view.state.stream)}"
            f" WHERE rowid BETWEEN {pieces[0].first} AND {pieces[-1].last} ORDER BY rowid"
        )
        return Arrival("", rows, np.zeros(rows.num_rows, np.uint8), tuple(self._origins(pieces)))

    def _origins(self, pieces: list[_Stored]) -> Iterator[tuple[str, int]]:
        """The runs of sources of some commits; rows of an unknown source move no watermark."""
        found: dict[int, list[tuple[str, int]]] = {}
        for id, origins in self._session.execute(
            "SELECT id, origins FROM _system.commits WHERE stream = ? AND id BETWEEN ? AND ? ORDER BY id, rowid",
            [self._view.state.stream, pieces[0].commit, pieces[-1].commit],
        ):
            found.setdefault(id, []).extend((run["flow"], run["rows"]) for run in origins or ())
        for piece in pieces:
            runs = found.get(piece.commit, [])
            yield from runs if sum(count for _, count in runs) == piece.rows else [("", piece.rows)]

    def _commits(self) -> Iterator[_Stored]:
        table = self._session.arrow(
            f"SELECT _commit, min(rowid), max(rowid), count(*) FROM {stored(self._view.state.stream)} GROUP BY _commit ORDER BY _commit"
        )
        for row in zip(*(column.to_pylist() for column in table.columns), strict=True):
            yield _Stored(*row)
