"""Parquet files: pieces of row groups, resumed by line."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.unit.connectors.conftest import Reader
from workbench.batch import Offset
from workbench.connectors.files import parquet


def write(path: Path, first: int, last: int, group: int = 10) -> None:
    pq.write_table(pa.table({"n": range(first, last)}), path, row_group_size=group)


def rows(reader: Reader, since: int = 0) -> list[int]:
    return [n for raw in reader.batches[since:] if raw.table is not None for n in raw.table["n"].to_pylist()]


def test_row_groups(reader: Reader, tmp_path: Path) -> None:
    write(tmp_path / "a.parquet", 0, 25)
    source = reader.source("*.parquet", "parquet", follow=False)
    reader.take(source)
    assert rows(reader) == list(range(25))
    assert [(raw.start.byte, raw.start.line, raw.offset.byte, raw.offset.line) for raw in reader.batches] == [
        (0, 0, 1, 10),
        (1, 10, 2, 20),
        (2, 20, 3, 25),
    ]
    assert reader.batches[-1].offset.done
    assert source.ended
    assert source.sample() == (b"", str(tmp_path / "a.parquet"))


def test_a_restart_inside_a_row_group(reader: Reader, tmp_path: Path) -> None:
    write(tmp_path / "a.parquet", 0, 25)
    source = reader.source("*.parquet", "parquet")
    source.rescan()
    raw = source.read(reader.buffer)
    assert raw is not None
    middle = source.offset_at(raw, 999, 7)
    assert (middle.byte, middle.line) == (0, 7)
    reader.commit(source, middle)
    assert source.lag().rows == 18
    source = reader.restart(source, "*.parquet", "parquet")
    reader.take(source)
    assert rows(reader) == list(range(7, 25))
    source = reader.restart(source, "*.parquet", "parquet")
    assert reader.take(source) == []
    assert rows(reader) == list(range(7, 25))


def test_large_row_groups_come_in_pieces(reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "PIECE", 4)
    write(tmp_path / "a.parquet", 0, 25)
    source = reader.source("*.parquet", "parquet")
    source.rescan()
    offsets: list[Offset] = []
    while raw := source.read(reader.buffer):
        offsets.append(raw.offset)
        reader.batches.append(raw)
    assert rows(reader) == list(range(25))
    reader.commit(source, offsets[1])
    source.rewind()
    reader.take(source)
    assert rows(reader, len(offsets)) == list(range(8, 25))


def test_a_file_that_is_not_all_there_yet(reader: Reader, tmp_path: Path) -> None:
    file, other = tmp_path / "a.parquet", tmp_path / "b.parquet"
    write(file, 0, 25)
    whole = file.read_bytes()
    file.write_bytes(whole[:-50])
    write(other, 100, 101)
    source = reader.source("*.parquet", "parquet")
    reader.take(source)
    reader.take(source)
    (notice,) = source.notices()
    assert notice.startswith("a.parquet is not readable as Parquet")
    assert rows(reader) == [100]
    file.write_bytes(whole)
    reader.take(source)
    assert rows(reader) == [100, *range(25)]


def test_another_file_under_the_same_name(reader: Reader, tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    write(file, 0, 5)
    source = reader.source("*.parquet", "parquet")
    reader.take(source)
    write(tmp_path / "new", 5, 12)
    (tmp_path / "new").rename(file)
    reader.take(source)
    assert rows(reader) == list(range(12))
