"""Lost records stay counted, whatever becomes of the source."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.conftest import wait_until
from tests.door import Door
from workbench.batch import Lag
from workbench.engine.losses import Loss, Losses
from workbench.store.catalog import create_flow
from workbench.store.database import open_database
from workbench.store.session import Session


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    database = open_database(tmp_path / "data.duckdb", "256MB", "64MB", (tmp_path,))
    create_flow(database.writer, "u", "t")
    yield database.writer
    database.close()


def flow(stopped: bool = False, source: str = "read_socket udp://:1", lag: Callable[[], Lag] = Lag) -> Any:
    outputs = (SimpleNamespace(source=source),)
    return SimpleNamespace(name="u", names=("u",), stopped=stopped, outputs=outputs, source=SimpleNamespace(lag=lag))


def saw(losses: Losses, records: int, kernel: int = 0, stopped: bool = False) -> Loss:
    losses.look([flow(stopped, lag=lambda: Lag(dropped=records, dropped_by_kernel=kernel))])
    return losses.of("u")


def test_a_source_that_is_closed_forgets_nothing(session: Session) -> None:
    losses = Losses(session)
    assert saw(losses, 0) == Loss()
    assert saw(losses, 10_799, 10_000) == Loss(10_799, 10_000)
    assert saw(losses, 0, stopped=True) == Loss(10_799, 10_000)
    assert saw(losses, 10_800, 10_000) == Loss(10_800, 10_000)


def test_they_are_there_for_sql_and_after_a_restart(session: Session) -> None:
    losses = Losses(session)
    assert session.execute("SELECT lost FROM workbench.streams") == [(0,)]
    saw(losses, 7, 3)
    losses.save(session)
    assert not losses.unsaved
    assert session.execute("SELECT name, lost FROM workbench.flows") == [("u", 7)]
    assert session.execute("SELECT name, lost FROM workbench.streams") == [("t", 7)]
    again = Losses(session)
    assert again.of("u") == Loss(7, 3)
    assert saw(again, 0, stopped=True) == Loss(7, 3)
    assert saw(again, 9, 3) == Loss(9, 3), "the spool goes on with its own count"


def test_a_spool_that_is_made_anew_counts_from_nothing(session: Session) -> None:
    losses = Losses(session)
    saw(losses, 100, 40)
    assert saw(losses, 5, 1) == Loss(105, 41)
    losses.save(session)
    again = Losses(session)
    assert saw(again, 5, 1) == Loss(105, 41), "of what it counts, nothing is known to be new"
    assert saw(again, 6, 1) == Loss(106, 41)


def test_who_looks_meanwhile_counts_nothing_twice(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    losses, door, counted = Losses(session), Door(), [5]
    monkeypatch.setattr(losses, "_lock", door)
    other = threading.Thread(target=lambda: losses.look([flow(lag=lambda: Lag(dropped=counted[0]))]))

    def answered_late() -> Lag:
        told = counted[0]
        counted[0] = 8
        other.start()
        wait_until(lambda: door.waited.is_set() or not other.is_alive())
        return Lag(dropped=told)

    losses.look([flow(lag=answered_late)])
    other.join()
    assert losses.of("u") == Loss(8)


def test_only_sockets_are_asked(session: Session) -> None:
    def hangs() -> Lag:
        raise AssertionError("a mount that does not answer would hold everything up")

    losses = Losses(session)
    losses.look([flow(source="read_files in/*.ndjson", lag=hangs), flow(stopped=True, lag=hangs)])
    assert losses.of("u") == Loss()
    losses.look([flow(lag=lambda: Lag(dropped=3))])
    assert losses.of("u") == Loss(3)


def test_sources_that_lose_nothing_cost_nothing(session: Session) -> None:
    losses = Losses(session)
    losses.look([flow()])
    saw(losses, 0)
    assert losses.of("x") == Loss()
    assert not losses.unsaved
