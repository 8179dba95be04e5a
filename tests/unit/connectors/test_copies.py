"""Files that look alike: each is read in full, unless it is a rotated copy of what was read.

What is a copy is told by the name and the content together: a name that a rotation gives (app.log.1, app.log-20261123.gz,
app-20261123.log), and all of the content in what was read. Whatever else holds the same bytes is another file.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from tests.unit.connectors.conftest import Reader
from tests.unit.connectors.test_following import add, everything, lines, numbers
from workbench.connectors.files import rotation
from workbench.connectors.files.followed import GRACE
from workbench.connectors.files.recognition import LINGER
from workbench.connectors.files.source import FileSource

Pack = Callable[[bytes], bytes]
PACKERS: list[tuple[str, Pack]] = [("", bytes), (".gz", gzip.compress), (".zst", zstandard.ZstdCompressor().compress)]
PACKED = pytest.mark.parametrize(("ending", "pack"), PACKERS, ids=["plain", "gz", "zst"])
RESTARTED = pytest.mark.parametrize("restarted", [False, True], ids=["running", "restarted"])
HANDLES = pytest.mark.parametrize("open_still", [True, False], ids=["open", "closed"])


def again(reader: Reader, source: FileSource, restarted: bool, glob: str = "*") -> FileSource:
    return reader.restart(source, glob) if restarted else source


# -- names


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("app.log", "app.log.1"),
        ("app.log", "app.log.1.gz"),
        ("app.log", "app.log-20261123"),
        ("app.log", "app.log-20261123.gz"),
        ("app.log", "app.log20261123"),
        ("app.log", "app-20261123.log"),
        ("app.log", "app.2026-11-23.0.log.gz"),
        ("app-1.log", "app-1-20261123.log"),
        ("app.log.1", "app.log.2.gz"),
        ("app.log.9", "app.log.10.zst"),
        ("app.log", "app.log~"),
        ("logs/app.log", "logs/old/app.log.1"),
    ],
)
def test_names_that_a_rotation_gives(old: str, new: str) -> None:
    assert rotation.rotated(old, new)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("app.log", "app.log"),
        ("day1.json", "day2.json"),
        ("day1", "day10"),
        ("day1.json.gz", "day10.json.gz"),
        ("host-a.csv", "host-b.csv"),
        ("app.csv", "apple.csv"),
        ("app", "apple"),
        ("sales-2026-11-22.csv.gz", "sales-2026-11-23.csv.gz"),
        ("sales.20261122.csv", "sales.20261123.csv"),
        ("app.log.1", "app.log.2"),
        ("app.log.2", "app.log.1.gz"),
        ("app.log.1", "app.log"),
        ("2026-11-22/data.csv.gz", "2026-11-23/data.csv.gz"),
    ],
)
def test_names_that_have_nothing_to_do_with_each_other(old: str, new: str) -> None:
    assert not rotation.rotated(old, new)


# -- different files


@RESTARTED
@PACKED
def test_a_file_with_the_header_of_another_is_read(reader: Reader, tmp_path: Path, ending: str, pack: Pack, restarted: bool) -> None:
    (tmp_path / f"monday.csv{ending}").write_bytes(pack(b"id,name\n"))
    source = reader.source("*", "csv")
    assert reader.take(source) == [b"id,name"]
    source = reader.restart(source, "*", "csv") if restarted else source
    for day in ("tuesday", "wednesday"):
        (tmp_path / f"{day}.csv{ending}").write_bytes(pack(b"id,name\n1,x\n2,x\n"))
        assert reader.take(source) == [b"id,name", b"1,x", b"2,x"]
        assert source.idle
    assert source.notices() == []


@RESTARTED
@PACKED
def test_equal_files_of_each_day_are_read_in_full(reader: Reader, tmp_path: Path, ending: str, pack: Pack, restarted: bool) -> None:
    source = reader.source("*")
    for day in range(1, 12):
        (tmp_path / f"day{day}.json{ending}").write_bytes(pack(lines(0, 3)))
        assert reader.take(source) == numbers(0, 3)
        assert source.idle
        source = again(reader, source, restarted)
    assert reader.later(source) == []


@PACKED
def test_equal_files_of_the_same_name_in_other_folders(reader: Reader, tmp_path: Path, ending: str, pack: Pack) -> None:
    source = reader.source("*/data*")
    for day in ("2026-11-22", "2026-11-23"):
        (tmp_path / day).mkdir()
        (tmp_path / day / f"data.json{ending}").write_bytes(pack(lines(0, 3)))
        assert reader.take(source) == numbers(0, 3)
    (tmp_path / "2026-11-22" / f"data.json{ending}").unlink()
    assert everything(reader, source) == []
    (tmp_path / "2026-11-24").mkdir()
    (tmp_path / "2026-11-24" / f"data.json{ending}").write_bytes(pack(lines(0, 3)))
    assert everything(reader, source) == numbers(0, 3)


def test_a_file_that_grows_all_the_time_beside_one_with_its_header(reader: Reader, tmp_path: Path) -> None:
    """Also where its name could be that of a copy: it holds what the other file has not."""
    (tmp_path / "app.csv").write_bytes(b"ts,v\n")
    (tmp_path / "host-a.csv").write_bytes(b"ts,v\n")
    source = reader.source("*", "csv")
    assert len(reader.take(source)) == 2
    taken = 0
    for name in ("app.csv.1", "host-b.csv"):
        (tmp_path / name).write_bytes(b"ts,v\n")
    for second in range(20):
        add(tmp_path / "app.csv.1", b"%d,1\n" % second)
        add(tmp_path / "host-b.csv", b"%d,1\n" % second)
        reader.now += 0.5
        taken += len(reader.take(source))
    assert taken == 42
    assert source.idle


@RESTARTED
@PACKED
@HANDLES
@pytest.mark.parametrize("name", ["day2.json", "day1.json"])
def test_a_new_file_with_the_content_of_one_that_was_seen_deleted(
    reader: Reader, tmp_path: Path, ending: str, pack: Pack, restarted: bool, open_still: bool, name: str
) -> None:
    """Under its inode, too: that is free for others."""
    old, new = tmp_path / f"day1.json{ending}", tmp_path / f"{name}{ending}"
    old.write_bytes(pack(lines(0, 3)))
    source = reader.source("*")
    assert everything(reader, source) == numbers(0, 3)
    if not open_still:
        source._handles.close_all()
    os.link(old, tmp_path.parent / "spare")  # the inode is used again for certain
    old.unlink()
    if open_still:
        (tmp_path.parent / "spare").unlink()
    assert everything(reader, source) == []
    reader.now += LINGER + GRACE
    assert everything(reader, source) == []
    source = again(reader, source, restarted)
    if open_still:
        new.write_bytes(pack(lines(0, 3)))
    else:
        (tmp_path.parent / "spare").rename(new)
        new.write_bytes(pack(lines(0, 3)))
    os.utime(new, (reader.now, reader.now))
    expected = numbers(0, 3) if open_still or name != "day1.json" else []
    assert everything(reader, source) == expected
    source = reader.restart(source, "*")
    assert everything(reader, source) == []


@RESTARTED
def test_a_file_under_another_name_and_the_inode_of_one_that_was_read(reader: Reader, tmp_path: Path, restarted: bool) -> None:
    """A rename leaves the time of the last change as it is, or the file went on."""
    for number, more in enumerate((b"", lines(9, 10))):
        old, new, newer = (tmp_path / f"{name}{number}" for name in ("old", "new", "newer"))
        old.write_bytes(lines(0, 3))
        source = reader.source("*")
        assert everything(reader, source) == numbers(0, 3)
        source._handles.close_all()
        source = again(reader, source, restarted)
        old.rename(new)
        add(new, more)
        assert everything(reader, source) == more.split()
        source._handles.close_all()
        source = again(reader, source, restarted)
        new.rename(newer)
        newer.write_bytes(lines(0, 3) + more)
        os.utime(newer, (reader.now, reader.now))
        assert everything(reader, source) == [*numbers(0, 3), *more.split()]
        source.close()
        newer.unlink()


# -- copies


@RESTARTED
@PACKED
def test_a_copy_that_is_made_before_the_original_is_truncated(
    reader: Reader, tmp_path: Path, ending: str, pack: Pack, restarted: bool
) -> None:
    log, copy = tmp_path / "app.log", tmp_path / f"app-20261123.log{ending}"
    log.write_bytes(lines(0, 5))
    source = reader.source("*")
    assert reader.take(source) == numbers(0, 5)
    add(log, lines(5, 7))
    copy.write_bytes(pack(log.read_bytes()))
    if not restarted:
        assert reader.take(source) == numbers(5, 7)
        assert not source.idle
        assert source.undecided
    source = again(reader, source, restarted)
    log.write_bytes(lines(7, 9))
    assert sorted(everything(reader, source)) == numbers(5 if restarted else 7, 9)
    source = reader.restart(source, "*")
    assert everything(reader, source) == []


def test_a_large_file_is_copied_for_long(reader: Reader, tmp_path: Path) -> None:
    """It waits as long as it grows and is the same; and that is told."""
    log, copy = tmp_path / "app.log", tmp_path / "app.log.1"
    log.write_bytes(lines(0, 1000))
    source = reader.source("*")
    assert len(reader.take(source)) == 1000
    data = log.read_bytes()
    for part in range(1, 10):
        copy.write_bytes(data[: len(data) * part // 9])
        assert reader.take(source) == []
        assert source.undecided
        reader.now += GRACE - 0.5
    log.write_bytes(lines(1000, 1001))
    assert everything(reader, source) == numbers(1000, 1001)
    (waits,) = [notice for notice in source.notices() if "waits" in notice]
    assert waits == "app.log.1 looks like a copy of app.log that is being made: it waits until that is certain"


def test_a_copy_that_stays_beside_its_original_is_a_file_of_its_own(reader: Reader, tmp_path: Path) -> None:
    (tmp_path / "app.log").write_bytes(lines(0, 3))
    source = reader.source("*")
    reader.take(source)
    (tmp_path / "app.log.bak").write_bytes(lines(0, 3))
    assert reader.take(source) == []
    assert reader.later(source) == numbers(0, 3)
    assert source.idle


def test_a_new_file_that_goes_away_while_it_waits_is_told(reader: Reader, tmp_path: Path) -> None:
    (tmp_path / "app.log").write_bytes(lines(0, 3))
    source = reader.source("*")
    reader.take(source)
    (tmp_path / "app.log.bak").write_bytes(lines(0, 3))
    assert reader.take(source) == []
    (tmp_path / "app.log.bak").unlink()
    assert reader.take(source) == []
    assert source.notices() == ["app.log.bak is gone, and nothing of it was read"]


@RESTARTED
@pytest.mark.parametrize(("ending", "pack"), PACKERS[1:], ids=["gz", "zst"])
@pytest.mark.parametrize("then", ["grows", "goes away", "is truncated", "is renamed"])
def test_a_packed_copy_beside_its_original(reader: Reader, tmp_path: Path, ending: str, pack: Pack, then: str, restarted: bool) -> None:
    """As `gzip -k` makes it: it was read before, and event time goes on."""
    log, copy = tmp_path / "app.log", tmp_path / f"app.log{ending}"
    log.write_bytes(lines(0, 400))
    source = reader.source("*")
    assert len(reader.take(source)) == 400
    whole = pack(log.read_bytes())
    for size in (0, 5, 200, len(whole)):
        copy.write_bytes(whole[:size])
        assert reader.take(source) == []
    assert everything(reader, source) == []
    assert source.idle
    assert source.notices()[-1] == f"{copy.name} is a copy of what was read of app.log: it is not read again"
    source = again(reader, source, restarted)
    expected = list[bytes]()
    if then == "grows":
        add(log, lines(400, 402))
        expected = numbers(400, 402)
    elif then == "goes away":
        log.unlink()
    elif then == "is truncated":
        log.write_bytes(lines(500, 501))
        expected = numbers(500, 501)
    else:
        log.rename(tmp_path / "app.log.1")
        log.write_bytes(lines(500, 501))
        expected = numbers(500, 501)
    assert everything(reader, source) == expected
    source = reader.restart(source, "*")
    assert everything(reader, source) == []
    assert source.idle


@RESTARTED
@HANDLES
@pytest.mark.parametrize("then", ["grows", "goes away", "is renamed"])
def test_a_packed_copy_with_half_a_line_beside_its_original(
    reader: Reader, tmp_path: Path, then: str, restarted: bool, open_still: bool
) -> None:
    """It waits beside that, and nobody waits for it; when the original goes away, it gives what is left."""
    log, copy = tmp_path / "app.log", tmp_path / "app.log.gz"
    log.write_bytes(lines(0, 400) + b"half")
    source = reader.source("*")
    assert len(reader.take(source)) == 400
    copy.write_bytes(gzip.compress(log.read_bytes()))
    assert everything(reader, source) == []
    assert source.idle
    assert source.notices() == ["app.log.gz is a copy of app.log, which is still there: it is not read as long as that is"]
    if not open_still:
        source._handles.close_all()
    source = again(reader, source, restarted)
    expected = [b"half"]
    if then == "grows":
        add(log, b"+half\n")
        expected = [b"half+half"]
    elif then == "goes away":
        log.unlink()
    else:
        log.rename(tmp_path / "app.log.1")
        expected = []
    assert everything(reader, source) == expected
    source = reader.restart(source, "*")
    assert everything(reader, source) == []


@RESTARTED
def test_a_packed_copy_is_made_anew_in_its_place(reader: Reader, tmp_path: Path, restarted: bool) -> None:
    """Again it has nothing that was not read; but what is put behind it is read."""
    log, copy = tmp_path / "app.log", tmp_path / "app.log.gz"
    log.write_bytes(lines(0, 400))
    source = reader.source("*")
    assert len(reader.take(source)) == 400
    for day in range(4, 7):
        copy.write_bytes(gzip.compress(log.read_bytes()))
        assert everything(reader, source) == []
        assert source.idle
        add(log, lines(100 * day, 100 * day + 100))
        assert everything(reader, source) == numbers(100 * day, 100 * day + 100)
        source = again(reader, source, restarted)
    copy.write_bytes(gzip.compress(log.read_bytes()))
    assert everything(reader, source) == []
    source = again(reader, source, restarted)
    add(copy, gzip.compress(lines(900, 902)))
    assert everything(reader, source) == numbers(900, 902)
    assert source.idle


def test_a_packed_copy_of_a_file_that_is_read_still_waits_for_that(reader: Reader, tmp_path: Path) -> None:
    """And gives the rest when that goes away."""
    log, copy = tmp_path / "app.log", tmp_path / "app.log.gz"
    log.write_bytes(lines(0, 400))
    source = reader.source("*")
    source.rescan()
    raw = source.read(reader.buffer, 800)
    assert raw is not None
    reader.commit(source, raw.offset)
    copy.write_bytes(gzip.compress(log.read_bytes()))
    for _ in range(4):
        source.rescan()
        reader.now += GRACE
    assert source.undecided
    source._handles.close_all()
    log.unlink()
    assert everything(reader, source) == numbers(raw.offset.line, 400)


def test_a_packed_file_with_more_than_its_namesake_is_read(reader: Reader, tmp_path: Path) -> None:
    (tmp_path / "app.csv").write_bytes(b"id,name\n")
    source = reader.source("*", "csv")
    reader.take(source)
    (tmp_path / "app.csv.gz").write_bytes(gzip.compress(b"id,name\n1,x\n"))
    assert reader.take(source) == []
    assert reader.later(source) == [b"id,name", b"1,x"]


@RESTARTED
def test_a_packed_copy_of_the_beginning_of_a_file_that_went_away(reader: Reader, tmp_path: Path, restarted: bool) -> None:
    log = tmp_path / "app.log"
    log.write_bytes(lines(0, 400))
    source = reader.source("*")
    reader.take(source)
    data = log.read_bytes()
    add(log, lines(400, 405))
    reader.take(source)
    source.close() if restarted else None
    (tmp_path / "app.log.1.gz").write_bytes(gzip.compress(data))
    log.unlink()
    source = reader.source("*") if restarted else source
    assert everything(reader, source) == []
    assert source.idle


@pytest.mark.parametrize("folder", ["", "old/"])
def test_packed_and_counted_up_while_nobody_looked(reader: Reader, tmp_path: Path, folder: str) -> None:
    """As logrotate does with delaycompress: app.log.1 becomes app.log.2.gz, and app.log becomes app.log.1."""
    (tmp_path / "old").mkdir()
    (tmp_path / "app.log").write_bytes(lines(300, 600))
    (tmp_path / "app.log.1").write_bytes(lines(0, 300))
    source = reader.source("**/app.log*")
    assert len(reader.take(source)) == 600
    source.close()
    (tmp_path / f"{folder}app.log.2.gz").write_bytes(gzip.compress((tmp_path / "app.log.1").read_bytes()))
    (tmp_path / "app.log").rename(tmp_path / "app.log.1")
    (tmp_path / "app.log").write_bytes(lines(600, 601))
    source = reader.source("**/app.log*")
    assert everything(reader, source) == numbers(600, 601)


@pytest.mark.parametrize("looks", [False, True], ids=["at once", "in between"])
def test_packed_before_anything_was_read(reader: Reader, tmp_path: Path, looks: bool) -> None:
    """No alarm: all of it is read from the packed file."""
    log = tmp_path / "app.log"
    log.write_bytes(lines(0, 5))
    source = reader.source("*")
    source.rescan()
    (tmp_path / "app.log.1.gz").write_bytes(gzip.compress(log.read_bytes()))
    log.unlink()
    taken = reader.take(source) if looks else reader.go_on(source)
    assert [*taken, *everything(reader, source)] == numbers(0, 5)
    assert source.notices() == ["app.log was packed before it was read: it is read from app.log.1.gz"]


def test_deleted_before_anything_was_read_beside_an_older_packed_file(reader: Reader, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    (tmp_path / "app.log.1.gz").write_bytes(gzip.compress(lines(0, 5)))
    source = reader.source("*")
    reader.take(source)
    log.write_bytes(lines(5, 6))
    source.rescan()
    log.unlink()
    assert everything(reader, source) == []
    assert source.notices() == ["app.log was deleted with 8 bytes unread"]


def test_the_ends_hold_a_file_that_waits_too(reader: Reader, tmp_path: Path) -> None:
    """Who reads on from the end does not read it."""
    (tmp_path / "app.log").write_bytes(lines(0, 3))
    source = reader.source("*")
    reader.take(source)
    (tmp_path / "app.log.1").write_bytes(lines(0, 3))
    assert reader.take(source) == []
    ends = source.ends()
    assert [end.line for end in ends] == [3, 3]
    reader.offsets = {end.file_id: end for end in ends}
    source = reader.restart(source, "*")
    assert everything(reader, source) == []


def test_what_was_deleted_is_not_known_again_after_the_ends_were_taken(reader: Reader, tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_bytes(lines(0, 3))
    source = reader.source("*")
    reader.take(source)
    log.unlink()
    assert everything(reader, source) == []
    reader.offsets = {end.file_id: end for end in source.ends()}
    source = reader.restart(source, "*")
    (tmp_path / "b.log").write_bytes(lines(0, 3))
    assert everything(reader, source) == numbers(0, 3)
