"""Merges are rationed by what they take, and what they put together stays the same rows in the same order."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.store.database import open_database
from workbench.stream import merging, upkeep
from workbench.stream.merging import AFTER, HURRY, MOST, SHARE, SHORT, SLOW, Merging
from workbench.stream.tick import Plan
from workbench.stream.upkeep import Upkeep


def checkpoints(rationed: Merging, took: float, now: float) -> None:
    for _ in range(AFTER):
        rationed.done(0, took, now)


def test_after_some_checkpoints_one_merges() -> None:
    rationed = Merging()
    for _ in range(AFTER):
        assert rationed.due(0.0) == 0
        rationed.done(0, 0.01, 0.0)
    assert rationed.due(0.0) == 1


@pytest.mark.parametrize(("checkpoint", "share"), [(SLOW / 2, SHARE), (SLOW * 2, HURRY)], ids=["quick", "slow"])
def test_merges_take_their_share_of_the_time_and_more_where_checkpoints_are_slow(checkpoint: float, share: float) -> None:
    rationed = Merging()
    for _ in range(4):
        checkpoints(rationed, checkpoint, 0.0)
    rationed.done(1, 0.3, 100.0)
    checkpoints(rationed, checkpoint, 100.0)
    assert rationed.due(100.0 + 0.3 / share - 0.1) == 0
    assert rationed.due(100.0 + 0.3 / share + 0.1) > 0


def test_quick_merges_grow_and_slow_ones_shrink() -> None:
    rationed, sizes, now = Merging(), list[int](), 0.0
    for took in (0.1, 0.1, SHORT + 0.1, 2.0, 2.0, 2.0):
        checkpoints(rationed, 0.01, now)
        sizes.append(rationed.due(now))
        rationed.done(sizes[-1], took, now)
        now += 10_000
    assert sizes == [1, 2, 4, 4, 2, 1]
    for _ in range(10):
        checkpoints(rationed, 0.01, now)
        rationed.done(rationed.due(now), 0.1, now)
        now += 10_000
    checkpoints(rationed, 0.01, now)
    assert rationed.due(now) == MOST


def test_small_groups_become_few_and_their_rows_stay_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "CHECKPOINT_TAILING", 0)
    monkeypatch.setattr(merging, "SHARE", 1e9)
    database = open_database(tmp_path / "data.duckdb", "256MB", "64MB", (tmp_path,))
    keeper = Upkeep(database, lambda text: None)
    database.writer.execute("CREATE TABLE _store.t (n BIGINT, text VARCHAR)")
    groups: list[int] = []
    for number in range(5 * AFTER):
        database.writer.execute(f"INSERT INTO _store.t SELECT {number} * 50 + range, hash(range)::VARCHAR FROM range(50)")
        keeper.run(Plan())
        groups.append(database.writer.execute("SELECT count(DISTINCT row_group_id) FROM pragma_storage_info('_store.t')")[0][0])
    assert max(groups) <= AFTER + 3
    assert min(groups[AFTER + 1 :]) < AFTER
    assert [n for (n,) in database.writer.execute("SELECT n FROM _store.t ORDER BY rowid")] == list(range(5 * AFTER * 50))
    database.close()


def test_without_room_for_a_copy_nothing_is_merged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = open_database(tmp_path / "data.duckdb", "256MB", "64MB", (tmp_path,))
    assert database.has_room_to_merge(1)
    monkeypatch.setattr("workbench.store.database.ROOM_TO_SPARE", 1 << 60)
    assert not database.has_room_to_merge(1)
    database.close()
