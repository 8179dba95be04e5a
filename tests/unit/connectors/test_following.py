"""Following through what happens to files in the field, with the tools that do it there."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.unit.connectors.conftest import Reader
from tests.unit.connectors.test_files import open_below
from workbench.connectors.files import handles, listing
from workbench.connectors.files.followed import GRACE
from workbench.connectors.files.recognition import LINGER
from workbench.connectors.files.register import SIGHT
from workbench.connectors.files.source import FileSource

RESTARTED = pytest.mark.parametrize("restarted", [False, True], ids=["running", "restarted"])


def tool(name: str) -> str:
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


def run(*command: str | Path) -> None:
    subprocess.run([tool(str(command[0])), *map(str, command[1:])], check=True, stdin=subprocess.DEVNULL)


def rotate(folder: Path, *directives: str, pattern: str = "app.log") -> None:
    """One forced run of logrotate over the logs of a folder."""
    state, config = folder / "state", folder / "logrotate.conf"
    config.write_text(f"{folder}/{pattern} {{\n" + "\n".join(["rotate 9", "missingok", *directives]) + "\n}\n")
    config.chmod(0o600)
    folder.chmod(0o700)
    run("logrotate", "--force", "--state", state, config)


def add(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def numbers(first: int, last: int) -> list[bytes]:
    return [b'{"n":%d}' % n for n in range(first, last)]


def lines(first: int, last: int) -> bytes:
    return b"".join(line + b"\n" for line in numbers(first, last))


def everything(reader: Reader, source: FileSource) -> list[bytes]:
    """What can be read now and within the time that the source takes to make up its mind."""
    return [*reader.take(source), *reader.later(source), *reader.later(source)]


# -- logrotate


@RESTARTED
@pytest.mark.parametrize("glob", ["app.log", "app.log*"])
@pytest.mark.parametrize("directives", [["create"], ["copytruncate"], ["create", "compress"], ["copytruncate", "compress"]], ids=" ".join)
@pytest.mark.parametrize("unread", [0, 30])
def test_logrotate(reader: Reader, tmp_path: Path, glob: str, directives: list[str], unread: int, restarted: bool) -> None:
    """Three rotations, each with something that was not read before; nothing is lost and nothing twice."""
    log, count, taken = tmp_path / "app.log", 0, list[bytes]()
    tool("logrotate")
    log.touch()
    source = reader.source(glob)
    for _ in range(3):
        add(log, lines(count, count + 40))
        taken += everything(reader, source)
        add(log, lines(count + 40, count + 40 + unread))
        if restarted:
            source.close()
        rotate(tmp_path, *directives)
        count += 40 + unread
        add(log, lines(count, count + 5))
        count += 5
        source = reader.source(glob) if restarted else source
        taken += everything(reader, source)
    assert sorted(taken) == sorted(numbers(0, count))
    source = reader.restart(source, glob)
    assert everything(reader, source) == []


@pytest.mark.parametrize("looks", [False, True], ids=["at once", "in between"])
@pytest.mark.parametrize("half", [0, 4], ids=["whole lines", "half a line"])
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gz"])
@pytest.mark.parametrize("count", [10, 400])
def test_what_was_read_after_the_copy_and_before_the_truncation(
    reader: Reader, tmp_path: Path, count: int, packed: bool, half: int, looks: bool
) -> None:
    """The copy lacks lines that were read already: it is not read again."""
    log, copy = tmp_path / "app.log", tmp_path / "app.log.1"
    log.write_bytes(lines(0, count))
    source = reader.source("app.log*")
    taken = everything(reader, source)
    copy.touch()
    taken += reader.take(source) if looks else []
    copy.write_bytes(lines(0, count) + lines(count, count + 1)[:half])
    taken += reader.take(source) if looks else []
    add(log, lines(count, count + 3))
    taken += reader.take(source)
    log.write_bytes(b"")
    taken += reader.take(source) if looks else []
    if packed:
        (tmp_path / "app.log.1.gz").touch()
        taken += reader.take(source) if looks else []
        run("gzip", "--force", copy)
    taken += everything(reader, source)
    add(log, lines(count + 3, count + 5))
    taken += everything(reader, source)
    assert sorted(taken) == sorted(numbers(0, count + 5))
    assert any("is a copy of what was read of app.log" in notice for notice in source.notices())
    source = reader.restart(source, "app.log*")
    assert everything(reader, source) == []


def test_a_shorter_file_with_other_content_is_read(reader: Reader, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_bytes(lines(0, 400))
    source = reader.source("app.log*")
    taken = everything(reader, source)
    log.write_bytes(b"")
    (tmp_path / "app.log.1").write_bytes(lines(0, 100) + lines(900, 1200))
    taken += everything(reader, source)
    assert sorted(taken) == sorted([*numbers(0, 400), *numbers(0, 100), *numbers(900, 1200)])


@RESTARTED
def test_logrotate_of_a_file_that_was_read_in_part(reader: Reader, tmp_path: Path, restarted: bool) -> None:
    """The rest comes from the compressed file, also where that is outside the glob."""
    log = tmp_path / "app.log"
    log.write_bytes(lines(0, 400))
    source = reader.source("app.log")
    source.rescan()
    raw = source.read(reader.buffer, 800)
    assert raw is not None
    reader.commit(source, raw.offset)
    handle = next(iter(source._roster.files.values()))
    source._handles.close(handle)  # as when more files are read than may be open
    if restarted:
        source.close()
    rotate(tmp_path, "create", "compress")
    add(log, lines(400, 402))
    source = reader.source("app.log") if restarted else source
    assert sorted(everything(reader, source)) == sorted(numbers(raw.offset.line, 402))
    assert any(notice.startswith("app.log.1.gz has the content of app.log") for notice in source.notices())
    source = reader.restart(source, "app.log")
    assert everything(reader, source) == []


@RESTARTED
def test_a_file_that_was_found_but_never_read_is_rotated(reader: Reader, tmp_path: Path, restarted: bool) -> None:
    """It is stored that it was found, so that a restart knows it under its new name."""
    log = tmp_path / "app.log"
    log.touch()
    source = reader.source("app.log")
    assert reader.take(source) == []
    assert [raw.length for raw in reader.batches] == [0]
    source.close() if restarted else None
    add(log, lines(0, 3))
    rotate(tmp_path, "create")
    source = reader.source("app.log") if restarted else source
    assert everything(reader, source) == numbers(0, 3)


def test_a_file_of_the_backlog_is_stored_as_found(reader: Reader, tmp_path: Path) -> None:
    """And found again by its head when it was compressed while nobody looked."""
    log = tmp_path / "app.log"
    log.write_bytes(lines(0, 300))
    source = reader.source("app.log")
    source.rescan()
    reader.now += SIGHT
    source.rescan()
    raw = source.read(reader.buffer)
    assert raw is not None
    assert (raw.length, raw.offset.byte) == (0, 0)
    reader.commit(source, raw.offset)
    source.close()
    rotate(tmp_path, "create", "compress")
    assert everything(reader, reader.source("app.log")) == numbers(0, 300)


# -- mv, truncate, gzip, rm


@RESTARTED
def test_mv_over_a_file(reader: Reader, tmp_path: Path, restarted: bool) -> None:
    """What it had is lost where no handle holds it, and told."""
    log, new = tmp_path / "app.log", tmp_path / "new"
    log.write_bytes(lines(0, 3))
    source = reader.source("app.log")
    reader.take(source)
    add(log, lines(3, 5))
    new.write_bytes(lines(5, 9))
    if restarted:
        source.close()
    run("mv", new, log)
    source = reader.source("app.log") if restarted else source
    assert everything(reader, source) == numbers(5 if restarted else 3, 9)
    assert any("gone" in notice or "read to its end" in notice for notice in source.notices())
    source = reader.restart(source, "app.log")
    assert everything(reader, source) == []
    assert source.notices() == []


@RESTARTED
@pytest.mark.parametrize("size", [0, 16, 20])
def test_truncate(reader: Reader, tmp_path: Path, size: int, restarted: bool) -> None:
    """A file that shrinks is read again from its start, and the notice says so."""
    log = tmp_path / "app.log"
    log.write_bytes(lines(0, 5))
    source = reader.source("app.log")
    reader.take(source)
    source = reader.restart(source, "app.log") if restarted else source
    run("truncate", "-s", str(size), log)
    left = log.read_bytes()
    assert reader.take(source) == numbers(0, size // 8)
    add(log, b"\n" + lines(5, 6))
    assert reader.take(source) == (left + b"\n" + lines(5, 6)).split(b"\n")[size // 8 : -1]
    assert any("app.log was truncated or replaced" in notice or "replaced or truncated" in notice for notice in source.notices())


@RESTARTED
@pytest.mark.parametrize(("packer", "ending"), [(["gzip"], "gz"), (["zstd", "--rm", "-q"], "zst")], ids=["gzip", "zstd"])
@pytest.mark.parametrize("glob", ["app.log", "app.log*"])
@pytest.mark.parametrize("part", [0, 100, None])
def test_compressed_by_hand(
    reader: Reader, tmp_path: Path, packer: list[str], ending: str, glob: str, part: int | None, restarted: bool
) -> None:
    log = tmp_path / "app.log"
    log.write_bytes(lines(0, 300) + b"last")
    source = reader.source(glob)
    source.rescan()
    raw = source.read(reader.buffer, part or None) if part != 0 else None
    if raw is not None:
        reader.commit(source, raw.offset)
    elif restarted:
        glob = "app.log*"  # nothing tells a new source outside its glob what it never met
    source.close() if restarted else None
    run(*packer, log)
    source = reader.source(glob) if restarted else source
    taken = [*everything(reader, source)]
    if part == 0 and not restarted and glob == "app.log":
        assert (taken, source.notices()[-1]) == ([], "app.log was deleted with 2,894 bytes unread")
        return
    assert taken == [*numbers(0, 300), b"last"][raw.offset.line if raw else 0 :]
    source = reader.restart(source, glob)
    assert everything(reader, source) == []


def test_an_unread_file_with_an_open_handle_is_compressed(reader: Reader, tmp_path: Path) -> None:
    """Half a line was looked at: that is enough to know the compressed file."""
    log = tmp_path / "app.log"
    log.write_bytes(b'{"n":')
    source = reader.source("app.log*")
    assert reader.take(source) == []
    add(log, b"0}\n")
    run("gzip", log)
    assert everything(reader, source) == numbers(0, 1)


@RESTARTED
def test_deleted_and_made_again(reader: Reader, tmp_path: Path, restarted: bool) -> None:
    """Often with the same inode, and with the same head."""
    log, taken = tmp_path / "app.log", list[bytes]()
    source = reader.source("app.log")
    for n in range(8):
        log.write_bytes(b"# log\n" + lines(n, n + 1))
        taken += reader.take(source)
        if restarted:
            source.close()
        log.unlink()
        if restarted:
            log.write_bytes(b"# log\n" + lines(100 + n, 101 + n))
            source = reader.source("app.log")
            taken += reader.take(source)
            source.close()
            log.unlink()
            source = reader.source("app.log")
    assert [line for line in taken if line != b"# log"] == (
        [n for pair in zip(numbers(0, 8), numbers(100, 108), strict=True) for n in pair] if restarted else numbers(0, 8)
    )


def test_deleted_between_the_look_and_the_read(reader: Reader, tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.ndjson").write_bytes(lines(0, 2))
    source = reader.source(follow=False)
    source.rescan()
    (tmp_path / "a.ndjson").unlink()
    assert source.read(reader.buffer) is not None
    assert source.read(reader.buffer) is None
    assert source.ended
    assert source.notices() == ["a.ndjson was deleted with 16 bytes unread"]


@pytest.mark.parametrize("looks", [False, True], ids=["at once", "after another look"])
def test_packed_between_the_look_and_the_read(reader: Reader, tmp_path: Path, looks: bool) -> None:
    """It is read where it stands in the order, although its inode belongs to the newest file now."""
    oldest, old, log = (tmp_path / name for name in ("app.log.2", "app.log.1", "app.log"))
    for number, path in enumerate((oldest, old)):
        path.write_bytes(lines(number * 40, number * 40 + 40))
        os.utime(path, ns=(0, (number + 1) * 10**12))
    source = reader.source("app.log*")
    source.rescan()
    with gzip.open(tmp_path / "app.log.2.gz", "wb") as packed:
        packed.write(oldest.read_bytes())
    os.utime(tmp_path / "app.log.2.gz", ns=(0, 10**12))
    oldest.rename(log)
    log.write_bytes(lines(80, 90))
    taken = [] if looks else reader.go_on(source)
    assert taken + everything(reader, source) == numbers(0, 90)
    source = reader.restart(source, "app.log*")
    assert everything(reader, source) == []


def test_renamed_between_the_look_and_the_read(reader: Reader, tmp_path: Path) -> None:
    file = tmp_path / "a.ndjson"
    file.write_bytes(lines(0, 2))
    source = reader.source()
    source.rescan()
    file.rename(tmp_path / "a.old")
    file.write_bytes(lines(2, 3))
    assert source.read(reader.buffer) is not None
    assert source.notices() == ["a.ndjson was renamed to a.old: it is read to its end"]
    assert reader.take(source) == numbers(2, 3)


# -- links


@RESTARTED
@pytest.mark.parametrize("where", ["", "releases"])
def test_a_symlink_is_switched(reader: Reader, tmp_path: Path, where: str, restarted: bool) -> None:
    """The file that it led to is read to its end, wherever it lies, also when nobody looked."""
    folder, current = tmp_path / where, tmp_path / "a.ndjson"
    folder.mkdir(exist_ok=True)
    (folder / "old").write_bytes(lines(0, 2))
    (folder / "new").write_bytes(lines(5, 6))
    current.symlink_to(folder / "old")
    source = reader.source()
    assert reader.take(source) == numbers(0, 2)
    source.close() if restarted else None
    add(folder / "old", lines(2, 4))
    run("ln", "-sfn", folder / "new", current)
    source = reader.source() if restarted else source
    assert sorted(reader.take(source)) == [*numbers(2, 4), *numbers(5, 6)]
    source = reader.restart(source)
    assert everything(reader, source) == []
    run("ln", "-sfn", folder / "old", current)
    add(folder / "old", lines(4, 5))
    assert everything(reader, source) == numbers(4, 5)


@RESTARTED
def test_the_link_to_a_folder_is_switched(reader: Reader, tmp_path: Path, restarted: bool) -> None:
    for name, first in (("one", 0), ("two", 10)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.ndjson").write_bytes(lines(first, first + 2))
    current = tmp_path / "current"
    current.symlink_to("one")
    source = reader.source("current/*.ndjson")
    assert reader.take(source) == numbers(0, 2)
    source.close() if restarted else None
    add(tmp_path / "one" / "a.ndjson", lines(2, 3))
    run("ln", "-sfn", "two", current)
    source = reader.source("current/*.ndjson") if restarted else source
    assert sorted(everything(reader, source)) == sorted([*numbers(2, 3), *numbers(10, 12)])


# -- folders and permissions


@RESTARTED
def test_the_folder_goes_away_and_comes_back(reader: Reader, tmp_path: Path, restarted: bool) -> None:
    """As when a disk is unmounted: half a line is no line, and nothing is read again."""
    folder, away = tmp_path / "in", tmp_path / "away"
    folder.mkdir()
    (folder / "a.ndjson").write_bytes(lines(0, 2) + b'{"n"')
    (folder / "b.ndjson").write_bytes(lines(5, 6))
    source = reader.source("in/*.ndjson")
    assert sorted(reader.take(source)) == [*numbers(0, 2), *numbers(5, 6)]
    run("mv", folder, away)
    assert everything(reader, source) == []
    assert [notice for notice in source.notices() if "gone" in notice] == ["in is gone: its files are read on when it is back"]
    reader.now += LINGER
    assert everything(reader, source) == []
    if restarted:
        source = reader.restart(source, "in/*.ndjson")
        assert everything(reader, source) == []
    add(away / "a.ndjson", b":2}\n")
    run("mv", away, folder)
    assert everything(reader, source) == numbers(2, 3)
    add(folder / "b.ndjson", lines(6, 7))
    assert everything(reader, source) == numbers(6, 7)
    assert not any("gone" in notice for notice in source.notices())


def test_a_deleted_folder_ends_its_files(reader: Reader, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.ndjson").write_bytes(lines(0, 2) + b"last")
    source = reader.source("in/*.ndjson")
    assert reader.take(source) == numbers(0, 2)
    shutil.rmtree(folder)
    assert everything(reader, source) == [b"last"]
    folder.mkdir()
    (folder / "a.ndjson").write_bytes(lines(0, 2))
    assert everything(reader, source) == numbers(0, 2)


@pytest.fixture
def public() -> Iterator[Reader]:
    """A reader in a folder that anybody may enter, and not as root: permissions mean nothing to that one."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        root.chmod(0o755)
        (root / "in").mkdir()
        for n in range(3):
            (root / "in" / f"{n}.ndjson").write_bytes(lines(n, n + 1))
        made = Reader(root)
        me = os.geteuid()
        if me == 0:
            os.seteuid(65534)
        try:
            yield made
        finally:
            os.seteuid(me)
            (root / "in").chmod(0o755)
            made.close()


def set_mode(path: Path, mode: int) -> None:
    """As the owner, whoever is asking."""
    me = os.geteuid()
    os.seteuid(os.getuid())
    path.chmod(mode)
    os.seteuid(me)


def append(path: Path, data: bytes) -> None:
    me = os.geteuid()
    os.seteuid(os.getuid())
    add(path, data)
    os.seteuid(me)


@pytest.mark.parametrize("mode", [0o000, 0o444, 0o111], ids=oct)
@pytest.mark.parametrize("opened", [True, False])
def test_the_folder_is_closed_and_opened_again(public: Reader, mode: int, opened: bool) -> None:
    folder = public.root / "in"
    source = public.source("in/*.ndjson")
    assert public.take(source) == numbers(0, 3)
    if not opened:
        source._handles.close_all()
    set_mode(folder, mode)
    append(folder / "0.ndjson", lines(3, 4))
    taken = everything(public, source)
    notices = source.notices()
    assert len(notices) == 1
    assert "Permission denied" in notices[0]
    set_mode(folder, 0o755)
    assert taken + everything(public, source) == numbers(3, 4)
    assert not any("deleted" in notice or "lost" in notice for notice in source.notices())


@RESTARTED
def test_a_file_is_closed_and_opened_again(public: Reader, restarted: bool) -> None:
    folder = public.root / "in"
    source = public.source("in/*.ndjson")
    assert public.take(source) == numbers(0, 3)
    source = public.restart(source, "in/*.ndjson") if restarted else source
    source._handles.close_all()
    set_mode(folder / "0.ndjson", 0)
    append(folder / "0.ndjson", lines(3, 4))
    append(folder / "1.ndjson", lines(4, 5))
    assert everything(public, source) == numbers(4, 5)
    assert source.notices() == ["in/0.ndjson: Permission denied; it is tried again"]
    set_mode(folder / "0.ndjson", 0o644)
    assert everything(public, source) == numbers(3, 4)


# -- what is told


def test_what_cannot_be_found_after_a_restart_is_told_once(reader: Reader, tmp_path: Path) -> None:
    for name in "abcde":
        (tmp_path / f"{name}.ndjson").write_bytes(lines(0, 9))
    source = reader.source()
    reader.take(source, limit=16)
    first = next(iter(reader.offsets))
    early = next(raw.offset for raw in reader.batches if raw.offset.file_id == first)
    reader.offsets[first] = early
    source.close()
    for path in tmp_path.glob("*.ndjson"):
        path.unlink()
    source = reader.source()
    assert everything(reader, source) == []
    told = [notice for notice in source.notices() if "gone" in notice]
    assert told == [
        f"{early.file} is gone, with {72 - early.byte:,} bytes unread",
        "b.ndjson, c.ndjson, d.ndjson and 1 more are gone: what was written there since the last read, if anything, is lost",
    ]
    source = reader.restart(source)
    assert everything(reader, source) == []
    assert not any("gone" in notice for notice in source.notices())


def test_a_file_that_is_over_is_stored_as_done(reader: Reader, tmp_path: Path) -> None:
    file = tmp_path / "a.ndjson"
    file.write_bytes(lines(0, 2))
    source = reader.source()
    reader.take(source)
    file.unlink()
    assert everything(reader, source) == []
    assert [offset.done for offset in reader.offsets.values()] == [True]


# -- thousands of files


def test_thousands_of_files(reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few handles; what was quiet for long is looked at in turns, and the folder is not listed again for nothing."""
    monkeypatch.setattr(listing, "SETTLED", -1 << 62)
    for n in range(2000):
        (tmp_path / f"{n:05}.ndjson").write_bytes(lines(n, n + 1))
    source = reader.source()
    source._listing._clock = lambda: reader.now
    assert reader.take(source) == numbers(0, 2000)
    assert open_below(tmp_path) <= handles.MOST
    reader.now += listing.HOT + 1
    stats = list[listing.Found]()
    as_before = listing._as_before

    def counting(found: listing.Found, told: os.stat_result) -> bool:
        stats.append(found)
        return as_before(found, told)

    monkeypatch.setattr(listing, "_as_before", counting)
    source.rescan()
    assert len(stats) < 2000 / listing.SHARE + 100
    add(tmp_path / "01234.ndjson", lines(3000, 3001))
    assert [line for _ in range(listing.SHARE) for line in reader.take(source)] == numbers(3000, 3001)
    stats.clear()
    add(tmp_path / "01234.ndjson", lines(3001, 3002))
    assert reader.take(source) == numbers(3001, 3002)
    (tmp_path / "x.ndjson").write_bytes(lines(4000, 4001))
    (tmp_path / "01000.ndjson").unlink()
    assert reader.take(source) + reader.later(source, GRACE) == numbers(4000, 4001)
    assert source.notices() == ["01000.ndjson was deleted"]


# -- places


def test_a_place_in_what_was_read(reader: Reader, tmp_path: Path) -> None:
    """A new source reads on from it, wherever the content is by now."""
    log = tmp_path / "app.log"
    log.write_bytes(lines(0, 200))
    source = reader.source("app.log")
    reader.take(source)
    (file_id,) = reader.offsets
    end = reader.offsets[file_id]
    place = source.place(file_id, "app.log", len(lines(0, 50)), 50)
    assert place is not None
    assert (place.file_id, place.byte, place.line, place.done) == (file_id, len(lines(0, 50)), 50, False)
    for how in ("mv", "gzip"):
        reader.offsets = {file_id: place}
        source = reader.restart(source, "app.log")
        assert everything(reader, source) == numbers(50, 200)
        run("mv", log, tmp_path / "app.log.1") if how == "mv" else run("gzip", tmp_path / "app.log.1")
        for asked in (source, reader.restart(source, "app.log")):
            reader.offsets = {file_id: end}
            found = (reader.source("app.log") if asked is not source else source).place(file_id, "app.log", place.byte, 50)
            assert found is not None
            place = found
    reader.offsets = {file_id: place}
    source = reader.restart(source, "app.log")
    assert everything(reader, source) == numbers(50, 200)
    (tmp_path / "app.log.1.gz").unlink()
    source = reader.restart(source, "app.log")
    assert source.place(file_id, "app.log", place.byte, 50) is None


def test_no_place(reader: Reader, tmp_path: Path) -> None:
    """In the middle of a record, beyond what was read, in content that is gone or was never read."""
    log = tmp_path / "app.log"
    log.write_bytes(lines(0, 9))
    source = reader.source("app.log")
    source.rescan()
    raw = source.read(reader.buffer, 40)
    assert raw is not None
    reader.commit(source, raw.offset)
    file_id = raw.offset.file_id
    assert source.place(file_id, "app.log", 0, 0) is not None
    assert source.place(file_id, "app.log", 8, 1) is not None
    assert source.place(file_id, "app.log", 9, 1) is None
    assert source.place(file_id, "app.log", 48, 6) is None
    assert source.place("other", "app.log", 8, 1) is None
    log.write_bytes(lines(20, 30))
    assert source.place(file_id, "app.log", 8, 1) is None


def test_the_ends_of_all_that_is_there(reader: Reader, tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / f"{name}.ndjson").write_bytes(lines(0, 3) + b"half")
    source = reader.source()
    source.rescan()
    raw = source.read(reader.buffer, 8)
    assert raw is not None
    reader.commit(source, raw.offset)
    ends = source.ends()
    assert [(end.byte, end.line) for end in ends] == [(24, 3)] * 3
    assert raw.offset.file_id in {end.file_id for end in ends}
    reader.offsets = {end.file_id: end for end in ends}
    for name in "abc":
        add(tmp_path / f"{name}.ndjson", b"+half\n")
    assert everything(reader, reader.restart(source)) == [b"half+half"] * 3


def test_places_and_ends_of_csv_parquet_and_packed_files(reader: Reader, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b'h\n1\n"2\n2"\n3\n"open\n')
    source = reader.source("a.csv", "csv")
    (end,) = source.ends()
    assert (end.byte, end.line) == (12, 4)
    (tmp_path / "a.ndjson.gz").write_bytes(gzip.compress(lines(0, 3) + b"half"))
    (end,) = reader.source("*.gz").ends()
    assert (end.byte, end.line) == (24, 3)
    pq.write_table(pa.table({"n": list(range(10))}), tmp_path / "a.parquet", row_group_size=4)
    source = reader.source("a.parquet", "parquet")
    (end,) = source.ends()
    assert (end.byte, end.line) == (3, 10)
    reader.take(source)
    place = source.place(end.file_id, "a.parquet", 1, 6)
    assert place is not None
    assert source.place(end.file_id, "a.parquet", 1, 9) is None
    reader.offsets = {place.file_id: place}
    source = reader.restart(source, "a.parquet", "parquet")
    source.rescan()
    raw = source.read(reader.buffer)
    assert raw is not None
    assert raw.table is not None
    assert raw.table["n"].to_pylist() == [6, 7]


@pytest.mark.parametrize("name", ["a.ndjson", "a.ndjson.gz"])
def test_a_file_that_was_only_found_is_read_after_a_restart(reader: Reader, tmp_path: Path, name: str) -> None:
    """It is no copy of itself."""
    (tmp_path / name).write_bytes(gzip.compress(lines(0, 9)) if name.endswith("gz") else lines(0, 9))
    source = reader.source("a.*")
    source.rescan()
    reader.now += SIGHT
    source.rescan()
    raw = source.read(reader.buffer)
    assert raw is not None
    assert raw.length == 0
    reader.commit(source, raw.offset)
    source = reader.restart(source, "a.*")
    assert reader.take(source) == numbers(0, 9)


@RESTARTED
def test_another_file_gets_the_inode_at_once(reader: Reader, tmp_path: Path, restarted: bool) -> None:
    """Beside the glob too: it is not taken for the renamed one."""
    log = tmp_path / "app.log"
    log.write_bytes(lines(0, 3))
    source = reader.source("app.log")
    assert reader.take(source) == numbers(0, 3)
    source._handles.close_all()
    if restarted:
        source.close()
    for n in range(3):
        log.rename(tmp_path / f"app.other.{n}")
        (tmp_path / f"app.other.{n}").write_bytes(lines(50, 60))
        source = reader.source("app.log") if restarted else source
        assert everything(reader, source) == []
        log.write_bytes(lines(n, n + 1))
        assert everything(reader, source) == numbers(n, n + 1)
        source._handles.close_all()
        if restarted:
            source.close()


def test_a_file_outside_a_new_glob_is_let_alone(reader: Reader, tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.ndjson").write_bytes(lines(0, 2))
    source = reader.source()
    assert reader.take(source) == numbers(0, 2) * 2
    for name in "ab":
        add(tmp_path / f"{name}.ndjson", lines(2, 3))
    source = reader.restart(source, "a.ndjson")
    assert everything(reader, source) == numbers(2, 3)
    assert source.notices() == []
