"""The clock that counts: every row once, the same whenever it is read, whatever the clock does."""

from __future__ import annotations

import pytest

from workbench.batch import ChunkBuffer, Lag, Offset
from workbench.connectors.rate import PIECE, RateSource

T0 = 1_700_000_000.0


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = T0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def buffer() -> ChunkBuffer:
    return ChunkBuffer(1 << 16)


def rows(source: RateSource, buffer: ChunkBuffer, limit: int | None = None) -> list[tuple[int, int]]:
    """(microseconds since T0, value) of one read."""
    raw = source.read(buffer, limit)
    if raw is None:
        return []
    assert raw.table is not None
    assert raw.offset.line - raw.start.line == raw.table.num_rows
    times = raw.table.column("timestamp").cast("int64").to_pylist()
    return [(at - int(T0) * 1_000_000, value) for at, value in zip(times, raw.table.column("value").to_pylist(), strict=True)]


def test_rows_come_when_they_are_due(clock: Clock, buffer: ChunkBuffer) -> None:
    source = RateSource(3, clock=clock)
    assert rows(source, buffer) == [(0, 0)]
    assert source.idle
    assert rows(source, buffer) == []
    clock.now += 1.0
    assert rows(source, buffer) == [(333_333, 1), (666_666, 2), (1_000_000, 3)]
    assert not source.ended


def test_whoever_reads_to_the_end_gets_there_however_fast_it_is(clock: Clock, buffer: ChunkBuffer) -> None:
    source = RateSource(1_000_000, clock=clock)
    assert len(rows(source, buffer)) == 1
    clock.now += 0.03
    assert rows(source, buffer) == []
    clock.now += 0.03
    assert len(rows(source, buffer)) == 60_000


def test_it_ends_after_so_many_rows(clock: Clock, buffer: ChunkBuffer) -> None:
    source = RateSource(10, 3, clock=clock)
    clock.now += 100.0
    assert [value for _, value in rows(source, buffer)] == [0, 1, 2]
    assert source.ended
    assert rows(source, buffer) == []
    source.rewind()
    assert not source.ended


def test_a_clock_that_steps_back_repeats_nothing(clock: Clock, buffer: ChunkBuffer) -> None:
    source = RateSource(10, clock=clock)
    clock.now += 0.5
    assert len(rows(source, buffer)) == 6
    clock.now -= 3.0
    assert rows(source, buffer) == []
    assert source.lag().rows == 0
    clock.now += 3.1
    assert [value for _, value in rows(source, buffer)] == [6]


def test_a_restart_goes_on_where_it_was_stored_and_catches_up(clock: Clock, buffer: ChunkBuffer) -> None:
    source = RateSource(7, clock=clock)
    clock.now += 1.0
    raw = source.read(buffer)
    assert raw is not None
    stored = source.offset_at(raw, 0, 5)
    assert (stored.line, stored.byte) == (5, 0)
    clock.now += 10.0
    again = RateSource(7, offsets=(stored,), clock=clock)
    whole = RateSource(7, offsets=(Offset("rate", "x", 0, 0, False, stored.mark),), clock=clock)
    assert rows(again, buffer) == rows(whole, buffer)[5:]


@pytest.mark.parametrize("limits", [(16, 40, 1, 1 << 20), (1 << 20,), (64, 64, 64)])
def test_any_cut_gives_the_same_rows(limits: tuple[int, ...], clock: Clock, buffer: ChunkBuffer) -> None:
    source, other = RateSource(11, 40, clock=clock), RateSource(11, 40, clock=clock)
    clock.now += 10.0
    found: list[tuple[int, int]] = []
    turn = 0
    while not source.ended:
        found += rows(source, buffer, limits[turn % len(limits)])
        turn += 1
    assert found == rows(other, buffer)


def test_what_is_not_committed_comes_again(clock: Clock, buffer: ChunkBuffer) -> None:
    source = RateSource(10, clock=clock)
    clock.now += 1.0
    raw = source.read(buffer, 4 * 16)
    assert raw is not None
    source.committed(raw.offset)
    assert len(rows(source, buffer)) == 7
    source.rewind()
    assert not source.idle
    assert [value for _, value in rows(source, buffer)] == list(range(4, 11))
    assert source.lag() == Lag(7 * 16, 7, 0.6)


def test_a_long_downtime_comes_in_pieces(clock: Clock, buffer: ChunkBuffer) -> None:
    source = RateSource(1_000_000, clock=clock)
    clock.now += 1.0
    assert len(rows(source, buffer)) == PIECE
    assert not source.idle


def test_another_rate_goes_on_counting_from_the_last_stored_row(clock: Clock, buffer: ChunkBuffer) -> None:
    source = RateSource(1, clock=clock)
    clock.now += 4.0
    raw = source.read(buffer, 3 * 16)
    assert raw is not None
    faster = RateSource(2, offsets=(raw.offset,), clock=clock)
    assert rows(faster, buffer) == [(3_000_000, 3), (3_500_000, 4), (4_000_000, 5)]
    place = faster.place("rate", "read_rate", 16, 1)
    assert place is not None
    assert rows(RateSource(2, offsets=(place,), clock=clock), buffer)[:3] == [(1_000_000, 1), (2_000_000, 2), (3_000_000, 3)]


def test_from_the_end_nothing_that_is_due_is_read(clock: Clock, buffer: ChunkBuffer) -> None:
    source = RateSource(5, clock=clock)
    clock.now += 2.0
    (end,) = source.ends()
    assert end.line == 11
    later = RateSource(5, offsets=(end,), clock=clock)
    assert rows(later, buffer) == []
    clock.now += 0.2
    assert rows(later, buffer) == [(2_200_000, 11)]


def test_only_its_own_places_are_known(clock: Clock) -> None:
    assert RateSource(5, clock=clock).place("file", "x", 0, 0) is None
