"""Rewinding a streaming table: what it was after an earlier commit, and back to that in one transaction.

What holds afterwards, and is tested: the rows, rejections, late rows and rule counts are those of commits up to `kept`, and so are
the idle sources that a running state remembers; every flow's totals and offsets are those it had then, so the sums that
`check --data` proves still hold; ids of commits only ever grow
(a rewind is a commit of its own, without records); a crash leaves all of it or nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from workbench.batch import Offset
from workbench.store.commit import Counts
from workbench.store.ids import keep_ids
from workbench.store.names import literal, quote, stored
from workbench.store.owned import own_tables
from workbench.store.session import Session

Probe = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Place:
    """How far a flow had read one file: `byte` and `line` as in an Offset."""

    file_id: str
    file: str
    byte: int
    line: int


@dataclass(frozen=True, slots=True)
class Past:
    """A flow as it was after a commit: its totals, its bytes, and where it stood in each file."""

    totals: Counts
    offset: int
    places: dict[str, Place]


@dataclass(frozen=True, slots=True)
class Rewound:
    """One flow put back to what it had after commit `kept` (0: nothing), and the offsets at which it reads on.

    All flows of one table have the same `kept`.
    """

    flow: str
    stream: str
    kept: int
    totals: Counts
    offset: int
    offsets: tuple[Offset, ...] = ()


@dataclass(frozen=True, slots=True)
class Rewind:
    """Tables put back to what they were, by commit `commit`. `flows`: all of theirs; `views`: the running states over them, which the
    next plan rebuilds, each with its stream. `at`: seconds since 1970."""

    commit: int
    at: float
    flows: tuple[Rewound, ...]
    views: tuple[tuple[str, str], ...] = ()

    @property
    def tables(self) -> dict[str, int]:
        """For each table the commit that it goes back to."""
        return {flow.stream: flow.kept for flow in self.flows}


def past(session: Session, flow: str, commit: int) -> Past:
    """What a flow had and where it stood after a commit; 0: before the first."""
    counts = session.execute(
        'SELECT total_in, total_accepted, total_rejected, total_filtered, total_blank, total_multiplied, "offset" FROM _system.commits'
        " WHERE flow = ? AND id <= ? ORDER BY id DESC LIMIT 1",
        [flow, commit],
    )
    rows = session.execute(
        "WITH s AS (SELECT id, unnest(spans) AS s, generate_subscripts(spans, 1) AS place FROM _system.commits WHERE flow = ? AND id <= ?)"
        ' SELECT s.file_id, arg_max(s.file, (id, place)), arg_max(s."to", (id, place)), arg_max(s.to_line, (id, place)) FROM s'
        " GROUP BY s.file_id ORDER BY s.file_id",
        [flow, commit],
    )
    totals = Counts(*counts[0][:6]) if counts else Counts()
    return Past(totals, counts[0][6] if counts else 0, {row[0]: Place(*row) for row in rows})


def begun_after(session: Session, flow: str, commit: int) -> dict[str, Place]:
    """Where the files begin, for the flow, that it read first after a commit."""
    rows = session.execute(
        "WITH s AS (SELECT id, unnest(spans) AS s, generate_subscripts(spans, 1) AS place FROM _system.commits WHERE flow = ?)"
        ' SELECT s.file_id, arg_min(s.file, (id, place)), arg_min(s."from", (id, place)), arg_min(s.from_line, (id, place)) FROM s'
        " GROUP BY s.file_id HAVING min(id) > ? ORDER BY s.file_id",
        [flow, commit],
    )
    return {row[0]: Place(*row) for row in rows}


def taken_back(session: Session, table: str, commit: int) -> tuple[int, int] | None:
    """(kept, by) of the rewind that took back what the table was after a commit; None when it is still there."""
    rows = session.execute(
        "SELECT kept, commit FROM _system.rewinds WHERE lower(stream) = lower(?) AND kept < ? AND ? < commit ORDER BY commit LIMIT 1",
        [table, commit, commit],
    )
    return (rows[0][0], rows[0][1]) if rows else None


@dataclass(frozen=True, slots=True)
class Losses:
    """What a rewind takes from one table: rows and rejections; `records` are those that its flows had read since."""

    rows: int
    rejections: int
    records: int


def losses(session: Session, table: str, commit: int) -> Losses:
    rows = session.execute(f"SELECT count(*) FROM {stored(table)} WHERE _commit > ?", [commit])[0][0]
    rejections = session.execute("SELECT count(*) FROM _system.quarantine WHERE stream = ? AND _commit > ?", [table, commit])[0][0]
    records = session.execute("SELECT coalesce(sum(rows_in), 0)::BIGINT FROM _system.commits WHERE stream = ? AND id > ?", [table, commit])
    return Losses(rows, rejections, records[0][0])


def commit_by(session: Session, time: str) -> int:
    """The newest commit that was made by a time (any constant of SQL; UTC unless it has a zone), 0 when there was none.

    Raises:
        QueryError: it is no time.
    """
    rows = session.execute(f'SELECT max(id) FROM _system.commits WHERE "at" <= CAST({literal(time)} AS TIMESTAMPTZ)')
    return int(rows[0][0] or 0)


def commit_of(session: Session, table: str, file: str, column: str, value: int) -> int | None:
    """The commit that read a record of a file, the newest where it was read more than once. Args: column: byte or line of it."""
    inside = '? >= s."from" AND ? < s."to"' if column == "byte" else "? > s.from_line AND ? <= s.to_line"
    rows = session.execute(
        "WITH s AS (SELECT id, unnest(spans) AS s FROM _system.commits WHERE stream = ?)"
        f" SELECT max(id) FROM s WHERE (s.file = ? OR ends_with(s.file, '/' || ?)) AND {inside}",
        [table, file, file, value, value],
    )
    return None if rows[0][0] is None else int(rows[0][0])


def time_of(session: Session, commit: int) -> str:
    """When a commit was made, UTC, to the second; of the next one before it where it has none of its own."""
    rows = session.execute(
        "SELECT strftime(\"at\" AT TIME ZONE 'UTC', '%Y-%m-%d %H:%M:%S') FROM _system.commits WHERE id <= ? ORDER BY id DESC LIMIT 1",
        [commit],
    )
    return str(rows[0][0]) if rows else ""


def write_rewind(session: Session, rewind: Rewind, probe: Probe = lambda step: None) -> None:
    """Put the tables back, all or nothing; in the writer's turn, without DDL."""
    probe(1)
    with session.transaction():
        keep_ids(session)
        for table, kept in rewind.tables.items():
            _take_back(session, table, kept)
            session.execute("INSERT INTO _system.rewinds VALUES (?, ?, ?, to_timestamp(?))", [table, kept, rewind.commit, rewind.at])
        probe(2)
        for view, stream in rewind.views:
            # A rebuild repeats what is written down here: sources that became idle after `kept` hold the watermark as before.
            session.execute("DELETE FROM _system.view_log WHERE view = ? AND commit > ?", [view, rewind.tables[stream]])
            session.execute("UPDATE _system.catalog SET digest = '' WHERE name = ?", [view])
        probe(3)
        for flow in rewind.flows:
            session.execute("DELETE FROM _system.offsets WHERE flow = ?", [flow.flow])
            add_marker(session, flow, rewind.commit, rewind.at)
        probe(4)
    probe(5)


def _take_back(session: Session, table: str, kept: int) -> None:
    session.execute(f"DELETE FROM {stored(table)} WHERE _commit > ?", [kept])
    for own in own_tables(session, table):
        session.execute(f"DELETE FROM {stored(own)} WHERE _commit > ?", [kept])
    session.execute("DELETE FROM _system.quarantine WHERE stream = ? AND _commit > ?", [table, kept])
    session.execute("DELETE FROM _system.late WHERE view = ? AND commit > ?", [table, kept])
    session.execute("DELETE FROM _system.commit_log WHERE stream = ? AND id > ?", [table, kept])
    session.execute("DELETE FROM _system.rule_counts WHERE stream = ?", [table])
    session.execute(_rule_counts(session, table))


def _rule_counts(session: Session, table: str) -> str:
    """Counts the broken rules of what is left: rejections list theirs, accepted rows those that only mark."""
    marked = any(name == "_violations" for name, _ in session.describe(f"FROM {stored(table)}"))
    marks = f" UNION ALL SELECT unnest({quote('_violations')}), _commit, NULL FROM {stored(table)}" if marked else ""
    return (
        f"INSERT INTO _system.rule_counts SELECT {literal(table)}, rule, count(*), min(c.at), max(c.at), max(r.id) FROM ("
        f"SELECT unnest(rules) AS rule, _commit, id FROM _system.quarantine WHERE stream = {literal(table)}{marks}) r"
        ' LEFT JOIN (SELECT id AS made, min("at") AS at FROM _system.commits GROUP BY id) c ON c.made = r._commit GROUP BY rule'
    )


def add_marker(session: Session, flow: Rewound, commit: int, at: float, passed: Sequence[tuple[Place, Place]] = ()) -> None:
    """A commit without records that says where a flow reads on. Args: passed: from where to where nothing is read."""
    spans = [
        {"file_id": b.file_id, "file": b.file, "from": a.byte, "to": b.byte, "from_line": a.line, "to_line": b.line} for a, b in passed
    ]
    session.execute(
        "INSERT INTO _system.commit_log VALUES (?, to_timestamp(?), ?, ?, 0, 0, 0, 0, 0, 0, 0, ?, ?, '[]', ?, ?, ?, ?, ?, ?)",
        [commit, at, flow.stream, flow.flow, flow.offset, json.dumps(spans), *flow.totals.as_tuple()],
    )
    for o in flow.offsets:
        session.execute(
            "INSERT INTO _system.offsets VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [flow.flow, o.file_id, o.file, o.byte, o.line, o.done, o.mark, commit],
        )
