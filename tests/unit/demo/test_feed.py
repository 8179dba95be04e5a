"""The feed: whole lines, a rotation by rename, and never more than it may keep."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.demo.feed import MOST, EventFile, Feed


class Clock:
    """Time as a test wants it."""

    def __init__(self) -> None:
        self.now = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def lines_of(root: Path) -> list[bytes]:
    return [line for path in sorted(root.rglob("*.ndjson")) for line in path.read_bytes().splitlines()]


def test_rows_follow_the_rate_and_the_clock(tmp_path: Path, clock: Clock) -> None:
    feed = Feed(tmp_path, 1000, 1, clock)
    rows = 0
    for _ in range(200):
        clock.now += 0.05
        rows += feed.step()
    feed.close()
    assert len(lines_of(tmp_path)) == rows
    assert 7000 < rows < 13_000
    assert len(lines_of(tmp_path / "sample_data" / "orders")) == pytest.approx(rows * 0.6, rel=0.02)


def test_a_machine_that_slept_is_not_flooded(tmp_path: Path, clock: Clock) -> None:
    feed = Feed(tmp_path, 100, 1, clock)
    clock.now += 3600
    assert feed.step() <= 100 * MOST * 1.5
    feed.close()


def test_a_clock_that_jumps_back_writes_nothing(tmp_path: Path, clock: Clock) -> None:
    feed = Feed(tmp_path, 100, 1, clock)
    clock.now -= 60
    assert feed.step() == 0
    feed.close()


def test_the_backfill_is_there_at_once(tmp_path: Path, clock: Clock) -> None:
    feed = Feed(tmp_path, 2000, 1, clock)
    feed.backfill(seconds=60, rate=10)
    assert len(lines_of(tmp_path)) == 600
    feed.close()


def test_old_files_go_and_the_rest_stays_small(tmp_path: Path, clock: Clock) -> None:
    feed = Feed(tmp_path, 2000, 1, clock, kept=400_000, rotated=50_000)
    for _ in range(400):
        clock.now += 0.05
        feed.step()
    feed.close()
    files = list(tmp_path.rglob("*.ndjson"))
    assert sum(p.stat().st_size for p in files) < 400_000 + 100 * 60 * 150 * 2
    assert not (tmp_path / "sample_data" / "orders" / "orders-1.ndjson").exists()
    assert (tmp_path / "sample_data" / "orders" / "orders.ndjson").exists()


def test_a_cut_line_is_finished_by_the_next_append(tmp_path: Path) -> None:
    file = EventFile(tmp_path / "orders")
    file.append(["a" * 50, "b" * 50], cut=True)
    assert not (tmp_path / "orders" / "orders.ndjson").read_bytes().endswith(b"\n")
    file.append(["c"])
    file.close()
    assert lines_of(tmp_path) == [b"a" * 50, b"b" * 50, b"c"]


def test_rotation_renames_and_loses_nothing(tmp_path: Path) -> None:
    file = EventFile(tmp_path / "orders", rotated=100)
    for i in range(30):
        file.append([f"{i:020d}"])
    file.close()
    assert len(file.elders()) == 6
    assert [int(line) for path in (*file.elders(), tmp_path / "orders" / "orders.ndjson") for line in path.read_bytes().split()] == list(
        range(30)
    )


def test_numbers_go_on_where_an_earlier_demo_stopped(tmp_path: Path) -> None:
    for _ in range(2):
        file = EventFile(tmp_path / "orders", rotated=10)
        file.append(["x" * 20])
        file.close()
    assert [p.name for p in file.elders()] == ["orders-1.ndjson", "orders-2.ndjson"]
