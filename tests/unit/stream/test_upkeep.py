"""The log is folded when it has grown; what is in the way is said once, and when it is gone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from workbench.errors import DatabaseStopped, QueryError, WorkbenchError
from workbench.store.commit import Commit
from workbench.store.database import Database, open_database
from workbench.store.session import Session
from workbench.stream import upkeep
from workbench.stream.flow import Flow
from workbench.stream.tick import Plan
from workbench.stream.upkeep import TIDY_AFTER, Upkeep


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(tmp_path / "data.duckdb", "256MB", "64MB", (tmp_path,))
    yield opened
    opened.close()


@pytest.fixture
def grown(database: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    monkeypatch.setattr(upkeep, "CHECKPOINT_TAILING", 10_000)
    database.writer.execute("CREATE TABLE _store.t AS SELECT range AS n FROM range(10)")
    database.writer.execute("INSERT INTO _store.t SELECT hash(range) // 2 FROM range(5000)")
    assert database.log_bytes() > 10_000
    return database


def test_a_log_that_has_grown_is_folded(grown: Database) -> None:
    said: list[str] = []
    Upkeep(grown, said.append).run(Plan())
    assert grown.log_bytes() < 10_000
    assert said == []


def test_what_is_in_the_way_is_said_once_and_when_it_is_gone(grown: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    keeper = Upkeep(grown, said.append)
    with monkeypatch.context() as full:
        full.setattr("workbench.store.database.ROOM_TO_SPARE", 1 << 60)
        keeper.run(Plan())
        keeper.run(Plan())
        assert grown.log_bytes() > 10_000
    keeper.run(Plan())
    assert grown.log_bytes() < 10_000
    assert said == [
        "the log is not folded into data.duckdb: the disk is almost full; it grows meanwhile",
        "the log is folded into data.duckdb again",
    ]


def test_what_cannot_be_written_is_named(grown: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbench.store.database.os.access", lambda path, mode: Path(path).is_dir())
    assert grown.obstacle == f"{grown.path} cannot be written"


def test_outdated_rows_are_folded_after_many_commits(database: Database) -> None:
    keeper = Upkeep(database, lambda text: None)
    database.writer.execute("INSERT INTO _system.offsets VALUES ('t', 'f', 'a', 1, 1, false, '', 1), ('t', 'f', 'a', 2, 2, false, '', 2)")
    kept = "SELECT byte FROM _system.offsets ORDER BY byte"
    for number in range(TIDY_AFTER):
        keeper.run(Plan())
        assert database.writer.execute(kept) == [(1,), (2,)]
        keeper.after(Commit(number, 0.0, ()), Plan())
    keeper.run(Plan())
    assert database.writer.execute(kept) == [(2,)]


@dataclass
class Keeper:
    """A deduplication that has to forget keys."""

    name: str
    obstacle: WorkbenchError | None = None
    prune_due: bool = True
    pruned: int = 0

    def prune(self, session: Session) -> None:
        if self.obstacle:
            raise self.obstacle
        self.pruned += 1


def test_a_memory_that_cannot_be_pruned_is_in_no_ones_way(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    keepers = [Keeper("first", QueryError("no room")), Keeper("second")]
    plan = Plan(flows=[cast(Flow, SimpleNamespace(outputs=[SimpleNamespace(distinct=keeper) for keeper in keepers]))])
    upkept = Upkeep(database, lambda text: None)
    upkept.after(Commit(1, 0.0, ()), plan)
    assert [keeper.pruned for keeper in keepers] == [0, 1]
    assert caplog.messages == ["first forgot no keys: no room"]
    keepers[0].obstacle = DatabaseStopped("it is over")
    with pytest.raises(DatabaseStopped):
        upkept.after(Commit(2, 0.0, ()), plan)


def test_a_checkpoint_leaves_little_room_unused(tmp_path: Path) -> None:
    """Each one begins a block for every table that got rows, here for six."""

    def size(name: str, every: int) -> int:
        database = open_database(tmp_path / name, "256MB", "64MB", (tmp_path,))
        for table in range(6):
            database.writer.execute(f"CREATE TABLE _store.t{table} (n BIGINT, text VARCHAR)")
        for number in range(10):
            database.writer.execute("INSERT INTO _store.t0 SELECT range, (range % 7)::VARCHAR FROM range(100_000)")
            for table in range(1, 6):
                database.writer.execute(f"INSERT INTO _store.t{table} SELECT range, hash(range)::VARCHAR FROM range(50)")
            if number % every == every - 1:
                database.checkpoint()
        database.close()
        return (tmp_path / name).stat().st_size

    assert size("often.duckdb", 1) - size("seldom.duckdb", 10) < 10 * (512 << 10)
