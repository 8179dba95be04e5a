"""The order of one log: what is newer waits for what is older as long as that may be a copy of a known file, and not for ever."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from tests.unit.connectors.conftest import Reader
from tests.unit.connectors.test_copies import PACKED, RESTARTED, Pack, again
from tests.unit.connectors.test_following import add, everything, lines, numbers
from workbench.connectors.content import Content
from workbench.connectors.files import recognition, rotation
from workbench.connectors.files.elders import PATIENCE, SILENCE
from workbench.connectors.files.followed import GRACE
from workbench.connectors.files.handles import open_content
from workbench.connectors.files.listing import Listing, Look
from workbench.connectors.files.source import FileSource

HEAD = b"ts,v\n"


def put(path: Path, data: bytes, age: float) -> Path:
    """A file that was last changed so many seconds ago, by the reader's clock."""
    path.write_bytes(data)
    return aged(path, age)


def aged(path: Path, age: float) -> Path:
    os.utime(path, (2_000_000_000.0 - age, 2_000_000_000.0 - age))
    return path


def begun(reader: Reader, tmp_path: Path, glob: str = "*") -> FileSource:
    """A log that had no more than what every file of it begins with when it was read and rotated."""
    log = put(tmp_path / "app.log", HEAD, 90)
    source = reader.source(glob)
    assert everything(reader, source) == [b"ts,v"]
    reader.now -= 3
    log.rename(tmp_path / "app.log.3")
    return source


@pytest.mark.parametrize(
    ("name", "log"),
    [
        ("app.log", "app.log"),
        ("app.log.20.gz", "app.log"),
        ("app.log-20261123.zst", "app.log"),
        ("app.log-20261123-1700", "app.log"),
        ("app.log20261123", "app.log"),
        ("app-20261123.log", "app.log"),
        ("app.2026-11-23.0.log.gz", "app.log"),
        ("app.log~", "app.log~"),
        ("app_1", "app"),
        ("day2", "day"),
        ("12", "12"),
        ("1" * 200 + "a", "1" * 200 + "a"),
    ],
)
def test_the_name_of_a_log(name: str, log: str) -> None:
    assert rotation.log(name) == log


@RESTARTED
@PACKED
def test_what_is_newer_waits_for_an_older_file_that_may_be_a_copy(
    reader: Reader, tmp_path: Path, ending: str, pack: Pack, restarted: bool
) -> None:
    source = again(reader, begun(reader, tmp_path), restarted)
    put(tmp_path / f"app.log.2{ending}", pack(HEAD + b"1\n"), 60)
    put(tmp_path / "app.log.1", HEAD + b"2\n", 30)
    put(tmp_path / "app.log", HEAD + b"3\n", 10)
    put(tmp_path / "other.log", b"0\n", 20)
    assert reader.take(source) == [b"0"]
    assert source.undecided
    assert not source.idle
    assert reader.later(source) == [b"ts,v", b"1", b"ts,v", b"2", b"ts,v", b"3"]
    assert source.idle


def test_in_another_folder_nothing_waits(reader: Reader, tmp_path: Path) -> None:
    source = begun(reader, tmp_path, "**/*.log*")
    put(tmp_path / "app.log.2", HEAD + b"1\n", 60)
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        put(tmp_path / folder / "app.log", folder.encode() + b"\n", 10)
    assert reader.take(source) == [b"a", b"b"]


def test_what_was_begun_goes_on(reader: Reader, tmp_path: Path) -> None:
    log = put(tmp_path / "app.log", HEAD, 90)
    source = reader.source("*")
    reader.take(source)
    put(tmp_path / "app.log.1", HEAD + b"2\n3\n", 120)
    add(log, b"2\n")
    assert reader.take(source) == [b"2"]
    assert source.undecided
    assert reader.later(source) == [b"ts,v", b"2", b"3"]


def test_what_is_needed_for_the_decision_does_not_wait_for_it(reader: Reader, tmp_path: Path) -> None:
    """The older file holds the beginning of the newer one, which must be read to tell that; what is between them keeps its place."""
    put(tmp_path / "app.log", lines(0, 5), 10)
    source = reader.source("*")
    reader.take(source, limit=1, commit=False)
    source.rewind()
    put(tmp_path / "app.log.2.gz", gzip.compress(lines(0, 3)), 60)
    put(tmp_path / "app.log.1", b"between\n", 30)
    assert reader.take(source) == []
    assert reader.later(source) == [b"between", *numbers(0, 5)]
    assert everything(reader, source) == []
    assert source.idle


class Copying:
    """The copy of a known file grows all the time, seems to be old, and is never known to be whole."""

    def __init__(self, reader: Reader, tmp_path: Path, glob: str = "*") -> None:
        self.reader, self.data, self.size = reader, lines(0, 1000), 0
        log = put(tmp_path / "app.log", self.data, 90)
        self.source = reader.source(glob)
        assert len(everything(reader, self.source)) == 1000
        log.rename(tmp_path / "app.log.3")
        self.copy = tmp_path / "app.log.2"

    def go_on(self, seconds: float) -> list[bytes]:
        """What is read meanwhile."""
        taken: list[bytes] = []
        for _ in range(int(seconds / GRACE) + 1):
            self.size += 1
            put(self.copy, self.data[: self.size], 60)
            taken += self.reader.take(self.source)
            self.reader.now += GRACE - 0.5
        return taken

    def told(self) -> list[str]:
        return [notice for notice in self.source.notices() if "older" in notice]


def test_what_is_never_decided_holds_nobody_for_ever(reader: Reader, tmp_path: Path) -> None:
    copying = Copying(reader, tmp_path)
    log = put(tmp_path / "app.log", b"new\n", 10)
    assert copying.go_on(SILENCE / 2) == []
    assert copying.told() == []
    assert copying.go_on(PATIENCE / 2) == []
    (told,) = copying.told()
    assert told == (
        "app.log is not read before app.log.2, which is older and may be a copy that is still being made: it waits 60 seconds at most"
    )
    assert copying.go_on(2 * PATIENCE) == [b"new"]
    log.rename(tmp_path / "app.log.1")
    put(log, b"newer\n", 5)
    assert copying.go_on(1) == [b"newer"]
    assert copying.source.undecided
    assert copying.told() == []


def test_a_clock_that_is_set_back_lets_nobody_wait_longer(reader: Reader, tmp_path: Path) -> None:
    copying = Copying(reader, tmp_path)
    put(tmp_path / "app.log", b"new\n", 10)
    assert copying.go_on(SILENCE) == []
    reader.now -= 3600
    assert copying.go_on(2 * PATIENCE) == [b"new"]
    copying.copy.unlink()
    put(tmp_path / "app.log.1", lines(0, 3), 30)
    assert reader.take(copying.source) == []
    reader.now -= 3600
    assert everything(reader, copying.source) == numbers(0, 3)


def test_a_file_waits_for_no_more_than_its_time_whoever_comes(reader: Reader, tmp_path: Path) -> None:
    """Each of the older files is another one; and a clock that is set back makes it wait anew, no longer."""
    copying = Copying(reader, tmp_path)
    put(tmp_path / "app.log", b"new\n", 10)
    taken: list[bytes] = []
    for number in range(int(PATIENCE) + 11):
        reader.now -= 3600 * (number == 10)
        new = put(tmp_path / "new", copying.data[: number + 1], 60)
        new.replace(copying.copy)
        taken += reader.take(copying.source)
        reader.now += 1
    assert taken.count(b"new") == 1


@RESTARTED
def test_what_went_away_holds_nobody(reader: Reader, tmp_path: Path, restarted: bool) -> None:
    source = again(reader, begun(reader, tmp_path), restarted)
    older = put(tmp_path / "app.log.2", HEAD + b"1\n", 60)
    put(tmp_path / "app.log", HEAD + b"2\n", 10)
    assert reader.take(source) == []
    older.unlink()
    assert reader.take(source) == [b"ts,v", b"2"]
    assert "app.log.2 is gone, and nothing of it was read" in source.notices()


def test_what_cannot_be_read_holds_nobody(reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str, parquet: bool) -> Content:
        if path.endswith("app.log.2"):
            raise PermissionError(13, "Permission denied")
        return open_content(path, parquet)

    source = begun(reader, tmp_path)
    put(tmp_path / "app.log.2", HEAD + b"1\n", 60)
    put(tmp_path / "app.log", HEAD + b"2\n", 10)
    assert reader.take(source) == []
    monkeypatch.setattr(recognition, "open_content", refuse)
    assert reader.take(source) == [b"ts,v", b"2"]
    assert "app.log.2: Permission denied; it is tried again" in source.notices()


def test_where_reading_begins_is_stored_meanwhile(reader: Reader, tmp_path: Path) -> None:
    """So that a restart knows what waits, wherever it is then."""
    copying = Copying(reader, tmp_path)
    put(tmp_path / "app.log", b"new\n", 10)
    copying.go_on(10)
    assert (0, "app.log") in [(offset.byte, offset.file) for offset in reader.offsets.values()]


def test_after_a_rewind_the_oldest_comes_first_again(reader: Reader, tmp_path: Path) -> None:
    put(tmp_path / "app.log.1", lines(0, 3), 60)
    source = reader.source("*")
    assert reader.take(source, commit=False) == numbers(0, 3)
    put(tmp_path / "app.log", lines(3, 5), 10)
    source.rescan()
    source.rewind()
    assert reader.take(source) == numbers(0, 5)


def test_a_packed_file_that_is_met_before_it_is_whole(reader: Reader, tmp_path: Path) -> None:
    """At the very first look, beside what it is made of; what is newer does not come before it."""
    plain, packed = put(tmp_path / "app.log.1", lines(0, 50), 60), tmp_path / "app.log.1.gz"
    data = gzip.compress(plain.read_bytes())
    put(packed, data[:15], 0)
    put(tmp_path / "app.log", lines(50, 60), 10)
    source = reader.source("*")
    reader.take(source, limit=1, commit=False)
    source = reader.restart(source, "*")
    source.rescan()
    put(packed, data, 60)
    plain.unlink()
    assert everything(reader, source) == numbers(0, 60)


def test_packed_while_what_is_older_was_read(reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where looks take long, too, so that the next one is not due yet."""
    old, once = put(tmp_path / "app.log.1", lines(0, 3), 60), Listing.look
    put(tmp_path / "app.log", lines(3, 5), 10)

    def slowly(listing: Listing) -> Look:
        reader.now += 1
        return once(listing)

    monkeypatch.setattr(Listing, "look", slowly)
    source = reader.source("*")
    source.rescan()
    put(tmp_path / "app.log.1.gz", gzip.compress(old.read_bytes()), 60)
    old.unlink()
    assert reader.go_on(source) == numbers(0, 5)


def test_packed_between_the_look_and_the_recognition(reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = begun(reader, tmp_path)
    old = put(tmp_path / "app.log.2", HEAD + b"1\n", 60)
    put(tmp_path / "app.log", HEAD + b"2\n", 10)

    def pack(path: str, parquet: bool) -> Content:
        if path == str(old) and old.exists():
            put(tmp_path / "app.log.2.gz", gzip.compress(old.read_bytes()), 60)
            old.unlink()
        return open_content(path, parquet)

    monkeypatch.setattr(recognition, "open_content", pack)
    assert everything(reader, source) == [b"ts,v", b"1", b"ts,v", b"2"]
    assert not any("No such file" in notice for notice in source.notices())


def test_what_is_known_by_little_goes_on_in_one_file(reader: Reader, tmp_path: Path) -> None:
    """In the oldest of those that begin alike; the next one is another file."""
    log = put(tmp_path / "app.log", HEAD, 90)
    source = reader.source("*")
    assert reader.take(source) == [b"ts,v"]
    put(tmp_path / "app.log.1.gz", gzip.compress(HEAD + b"2\n"), 30)
    put(tmp_path / "app.log.2.gz", gzip.compress(HEAD + b"1\n"), 60)
    source._handles.close_all()
    log.unlink()
    assert everything(reader, source) == [b"1", b"ts,v", b"2"]


def test_a_file_that_is_no_copy_is_read_at_once(reader: Reader, tmp_path: Path) -> None:
    """It is shorter than what is known of the other one, and something else."""
    put(tmp_path / "app.log", lines(0, 300), 90)
    source = reader.source("*")
    assert len(reader.take(source)) == 300
    put(tmp_path / "app.log.1", b"1\n", 60)
    put(tmp_path / "app.log.2.gz", gzip.compress(b"2\n"), 90)
    assert reader.take(source) == [b"2", b"1"]


def test_what_was_stored_as_found_and_packed_since_is_as_old_as_what_was_packed(reader: Reader, tmp_path: Path) -> None:
    packed = put(tmp_path / "app.log.1.gz", b"", 0)
    source = reader.source("*")
    assert everything(reader, source) == []
    assert reader.offsets
    source = reader.restart(source, "*")
    put(packed, gzip.compress(b"1\n"), 60)
    put(tmp_path / "app.log", b"2\n", 10)
    assert everything(reader, source) == [b"1", b"2"]


def test_what_goes_away_does_not_wait(reader: Reader, tmp_path: Path) -> None:
    """It may soon be nowhere."""
    copying = Copying(reader, tmp_path, "app.log*")
    log = put(tmp_path / "app.log", b"new\n", 10)
    assert copying.go_on(1) == []
    log.rename(tmp_path / "app-old")
    assert copying.go_on(1) == [b"new"]


def test_what_was_empty_when_it_was_found_is_no_copy_of_itself(reader: Reader, tmp_path: Path) -> None:
    log = put(tmp_path / "app.log", b"", 60)
    source = reader.source("*")
    reader.take(source)
    add(log, b"1\n")
    aged(log, 30).rename(tmp_path / "app.log.1")
    put(log, b"2\n", 0)
    assert reader.take(source) == [b"1", b"2"]


def test_another_file_with_the_inode_of_one_that_was_not_read(reader: Reader, tmp_path: Path) -> None:
    """It is as old as it is, not as old as that one was."""
    log = put(tmp_path / "app.log", b"0\n", 60)
    source = reader.source("*")
    source.rescan()
    put(tmp_path / "app.log.1.gz", gzip.compress(b"0\n"), 60)
    put(log, b"1\n", 10)
    assert reader.take(source) == [b"0", b"1"]


def test_a_packed_file_with_the_inode_of_one_that_was_not_read(reader: Reader, tmp_path: Path) -> None:
    """It is the rest of what was packed, and no new name of the other one."""
    old = put(tmp_path / "app.log.1", lines(0, 50), 60)
    source = reader.source("*")
    assert reader.take(source) == numbers(0, 50)
    log = put(tmp_path / "app.log", b"n\n", 10)
    source.rescan()
    source._handles.close_all()
    packed = log.rename(tmp_path / "app.log.1.gz")
    put(packed, gzip.compress(old.read_bytes()), 60)
    old.unlink()
    assert everything(reader, source) == []
    assert "app.log was deleted with 2 bytes unread" in source.notices()


@pytest.mark.parametrize("seconds", [0.0, 1.0])
def test_another_file_has_the_inode_before_the_first_read(
    reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    """And what had it was packed since the look, which took some time."""
    once = Listing.look

    def look(listing: Listing) -> Look:
        reader.now += seconds
        return once(listing)

    monkeypatch.setattr(Listing, "look", look)
    log = put(tmp_path / "app.log", b"1\n", 60)
    source = reader.source("*")
    source.rescan()
    put(tmp_path / "app.log.1.gz", gzip.compress(b"1\n"), 60)
    put(log, b"2\n", 10)
    assert reader.go_on(source) == [b"1", b"2"]


def test_what_is_undecided_anew_makes_others_wait_anew(reader: Reader, tmp_path: Path) -> None:
    """An hour after the file that had its inode was decided."""
    source = begun(reader, tmp_path)
    packed = put(tmp_path / "app.log.2.gz", gzip.compress(HEAD + b"1\n"), 60)
    put(tmp_path / "app.log", HEAD + b"2\n", 30)
    everything(reader, source)
    key = (packed.stat().st_dev, packed.stat().st_ino)
    reader.now += 3600
    elders = source._roster._elders
    elders.look_at([key])
    assert key not in elders._undecided


def test_names_that_are_none_of_ours_cause_no_second_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "app.log", b"0\n", 60)
    (tmp_path / "app.log.link").symlink_to("app.log")
    listing, looks, once = Listing("app.log*", tmp_path), [0], Listing._look

    def look(listing: Listing, found: Look) -> bool:
        looks[0] += 1
        put(tmp_path / f"{looks[0]}.tmp", b"", 0)
        os.utime(tmp_path, ns=(looks[0], looks[0]))
        return once(listing, found)

    monkeypatch.setattr(Listing, "_look", look)
    assert [found.name for found in listing.look().found.values()] == ["app.log"]
    assert looks == [1]


@pytest.mark.parametrize(("packed", "glob"), [(False, "app.log*"), (True, "app.log*"), (True, "**/app.log*")])
def test_a_rotation_in_the_middle_of_a_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed: bool, glob: str) -> None:
    """Both files are seen, or only the older one; not the newer one alone."""
    log, old, stat = tmp_path / "app.log", tmp_path / "app.log.1", os.stat
    put(tmp_path / "app.log.0", b"", 90)
    put(old if packed else log, b"0\n", 60)
    listing = Listing(glob, tmp_path)

    def rotate(path: str) -> os.stat_result:
        if str(path).endswith("app.log.0" if packed else "app.log"):
            monkeypatch.setattr(os, "stat", stat)
            if packed:
                put(tmp_path / "app.log.1.gz", gzip.compress(b"0\n"), 60)
                old.unlink()
            else:
                log.rename(old)
            put(log, b"1\n", 10)
        return stat(path)

    monkeypatch.setattr(os, "stat", rotate)
    assert sorted(found.name for found in listing.look().found.values()) == ["app.log", "app.log.0", old.name + ".gz" * packed]


def test_a_link_that_leads_nowhere_is_no_reason_to_look_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "app.log").symlink_to(tmp_path / "nothing")
    listing, once, looks = Listing("app.log*", tmp_path), Listing._look, list[Look]()

    def count(listing: Listing, look: Look) -> bool:
        looks.append(look)
        return once(listing, look)

    monkeypatch.setattr(Listing, "_look", count)
    assert listing.look().found == {}
    assert len(looks) == 1
