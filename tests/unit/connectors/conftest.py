"""A source over a temporary folder, with a clock that tests turn themselves."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from workbench.batch import ChunkBuffer, Offset, RawBatch
from workbench.connectors.files import source as module
from workbench.connectors.files.source import FileSource


class Reader:
    """Reads like the engine: everything that is there, committed at once, offsets remembered over restarts."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.now = 2_000_000_000.0
        self.buffer = ChunkBuffer(1 << 16)
        self.offsets: dict[str, Offset] = {}
        self.batches: list[RawBatch] = []
        self._made: list[FileSource] = []

    def source(self, glob: str = "*.ndjson", kind: Any = "json", **more: Any) -> FileSource:
        made = FileSource("orders", glob, kind, root=self.root, offsets=list(self.offsets.values()), clock=lambda: self.now, **more)
        self._made.append(made)
        return made

    def take(self, source: FileSource, limit: int | None = None, commit: bool = True) -> list[bytes]:
        """Records of all batches that can be read now."""
        source.rescan()
        return self.go_on(source, limit, commit)

    def go_on(self, source: FileSource, limit: int | None = None, commit: bool = True) -> list[bytes]:
        """The same, as of the last look."""
        records: list[bytes] = []
        while raw := source.read(self.buffer, limit):
            self.batches.append(raw)
            text = self.buffer.memory[: raw.length]
            records += text.split(b"\n")[:-1]
            if commit:
                self.commit(source, raw.offset)
        return records

    def commit(self, source: FileSource, offset: Offset) -> None:
        self.offsets[offset.file_id] = offset
        source.committed(offset)

    def later(self, source: FileSource, seconds: float = 3.0) -> list[bytes]:
        """What can be read after some time in which nothing happened."""
        source.rescan()
        self.now += seconds
        return self.take(source)

    def restart(self, source: FileSource, glob: str = "*.ndjson", kind: Any = "json", **more: Any) -> FileSource:
        source.close()
        return self.source(glob, kind, **more)

    def close(self) -> None:
        for made in self._made:
            made.close()


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """One look for a sample is enough, however long it takes."""
    monkeypatch.setattr(module, "SAMPLING", math.inf)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    made = Reader(tmp_path)
    yield made
    made.close()
