"""Time travel: a query's tables as they were after an earlier commit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from workbench.errors import QueryCancelled, QueryError
from workbench.language.definitions import RunningState
from workbench.language.travel import COMMIT, Edited, Travel, edited, travels
from workbench.store.catalog import Entry, entries
from workbench.store.ids import last_commit
from workbench.store.names import quote, stored
from workbench.store.rewind import taken_back, time_of
from workbench.store.session import Session
from workbench.store.state import as_of_sql

_LOOK = "`SELECT id, committed_at FROM workbench.commits ORDER BY id DESC` lists the commits."


class TimeTravel:
    """Rewrites queries that name versions; the number of a commit is the version.

    A streaming table as of commit n has the rows that commits up to n stored, without those that a rewind took back later. A running
    state is what it showed after commit n.

    Args:
        states: the running states by lower-case name.
    """

    def __init__(self, states: Callable[[], Mapping[str, RunningState]]) -> None:
        self._states = states

    def rewrite(self, session: Session, sql: str) -> Edited:
        """The same statement over what its tables were, judged by what this session's transaction sees.

        Raises:
            QueryError: a version that never was, or of something that has none; the position is one in `sql`.
        """
        found = travels(sql)
        if not found:
            return Edited(sql)
        book = entries(session)
        replaced = [(_of_kind(travel, book), query) for travel in found if (query := self._query(session, travel, book)) is not None]
        return edited(sql, replaced)

    def _query(self, session: Session, travel: Travel, book: Mapping[str, Entry]) -> str | None:
        """What stands for the table; None where it is read as it is."""
        entry = book.get(travel.name.lower()) if travel.schema.lower() in ("", "main") else None
        if not travel.kind:
            return _rows(entry, None, True) if entry is not None and entry.kind == "streaming table" else None
        if entry is None or entry.kind not in ("streaming table", "running state"):
            raise _no_versions(travel, entry)
        commit = _commit(session, travel)
        if entry.kind == "streaming table":
            _existed(session, travel, entry.name, commit)
            return _rows(entry, commit, travel.commits)
        state = self._states().get(entry.name.lower())
        if state is None:
            raise QueryError(f"{entry.name} does not run now", "The problems of the pipelines say why.", travel.start)
        _existed(session, travel, state.stream, commit)
        return as_of_sql(session, entry.name, state, commit)


def _of_kind(travel: Travel, book: Mapping[str, Entry]) -> Travel:
    """A running state's rows have no commit that a star could give."""
    return travel if book[travel.name.lower()].kind == "streaming table" else replace(travel, stars=())


def _rows(entry: Entry, commit: int | None, commits: bool) -> str:
    names = ", ".join([*(quote(column.name) for column in entry.columns), *([COMMIT] if commits else [])])
    return f"SELECT {names} FROM {stored(entry.name)}{'' if commit is None else f' WHERE {COMMIT} <= {commit}'}"


def _no_versions(travel: Travel, entry: Entry | None) -> QueryError:
    if entry is None:
        shown = f"{travel.schema}.{travel.name}" if travel.schema else travel.name
        return QueryError(f"{shown} has no versions", "Streaming tables and running states have them.", travel.start)
    if entry.kind == "temporary view":
        hint = "Read the tables under it AT that version."
        return QueryError(f"{entry.name} is a temporary view, it has no versions", hint, travel.start)
    return QueryError(
        f"{entry.name} is a batch view: only its last result is kept", "Streaming tables and running states have versions.", travel.start
    )


def _commit(session: Session, travel: Travel) -> int:
    first, newest = session.execute("SELECT min(id) FROM _system.commit_log")[0][0], last_commit(session)
    if first is None:
        raise QueryError("There is no commit yet", "The first rows make the first version.", travel.start)
    if travel.kind == "TIMESTAMP":
        return _commit_at(session, travel, first)
    kind, value = _value(session, travel, "typeof({0})", "try_cast({0} AS BIGINT)::VARCHAR")
    if value is None or not str(kind).endswith(("INT", "INTEGER")):
        raise QueryError(f"VERSION is the number of a commit, not {travel.constant}", _LOOK, travel.constant_at)
    commit = int(str(value))
    if commit > newest:
        raise QueryError(f"There is no version {commit:,} yet, the newest is {newest:,}", _LOOK, travel.constant_at)
    if commit < first:
        raise QueryError(f"There is no version {commit:,}, the first is {first:,}", _LOOK, travel.constant_at)
    return commit


def _commit_at(session: Session, travel: Travel, first: int) -> int:
    """The newest commit that was made by then, where the clock stepped back also one that was made before a later one."""
    (time,) = _value(session, travel, "epoch_us(CAST({0} AS TIMESTAMPTZ))")
    if time is None:
        raise QueryError(
            f"TIMESTAMP is a time, not {travel.constant}", "Write it as '2026-01-31 10:00'; UTC unless it has a zone.", travel.constant_at
        )
    rows = session.execute(f'SELECT max(id) FROM _system.commit_log WHERE "at" <= make_timestamptz({time}::BIGINT)')
    if rows[0][0] is None:
        raise QueryError(f"There was no commit by then; the first is {first:,} at {time_of(session, first)}", _LOOK, travel.constant_at)
    return int(rows[0][0])


def _value(session: Session, travel: Travel, *expressions: str) -> tuple[object, ...]:
    try:
        return session.execute(f"SELECT {', '.join(e.format(f'({travel.constant})') for e in expressions)}")[0]
    except QueryCancelled:
        raise
    except QueryError as error:
        raise QueryError(error.message.split("\n")[0], error.hint, travel.constant_at) from error


def _existed(session: Session, travel: Travel, stream: str, commit: int) -> None:
    """Whether a streaming table was there, and its rows of then still are."""
    born, first = session.execute(
        "SELECT (SELECT min(created_at) FROM _system.flows WHERE lower(stream) = lower(?)) <="
        ' (SELECT "at" FROM _system.commit_log WHERE id <= ? ORDER BY id DESC LIMIT 1),'
        " (SELECT min(id) FROM _system.commit_log WHERE lower(stream) = lower(?))",
        [stream, commit, stream],
    )[0]
    if born is False and (first is None or commit < first):
        since = f"its first commit is {first:,}" if first else "it has no commit yet"
        raise QueryError(f"{stream} did not exist yet at commit {commit:,}: {since}", _LOOK, travel.start)
    if back := taken_back(session, stream, commit):
        kept, rewound = back
        hint = f"Its versions up to {kept:,} and from {rewound:,} on can be read."
        raise QueryError(f"{stream} no longer has version {commit:,}: commit {rewound:,} rewound it to {kept:,}", hint, travel.constant_at)
