"""The clock that counts: every row once, the same whenever it is read, whatever the clock does."""

from __future__ import annotations

import json

import pytest

from workbench.batch import ChunkBuffer, Lag, Offset
from workbench.connectors.rate import MOST_ANCHORS, PIECE, RateSource

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
    source = RateSource(3, clock=clock, monotonic=clock)
    assert rows(source, buffer) == [(0, 0)]
    assert source.idle
    assert rows(source, buffer) == []
    clock.now += 1.0
    assert rows(source, buffer) == [(333_333, 1), (666_666, 2), (1_000_000, 3)]
    assert not source.ended


def test_whoever_reads_to_the_end_gets_there_however_fast_it_is(clock: Clock, buffer: ChunkBuffer) -> None:
    source = RateSource(1_000_000, clock=clock, monotonic=clock)
    assert len(rows(source, buffer)) == 1
    clock.now += 0.03
    assert rows(source, buffer) == []
    clock.now += 0.03
    assert len(rows(source, buffer)) == 60_000


def test_it_ends_after_so_many_rows(clock: Clock, buffer: ChunkBuffer) -> None:
    source = RateSource(10, 3, clock=clock, monotonic=clock)
    clock.now += 100.0
    assert [value for _, value in rows(source, buffer)] == [0, 1, 2]
    assert source.ended
    assert rows(source, buffer) == []
    source.rewind()
    assert not source.ended


@pytest.mark.parametrize(("step", "told"), [(-3600.0, "put back by 1:00:00"), (2 * 86_400.0, "put forward by 2 days, 0:00:00")])
def test_a_step_of_the_wall_clock_neither_stops_nor_floods(step: float, told: str, clock: Clock, buffer: ChunkBuffer) -> None:
    steady = Clock()
    source = RateSource(10, clock=clock, monotonic=steady)
    steady.now += 0.5
    clock.now += 0.5
    assert len(rows(source, buffer)) == 6
    clock.now += step
    for _ in range(3):
        steady.now += 0.1
        clock.now += 0.1
        (row,) = rows(source, buffer)
    assert row == (800_000, 8)
    assert source.lag().rows == 9
    (notice,) = source.notices()
    assert told in notice
    assert source.notices() == []


def stored_after(seconds: float, rate: int, clock: Clock, buffer: ChunkBuffer) -> Offset:
    """What is stored when all that is due after some time was given."""
    source = RateSource(rate, clock=clock, monotonic=clock)
    clock.now += seconds
    raw = source.read(buffer)
    assert raw is not None
    return raw.offset


def test_a_clock_that_is_behind_after_a_restart_stops_nothing(clock: Clock, buffer: ChunkBuffer) -> None:
    stored = stored_after(1.0, 10, clock, buffer)
    clock.now -= 3600.0
    source = RateSource(10, offsets=(stored,), clock=clock, monotonic=clock)
    assert "1:00:00 behind" in source.notices()[0]
    clock.now += 0.25
    assert rows(source, buffer) == [(1_100_000, 11), (1_200_000, 12)]


def test_a_long_downtime_is_made_up_for_in_part_and_leaves_no_gap(clock: Clock, buffer: ChunkBuffer) -> None:
    stored = stored_after(1.0, 1, clock, buffer)
    clock.now += 2 * 86_400.0
    source = RateSource(1, offsets=(stored,), clock=clock, monotonic=clock)
    assert "the rows of the last 1:00:00 are made up for" in source.notices()[0]
    raw = source.read(buffer)
    assert raw is not None
    assert raw.table is not None
    assert raw.table.column("value").to_pylist() == list(range(2, 2 + 3601))
    again = RateSource(1, offsets=(source.offset_at(raw, 0, 100),), clock=clock, monotonic=clock)
    assert again.notices() == []
    whole = rows(RateSource(1, offsets=(Offset("rate", "x", 2, 2, False, raw.offset.mark),), clock=clock, monotonic=clock), buffer)
    assert rows(again, buffer) == whole[98:]
    assert whole[-1] == (round((clock.now - T0) * 1e6), 3602)


def test_of_one_that_has_ended_nothing_is_told(clock: Clock, buffer: ChunkBuffer) -> None:
    source = RateSource(10, 3, clock=clock, monotonic=clock)
    clock.now += 1.0
    raw = source.read(buffer)
    assert raw is not None
    clock.now += 2 * 86_400.0
    again = RateSource(10, 3, offsets=(raw.offset,), clock=clock, monotonic=Clock())
    clock.now -= 3600.0
    assert rows(again, buffer) == []
    assert again.ended
    assert again.notices() == []


def test_rows_of_long_ago_are_the_same_when_they_are_read_again(clock: Clock, buffer: ChunkBuffer) -> None:
    source = RateSource(1, clock=clock, monotonic=clock)
    clock.now += 7200.0
    first = rows(source, buffer)
    place = source.place("rate", "read_rate", 32, 2)
    assert place is not None
    again = RateSource(1, offsets=(place,), clock=clock, monotonic=clock)
    assert again.notices() == []
    raw = again.read(buffer, 16 * 16)
    assert raw is not None
    clock.now += 4 * 86_400.0
    last = RateSource(1, offsets=(raw.offset,), clock=clock, monotonic=clock)
    assert last.notices() != []
    found = rows(last, buffer)
    assert found[: 7201 - 18] == first[18:]
    assert [value for _, value in found] == list(range(18, 7201 + 3601))


def test_what_marks_say_is_bounded(clock: Clock, buffer: ChunkBuffer) -> None:
    stored = stored_after(1.0, 1, clock, buffer)
    for _ in range(MOST_ANCHORS + 20):
        clock.now += 86_400.0
        source = RateSource(1, offsets=(stored,), clock=clock, monotonic=clock)
        raw = source.read(buffer, 16)
        assert raw is not None
        stored = raw.offset
    assert len(json.loads(stored.mark)) == MOST_ANCHORS
    assert source.place("rate", "read_rate", 16, 1) is None
    assert source.place("rate", "read_rate", stored.byte - 16, stored.line - 1) is not None


def test_who_wants_all_of_a_fixed_number_waits_for_the_last(clock: Clock, buffer: ChunkBuffer) -> None:
    source = RateSource(10, 3, clock=clock, monotonic=clock)
    assert len(rows(source, buffer)) == 1
    waits = [source.undecided]
    clock.now += 0.2
    assert len(rows(source, buffer)) == 2
    waits.append(source.undecided)
    assert waits == [True, False]
    assert not RateSource(10, clock=clock, monotonic=clock).undecided


def test_a_restart_goes_on_where_it_was_stored_and_catches_up(clock: Clock, buffer: ChunkBuffer) -> None:
    source = RateSource(7, clock=clock, monotonic=clock)
    clock.now += 1.0
    raw = source.read(buffer)
    assert raw is not None
    stored = source.offset_at(raw, 0, 5)
    assert (stored.line, stored.byte) == (5, 0)
    clock.now += 10.0
    again = RateSource(7, offsets=(stored,), clock=clock, monotonic=clock)
    whole = RateSource(7, offsets=(Offset("rate", "x", 0, 0, False, stored.mark),), clock=clock, monotonic=clock)
    assert rows(again, buffer) == rows(whole, buffer)[5:]


@pytest.mark.parametrize("limits", [(16, 40, 1, 1 << 20), (1 << 20,), (64, 64, 64)])
def test_any_cut_gives_the_same_rows(limits: tuple[int, ...], clock: Clock, buffer: ChunkBuffer) -> None:
    source, other = RateSource(11, 40, clock=clock, monotonic=clock), RateSource(11, 40, clock=clock, monotonic=clock)
    clock.now += 10.0
    found: list[tuple[int, int]] = []
    turn = 0
    while not source.ended:
        found += rows(source, buffer, limits[turn % len(limits)])
        turn += 1
    assert found == rows(other, buffer)


def test_what_is_not_committed_comes_again(clock: Clock, buffer: ChunkBuffer) -> None:
    source = RateSource(10, clock=clock, monotonic=clock)
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
    source = RateSource(1_000_000, clock=clock, monotonic=clock)
    clock.now += 1.0
    assert len(rows(source, buffer)) == PIECE
    assert not source.idle


def test_another_rate_goes_on_counting_from_the_last_stored_row(clock: Clock, buffer: ChunkBuffer) -> None:
    source = RateSource(1, clock=clock, monotonic=clock)
    clock.now += 4.0
    raw = source.read(buffer, 3 * 16)
    assert raw is not None
    faster = RateSource(2, offsets=(raw.offset,), clock=clock, monotonic=clock)
    assert rows(faster, buffer) == [(3_000_000, 3), (3_500_000, 4), (4_000_000, 5)]
    place = faster.place("rate", "read_rate", 16, 1)
    assert place is not None
    assert rows(RateSource(2, offsets=(place,), clock=clock, monotonic=clock), buffer)[:3] == [
        (1_000_000, 1),
        (2_000_000, 2),
        (3_000_000, 3),
    ]


def test_from_the_end_nothing_that_is_due_is_read(clock: Clock, buffer: ChunkBuffer) -> None:
    source = RateSource(5, clock=clock, monotonic=clock)
    clock.now += 2.0
    (end,) = source.ends()
    assert end.line == 11
    later = RateSource(5, offsets=(end,), clock=clock, monotonic=clock)
    assert rows(later, buffer) == []
    clock.now += 0.2
    assert rows(later, buffer) == [(2_200_000, 11)]


def test_only_its_own_places_are_known(clock: Clock) -> None:
    assert RateSource(5, clock=clock, monotonic=clock).place("file", "x", 0, 0) is None
