"""Tables that a flow keeps for itself beside its streaming table: what a join or a deduplication remembers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from workbench.errors import FlowError
from workbench.language.definitions import Column
from workbench.language.words import OWN_TABLE
from workbench.store.names import literal, quote, stored
from workbench.store.running import Progress
from workbench.store.session import Session

PROGRESS = (
    Column("side", "BIGINT"),
    Column("rows", "BIGINT"),
    Column("watermark", "BIGINT"),
    Column("event_times", 'STRUCT(source VARCHAR, "time" BIGINT)[]'),
    Column("idle", "VARCHAR[]"),
    Column("late", "BIGINT"),
)
"""How far a flow is in each of its inputs; a commit that moves it adds one row for each."""
_DATASETS = "FROM duckdb_views() WHERE schema_name = 'main'"
_TIMES = pa.list_(pa.struct([("source", pa.string()), ("time", pa.int64())]))


def owned(table: str, flow: str, part: str) -> str:
    """The name, in `_store`, of one of a flow's own tables; it begins with the streaming table's, with which it is rewound and dropped."""
    return OWN_TABLE.join((table, part) if flow == table else (table, flow, part))


def own_tables(session: Session, table: str) -> list[str]:
    """The tables that a table's flows keep for themselves; none of another dataset, which may have had such a name in older databases."""
    rows = session.execute(
        "SELECT table_name FROM duckdb_tables() WHERE schema_name = '_store' AND starts_with(table_name, $1) AND NOT EXISTS"
        f" ({_DATASETS} AND starts_with(view_name, $1) AND starts_with(table_name || $2, view_name || $2)) ORDER BY ALL",
        [table + OWN_TABLE, OWN_TABLE],
    )
    return [name for (name,) in rows]


def create_owned(session: Session, tables: Mapping[str, Sequence[Column]], anew: bool = False) -> None:
    """Make a flow's own tables where they are missing or have other columns; `anew`: empty ones in any case. Needs the writer's turn.

    Raises:
        FlowError: a dataset of an older database has such a name.
    """
    for name, columns in tables.items():
        if session.execute(f"{_DATASETS} AND lower(view_name) = lower(?)", [name]):
            raise FlowError(f"it keeps what it remembers in {quote(name)}, which is a dataset", "DROP that, or give this one another name.")
        wanted = [(c.name, c.type) for c in (*columns, Column("_commit", "BIGINT"))]
        there = session.execute("SELECT 1 FROM duckdb_tables() WHERE schema_name = '_store' AND table_name = ?", [name])
        if there and not anew and _alike(session, session.describe(f"FROM {stored(name)}"), wanted):
            continue
        session.execute(f"CREATE OR REPLACE TABLE {stored(name)} ({', '.join(f'{quote(n)} {t}' for n, t in wanted)})")


def signed(session: Session, table: str, signature: str) -> None:
    """Empty a flow's own table unless its rows mean what they would mean now. Needs the writer's turn."""
    [(found,)] = session.execute("SELECT comment FROM duckdb_tables() WHERE schema_name = '_store' AND table_name = ?", [table])
    if found != signature:
        session.execute(f"DELETE FROM {stored(table)}")
        session.execute(f"COMMENT ON TABLE {stored(table)} IS {literal(signature)}")


def _alike(session: Session, found: list[tuple[str, str]], wanted: list[tuple[str, str]]) -> bool:
    nulls = ", ".join(f"CAST(NULL AS {kind}) AS {quote(name)}" for name, kind in wanted)
    return found == session.describe(f"SELECT {nulls}")


def progress_rows(sides: Sequence[tuple[int, Progress]]) -> pa.Table:
    """Rows of PROGRESS: for each input, how many of its rows were read, and its event time."""
    return pa.table(
        {
            "side": pa.array(range(len(sides)), pa.int64()),
            "rows": pa.array([rows for rows, _ in sides], pa.int64()),
            "watermark": pa.array([progress.watermark for _, progress in sides], pa.int64()),
            "event_times": pa.array([[{"source": s, "time": t} for s, t in p.event_times] for _, p in sides], _TIMES),
            "idle": pa.array([list(progress.idle) for _, progress in sides], pa.list_(pa.string())),
            "late": pa.array([progress.late for _, progress in sides], pa.int64()),
        }
    )


def last_progress(session: Session, table: str, sides: int) -> list[tuple[int, Progress]]:
    """For each input, its rows and its event time after the last commit."""
    found = [(0, Progress()) for _ in range(sides)]
    rows = session.execute(f"SELECT * EXCLUDE (_commit) FROM {stored(table)} ORDER BY _commit DESC, side LIMIT {sides}")
    for side, count, watermark, times, idle, late in rows:
        tops = tuple((time["source"], time["time"]) for time in times or ())
        found[side] = (count, Progress(watermark, tops, tuple(idle or ()), late))
    return found


def forget_progress(session: Session, table: str) -> None:
    """Let go of the progress of all commits but the last."""
    session.execute(f"DELETE FROM {stored(table)} WHERE _commit < (SELECT max(_commit) FROM {stored(table)})")
