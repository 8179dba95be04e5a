"""Which files a glob names."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.connectors.conftest import Reader
from workbench.connectors.files import listing
from workbench.connectors.files.listing import Listing


def make(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode() + b"\n")


def names(made: Listing) -> list[str]:
    return sorted(found.name for found in made.look().found.values())


@pytest.mark.parametrize(
    ("glob", "literal", "others"),
    [
        ("data/*.log", "data/*.log", ["data/a.log", "data/b.log"]),
        ("data/?.log", "data/?.log", ["data/a.log"]),
        ("data/[ab].log", "data/[ab].log", ["data/a.log", "data/b.log"]),
        ("*/app.log", "*/app.log", ["a/app.log", "b/app.log"]),
        ("**/*.log", "**/*.log", ["a.log", "b/c/d.log"]),
    ],
)
def test_a_file_that_is_named_like_the_glob_hides_no_other(tmp_path: Path, glob: str, literal: str, others: list[str]) -> None:
    """As `echo x >> data/*.log` makes one where nothing matches."""
    made = Listing(glob, tmp_path)
    make(tmp_path, literal)
    assert names(made) == [literal]
    assert made.look().remark == ""
    make(tmp_path, *others)
    assert names(made) == sorted([literal, *others])
    assert made.look().remark.startswith(f"{glob} is also the very name of a file")
    (tmp_path / literal).unlink()
    assert names(made) == sorted(others)
    assert made.look().remark == ""


@pytest.mark.parametrize("few", [1, 512])
def test_such_a_file_among_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, few: int) -> None:
    """Also where a large folder is not listed again."""
    monkeypatch.setattr(listing, "FEW", few)
    monkeypatch.setattr(listing, "SETTLED", -1)
    make(tmp_path, "a.log", "b.log", "*.log")
    made = Listing("*.log", tmp_path)
    for _ in range(3):
        assert names(made) == ["*.log", "a.log", "b.log"]
        assert made.look().remark


def test_it_is_told_once(reader: Reader, tmp_path: Path) -> None:
    make(tmp_path, "a.log", "*.log")
    source = reader.source("*.log", "text")
    assert sorted(reader.take(source)) == [b"*.log", b"a.log"]
    make(tmp_path, "b.log")
    assert reader.take(source) == [b"b.log"]
    assert source.notices() == ["*.log is also the very name of a file: that is read, and so are the others that it matches"]
    assert source.unread() == ()


@pytest.mark.parametrize("glob", ["*.log", "data/*.log", "**/*.log", "data/a.log", "d*/a.log"])
def test_signs_in_the_name_of_the_project(tmp_path: Path, glob: str) -> None:
    root = tmp_path / "[slug] *"
    make(root, "a.log", "data/a.log")
    make(tmp_path, "s/a.log", "s/data/a.log", "s *", "l x/a.log")
    found = names(Listing(glob, root))
    assert found == {"*.log": ["a.log"], "**/*.log": ["a.log", "data/a.log"]}.get(glob, ["data/a.log"])


# -- the time of the last change of a file's inode


def rewrite(path: Path, data: bytes) -> None:
    """In place, as long as it was, and the time put back: only ctime tells."""
    before = path.stat()
    path.write_bytes(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size


@pytest.mark.parametrize("open_", [True, False], ids=["open", "closed"])
def test_other_content_of_the_same_size_and_time(reader: Reader, tmp_path: Path, open_: bool) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"one\ntwo\n")
    source = reader.source("*.log", "text")
    assert reader.take(source) == [b"one", b"two"]
    if not open_:
        source._handles.close_all()
    rewrite(path, b"six\nten\n")
    assert reader.take(source) + reader.later(source) == [b"six", b"ten"]
    assert reader.later(source) == []
    assert any("truncated or replaced" in notice for notice in source.notices())


@pytest.mark.parametrize("name", ["a.log", "a.log.gz"])
def test_what_changes_no_content_brings_no_row_again(reader: Reader, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(b"one\ntwo\n") if name.endswith(".gz") else b"one\ntwo\nhal")
    source = reader.source("*.log*", "text")
    assert reader.take(source) == [b"one", b"two"]
    changes: list[Callable[[], None]] = [
        lambda: path.chmod(0o600),
        lambda: os.link(path, tmp_path / "other"),
        lambda: rewrite(path, path.read_bytes()),
    ]
    for change in changes:
        change()
        assert reader.take(source) == []
        source._handles.close_all()
    assert source.notices() == []
    assert source.lag().bytes == 0
    assert source.idle
    rested = len(reader.batches)
    assert reader.take(source) == []
    assert len(reader.batches) == rested
