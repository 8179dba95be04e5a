"""Files that are not lines, or come again, are told."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import shutil
import zipfile
from pathlib import Path

import pytest

from tests.unit.connectors.conftest import Reader
from tests.unit.connectors.test_following import add, everything, lines, numbers, run
from workbench.connectors.files.signs import odd


def _zip(data: bytes) -> bytes:
    with zipfile.ZipFile(made := io.BytesIO(), "w") as archive:
        archive.writestr("a.log", data)
    return made.getvalue()


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (bz2.compress(b"one\n"), "looks compressed with bzip2, which is not unpacked: its bytes are read as lines"),
        (lzma.compress(b"one\n"), "looks compressed with xz, which is not unpacked: its bytes are read as lines"),
        (_zip(b"one\n"), "looks compressed with zip, which is not unpacked: its bytes are read as lines"),
        (gzip.compress(b"one\n"), "looks compressed with gzip, and is not called .gz: its bytes are read as lines"),
        (b"BZh a bee\n", ""),
        (b"\xef\xbb\xbfone\n", ""),
        (b"P", ""),
        (b"", ""),
    ],
)
def test_what_is_packed_and_not_unpacked(reader: Reader, tmp_path: Path, data: bytes, told: str) -> None:
    """It is read all the same, and told once."""
    assert odd(data[:16]) == told
    path = tmp_path / "a"
    path.write_bytes(data)
    source = reader.source("*", "text")
    everything(reader, source)
    assert source.notices() == ([f"a {told}"] if told else [])
    add(path, b"more\nand more\n")
    assert everything(reader, source)[-1] == b"and more"
    assert source.notices() == []


def test_where_a_last_line_is_unfinished(reader: Reader, tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(b"one\ntw")
    (tmp_path / "b.log").write_bytes(b"one\n")
    source = reader.source("*.log", "text")
    reader.take(source)
    assert source.unfinished() == {"a.log": 2}
    add(tmp_path / "a.log", b"o\n")
    reader.take(source)
    assert source.unfinished() == {}


@pytest.mark.parametrize("restarted", [False, True])
def test_a_file_that_is_replaced_by_a_longer_one_is_named(reader: Reader, tmp_path: Path, restarted: bool) -> None:
    """As rsync does it: to a file beside it, and renamed."""
    path, beside = tmp_path / "a.log", tmp_path / ".a.log.Xy"
    path.write_bytes(lines(0, 5))
    source = reader.source("*.log")
    assert reader.take(source) == numbers(0, 5)
    beside.write_bytes(lines(0, 8))
    beside.replace(path)
    source = reader.restart(source, "*.log") if restarted else source
    assert everything(reader, source) == numbers(0, 8)
    told = "a.log is another file now and begins with what was read: it is read from its start, and those records come again"
    assert [notice for notice in source.notices() if "come again" in notice] == [f"{told} (rsync: --inplace)"]


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("early", [False, True], ids=["whole", "empty at first"])
def test_a_packed_file_that_is_unpacked_is_named(reader: Reader, tmp_path: Path, early: bool, restarted: bool) -> None:
    packed = tmp_path / "a.log.gz"
    packed.write_bytes(gzip.compress(lines(0, 5)))
    source = reader.source("a.log*")
    assert reader.take(source) == numbers(0, 5)
    source = reader.restart(source, "a.log*") if restarted else source
    if early:
        (tmp_path / "a.log").touch()
        reader.take(source)
        add(tmp_path / "a.log", lines(0, 5))
        packed.unlink()
    else:
        run("gunzip", packed)
    assert everything(reader, source) == numbers(0, 5)
    told = "a.log begins as a.log.gz does, which was read: it is read from its start, and those records come again"
    assert [notice for notice in source.notices() if "come again" in notice] == [told]


def test_rotation_and_other_content_are_not(reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(lines(0, 5))
    source = reader.source("a.log*")
    taken = everything(reader, source)
    path.rename(tmp_path / "a.log.1")
    path.write_bytes(lines(5, 9))
    taken += everything(reader, source)
    shutil.copy(path, tmp_path / ".new")
    path.unlink()
    path.write_bytes(lines(20, 30))
    taken += everything(reader, source)
    run("gzip", tmp_path / "a.log.1")
    taken += everything(reader, source)
    assert sorted(taken) == sorted([*numbers(0, 9), *numbers(20, 30)])
    assert not any("come again" in notice for notice in source.notices())
    assert os.listdir(tmp_path)
