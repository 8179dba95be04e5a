"""Compressed files: read as their content, recognised as the rotated file that they were."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from tests.unit.connectors.conftest import Reader
from tests.unit.connectors.test_following import everything
from workbench.connectors.files.compressed import SHORT

Pack = Callable[[bytes], bytes]
PACKS = [("gz", gzip.compress), ("zst", zstandard.ZstdCompressor(write_checksum=True).compress)]
LINES = [b'{"n":%d}' % n for n in range(40_000)]
DATA = b"\n".join(LINES) + b"\n"

packed = pytest.mark.parametrize(("ending", "pack"), PACKS)


@packed
def test_content_and_offsets(reader: Reader, tmp_path: Path, ending: str, pack: Pack) -> None:
    """Offsets count decompressed bytes; a restart goes on inside."""
    (tmp_path / f"a.{ending}").write_bytes(pack(DATA))
    source = reader.source("a.*")
    source.rescan()
    first = source.read(reader.buffer, 10_000)
    assert first is not None
    assert first.offset.byte <= 10_000
    reader.commit(source, first.offset)
    source = reader.restart(source, "a.*")
    assert reader.take(source) == LINES[first.offset.line :]
    assert reader.batches[-1].offset.byte == len(DATA)
    source = reader.restart(source, "a.*")
    assert reader.take(source) == []
    assert source.lag().bytes == 0


@packed
def test_members_and_growth(reader: Reader, tmp_path: Path, ending: str, pack: Pack) -> None:
    file = tmp_path / f"a.{ending}"
    file.write_bytes(pack(b"one\n") + pack(b"two\nhal"))
    os.utime(file, (reader.now, reader.now))
    source = reader.source("a.*")
    assert reader.take(source) == [b"one", b"two"]
    with file.open("ab") as more:
        more.write(pack(b"f\nthree\n"))
    assert reader.take(source) == [b"half", b"three"]
    assert source.notices() == []


@packed
def test_truncated_then_whole(reader: Reader, tmp_path: Path, ending: str, pack: Pack) -> None:
    file, whole = tmp_path / f"a.{ending}", pack(DATA)
    file.write_bytes(whole[: len(whole) // 2])
    source = reader.source("a.*")
    records = reader.take(source)
    assert 0 < len(records) < len(LINES)
    assert reader.later(source) == []
    assert source.notices() == [f"a.{ending} {SHORT}"]
    with file.open("ab") as more:
        more.write(whole[len(whole) // 2 :])
    assert records + reader.take(source) == LINES


@packed
def test_cut_off_anywhere(reader: Reader, tmp_path: Path, ending: str, pack: Pack) -> None:
    """A file that is being written may end at any byte."""
    file, whole = tmp_path / f"a.{ending}", pack(b"".join(line + b"\n" for line in LINES[:50]))
    for size in range(len(whole)):
        file.write_bytes(whole[:size])
        source = reader.source("a.*", follow=False)
        records = reader.go_on(source, commit=False)
        assert records == LINES[: len(records)]
        source.close()


@packed
def test_truncated_for_good(reader: Reader, tmp_path: Path, ending: str, pack: Pack) -> None:
    whole = pack(DATA)
    (tmp_path / f"a.{ending}").write_bytes(whole[: len(whole) // 2])
    source = reader.source("a.*", follow=False)
    records = reader.take(source)
    assert records == LINES[: len(records)]
    assert source.ended


@packed
@pytest.mark.parametrize("count", [3, 40_000])
def test_a_damage_at_the_end_takes_no_line(reader: Reader, tmp_path: Path, ending: str, pack: Pack, count: int) -> None:
    """As when the end is missing: what is whole before it is read, and the trouble is told."""
    whole = bytearray(pack(b"".join(line + b"\n" for line in LINES[:count])))
    whole[-5 if ending == "gz" else -1] ^= 1  # of the sum over all of it
    (tmp_path / f"a.{ending}").write_bytes(whole)
    source = reader.source("a.*")
    assert reader.take(source) == LINES[:count]
    (notice,) = source.notices()
    assert notice.endswith("reading stops there")
    assert source.unread() == (notice,)
    assert reader.later(source) == []
    source = reader.restart(source, "a.*")
    assert everything(reader, source) == []


@packed
def test_damaged_anywhere(reader: Reader, tmp_path: Path, ending: str, pack: Pack) -> None:
    """What is unpacked before it is read, in pieces as large as may be."""
    whole = pack(DATA)
    for place in range(len(whole) // 2, len(whole), len(whole) // 40):
        data = bytearray(whole)
        data[place] ^= 0xFF
        (tmp_path / f"a.{ending}").write_bytes(data)
        source = reader.source("a.*", follow=False)
        records = reader.take(source, commit=False)
        assert len(records) > len(LINES) // 4
        assert source.unread()
        source.close()


@packed
def test_no_compressed_data(reader: Reader, tmp_path: Path, ending: str, pack: Pack) -> None:
    (tmp_path / f"a.{ending}").write_bytes(b"plain text\n")
    (tmp_path / f"b.{ending}").write_bytes(pack(b"one\n"))
    source = reader.source("?.*")
    assert reader.take(source) == [b"one"]
    (notice,) = source.notices()
    assert notice.startswith(f"a.{ending} ")


@packed
def test_a_last_line_without_newline_counts_when_the_file_is_quiet(reader: Reader, tmp_path: Path, ending: str, pack: Pack) -> None:
    (tmp_path / f"a.{ending}").write_bytes(pack(b"one\ntwo"))
    source = reader.source("a.*")
    assert reader.take(source) + reader.later(source) == [b"one", b"two"]


@packed
@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("limit", [None, 1000])
def test_rotated_and_compressed(reader: Reader, tmp_path: Path, ending: str, pack: Pack, restarted: bool, limit: int | None) -> None:
    """What was read as plain is not read again; what was not is read from the compressed file."""
    file, target = tmp_path / "a.log", tmp_path / f"a.log.1.{ending}"
    file.write_bytes(DATA)
    source = reader.source("a.log*")
    source.rescan()
    while raw := source.read(reader.buffer, limit):
        reader.commit(source, raw.offset)
        if limit:
            break
    read = next(iter(reader.offsets.values())).line
    if restarted:
        source.close()
    target.write_bytes(pack(DATA))
    file.unlink()
    file.write_bytes(b"next\n")
    source = source if not restarted else reader.source("a.log*")
    records = reader.take(source) + reader.later(source)
    assert sorted(records) == sorted([*LINES[read:], b"next"])
    source = reader.restart(source, "a.log*")
    assert reader.take(source) + reader.later(source) == []


def test_while_it_is_being_compressed(reader: Reader, tmp_path: Path) -> None:
    file, target, whole = tmp_path / "a.log", tmp_path / "a.log.gz", gzip.compress(DATA)
    file.write_bytes(DATA)
    source = reader.source("a.log*")
    assert len(reader.take(source)) == len(LINES)
    for size in (0, 100, 5000):
        target.write_bytes(whole[:size])
        assert reader.take(source) == []
    target.write_bytes(whole)
    assert reader.later(source) == []
    file.unlink()
    assert reader.later(source) + reader.later(source) == []


def test_start_at_the_end(reader: Reader, tmp_path: Path) -> None:
    file = tmp_path / "a.gz"
    file.write_bytes(gzip.compress(DATA))
    source = reader.source("a.gz", start="end")
    assert reader.take(source) == []
    assert reader.batches[0].offset.line == len(LINES)
    with file.open("ab") as more:
        more.write(gzip.compress(b"more\n"))
    assert reader.take(source) == [b"more"]


@packed
def test_sample(reader: Reader, tmp_path: Path, ending: str, pack: Pack) -> None:
    (tmp_path / f"a.{ending}").write_bytes(pack(DATA))
    assert reader.source("a.*").sample(limit=20) == (b'{"n":0}\n{"n":1}\n', f"a.{ending}")
