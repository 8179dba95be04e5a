"""A commit is stored whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tests.commits import STEPS
from workbench.batch import Offset
from workbench.errors import QueryError
from workbench.language.definitions import Column
from workbench.store import catalog
from workbench.store.catalog import Entry
from workbench.store.commit import Commit, Counts, RuleCount, Span, StreamDelta, tidy, write
from workbench.store.database import Database, open_database
from workbench.store.ids import keep_ids, last_commit, last_rejection
from workbench.store.inserts import Inserts
from workbench.store.running import Progress, ViewDelta

COLUMNS = (Column("id", "BIGINT"), Column("name", "VARCHAR"))
ENTRY = Entry("orders", "streaming table", "said", "a.sql", 1, "CREATE …", "digest", COLUMNS)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(tmp_path / "data.duckdb", "256MB", "64MB", (tmp_path,))
    catalog.create_streaming_table(opened.writer, ENTRY, ("_malformed", "positive"))
    catalog.create_flow(opened.writer, "orders", "orders")
    yield opened
    opened.close()


def delta(**changes: object) -> StreamDelta:
    rows = pa.table({"id": [1, 2, 3], "name": ["a", "b", "c"], "_verdict": np.array([0, 1, 0], np.uint8)})
    rejections = pa.table(
        {
            "id": [1],
            "rules": pa.array([["positive"]]),
            "raw": pa.array([b"\xff"], pa.binary()),
            "source": ["s"],
            "file": ["f"],
            "line": [2],
            "offset": [10],
            "arrived_at": [1.5],
        }
    )
    counts = Counts(3, 2, 1, 0, 0, 0)
    values = {"bytes": 30, "offset": 30, "offsets": (Offset("id", "f", 30, 3),), "spans": (Span("id", "f", 0, 30, 0, 3),)} | changes
    return StreamDelta("orders", "orders", ("id", "name"), rows, rejections, counts, counts, **values)  # type: ignore[arg-type]


def test_everything_of_a_commit_is_there(database: Database) -> None:
    steps: list[int] = []
    write(Inserts(database.writer), Commit(1, 100.0, (delta(),)), steps.append)
    assert sorted(set(steps)) == [1, 2, 3, 5, 6, 7, 8, STEPS]
    ask = database.writer.execute
    assert ask("SELECT id, name FROM main.orders") == [(1, "a"), (3, "c")]
    assert ask("SELECT raw, rules FROM workbench.quarantine") == [(b"\xff", ["positive"])]
    assert ask("SELECT rows_in, accepted, rejected, bytes FROM workbench.streams") == [(3, 2, 1, 30)]
    assert ask("SELECT byte, line FROM workbench.offsets") == [(30, 3)]


@pytest.mark.parametrize("step", [2, 3, 6, 7, 8])
def test_a_failure_inside_leaves_nothing(database: Database, step: int) -> None:
    def fail(now: int) -> None:
        if now == step:
            raise QueryError("no")

    with pytest.raises(QueryError):
        write(Inserts(database.writer), Commit(1, 100.0, (delta(),)), fail)
    for table in ("_store.orders", "_system.quarantine", "_system.commit_log", "_system.offsets"):
        assert database.writer.execute(f"SELECT count(*) FROM {table}") == [(0,)]
    write(Inserts(database.writer), Commit(1, 100.0, (delta(),)))
    assert database.writer.execute("SELECT count(*) FROM _store.orders") == [(2,)]


def test_an_error_of_the_database_leaves_nothing(database: Database) -> None:
    broken = delta(offsets=(Offset("id", "f", 2**70, 3),))
    with pytest.raises(Exception, match=r"."):
        write(Inserts(database.writer), Commit(1, 100.0, (broken,)))
    assert database.writer.execute("SELECT count(*) FROM _store.orders") == [(0,)]


def test_a_commit_that_only_closed_windows_counts(database: Database) -> None:
    assert last_commit(database.writer) == 0
    inserts = Inserts(database.writer)
    write(inserts, Commit(1, 100.0, (delta(),)))
    assert last_commit(database.writer) == 1
    write(inserts, Commit(2, 101.0, (), (ViewDelta("view", "orders", None, Progress(5)),)))
    assert last_commit(database.writer) == 2


def test_ids_grow_past_the_removal_of_what_had_them(database: Database) -> None:
    inserts = Inserts(database.writer)
    write(inserts, Commit(7, 100.0, (delta(),)))
    ids = last_commit(database.writer), last_rejection(database.writer)
    assert ids == (7, 1)
    for _ in range(2):
        catalog.drop(database.writer, ENTRY)
        assert (last_commit(database.writer), last_rejection(database.writer)) == ids
    keep_ids(database.writer)
    assert (last_commit(database.writer), last_rejection(database.writer)) == ids


def test_rows_of_another_shape_may_come_after_some_that_failed(database: Database) -> None:
    inserts = Inserts(database.writer)
    good = pa.table({"id": [1], "name": ["a"], "_commit": [1]})
    inserts.add("_store.orders", good)
    with pytest.raises(QueryError):
        inserts.add("_store.orders", pa.table({"id": ["no"], "name": ["number"], "_commit": [1], "more": [1]}))
    inserts.add("_store.orders", good)
    assert database.writer.execute("SELECT count(*) FROM orders") == [(2,)]


def test_counts_add_up() -> None:
    assert Counts(3, 2, 1) + Counts(2, 0, 0, 1, 1, 5) == Counts(5, 2, 1, 1, 1, 5)


def test_folding_keeps_the_last_offset_of_each_file_and_the_sums_of_the_rules(database: Database) -> None:
    inserts = Inserts(database.writer)
    first = delta(offsets=(Offset("id", "f", 30, 3), Offset("other", "g", 5, 1)), rules=(RuleCount("positive", 2, 1),))
    write(inserts, Commit(1, 100.0, (first,)))
    write(inserts, Commit(2, 101.0, (delta(offsets=(Offset("id", "f", 60, 6),), rules=(RuleCount("positive", 3, 2),)),)))
    told = [database.writer.execute(f"FROM workbench.{view} ORDER BY ALL")[:2] for view in ("offsets",)]
    rules = database.writer.execute("SELECT stream, rule, total, last_id FROM workbench.rules ORDER BY rule")
    assert rules == [("orders", "_malformed", 0, None), ("orders", "positive", 5, 2)]
    tidy(database.writer)
    assert [database.writer.execute(f"FROM workbench.{view} ORDER BY ALL")[:2] for view in ("offsets",)] == told
    assert database.writer.execute("SELECT stream, rule, total, last_id FROM workbench.rules ORDER BY rule") == rules
    assert database.writer.execute("SELECT file_id, byte FROM _system.offsets ORDER BY ALL") == [("id", 60), ("other", 5)]
