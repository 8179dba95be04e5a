"""Spools: once, in order, over every way in which a process can end; bounded; and honest about what is lost."""

from __future__ import annotations

import errno
import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest

from tests.conftest import wait_until
from workbench.batch import ChunkBuffer, Offset, RawBatch
from workbench.connectors.spool import spool as spool_module
from workbench.connectors.spool.block import Piece
from workbench.connectors.spool.framing import framer
from workbench.connectors.spool.intake import Intake
from workbench.connectors.spool.reader import SpoolReader
from workbench.connectors.spool.segments import HEAD, SEGMENT_MAGIC, SegmentReader
from workbench.connectors.spool.source import SpoolSource
from workbench.connectors.spool.spool import Spool
from workbench.errors import SourceError

T = TypeVar("T")


class NoReceiver:
    """Records come by the test's own hand."""

    peers = 3
    waiting = 7

    def start(self) -> None: ...

    def stop(self) -> None: ...


class Stand:
    """A spool in a folder, opened as often as a test likes, and what its sources give."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = 1000.0
        self.sources: list[SpoolSource] = []

    def open(
        self,
        offsets: Sequence[Offset] = (),
        name: str = "t",
        intake: Intake | None = None,
        wake: Callable[[], None] = lambda: None,
        **more: Any,
    ) -> SpoolSource:
        if intake is None:
            more.setdefault("boot", "b1")
            spool = Spool(self.folder, clock=lambda: self.now, monotonic=lambda: self.now, **more)
            intake = Intake(spool, NoReceiver())
        source = SpoolSource(name, intake, "tcp://here", offsets=offsets, wake=wake, clock=lambda: self.now, monotonic=lambda: self.now)
        self.sources.append(source)
        return source

    def close(self) -> None:
        for source in self.sources:
            source.close()


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    stand = Stand(tmp_path / "spool")
    yield stand
    stand.close()


def spool_of(source: SpoolSource) -> Spool:
    return source._spool


def put(source: SpoolSource, *records: bytes, peer: str = "p") -> None:
    """Append records of one peer as one piece; they may hold newlines."""
    data = b"".join(record + b"\n" for record in records)
    lengths = np.array([len(record) + 1 for record in records], np.uint32) if data.count(b"\n") != len(records) else None
    assert spool_of(source).append([Piece([data], len(records), peer, lengths)])


def records_of(raw: RawBatch) -> list[bytes]:
    assert raw.buffer is not None
    data = raw.buffer.memory[: raw.length]
    if raw.starts is None:
        return data.split(b"\n")[:-1]
    return [data[a : b - 1] for a, b in zip(raw.starts, raw.starts[1:], strict=False)]


def read(source: SpoolSource, limit: int | None = None, commit: bool = True) -> tuple[list[bytes], list[RawBatch]]:
    """Everything that is there; the offsets of what follows one another must do so."""
    records: list[bytes] = []
    raws: list[RawBatch] = []
    buffer = ChunkBuffer(1 << 16)
    while (raw := source.read(buffer, limit)) is not None:
        found = records_of(raw)
        if raw.length:
            assert raw.offset.line == raw.start.line + len(found)
            assert raw.offset.byte == raw.start.byte + raw.length
        if raws and raws[-1].offset.file_id == raw.start.file_id:
            assert raws[-1].offset == raw.start
        records += found
        raws.append(raw)
        if commit:
            source.committed(raw.offset)
    buffer.close()
    return records, raws


def test_records_come_in_order_with_their_peers_and_times(stand: Stand) -> None:
    source = stand.open()
    put(source, b"one", b"two", peer="a")
    stand.now = 1001.0
    spool_of(source).append([Piece([b"three\n"], 1, "a"), Piece([b"four\n", b"five\n"], 2, "b"), Piece([b"six\n"], 1, "a")])
    records, (raw,) = read(source)
    assert records == [b"one", b"two", b"three", b"four", b"five", b"six"]
    assert raw.peers == ((0, "a"), (3, "b"), (5, "a"))
    assert (raw.arrived_at, raw.arrivals) == (1000.0, ((0, 1000.0), (2, 1001.0)))
    assert raw.starts is None
    assert source.idle


def test_records_may_hold_newlines(stand: Stand) -> None:
    source = stand.open()
    put(source, b"plain")
    put(source, b"two\nlines", b"", b"\n")
    put(source, b"plain again")
    records, (raw,) = read(source)
    assert records == [b"plain", b"two\nlines", b"", b"\n", b"plain again"]
    assert raw.starts is not None
    assert raw.starts.tolist() == [0, 6, 16, 17, 19, 31]


@pytest.mark.parametrize("limit", [1, 5, 8, 30, None])
def test_any_limit_gives_the_same(stand: Stand, limit: int | None) -> None:
    source = stand.open()
    given = [b"%d" % i * (i % 7) for i in range(100)]
    put(source, *given[:60], peer="a")
    put(source, b"x\ny", *given[60:], peer="b")
    records, raws = read(source, limit)
    assert records == [*given[:60], b"x\ny", *given[60:]]
    peers = [name for raw in raws for i in range(raw.offset.line - raw.start.line) for name in [_peer(raw, i)]]
    assert peers == ["a"] * 60 + ["b"] * 41


def _peer(raw: RawBatch, record: int) -> str:
    return next(name for first, name in reversed(raw.peers) if first <= record)


def test_reading_goes_on_at_any_offset(stand: Stand) -> None:
    source = stand.open()
    given = [b"record %d" % i for i in range(20)]
    put(source, *given[:9])
    put(source, b"has\nnewline", *given[9:])
    everything = [*given[:9], b"has\nnewline", *given[9:]]
    raw = source.read(ChunkBuffer(1 << 16))
    assert raw is not None
    assert raw.starts is not None
    for line, byte in enumerate(raw.starts.tolist()):
        offset = source.offset_at(raw, byte, line)
        assert source.place(offset.file_id, offset.file, offset.byte, offset.line) == offset
        again = stand.open([offset], f"t{line}", source._intake)
        assert read(again)[0] == everything[line:]


def test_what_is_not_committed_comes_again(stand: Stand) -> None:
    source = stand.open()
    put(source, b"one", b"two")
    assert read(source, commit=False)[0] == [b"one", b"two"]
    source.rewind()
    _, (raw,) = read(source)
    put(source, b"three")
    assert read(source, commit=False)[0] == [b"three"]
    source.rewind()
    assert read(source, commit=False)[0] == [b"three"]
    source.close()
    again = stand.open([raw.offset])
    assert read(again, commit=False)[0] == [b"three"]
    put(again, b"four")
    assert read(again)[0] == [b"four"]


def test_without_offsets_it_begins_at_the_oldest_that_is_there(stand: Stand) -> None:
    source = stand.open()
    put(source, b"one")
    source.close()
    assert read(stand.open())[0] == [b"one"]


def test_a_record_too_long_keeps_its_head(stand: Stand) -> None:
    source = stand.open()
    one = framer("newline", "p", 5)
    data = bytearray(b"abc\n123456\ndef\n")
    spool_of(source).append(one.feed(data, 0, len(data)))
    records, raws = read(source)
    assert records == [b"abc", b"def"]
    (overlong,) = raws[1].overlong
    assert (overlong.line, overlong.offset, overlong.length, overlong.head) == (1, 4, 6, b"123456")
    assert [raw.length for raw in raws] == [4, 0, 4]
    assert raws[2].start.byte == 11


def test_a_record_that_is_not_whole_stays_one_over_a_restart(stand: Stand) -> None:
    source = stand.open()
    one = framer("octet", "p", 100)
    data = bytearray(b"1 a10 hello")
    spool_of(source).append([*one.feed(data, 0, len(data)), *one.finish()])
    source.close()
    records, raws = read(stand.open())
    assert records == [b"a"]
    (cut,) = raws[1].overlong
    assert (cut.line, cut.length, cut.head, cut.cut) == (1, 8, b"10 hello", True)


def test_a_record_larger_than_the_buffer_is_too_long(stand: Stand) -> None:
    source = stand.open()
    put(source, b"a", b"x" * 70_000, b"b")
    records, raws = read(source)
    assert records == [b"a", b"b"]
    (overlong,) = raws[1].overlong
    assert (overlong.length, overlong.head) == (70_000, b"x" * (64 << 10))


# -- ends of processes


def last_segment(folder: Path) -> Path:
    return max(folder.glob("*.segment"))


@pytest.mark.parametrize("newlines", [False, True])
def test_a_torn_write_is_cut_at_its_last_whole_record(stand: Stand, newlines: bool) -> None:
    source = stand.open()
    put(source, b"kept")
    path = last_segment(stand.folder)
    whole = path.stat().st_size
    torn = [b"re\ncord %d" % i if newlines else b"record %d" % i for i in range(5)]
    data = b"".join(record + b"\n" for record in torn)
    put(source, *torn)
    source.close()
    written = path.read_bytes()
    for size in range(len(written) - 1, whole, -1):
        path.write_bytes(written[:size])
        again = stand.open()
        gone = len(written) - size
        there = [record for i, record in enumerate(torn) if sum(len(r) + 1 for r in torn[: i + 1]) <= len(data) - gone]
        records = read(again, commit=False)[0]
        assert records == [b"kept", *there]
        (told,) = again.notices()
        assert "torn" in told
        put(again, b"next")
        assert read(again, commit=False)[0] == [b"next"]
        again.close()


@pytest.mark.parametrize("head", [0, 20])
def test_dying_while_a_segment_is_begun(stand: Stand, head: int) -> None:
    source = stand.open()
    put(source, b"one", b"two", b"three")
    end = spool_of(source).end
    source.close()
    (stand.folder / f"{end.byte:020d}.segment").write_bytes(last_segment(stand.folder).read_bytes()[:head])
    again = stand.open()
    put(again, b"four")
    records, raws = read(again)
    assert records == [b"one", b"two", b"three", b"four"]
    assert raws[-1].offset.line == 4


def test_bytes_that_are_no_block_are_cut_off(stand: Stand) -> None:
    source = stand.open()
    put(source, b"kept")
    source.close()
    with last_segment(stand.folder).open("ab") as file:
        file.write(bytes(500))
    again = stand.open()
    put(again, b"next")
    assert read(again)[0] == [b"kept", b"next"]


@pytest.mark.parametrize("at", ["head", "front", "payload"])
def test_a_damaged_block_is_told_and_passed_over(stand: Stand, at: str) -> None:
    source = stand.open()
    put(source, b"one")
    path = last_segment(stand.folder)
    begin = path.stat().st_size
    put(source, b"two", b"three")
    end = path.stat().st_size
    put(source, b"four")
    source.close()
    data = bytearray(path.read_bytes())
    data[{"head": 3, "front": begin + 20, "payload": end - 2}[at]] ^= 0xFF
    path.write_bytes(data)
    again = stand.open()
    records, raws = read(again)
    assert records == ([b"one", b"two", b"three", b"four"] if at == "head" else [b"one", b"four"])
    assert raws[-1].offset.line == 4
    told = again.notices()
    assert len(told) == (at != "head")
    assert all("2 records" in text for text in told)


def test_a_segment_that_is_gone_is_told(stand: Stand) -> None:
    source = stand.open(limit=32 << 10)
    for i in range(10):
        put(source, b"%d" % i * 2000)
    source.close()
    gone = sorted(stand.folder.glob("*.segment"))[1]
    gone.unlink()
    again = stand.open(limit=32 << 10)
    records, raws = read(again)
    assert [record[:1] for record in records] == [b"0", b"1", b"4", b"5", b"6", b"7", b"8", b"9"]
    assert raws[-1].offset.line == 10
    assert any("2 records" in text for text in again.notices())


def test_what_a_crash_of_the_machine_took_hides_nothing_that_comes_later(stand: Stand) -> None:
    """The database is past what the disk still has of the spool: the same places hold other records now."""
    source = stand.open()
    put(source, b"one")
    path = last_segment(stand.folder)
    size = path.stat().st_size
    put(source, b"two", b"three")
    _, (raw,) = read(source)
    source.close()
    os.truncate(path, size)
    again = stand.open([raw.offset], boot="b2")
    put(again, b"four", b"five")
    records, (after,) = read(again)
    assert records == [b"four", b"five"]
    assert after.offset.file_id != raw.offset.file_id
    again.close()
    third = stand.open([raw.offset, after.offset], boot="b2")
    put(third, b"six")
    assert read(third)[0] == [b"six"]


def test_an_old_copy_of_the_folder_hides_nothing_that_comes_later(stand: Stand) -> None:
    source = stand.open()
    put(source, b"one")
    _, (raw,) = read(source)
    source.close()
    ahead = Offset(raw.offset.file_id, raw.offset.file, 1000, 100)
    again = stand.open([ahead])
    put(again, b"two")
    records, (after,) = read(again)
    assert records == [b"two"]
    assert any("older" in text for text in again.notices())
    again.close()
    third = stand.open([ahead, after.offset])
    put(third, b"three")
    assert read(third)[0] == [b"three"]


def test_an_old_copy_of_an_earlier_run_hides_nothing_either(stand: Stand, tmp_path: Path) -> None:
    source = stand.open()
    put(source, b"one")
    _, (first,) = read(source)
    source.close()
    copy = Stand(tmp_path / "copy")
    shutil.copytree(stand.folder, copy.folder)
    source = stand.open([first.offset], boot="b2")
    put(source, b"two")
    _, (second,) = read(source)
    again = copy.open([first.offset, second.offset], boot="b1")
    put(again, b"three")
    again.close()
    third = copy.open([first.offset, second.offset], boot="b1")
    put(third, b"four")
    assert read(third)[0] == [b"three", b"four"]
    copy.close()


def backlog_of_two_runs(stand: Stand) -> tuple[SpoolSource, dict[str, Offset]]:
    """Three records in one run of the machine and two in the next, held by a reader that is paused; `t` has committed the first."""
    first = opened(stand, {}, "b1")
    put(first, b"1")
    _, (raw,) = read(first)
    put(first, b"2", b"3")
    first.close()
    offsets = {raw.offset.file_id: raw.offset}
    second = opened(stand, offsets)
    put(second, b"4", b"5")
    return second, offsets


def opened(stand: Stand, offsets: dict[str, Offset], boot: str = "b2") -> SpoolSource:
    """The reader `t` of two."""
    spool = Spool(stand.folder, clock=lambda: stand.now, monotonic=lambda: stand.now, boot=boot)
    spool.expect(("t", "paused"))
    return stand.open(list(offsets.values()), intake=Intake(spool, NoReceiver()))


def test_a_reader_of_a_later_run_does_not_go_back_while_another_holds_the_earlier_one(stand: Stand) -> None:
    source, offsets = backlog_of_two_runs(stand)
    records, raws = read(source)
    assert records == [b"2", b"3", b"4", b"5"]
    offsets |= {raw.offset.file_id: raw.offset for raw in raws}
    assert len(offsets) == 2
    source.close()
    again = opened(stand, offsets)
    assert again.idle
    put(again, b"6")
    assert read(again)[0] == [b"6"]
    assert read(stand.open(name="paused", intake=again._intake))[0] == [b"1", b"2", b"3", b"4", b"5", b"6"]


def test_the_end_is_after_every_run(stand: Stand) -> None:
    source, offsets = backlog_of_two_runs(stand)
    ends = {end.file_id: end for end in source.ends()}
    assert [(end.byte, end.line) for end in ends.values()] == [(6, 3), (10, 5)]
    assert ends.keys() > offsets.keys()
    source.close()
    again = opened(stand, offsets | ends)
    assert again.ends() == ()
    put(again, b"6")
    assert read(again)[0] == [b"6"]


def test_where_each_run_begins(stand: Stand) -> None:
    """Nothing is stored of the later one: it does not begin at 0, where the spool does."""
    source, _ = backlog_of_two_runs(stand)
    ends = source.ends()
    assert [(begin.byte, begin.line) for begin in map(source.begin, ends)] == [(2, 1), (6, 3)]
    source.committed(ends[0])
    assert source.begin(ends[1]) == replace(ends[1], byte=6, line=3)
    source.close()
    late = stand.open(name="paused", intake=source._intake)
    assert [(begin.byte, begin.line) for begin in map(late.begin, late.ends())] == [(0, 0), (6, 3)]


def test_the_end_of_the_later_run_alone_is_beyond_the_earlier_one(stand: Stand) -> None:
    source, offsets = backlog_of_two_runs(stand)
    last = source.ends()[-1]
    source.close()
    assert read(opened(stand, offsets | {last.file_id: last}))[0] == []


def test_a_rewind_into_an_earlier_run_reads_the_later_one_again(stand: Stand) -> None:
    source, offsets = backlog_of_two_runs(stand)
    _, raws = read(source)
    begun = next(raw.start for raw in raws if raw.start.file_id not in offsets)
    source.close()
    assert read(opened(stand, offsets | {begun.file_id: begun}))[0] == [b"2", b"3", b"4", b"5"]


@pytest.mark.parametrize("damage", [None, b"{"])
def test_the_identity_survives_the_book(stand: Stand, damage: bytes | None) -> None:
    source = stand.open()
    put(source, b"one")
    _, (raw,) = read(source)
    source.close()
    book = stand.folder / "spool.json"
    book.unlink()
    if damage is not None:
        book.write_bytes(damage)
    again = stand.open([raw.offset])
    put(again, b"two")
    assert read(again)[0] == [b"two"]


def test_a_new_folder_begins_anew(stand: Stand, tmp_path: Path) -> None:
    source = stand.open()
    put(source, b"one")
    _, (raw,) = read(source)
    other = Stand(tmp_path / "other")
    again = other.open([raw.offset])
    put(again, b"two")
    assert read(again)[0] == [b"two"]
    assert again.place(raw.offset.file_id, "x", 0, 0) is None
    other.close()


# -- trouble


@pytest.mark.parametrize(("method", "number"), [("__init__", errno.EMFILE), ("front", errno.EIO), ("fill", errno.EIO)])
def test_what_cannot_be_read_now_is_told_and_read_later(stand: Stand, monkeypatch: pytest.MonkeyPatch, method: str, number: int) -> None:
    source, buffer = stand.open(limit=32 << 10), ChunkBuffer(1 << 16)
    given = [b"%d" % i * 2000 for i in range(6)]
    for record in given:
        put(source, record)

    def fail(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(SegmentReader, method, fail)
        for _ in range(3):
            assert source.read(buffer) is None
        assert not source.idle
        (told,) = source.notices()
        assert os.strerror(number) in told
    assert read(source)[0] == given
    assert [text for text in source.notices() if "again" in text] == ["tcp://here: what was received can be read again"]


def test_what_came_before_an_error_is_handed_out(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    source = stand.open(limit=32 << 10)
    given = [b"%d" % i * 2000 for i in range(6)]
    for record in given:
        put(source, record)
    opened: list[Path] = []
    whole = SegmentReader.__init__

    def once(self: SegmentReader, path: Path) -> None:
        if opened:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        opened.append(path)
        whole(self, path)

    with monkeypatch.context() as patch:
        patch.setattr(SegmentReader, "__init__", once)
        assert read(source)[0] == given[:2]
        assert len(source.notices()) == 1
    assert read(source)[0] == given[2:]


def hung(source: SpoolSource, monkeypatch: pytest.MonkeyPatch) -> tuple[threading.Event, threading.Thread]:
    """A read that hangs until the event is set."""
    begun, go_on, front = threading.Event(), threading.Event(), SegmentReader.front

    def hang(self: SegmentReader, at: int, stop: int) -> Any:
        begun.set()
        go_on.wait()
        return front(self, at, stop)

    monkeypatch.setattr(SegmentReader, "front", hang)
    thread = threading.Thread(target=source.read, args=(ChunkBuffer(1 << 16),), daemon=True)
    thread.start()
    begun.wait()
    return go_on, thread


def meanwhile(work: Callable[[], T]) -> T:
    """What `work` gives, in another thread; it must not wait."""
    found: list[T] = []
    threading.Thread(target=lambda: found.append(work()), daemon=True).start()
    wait_until(lambda: bool(found), "an answer while a read hangs", 30.0)
    return found[0]


def test_nothing_but_a_rewind_waits_for_a_read_that_hangs(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    source = stand.open()
    put(source, b"one", b"two")
    raw = source.read(ChunkBuffer(1 << 16))
    assert raw is not None
    put(source, b"three")
    spool_of(source).finish()
    go_on, thread = hung(source, monkeypatch)
    try:
        offset = meanwhile(lambda: source.offset_at(raw, 4, 1))
        assert (offset.byte, offset.line) == (4, 1)
        meanwhile(lambda: source.committed(offset))
        assert meanwhile(lambda: source.lag().rows) == 2
        assert meanwhile(lambda: (source.idle, source.ended)) == (False, False)
        assert meanwhile(lambda: [end.line for end in source.ends()]) == [3]
        assert meanwhile(lambda: source.place(offset.file_id, offset.file, 4, 1)) == offset
        assert meanwhile(source.notices) == []
    finally:
        go_on.set()
        thread.join()
    assert source.ended


def test_a_source_that_is_closed_while_its_read_hangs_gives_its_handles_back_after_it(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = stand.open()
    put(source, b"one")
    go_on, thread = hung(source, monkeypatch)
    reader = source._reader
    assert isinstance(reader, SpoolReader)

    def is_open() -> bool:
        return reader._open is not None

    try:
        meanwhile(source.close)
        assert is_open()
    finally:
        go_on.set()
        thread.join()
    assert not is_open()
    assert source.read(ChunkBuffer(100)) is None


def test_what_cannot_begin_to_receive_leaves_nothing_open(stand: Stand) -> None:
    class NoHandles(NoReceiver):
        tries = 0

        def start(self) -> None:
            self.tries += 1
            if self.tries == 1:
                raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    spool = Spool(stand.folder, boot="b1")
    intake = Intake(spool, NoHandles())
    with pytest.raises(SourceError, match="Too many open files"):
        stand.open(intake=intake)
    assert spool._sync is None
    source = stand.open(intake=intake)
    put(source, b"one")
    assert read(source)[0] == [b"one"]


# -- bounds


def test_segments_go_when_every_reader_is_past_them(stand: Stand) -> None:
    first = stand.open(limit=32 << 10)
    spool = spool_of(first)
    spool.expect(["t", "u", "later"])
    second = stand.open(name="u", intake=first._intake)
    for i in range(10):
        put(first, b"%d" % i * 2000)
    files = len(list(stand.folder.glob("*.segment")))
    assert files == 5
    read(first)
    read(second)
    assert len(list(stand.folder.glob("*.segment"))) == files, "one reader has not come yet"
    later = stand.open(name="later", intake=first._intake)
    assert read(later, commit=False)[0][0] == b"0" * 2000
    raw = later.read(ChunkBuffer(1 << 16))
    assert raw is None
    spool.expect(["t", "u"])
    assert len(list(stand.folder.glob("*.segment"))) == 1
    assert first.lag().held == 0
    offset = Offset(spool.file_id(0), "tcp://here", 0, 0)
    assert first.place(offset.file_id, offset.file, 0, 0) is None


def test_it_is_bounded(stand: Stand) -> None:
    source = stand.open(limit=32 << 10)
    spool = spool_of(source)
    count = 0
    while spool.wait_for_room(0):
        put(source, b"x" * 1000)
        count += 1
    assert 32 << 10 <= spool.held < (32 << 10) + 1200
    assert any("full" in text for text in source.notices())
    assert len(read(source)[0]) == count
    assert spool.wait_for_room(0)
    put(source, b"y")
    assert read(source)[0] == [b"y"]


def test_one_huge_append_does_not_block_it_for_ever(stand: Stand) -> None:
    source = stand.open(limit=8192)
    put(source, b"x" * 20_000)
    assert not spool_of(source).has_room
    read(source)
    assert spool_of(source).has_room


def test_waiting_for_room_ends_when_there_is_some(stand: Stand) -> None:
    source = stand.open(limit=8192)
    put(source, b"x" * 20_000)
    found: list[bool] = []
    waiter = threading.Thread(target=lambda: found.append(spool_of(source).wait_for_room(30)))
    waiter.start()
    read(source)
    waiter.join(300)
    assert found == [True]


def test_a_full_disk_keeps_nothing_of_an_append_and_goes_on_when_there_is_room(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    source = stand.open()
    put(source, b"one")
    path = last_segment(stand.folder)
    size = path.stat().st_size

    def full(fd: int, at: int, parts: Any) -> int:
        os.pwrite(fd, b"".join(parts)[:20], at)
        raise OSError(errno.ENOSPC, "No space left on device")

    piece = Piece([b"two\n"], 1, "p")
    with monkeypatch.context() as patch:
        patch.setattr(spool_module, "write_at", full)
        assert not spool_of(source).append([piece])
        stand.now += 1
        assert not spool_of(source).append([piece])
        assert not spool_of(source).has_room
    assert path.stat().st_size == size
    assert len([text for text in source.notices() if "disk is full" in text]) == 1
    stand.now += 1
    assert spool_of(source).has_room
    assert spool_of(source).append([piece])
    assert any("again" in text for text in source.notices())
    assert read(source)[0] == [b"one", b"two"]


@pytest.mark.parametrize("committed_first", [False, True])
def test_a_full_disk_gets_the_room_of_what_is_committed(stand: Stand, monkeypatch: pytest.MonkeyPatch, committed_first: bool) -> None:
    source = stand.open()
    put(source, b"one", b"two")
    if committed_first:
        read(source)

    def full(fd: int, at: int, parts: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(spool_module, "write_at", full)
        assert not spool_of(source).append([Piece([b"three\n"], 1, "p")])
    read(source)
    assert spool_of(source).held < 50
    put(source, b"three")
    records, (raw,) = read(source)
    assert records == [b"three"]
    assert (raw.start.byte, raw.start.line) == (8, 2)
    source.close()
    again = stand.open([raw.offset])
    put(again, b"four")
    assert read(again)[0] == [b"four"]


@pytest.mark.parametrize("written", [False, True])
def test_dying_while_a_segment_is_emptied(stand: Stand, written: bool) -> None:
    source = stand.open()
    put(source, b"one", b"two")
    _, (raw,) = read(source)
    source.close()
    path = last_segment(stand.folder)
    renamed = path.with_name(f"{raw.offset.byte:020d}.segment")
    path.rename(renamed)
    if written:
        with renamed.open("r+b") as file:
            file.write(HEAD.pack(SEGMENT_MAGIC, spool_of(source).book.id.encode(), 0, raw.offset.byte, raw.offset.line))
    again = stand.open([raw.offset])
    put(again, b"three")
    assert read(again)[0] == [b"three"]
    fresh = stand.open(name="fresh", intake=again._intake)
    assert read(fresh)[0] == [b"three"]


def test_files_are_for_this_user_only(stand: Stand) -> None:
    source = stand.open()
    put(source, b"one")
    source.close()
    assert stand.folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in stand.folder.iterdir()} == {0o600}


# -- telling


def test_lag(stand: Stand) -> None:
    source = stand.open()
    put(source, b"one", b"two")
    stand.now += 5
    put(source, b"three")
    stand.now += 2
    lag = source.lag()
    assert (lag.bytes, lag.rows, lag.seconds, lag.held) == (14, 3, 7.0, 14)
    assert (lag.peers, lag.waiting, lag.dropped) == (3, 7, 0)
    raw = source.read(ChunkBuffer(1 << 16))
    assert raw is not None
    assert source.ends() == (raw.offset,)
    source.committed(source.offset_at(raw, 8, 2))
    assert (source.lag().rows, source.lag().seconds) == (1, 2.0)
    source.committed(raw.offset)
    assert (source.lag().bytes, source.lag().rows, source.lag().seconds, source.lag().held) == (0, 0, 0.0, 0)
    assert source.ends() == ()


def test_drops_are_told_and_remembered(stand: Stand) -> None:
    source = stand.open()
    spool_of(source).drop(3)
    (told,) = source.notices()
    assert "3 records were lost: 0 in all in the kernel's buffer" in told
    spool_of(source).drop(4, kernel=True)
    assert source.notices() == []
    stand.now += 11
    assert "4 records were lost: 4 in all in the kernel's buffer" in source.notices()[0]
    wait_until(lambda: json.loads((stand.folder / "spool.json").read_text())["dropped_by_kernel"] == 4)
    source.close()
    again = stand.open()
    assert again.lag().dropped == 7
    assert again.notices() == []


def test_it_ends_when_the_receiver_says_so_and_all_is_read(stand: Stand) -> None:
    source = stand.open()
    put(source, b"one")
    assert not source.ended
    spool_of(source).finish()
    assert not source.ended
    read(source)
    assert source.ended


def test_a_reader_is_woken(stand: Stand) -> None:
    woken: list[int] = []
    source = stand.open(wake=lambda: woken.append(1))
    put(source, b"one")
    wait_until(lambda: woken)


def test_a_closed_source_gives_nothing(stand: Stand) -> None:
    source = stand.open()
    put(source, b"one")
    source.close()
    source.close()
    assert source.read(ChunkBuffer(100)) is None


def test_a_full_spool_names_who_holds_it(stand: Stand) -> None:
    first = stand.open(limit=8 * 4096)
    spool = spool_of(first)
    second = stand.open(name="u", intake=first._intake)
    spool.expect(("t", "u", "v"))
    assert not first.lag().full
    while spool.has_room:
        put(first, *[b"x" * 100] * 30)
    assert first.lag().held_by == ("t", "u", "v")  # v has not come yet
    read(second)
    assert second.lag().held_by == ("t", "v")
    spool.expect(("t", "u"))
    assert (first.lag().held_by, first.lag().full, first.lag().drops) == (("t",), True, False)
    read(first)
    assert not second.lag().full
    assert second.lag().held_by == ()
