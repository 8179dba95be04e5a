"""What a source does with the files of a folder."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.unit.connectors.conftest import Reader
from workbench.batch import ChunkBuffer, Lag
from workbench.connectors.files import handles


def add(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def numbers(first: int, last: int) -> list[bytes]:
    return [b'{"n":%d}' % n for n in range(first, last)]


def lines(first: int, last: int) -> bytes:
    return b"".join(line + b"\n" for line in numbers(first, last))


def test_a_last_line_without_newline_waits(reader: Reader, tmp_path: Path) -> None:
    file = tmp_path / "a.ndjson"
    file.write_bytes(b'{"n":0}\n{"n"')
    source = reader.source()
    assert reader.take(source) == [b'{"n":0}']
    assert source.lag() == Lag(waiting=4, files=1)
    assert source.idle
    assert not source.ended
    assert reader.later(source, 60) == []
    add(file, b":1}\n")
    assert reader.take(source) == [b'{"n":1}']
    assert reader.offsets[reader.batches[0].offset.file_id].line == 2


def test_offsets_name_records_and_bytes(reader: Reader, tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_bytes(lines(0, 4))
    source = reader.source()
    source.rescan()
    raw = source.read(reader.buffer)
    assert raw is not None
    assert (raw.start.byte, raw.start.line, raw.offset.byte, raw.offset.line, raw.offset.file) == (0, 0, 32, 4, "a.ndjson")
    assert source.offset_at(raw, 32, 4) == raw.offset
    middle = source.offset_at(raw, 16, 2)
    assert (middle.byte, middle.line, middle.done) == (16, 2, False)
    reader.commit(source, middle)
    source.rewind()
    assert reader.take(source) == numbers(2, 4)


def test_a_limit_bounds_a_batch_and_a_longer_record_comes_whole(reader: Reader, tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_bytes(lines(0, 3) + b"x" * 100 + b"\n" + lines(3, 4))
    source = reader.source()
    assert reader.take(source, limit=20) == [*numbers(0, 3), b"x" * 100, *numbers(3, 4)]
    assert [raw.length for raw in reader.batches][:2] == [16, 8]


def test_a_buffer_is_sealed_at_the_end_of_the_records(reader: Reader, tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_bytes(b"one\ntwo\nhalf")
    source = reader.source()
    assert source.read(reader.buffer) is not None
    if reader.buffer.path:
        assert Path(reader.buffer.path).read_bytes() == b"one\ntwo\n"


def test_rename_inside_the_glob(reader: Reader, tmp_path: Path) -> None:
    file = tmp_path / "a.ndjson"
    file.write_bytes(lines(0, 2))
    source = reader.source("a.ndjson*")
    assert reader.take(source) == numbers(0, 2)
    add(file, lines(2, 3))
    file.rename(tmp_path / "a.ndjson.1")
    file.write_bytes(lines(3, 4))
    assert reader.take(source) == numbers(2, 4)
    assert source.notices() == ["a.ndjson was renamed to a.ndjson.1: it is read on where it was"]


@pytest.mark.parametrize("restarted", [False, True])
def test_rename_out_of_the_glob_reads_the_rest_first(reader: Reader, tmp_path: Path, restarted: bool) -> None:
    file = tmp_path / "a.ndjson"
    file.write_bytes(lines(0, 2))
    source = reader.source()
    assert reader.take(source) == numbers(0, 2)
    add(file, lines(2, 3) + b"no newline")
    file.rename(tmp_path / "a.ndjson.1")
    file.write_bytes(lines(3, 4))
    if restarted:
        source = reader.restart(source)
    assert reader.take(source) == numbers(2, 4)
    assert source.notices() == ["a.ndjson was renamed to a.ndjson.1: it is read to its end"]
    assert reader.later(source) == [b"no newline"]
    assert reader.batches[-1].unended
    assert reader.batches[-1].offset.done
    source = reader.restart(source)
    assert reader.later(source) == []


def test_a_writer_that_notices_the_rename_late(reader: Reader, tmp_path: Path) -> None:
    file = tmp_path / "a.ndjson"
    file.write_bytes(lines(0, 1))
    source = reader.source()
    reader.take(source)
    file.rename(tmp_path / "a.ndjson.1")
    assert reader.later(source, 30) == []
    add(tmp_path / "a.ndjson.1", lines(1, 2))
    assert reader.take(source) == numbers(1, 2)


def test_a_deleted_file_is_read_to_its_end(reader: Reader, tmp_path: Path) -> None:
    file = tmp_path / "a.ndjson"
    file.write_bytes(lines(0, 5000) + b"last")
    source = reader.source()
    source.rescan()
    first = source.read(reader.buffer, 100)
    assert first is not None
    file.unlink()
    records = reader.take(source)
    assert len(records) == 5000 - first.offset.line
    assert reader.later(source) == [b"last"]
    assert "a.ndjson is gone from its place: it is read to its end" in source.notices()


def test_truncation_starts_again(reader: Reader, tmp_path: Path) -> None:
    file = tmp_path / "a.ndjson"
    file.write_bytes(lines(0, 5))
    source = reader.source()
    reader.take(source)
    file.write_bytes(lines(5, 6))
    assert reader.take(source) == numbers(5, 6)
    assert source.notices() == ["a.ndjson was truncated or replaced: it is read from its start"]
    assert len(reader.offsets) == 2


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("head", [b"", b"#" * 2000 + b"\n"])
def test_truncation_and_growth_beyond_the_offset(reader: Reader, tmp_path: Path, head: bytes, restarted: bool) -> None:
    """The size tells nothing; with a long common head only the bytes before the offset do."""
    file = tmp_path / "a.ndjson"
    file.write_bytes(head + lines(0, 5))
    source = reader.source()
    reader.take(source)
    inode = file.stat().st_ino
    file.write_bytes(head + lines(5, 20))
    assert file.stat().st_ino == inode
    if restarted:
        source = reader.restart(source)
    assert reader.take(source) == [*head.split(), *numbers(5, 20)]


def test_truncation_to_the_very_same_size(reader: Reader, tmp_path: Path) -> None:
    file = tmp_path / "a.ndjson"
    file.write_bytes(lines(0, 5))
    source = reader.source()
    reader.take(source)
    file.write_bytes(lines(5, 10))
    os.utime(file, (1, 1))
    assert reader.take(source) == numbers(5, 10)


def test_lost_bytes_are_named(reader: Reader, tmp_path: Path) -> None:
    file = tmp_path / "a.ndjson"
    file.write_bytes(lines(0, 5))
    source = reader.source()
    source.rescan()
    source.read(reader.buffer, 16)
    file.write_bytes(b"")
    reader.take(source)
    assert source.notices() == ["a.ndjson was truncated or replaced with 24 bytes unread: it is read from its start"]


def test_the_copy_of_copytruncate_is_not_read_twice(reader: Reader, tmp_path: Path) -> None:
    """And what was not read before the truncation is read from the copy."""
    file = tmp_path / "a.ndjson"
    file.write_bytes(lines(0, 5))
    source = reader.source("a.ndjson*")
    reader.take(source)
    add(file, lines(5, 7))
    (tmp_path / "a.ndjson.1").write_bytes(file.read_bytes())
    file.write_bytes(lines(7, 9))
    assert sorted(reader.take(source)) == numbers(5, 9)
    source = reader.restart(source, "a.ndjson*")
    assert reader.take(source) == []


def test_the_copy_of_copytruncate_is_seen_before_the_truncation(reader: Reader, tmp_path: Path) -> None:
    file = tmp_path / "a.ndjson"
    file.write_bytes(lines(0, 5))
    source = reader.source("a.ndjson*")
    reader.take(source)
    (tmp_path / "a.ndjson.1").write_bytes(file.read_bytes())
    assert reader.take(source) == []
    assert not source.idle
    file.write_bytes(lines(7, 9))
    assert reader.take(source) == numbers(7, 9)
    assert reader.later(source) == []


def test_the_copy_of_copytruncate_grows_while_it_is_seen(reader: Reader, tmp_path: Path) -> None:
    file, copy = tmp_path / "a.ndjson", tmp_path / "a.ndjson.1"
    file.write_bytes(lines(0, 500))
    source = reader.source("a.ndjson*")
    reader.take(source)
    for size in (0, 100, 3000):
        copy.write_bytes(file.read_bytes()[:size])
        assert reader.take(source) == []
    copy.write_bytes(file.read_bytes())
    file.write_bytes(lines(700, 701))
    assert reader.take(source) == numbers(700, 701)
    assert reader.later(source) == []


def test_an_empty_file_that_is_filled(reader: Reader, tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.ndjson").touch()
    source = reader.source()
    assert reader.take(source) == []
    assert source.lag().files == 2
    (tmp_path / "a.ndjson").write_bytes(lines(0, 1))
    assert reader.take(source) == numbers(0, 1)
    (tmp_path / "b.ndjson").write_bytes(lines(1, 2))
    (tmp_path / "b.ndjson").rename(tmp_path / "b.old")
    assert reader.take(source) == numbers(1, 2)


def test_a_twin_that_is_no_copy_is_read(reader: Reader, tmp_path: Path) -> None:
    """At once, unless its name is one that a rotation gives."""
    (tmp_path / "a.ndjson").write_bytes(lines(0, 2))
    source = reader.source("*.ndjson*")
    reader.take(source)
    (tmp_path / "b.ndjson").write_bytes(lines(0, 2) + b"more\n")
    assert reader.take(source) == [*numbers(0, 2), b"more"]
    (tmp_path / "a.ndjson.1").write_bytes(lines(0, 2) + b"more\n")
    assert reader.take(source) == []
    assert reader.later(source) == [*numbers(0, 2), b"more"]


def test_small_files_with_equal_content(reader: Reader, tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / f"{name}.ndjson").write_bytes(lines(0, 1))
    source = reader.source()
    assert reader.take(source) == numbers(0, 1) * 3
    source = reader.restart(source)
    assert reader.take(source) == []


@pytest.mark.parametrize("content", [lines(5, 6), lines(5, 30)])
def test_the_inode_is_used_again(reader: Reader, tmp_path: Path, content: bytes) -> None:
    file, spare = tmp_path / "a.ndjson", tmp_path / "spare"
    file.write_bytes(lines(0, 5))
    source = reader.source()
    reader.take(source)
    source.close()
    os.link(file, spare)
    file.unlink()
    spare.write_bytes(content)
    spare.rename(file)
    source = reader.source()
    assert reader.take(source) == content.split()
    assert source.notices() == ["a.ndjson was replaced or truncated: it is read from its start"]


def test_hard_links_and_symlinks_are_one_file(reader: Reader, tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_bytes(lines(0, 2))
    os.link(tmp_path / "a.ndjson", tmp_path / "b.ndjson")
    (tmp_path / "c.ndjson").symlink_to(tmp_path / "a.ndjson")
    source = reader.source()
    assert reader.take(source) == numbers(0, 2)
    assert source.lag().files == 1


def test_a_symlink_is_switched(reader: Reader, tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(lines(0, 2))
    (tmp_path / "new").write_bytes(lines(5, 6))
    current = tmp_path / "a.ndjson"
    current.symlink_to(tmp_path / "old")
    source = reader.source()
    reader.take(source)
    add(tmp_path / "old", lines(2, 4))
    current.unlink()
    current.symlink_to(tmp_path / "new")
    assert reader.take(source) == [*numbers(2, 4), *numbers(5, 6)]


def test_permission_given_later(reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One file that cannot be opened stops no other, and is said once."""
    closed = tmp_path / "a.ndjson"
    closed.write_bytes(lines(0, 1))
    (tmp_path / "b.ndjson").write_bytes(lines(1, 2))
    open_content = handles.open_content

    def refuse(path: str, parquet: bool) -> Any:
        if path == str(closed):
            raise PermissionError(13, "Permission denied", path)
        return open_content(path, parquet)

    monkeypatch.setattr(handles, "open_content", refuse)
    source = reader.source()
    assert reader.take(source) == numbers(1, 2)
    assert reader.take(source) == []
    assert source.notices() == ["a.ndjson: Permission denied; it is tried again"]
    monkeypatch.undo()
    assert reader.take(source) == numbers(0, 1)
    assert source.notices() == ["a.ndjson can be read again"]


def test_a_directory_in_the_glob(reader: Reader, tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").mkdir()
    (tmp_path / "b.ndjson").write_bytes(lines(0, 1))
    source = reader.source()
    assert reader.take(source) == numbers(0, 1)
    assert reader.take(source) == []
    assert source.notices() == ["a.ndjson is a directory: left out (its files are a.ndjson/*)"]


def test_a_pipe_in_the_glob(reader: Reader, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.ndjson")
    source = reader.source()
    assert reader.take(source) == []
    assert source.notices() == ["a.ndjson is not a regular file: left out"]


def test_a_glob_that_matches_nothing_waits(reader: Reader, tmp_path: Path) -> None:
    source = reader.source("in/*.ndjson")
    assert reader.take(source) == []
    assert reader.take(source) == []
    assert source.notices() == ["in/*.ndjson matches no file yet: orders waits for one"]
    assert source.idle
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.ndjson").write_bytes(lines(0, 1))
    assert reader.take(source) == numbers(0, 1)
    assert reader.batches[0].offset.file == "in/a.ndjson"


def test_a_name_with_signs_of_a_glob(reader: Reader, tmp_path: Path) -> None:
    (tmp_path / "a[1].ndjson").write_bytes(lines(0, 1))
    assert reader.take(reader.source("a[1].ndjson")) == numbers(0, 1)


def test_backlog_is_read_oldest_first(reader: Reader, tmp_path: Path) -> None:
    for number, age in (("b", 1), ("a", 2), ("c", 1)):
        file = tmp_path / f"{number}.ndjson"
        file.write_bytes(number.encode() * 9 + b"\n" + number.encode() * 9 + b"\n")
        os.utime(file, (1e9 - age, 1e9 - age))
    source = reader.source()
    assert [r[:1] for r in reader.take(source, limit=10)] == [b"a", b"a", b"b", b"b", b"c", b"c"]


def test_files_with_news_take_turns(reader: Reader, tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.ndjson").write_bytes(name.encode() + b"\n")
    source = reader.source()
    reader.take(source)
    for name in "ab":
        add(tmp_path / f"{name}.ndjson", (name.encode() + b"\n") * 3)
    assert reader.take(source, limit=2) == [b"a", b"b"] * 3


def test_more_files_than_handles(reader: Reader, tmp_path: Path) -> None:
    files = [tmp_path / f"{n:03}.ndjson" for n in range(handles.MOST + 20)]
    for n, file in enumerate(files):
        file.write_bytes(lines(n, n + 1))
    source = reader.source()
    assert len(reader.take(source)) == len(files)
    for n, file in enumerate(files):
        add(file, lines(n, n + 1))
    assert len(reader.take(source)) == len(files)
    assert open_below(tmp_path) == handles.MOST


def test_start_at_the_end(reader: Reader, tmp_path: Path) -> None:
    """Only files of the first look begin at their end, and a restart before their first record changes nothing."""
    for name in "ab":
        (tmp_path / f"{name}.ndjson").write_bytes(lines(0, 3) + b"half")
    source = reader.source(start="end")
    assert reader.take(source) == []
    assert [(raw.length, raw.start.byte, raw.offset.byte, raw.offset.line) for raw in reader.batches] == [(0, 24, 24, 3)] * 2
    add(tmp_path / "a.ndjson", b"+half\n")
    (tmp_path / "c.ndjson").write_bytes(lines(7, 8))
    source = reader.restart(source, start="end")
    assert sorted(reader.take(source)) == [b"half+half", *numbers(7, 8)]


def test_start_at_the_end_when_the_first_look_was_not_stored_whole(reader: Reader, tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.ndjson").write_bytes(lines(0, 3))
    source = reader.source(start="end")
    raw = source.read(reader.buffer)
    assert raw is not None
    reader.commit(source, raw.offset)
    source = reader.restart(source, start="end")
    assert reader.take(source) == []
    assert len(reader.offsets) == 2


@pytest.mark.parametrize("gone", [False, True], ids=["unreadable", "deleted"])
def test_start_at_the_end_when_a_file_could_not_be_opened(
    reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gone: bool
) -> None:
    """The first look is over all the same: after a restart a new file is read; what was there at the first look is not."""
    for name in "ab":
        (tmp_path / f"{name}.ndjson").write_bytes(lines(0, 3))
    denied = os.open

    def refuse(path: str, *given: Any, **more: Any) -> int:
        if str(path).endswith("b.ndjson"):
            raise PermissionError(errno.EACCES, "Permission denied")
        return denied(path, *given, **more)

    source = reader.source(start="end")
    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        source.rescan()
        if gone:
            (tmp_path / "b.ndjson").unlink()
        assert reader.take(source) == []
        assert reader.take(source) == []
        (tmp_path / "c.ndjson").write_bytes(lines(5, 8))
        source = reader.restart(source, start="end")
        assert reader.take(source) == numbers(5, 8)
    if not gone:
        add(tmp_path / "b.ndjson", lines(3, 4))
        assert reader.take(source) == numbers(3, 4)
        source = reader.restart(source, start="end")
    assert reader.take(source) == []


def test_rewind_before_the_end_was_stored(reader: Reader, tmp_path: Path) -> None:
    file = tmp_path / "a.ndjson"
    file.write_bytes(lines(0, 3))
    source = reader.source(start="end")
    source.rescan()
    add(file, lines(3, 4))
    assert source.read(reader.buffer) is not None
    source.rewind()
    assert reader.take(source) == numbers(3, 4)


def test_without_follow_a_last_line_counts(reader: Reader, tmp_path: Path) -> None:
    file = tmp_path / "a.ndjson"
    file.write_bytes(b"one\ntwo")
    source = reader.source(follow=False)
    source.rescan()
    ended = [source.ended]
    assert reader.take(source) == [b"one", b"two"]
    assert [*ended, source.ended] == [False, True]
    assert reader.batches[0].unended
    assert reader.batches[0].offset.byte == 7
    assert reader.batches[0].offset.done


@pytest.mark.parametrize(("more", "records"), [(b"\nthree\n", [b"three"]), (b"\r\nthree\n", [b"three"]), (b"+\nthree\n", [b"+", b"three"])])
def test_growth_after_a_last_line_that_counted(reader: Reader, tmp_path: Path, more: bytes, records: list[bytes]) -> None:
    file = tmp_path / "a.ndjson"
    file.write_bytes(b"one\ntwo")
    reader.take(reader.source(follow=False))
    add(file, more)
    source = reader.source()
    assert reader.take(source) == records
    assert bool(source.notices()) == (records[0] == b"+")


@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf", b"\n"])
def test_almost_nothing(reader: Reader, tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.ndjson").write_bytes(data)
    source = reader.source(follow=False)
    assert reader.take(source) == [b""] * data.count(b"\n")
    assert source.ended


def test_a_byte_order_mark_is_no_part_of_a_record(reader: Reader, tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_bytes(b"\xef\xbb\xbf" + lines(0, 2))
    source = reader.source()
    assert reader.take(source) == numbers(0, 2)
    start = reader.batches[0].start
    assert (start.byte, start.line) == (3, 0)
    assert source.sample() == (lines(0, 2), "a.ndjson")


@pytest.mark.parametrize("ended", [True, False])
def test_a_line_too_long_to_keep(reader: Reader, tmp_path: Path, ended: bool) -> None:
    """It fits no buffer; the lines around it are read, and memory stays what it was."""
    long = b"x" * 300_000
    (tmp_path / "a.ndjson").write_bytes(lines(0, 2) + long + (b"\n" + lines(2, 4) if ended else b""))
    source = reader.source(follow=ended, max_line=100_000)
    assert reader.take(source) == (numbers(0, 4) if ended else numbers(0, 2))
    raw = next(raw for raw in reader.batches if raw.overlong)
    (told,) = raw.overlong
    assert (told.line, told.offset, told.length, len(told.head), raw.length) == (2, 16, 300_000, 65_536, 0)
    assert (raw.start.line, raw.offset.line, raw.offset.byte) == (2, 3, 300_016 + ended)
    assert raw.unended == (not ended)


def test_a_line_too_long_in_the_middle_of_a_chunk(reader: Reader, tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_bytes(lines(0, 2) + b"x" * 1001 + b"\n" + b"y" * 1000 + b"\n" + b"z" * 1001 + b"\n")
    source = reader.source(max_line=1000)
    assert reader.take(source) == [*numbers(0, 2), b"y" * 1000]
    assert [raw.overlong[0].line for raw in reader.batches if raw.overlong] == [2, 4]


def test_a_line_too_long_arrives_slowly(reader: Reader, tmp_path: Path) -> None:
    file = tmp_path / "a.ndjson"
    file.write_bytes(b"x" * 200_000)
    source = reader.source(max_line=100_000)
    assert reader.take(source) == []
    assert source.idle
    add(file, b"x" * 1000)
    assert reader.take(source) == []
    assert source.lag().waiting == 201_000
    add(file, b"\nnext\n")
    assert reader.take(source) == [b"next"]
    assert reader.batches[0].overlong[0].length == 201_000


def test_bytes_are_bytes(reader: Reader, tmp_path: Path) -> None:
    data = b"\0\0\xff\xfe\r\n\x0b\x0c\x85\xe2\x80\xa8\n"
    (tmp_path / "a.ndjson").write_bytes(data)
    assert reader.take(reader.source()) == data.split(b"\n")[:-1]


def test_rewind_over_several_files(reader: Reader, tmp_path: Path) -> None:
    for n in range(3):
        (tmp_path / f"{n}.ndjson").write_bytes(lines(n, n + 1))
    source = reader.source()
    assert len(reader.take(source, commit=False)) == 3
    reader.commit(source, reader.batches[0].offset)
    source.rewind()
    assert len(reader.take(source)) == 2


def test_lag_is_the_age_of_the_oldest_byte(reader: Reader, tmp_path: Path) -> None:
    file = tmp_path / "a.ndjson"
    file.write_bytes(lines(0, 2))
    os.utime(file, (reader.now, reader.now))
    source = reader.source()
    reader.take(source)
    assert source.lag() == Lag(files=1)
    reader.now += 10
    add(file, lines(2, 3))
    source.rescan()
    reader.now += 5
    add(file, lines(3, 5))
    source.rescan()
    reader.now += 1
    assert source.lag() == Lag(bytes=24, rows=3, seconds=6.0, files=1)
    raw = source.read(reader.buffer, 8)
    assert raw is not None
    assert source.lag().seconds == 6.0
    source.committed(raw.offset)
    assert source.lag() == Lag(bytes=16, rows=2, seconds=1.0, files=1)


def test_sample_is_whole_lines(reader: Reader, tmp_path: Path) -> None:
    source = reader.source()
    assert source.sample() is None
    (tmp_path / "a.ndjson").write_bytes(b"half")
    assert source.sample() is None
    add(tmp_path / "a.ndjson", b"+half\n" + lines(0, 9))
    assert source.sample(limit=20) == (b"half+half\n" + lines(0, 1), "a.ndjson")
    assert len(reader.take(source)) == 10


def test_a_file_that_told_nothing_is_sampled_again_when_it_has_changed(reader: Reader, tmp_path: Path) -> None:
    source, asked, told = reader.source(), list[bytes](), dict[str, tuple[int, int]]()

    def tells(data: bytes) -> bool:
        asked.append(data)
        return b"{" in data

    (tmp_path / "a.ndjson").write_bytes(b"x\n")
    assert source.sample(tells, told) is source.sample(tells, told) is None
    assert asked == [b"x\n"]
    add(tmp_path / "a.ndjson", b"y\n")
    assert source.sample(tells, told) is None
    assert asked == [b"x\n", b"x\ny\n"]
    (tmp_path / "b.ndjson").write_bytes(lines(0, 1))
    assert source.sample(tells, told) == (lines(0, 1), "b.ndjson")
    assert len(asked) == 3


def open_below(folder: Path) -> int:
    """How many files of a folder this process has open."""
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("counts handles in /proc")
    return sum(path.is_symlink() and path.readlink().is_relative_to(folder) for path in Path("/proc/self/fd").iterdir())


def test_closing_gives_back_every_handle(reader: Reader, tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_bytes(lines(0, 1))
    source = reader.source()
    reader.take(source)
    assert open_below(tmp_path) == 1
    source.close()
    assert open_below(tmp_path) == 0


def test_a_buffer_smaller_than_a_line_still_moves_on(reader: Reader, tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_bytes(b"x" * 5000 + b"\nnext\n")
    reader.buffer = ChunkBuffer(4096)
    assert reader.take(reader.source()) == [b"next"]
    assert reader.batches[0].overlong[0].length == 5000


def test_a_changed_head_with_the_same_bytes_before_the_offset(reader: Reader, tmp_path: Path) -> None:
    file, common = tmp_path / "a.ndjson", b"c" * 2000 + b"\n"
    file.write_bytes(b"a" * 2000 + b"\n" + common)
    source = reader.source()
    reader.take(source)
    file.write_bytes(b"b" * 2000 + b"\n" + common + lines(0, 1))
    assert reader.take(source) == [b"b" * 2000, common[:-1], *numbers(0, 1)]


def test_a_file_deleted_before_its_turn_leaves_nothing_behind(reader: Reader, tmp_path: Path) -> None:
    """The next file often gets its inode: it is read once."""
    file = tmp_path / "a.ndjson"
    source = reader.source()
    for n in range(5):
        file.write_bytes(lines(n, n + 1))
        source.rescan()
        file.unlink()
        source.rescan()
    file.write_bytes(lines(9, 10))
    assert reader.take(source) == numbers(9, 10)
    assert "a.ndjson was deleted with 8 bytes unread" in source.notices()


def test_new_files_do_not_put_the_next_look_off(reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Meeting many takes long once; the next look must not wait twenty times that."""
    add(tmp_path / "a.ndjson", lines(0, 5))
    source = reader.source()
    update = source._roster.update

    def slowly(*given: Any) -> Any:
        reader.now += 5
        return update(*given)

    monkeypatch.setattr(source._roster, "update", slowly)
    assert source.rescan()
    add(tmp_path / "b.ndjson", lines(5, 10))
    assert source.rescan()
    assert source.rescan()


def test_looks_that_take_long_are_rare_unless_they_are_wanted(reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that took long alone is an accident: a thread was halted in it."""
    add(tmp_path / "a.ndjson", lines(0, 5))
    source = reader.source()
    assert reader.take(source) == numbers(0, 5)
    look = source._listing.look

    def slowly() -> Any:
        reader.now += 3
        return look()

    monkeypatch.setattr(source._listing, "look", slowly)
    assert source.rescan()
    assert source.rescan(), "an accident"
    assert not source.rescan()
    add(tmp_path / "b.ndjson", lines(5, 10))
    assert reader.take(source) == []
    assert source.rescan(at_once=True)
    assert reader.take(source) == numbers(5, 10)
    assert not source.rescan()
    reader.now += 61
    assert source.rescan()


def test_a_closed_source_opens_nothing_again(reader: Reader, tmp_path: Path) -> None:
    add(tmp_path / "a.ndjson", lines(0, 5))
    source = reader.source()
    source.rescan()
    source.close()
    before = len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0
    assert source.read(reader.buffer) is None
    source.rewind()
    assert source.read(reader.buffer) is None
    assert before == (len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0)


def odd_files(folder: Path) -> dict[bytes, str]:
    """Three files of which two have the same name once its odd byte is written out; their names as they are shown."""
    found = {b"x\xff.log": r"x\xff.log", b"x\\xff.log": r"x\\xff.log", b"y\n.log": r"y\x0a.log"}
    for name in found:
        (folder / os.fsdecode(name)).write_bytes(name.replace(b"\n", b"") + b"\n")
    return found


def test_names_that_are_no_text_are_shown_as_text_and_found_again(reader: Reader, tmp_path: Path) -> None:
    names = odd_files(tmp_path)
    source = reader.source("*.log", "text")
    assert sorted(reader.take(source)) == sorted(name.replace(b"\n", b"") for name in names)
    assert {raw.offset.file for raw in reader.batches} == set(names.values())
    assert all(raw.offset.mark.encode() for raw in reader.batches)
    for again in range(2):
        source = reader.restart(source, "*.log", "text")
        for name in names:
            add(tmp_path / os.fsdecode(name), b"more %d\n" % again)
        assert reader.take(source) == [b"more %d" % again] * 3
    assert len(reader.offsets) == 3
    assert source.notices() == []


def test_a_file_with_an_odd_name_that_was_renamed_meanwhile_is_read_on(reader: Reader, tmp_path: Path) -> None:
    odd_files(tmp_path)
    source = reader.source("x*.log", "text")
    reader.take(source)
    source.close()
    (tmp_path / os.fsdecode(b"x\xff.log")).rename(tmp_path / os.fsdecode(b"x\xff.log.1"))
    add(tmp_path / os.fsdecode(b"x\xff.log.1"), b"rest\n")
    again = reader.source("x*.log", "text")
    assert reader.take(again) == [b"rest"]
    assert any(r"x\xff.log was renamed to x\xff.log.1" in text for text in again.notices())


@pytest.mark.parametrize(("glob", "found"), [(r"x\xff.log", b"x\xff.log"), (r"x\\xff.log", rb"x\xff.log"), (r"x\xff*", b"x\xff.log")])
def test_a_glob_takes_a_name_as_it_is_shown(reader: Reader, tmp_path: Path, glob: str, found: bytes) -> None:
    odd_files(tmp_path)
    assert reader.take(reader.source(glob, "text")) == [found]


def test_a_backslash_stays_one_where_nothing_else_is_there(reader: Reader, tmp_path: Path) -> None:
    (tmp_path / r"x\xff.log").write_bytes(b"plain\n")
    assert reader.take(reader.source(r"x\xff.log", "text")) == [b"plain"]
