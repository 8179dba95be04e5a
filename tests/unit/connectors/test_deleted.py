"""A program that goes on writing to a file after that was deleted or packed."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from tests.unit.connectors.conftest import Reader
from tests.unit.connectors.test_following import everything, lines, numbers, run
from workbench.connectors.files import departures, handles
from workbench.connectors.files.departures import DOUBT
from workbench.connectors.files.followed import GRACE
from workbench.connectors.files.recognition import LINGER
from workbench.connectors.files.source import FileSource
from workbench.connectors.files.writers import has_writer

BEFORE, AFTER = 100, 10
LONG = 60.0


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "app.log"


@pytest.fixture
def writer(log: Path) -> Iterator[BinaryIO]:
    """A program that has the log open all the time."""
    with log.open("wb", 0) as file:
        file.write(lines(0, BEFORE))
        yield file


def pack(log: Path, how: str) -> None:
    if how == "mv, gzip":
        log.rename(log := log.with_name("app.log.1"))
    if how == "rm":
        log.unlink()
    else:
        run("gzip", log)


def gone(source: FileSource) -> list[str]:
    """Deleted files that are still open."""
    return [file.name for file in source._roster.files.values() if file.gone]


HOW = pytest.mark.parametrize("how", ["gzip", "mv, gzip", "rm"])
GLOB = pytest.mark.parametrize("glob", ["app.log", "*.log", "app.log*", "*"])


@HOW
@GLOB
@pytest.mark.parametrize("looks", [False, True], ids=["at once", "after looks"])
@pytest.mark.parametrize("more", [AFTER, 4 * BEFORE])
def test_what_is_written_to_a_deleted_file_is_read_once(
    reader: Reader, log: Path, writer: BinaryIO, how: str, glob: str, looks: bool, more: int
) -> None:
    """As soon as it is written, and long after; nothing twice, running or restarted."""
    source = reader.source(glob)
    taken = everything(reader, source)
    assert taken == numbers(0, BEFORE)
    pack(log, how)
    taken += everything(reader, source) if looks else []
    writer.write(lines(BEFORE, BEFORE + more))
    taken += everything(reader, source)
    assert taken == numbers(0, BEFORE + more)
    reader.now += LONG
    writer.write(lines(1000, 1002))
    assert everything(reader, source) == numbers(1000, 1002)
    assert source.idle
    assert not source.undecided
    assert source.lag().bytes == 0
    assert any("still has it open to write" in notice and "app.log" in notice for notice in source.notices())
    for _ in range(2):
        source = reader.restart(source, glob)
        assert everything(reader, source) == []


@GLOB
def test_an_unfinished_line_is_finished(reader: Reader, log: Path, writer: BinaryIO, glob: str) -> None:
    """The packed copy ends in the middle of it."""
    source = reader.source(glob)
    taken = everything(reader, source)
    writer.write(b'{"n":')
    taken += reader.take(source)
    pack(log, "gzip")
    taken += [*reader.take(source), *reader.take(source)]
    writer.write(b"%d}\n" % BEFORE)
    taken += everything(reader, source)
    assert taken == numbers(0, BEFORE + 1)
    assert not any("still there" in notice for notice in source.notices())
    source = reader.restart(source, glob)
    assert everything(reader, source) == []


def test_a_copy_is_passed_over_once_all_of_it_is_stored(reader: Reader, log: Path, writer: BinaryIO) -> None:
    """And not when it is only read: after a kill it is what is left."""
    source = reader.source("*")
    source.rescan()
    raw = source.read(reader.buffer, 200)
    assert raw is not None
    reader.commit(source, raw.offset)
    pack(log, "gzip")
    for _ in range(3):
        reader.take(source, commit=False)
    assert {batch.offset.file for batch in reader.batches} == {"app.log"}
    assert source.undecided
    source = reader.restart(source, "*")
    assert everything(reader, source) == numbers(raw.offset.line, BEFORE)


@GLOB
@pytest.mark.parametrize("step", range(8))
@pytest.mark.parametrize("more", [AFTER, BEFORE // 2])
def test_a_stop_at_any_moment(reader: Reader, log: Path, writer: BinaryIO, glob: str, step: int, more: int) -> None:
    """What was stored of a deleted file never comes from its packed copy again; what was not is lost with the file."""
    source = reader.source(glob)
    taken = everything(reader, source)
    pack(log, "gzip")
    writer.write(lines(BEFORE, BEFORE + more))
    source.rescan()
    for moment in range(step):
        if raw := source.read(reader.buffer, 64):
            taken += reader.buffer.memory[: raw.length].split(b"\n")[:-1]
            reader.commit(source, raw.offset)
        if moment % 2:
            source.rescan()
    source = reader.restart(source, glob)
    taken += everything(reader, source)
    assert taken == numbers(0, len(taken))
    assert len(taken) >= BEFORE


def test_with_unread_lines_before_it_was_packed(reader: Reader, log: Path, writer: BinaryIO) -> None:
    """Something was read, the rest not yet: it comes from the handle; what the copy lacks comes after that was passed over."""
    source = reader.source("*")
    source.rescan()
    raw = source.read(reader.buffer, 200)
    assert raw is not None
    reader.commit(source, raw.offset)
    pack(log, "gzip")
    writer.write(lines(BEFORE, BEFORE + AFTER))
    assert reader.take(source, commit=False) == numbers(raw.offset.line, BEFORE)
    assert reader.take(source, commit=False) == []
    source.rewind()
    assert everything(reader, source) == numbers(raw.offset.line, BEFORE + AFTER)
    source = reader.restart(source, "*")
    assert everything(reader, source) == []


@pytest.mark.parametrize("part", [0.0, 0.5, 1.0])
def test_a_broken_copy_takes_nothing_away(reader: Reader, log: Path, writer: BinaryIO, part: float) -> None:
    """A disk that is full, say, and a log that is deleted all the same."""
    source = reader.source("*")
    everything(reader, source)
    data = gzip.compress(lines(0, BEFORE), 0)
    log.with_name("app.log.gz").write_bytes(data[: 20 + int((len(data) - 30) * part)])
    writer.write(lines(BEFORE, BEFORE + AFTER))
    log.unlink()
    assert everything(reader, source) == numbers(BEFORE, BEFORE + AFTER)
    reader.now += LONG
    writer.write(lines(1000, 1002))
    assert everything(reader, source) == numbers(1000, 1002)
    assert not any("still there" in notice for notice in source.notices())
    writer.close()
    assert everything(reader, source) + everything(reader, source) == []
    assert gone(source) == []
    source = reader.restart(source, "*")
    assert everything(reader, source) == []


@pytest.mark.parametrize("packed", [False, True])
def test_a_handle_whose_content_was_replaced_speaks_for_nothing(reader: Reader, log: Path, packed: bool) -> None:
    """Copied, truncated, written anew and deleted between two looks: the copy is what was read."""
    log.write_bytes(b"every file begins alike\n" + lines(0, 1))
    source = reader.source("app.log*")
    assert len(everything(reader, source)) == 2
    log.with_name("app.log.1").write_bytes(log.read_bytes())
    if packed:
        run("gzip", log.with_name("app.log.1"))
    log.write_bytes(b"every file begins alike\n" + lines(1, 2))
    log.unlink()
    log.write_bytes(b"every file begins alike\n" + lines(2, 3))
    assert everything(reader, source) == [b"every file begins alike", *numbers(2, 3)]


def test_it_is_let_go_when_nobody_can_write_to_it(reader: Reader, log: Path, writer: BinaryIO) -> None:
    source = reader.source("*.log")
    everything(reader, source)
    if has_writer(writer.fileno()) is None:
        pytest.skip("this system does not tell who has a file open")
    writer.close()
    log.unlink()
    reader.take(source)
    assert gone(source) == ["app.log"]
    reader.later(source, GRACE)
    assert gone(source) == []
    assert not any("open to write" in notice for notice in source.notices())


@pytest.mark.parametrize("half", [b"", b'{"n":'])
def test_what_a_copy_lacks_comes_once_the_copy_is_stored_as_passed_over(reader: Reader, log: Path, writer: BinaryIO, half: bytes) -> None:
    """However long that takes, and though nobody writes any more; half a line before it is no record of its own."""
    source = reader.source("*")
    everything(reader, source)
    writer.write(half)
    pack(log, "gzip")
    writer.write(lines(BEFORE, BEFORE + AFTER)[len(half) :])
    writer.close()
    source.rescan()
    reader.now += LONG
    assert reader.go_on(source, commit=False) == []
    for _ in range(3):
        reader.now += LONG
        assert reader.take(source, commit=False) == []
    assert gone(source) == ["app.log"]
    reader.commit(source, reader.batches[-1].offset)
    assert reader.batches[-1].offset.file == "app.log.gz"
    assert reader.take(source) == numbers(BEFORE, BEFORE + AFTER)
    source = reader.restart(source, "*")
    assert everything(reader, source) == []


@pytest.mark.parametrize("half", [b"", b'{"n":100}'])
@pytest.mark.parametrize("how", ["gzip", "mv, gzip"])
def test_it_goes_on_in_a_packed_copy_that_lacks_nothing(reader: Reader, log: Path, writer: BinaryIO, how: str, half: bytes) -> None:
    """Under its own id, so that all of it can be read again later."""
    source = reader.source("app.log*")
    everything(reader, source)
    (file_id,) = reader.offsets
    writer.write(half)
    pack(log, how)
    writer.close()
    records = BEFORE + bool(half)
    assert everything(reader, source) + reader.later(source, DOUBT) + reader.later(source) == numbers(BEFORE, records)
    assert gone(source) == []
    assert not source.undecided
    assert [(file.file_id, file.name.endswith(".gz")) for file in source._roster.files.values()] == [(file_id, True)]
    assert [offset.file_id for offset in source.ends()] == [file_id]
    assert source.place(file_id, "app.log", len(lines(0, 7)), 7) is not None
    source = reader.restart(source, "app.log*")
    assert everything(reader, source) == []


def test_it_is_let_go_with_a_word_in_the_end(reader: Reader, log: Path, writer: BinaryIO) -> None:
    source = reader.source("*.log")
    everything(reader, source)
    log.unlink()
    everything(reader, source)
    told = [notice for notice in source.notices() if "open to write" in notice]
    assert [notice.split(",")[0] for notice in told] == ["app.log was deleted or packed"]
    everything(reader, source)
    assert not any("open to write" in notice for notice in source.notices())
    reader.later(source, LINGER)
    assert gone(source) == []
    (told_last,) = [notice for notice in source.notices() if "open to write" in notice]
    assert told_last.startswith("app.log is deleted, and no longer read")
    writer.write(lines(BEFORE, BEFORE + 1))
    assert everything(reader, source) == []


def test_where_nobody_tells_who_writes(reader: Reader, log: Path, writer: BinaryIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(departures, "has_writer", lambda _fd: None)
    source = reader.source("*.log")
    everything(reader, source)
    log.unlink()
    assert everything(reader, source) == []
    writer.write(lines(BEFORE, BEFORE + AFTER))
    assert everything(reader, source) == numbers(BEFORE, BEFORE + AFTER)
    assert gone(source) == ["app.log"]
    reader.later(source, DOUBT)
    assert gone(source) == []


def test_few_are_kept(reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many programs write to deleted files."""
    monkeypatch.setattr(handles, "MOST", 4)
    source = reader.source("*.log")
    source._handles._most = 4
    writers = []
    for number in range(10):
        path = tmp_path / f"{number}.log"
        writers.append(path.open("wb", 0))
        writers[-1].write(lines(number, number + 1))
        everything(reader, source)
        path.unlink()
        reader.take(source)
    everything(reader, source)
    assert len(gone(source)) == 4
    assert sum("no longer read" in notice for notice in source.notices()) == 6
    for writer in writers:
        writer.write(b'{"n":0}\n')
    assert len(everything(reader, source)) == 4
    for writer in writers:
        writer.close()


def test_who_has_a_deleted_file_open(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with path.open("wb") as writer:
        reader = os.open(path, os.O_RDONLY)
        path.unlink()
        assert has_writer(reader) in (True, None)
        writer.flush()
    assert has_writer(reader) in (False, None)
    os.close(reader)


@pytest.mark.parametrize("part", [0, 200, 10_000], ids=["empty", "in parts", "whole"])
def test_a_copy_that_was_met_empty_is_judged_after_a_restart_too(reader: Reader, log: Path, part: int) -> None:
    """What is stored of it before it was judged tells nothing of its content."""
    log.write_bytes(lines(0, 5 * BEFORE))
    source = reader.source("app.log*")
    assert everything(reader, source) == numbers(0, 5 * BEFORE)
    log.rename(log := log.with_name("app.log.1"))
    packed, content = log.with_name("app.log.1.gz"), gzip.compress(log.read_bytes())
    packed.touch()
    source.rescan()
    packed.write_bytes(content[:part])
    assert reader.take(source) == []
    packed.write_bytes(content)
    log.unlink()
    assert reader.take(source) == []
    source = reader.restart(source, "app.log*")
    assert everything(reader, source) == []


@pytest.mark.parametrize("part", [-5, None], ids=["in parts", "whole"])
@pytest.mark.parametrize("looks", [(0.5,), (3.0,), (0.5, 0.5), (3.0, 3.0)], ids=str)
def test_what_comes_while_the_copy_is_being_made_waits_until_it_is_known(
    reader: Reader, log: Path, writer: BinaryIO, part: int | None, looks: tuple[float, ...]
) -> None:
    """Else a restart would know neither of the two files."""
    source = reader.source("*")
    taken = everything(reader, source)
    content, packed = gzip.compress(log.read_bytes()), log.with_name("app.log.1.gz")
    packed.write_bytes(content[:part])
    taken += reader.take(source)
    packed.write_bytes(content)
    log.unlink()
    writer.write(lines(BEFORE, 5 * BEFORE))
    for seconds in looks:
        reader.now += seconds
        taken += reader.take(source)
    source = reader.restart(source, "*")
    taken += everything(reader, source)
    assert len(taken) == len(set(taken))
    assert set(taken) >= set(numbers(0, BEFORE))
