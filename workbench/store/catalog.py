"""The data book: which datasets exist, how they were defined, and the tables and views that hold them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from workbench.language.definitions import Column
from workbench.store.ids import keep_ids
from workbench.store.names import literal, public, quote, stored
from workbench.store.owned import own_tables
from workbench.store.running import clear_view, forget_view
from workbench.store.session import Session

Kind = Literal["streaming table", "flow", "running state", "materialized view", "temporary view"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One dataset as it is stored.

    `columns` are public, in order; `input` is what a streaming table reads (frozen once inferred); `state` the
    columns of a running state. `commit` is the one after which the definition has been in force.
    """

    name: str
    kind: Kind
    comment: str
    file: str
    line: int
    text: str
    digest: str
    columns: tuple[Column, ...]
    input: tuple[Column, ...] = ()
    state: tuple[Column, ...] = ()
    commit: int = 0
    options: tuple[tuple[str, str], ...] = ()
    """Of the source's format; frozen with `input`."""


def entries(session: Session) -> dict[str, Entry]:
    """All datasets by lower-case name."""
    rows = session.execute(
        "SELECT name, kind, comment, file, line, text, digest, columns, input, state, commit, options FROM _system.catalog"
    )
    found = [
        Entry(
            name,
            kind,
            comment,
            file,
            line,
            text,
            digest,
            _columns(columns),
            _columns(reads),
            _columns(state),
            commit,
            tuple((o["name"], o["type"]) for o in options or ()),
        )
        for name, kind, comment, file, line, text, digest, columns, reads, state, commit, options in rows
    ]
    return {entry.name.lower(): entry for entry in found}


def save(session: Session, entry: Entry) -> None:
    """Write an entry in place of the one of the same name."""
    session.execute("DELETE FROM _system.catalog WHERE lower(name) = lower(?)", [entry.name])
    lists = [[{"name": c.name, "type": c.type} for c in part] for part in (entry.columns, entry.input, entry.state)]
    options = [{"name": name, "type": value} for name, value in entry.options]
    session.execute(
        "INSERT INTO _system.catalog VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, now(), ?, ?)",
        [entry.name, entry.kind, entry.comment, entry.file, entry.line, entry.text, entry.digest, *lists, entry.commit, options],
    )


def put_off(session: Session, view: str) -> None:
    """Take a view for changed at the next look, since its refresh was not asked for now; one that never was refreshed is due anyway."""
    refreshed = "SELECT job FROM _system.job_runs WHERE state = 'done'"
    session.execute(f"UPDATE _system.catalog SET digest = '' WHERE name = ? AND name IN ({refreshed})", [view])


def create_streaming_table(session: Session, entry: Entry, rules: Iterable[str]) -> None:
    """Make the table of rows, its public name and its rules."""
    session.execute(f"CREATE TABLE {stored(entry.name)} ({_declare(entry.columns)}, _commit BIGINT)")
    publish_table(session, entry)
    add_rules(session, entry.name, rules)
    save(session, entry)


def create_flow(session: Session, name: str, stream: str) -> None:
    """Begin to count what a flow brings into a streaming table; one that was dropped goes on with its counts."""
    session.execute(
        "INSERT INTO _system.flows (name, stream, paused, stopped, created_at)"
        " SELECT ?, ?, false, false, now() WHERE NOT EXISTS (FROM _system.flows WHERE name = ?)",
        [name, stream, name],
    )


def add_columns(session: Session, entry: Entry, new: Sequence[Column]) -> None:
    """Widen a table of rows; rows already stored have NULL there."""
    for column in new:
        session.execute(f"ALTER TABLE {stored(entry.name)} ADD COLUMN {quote(column.name)} {column.type}")
    publish_table(session, entry)


def publish_table(session: Session, entry: Entry) -> None:
    names = ", ".join(quote(c.name) for c in entry.columns)
    session.execute(f"CREATE OR REPLACE VIEW {public(entry.name)} AS SELECT {names} FROM {stored(entry.name)}")
    _describe(session, entry)


def add_rules(session: Session, stream: str, rules: Iterable[str]) -> None:
    """Begin to count rules that were not counted before."""
    session.execute(
        "INSERT INTO _system.rules SELECT ?, rule FROM (SELECT unnest(?::VARCHAR[]) AS rule) n"
        " ANTI JOIN (FROM _system.rules WHERE stream = ?) USING (rule)",
        [stream, list(dict.fromkeys(rules)), stream],
    )


def create_running_state(session: Session, entry: Entry, finish: str) -> None:
    """Make the table of partial aggregates and the view that combines and finishes them."""
    session.execute(f"CREATE OR REPLACE TABLE {stored(entry.name)} ({_declare(entry.state)}, _commit BIGINT)")
    clear_view(session, entry.name)
    session.execute(f"CREATE OR REPLACE VIEW {public(entry.name)} AS WITH _state AS (FROM {stored(entry.name)}) SELECT * FROM ({finish})")
    _describe(session, entry)
    save(session, entry)


def create_materialized_view(session: Session, entry: Entry) -> None:
    """Make the table of a result; a table of other columns is replaced, else what is stored stays until the refresh."""
    old = entries(session).get(entry.name.lower())
    if old is None or old.kind != entry.kind or old.columns != entry.columns:
        session.execute(f"CREATE OR REPLACE TABLE {stored(entry.name)} ({_declare(entry.columns)})")
    session.execute(f"CREATE OR REPLACE VIEW {public(entry.name)} AS FROM {stored(entry.name)}")
    _describe(session, entry)
    save(session, entry)


def create_temporary_view(session: Session, entry: Entry, sql: str) -> None:
    session.execute(f"CREATE OR REPLACE VIEW {public(entry.name)} AS {sql}")
    _describe(session, entry)
    save(session, entry)


def drop(session: Session, entry: Entry) -> None:
    """Remove a dataset with everything that is stored of it; of a flow where it stands: the rows that it brought stay, and counted."""
    keep_ids(session)
    if entry.kind == "flow":
        session.execute("DELETE FROM _system.offsets WHERE flow = ?", [entry.name])
        # Should one of that name come again, it reads everything again.
        session.execute("UPDATE _system.commit_log SET spans = '[]' WHERE flow = ?", [entry.name])
    else:
        session.execute(f"DROP VIEW IF EXISTS {public(entry.name)}")
        session.execute(f"DROP TABLE IF EXISTS {stored(entry.name)}")
        for own in own_tables(session, entry.name):
            session.execute(f"DROP TABLE {stored(own)}")
        forget_view(session, entry.name)
    if entry.kind == "streaming table":
        session.execute("DELETE FROM _system.offsets WHERE flow IN (SELECT name FROM _system.flows WHERE stream = ?)", [entry.name])
        for table in ("flows", "quarantine", "rules", "rule_counts", "commit_log", "rewinds"):
            session.execute(f"DELETE FROM _system.{table} WHERE stream = ?", [entry.name])
    session.execute("DELETE FROM _system.catalog WHERE lower(name) = lower(?)", [entry.name])


def _describe(session: Session, entry: Entry) -> None:
    session.execute(f"COMMENT ON VIEW {public(entry.name)} IS {literal(entry.comment)}")


def _declare(columns: Sequence[Column]) -> str:
    return ", ".join(f"{quote(c.name)} {c.type}" for c in columns)


def _columns(rows: list[dict[str, str]] | None) -> tuple[Column, ...]:
    return tuple(Column(row["name"], row["type"]) for row in rows or ())
