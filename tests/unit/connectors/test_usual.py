"""What a rotation does is no warning, and one sentence however many files it moves."""

from __future__ import annotations

from pathlib import Path

from workbench.batch import ChunkBuffer
from workbench.connectors.files.source import FileSource
from workbench.connectors.usual import Usual, summed


def test_what_is_usual_becomes_one_sentence() -> None:
    assert summed(["a was lost"]) == (["a was lost"], "")
    assert summed([Usual("a moved")]) == ([], "a moved")
    assert summed([Usual("a moved"), "b was lost", Usual("c moved"), Usual("d moved")]) == (
        ["b was lost"],
        "d moved (and 2 more such changes of files)",
    )


def test_a_rotation_of_many_files_is_usual(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / f"t.log.{number:02}").write_text(f"{number}\n" * (number + 1))
    source = FileSource("t", "t.log.*", "text", root=tmp_path)
    buffer = ChunkBuffer(1 << 16)
    while (raw := source.read(buffer)) is not None:
        source.committed(raw.offset)
    source.notices()
    for number in reversed(range(20)):
        (tmp_path / f"t.log.{number:02}").rename(tmp_path / f"t.log.{number + 1:02}")
    (tmp_path / "t.log.20").unlink()
    source.rescan()
    while source.read(buffer) is not None:
        pass
    told = source.notices()
    assert told
    assert summed(told)[0] == []
    source.close()
    buffer.close()
