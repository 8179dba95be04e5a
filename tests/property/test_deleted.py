"""A log that is packed and deleted under the program that writes it: each line once, and all of them as long as the reader runs."""

from __future__ import annotations

import gzip
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from workbench.batch import ChunkBuffer, Offset
from workbench.connectors.files.source import FileSource


@dataclass
class Log:
    """A writer that keeps its file open, whatever becomes of that; a source; and a store that remembers what was committed."""

    root: Path
    glob: str
    now: float = 2_000_000_000.0
    number: int = 0
    packed: int = 0
    offsets: dict[str, Offset] = field(default_factory=dict)
    rows: list[int] = field(default_factory=list)
    pending: list[tuple[Offset, list[int]]] = field(default_factory=list)
    spilled: list[int] = field(default_factory=list)
    """Lines that are in no file that has a name."""
    lost: set[int] = field(default_factory=set)
    """Those of them that were not stored when the reader stopped."""

    def __post_init__(self) -> None:
        self.log = self.root / "app.log"
        self.buffer = ChunkBuffer(1 << 14)
        self.source = self.start()
        self.writer = self.opened()

    def start(self) -> FileSource:
        return FileSource("s", self.glob, "json", root=self.root, offsets=list(self.offsets.values()), clock=lambda: self.now)

    # -- the writer

    def opened(self) -> BinaryIO:
        """A new log, which the source has open too."""
        writer = self.log.open("wb", 0)
        writer.write(self.line())
        self.drain()
        return writer

    def line(self) -> bytes:
        self.number += 1
        return b'{"n":%d,"pad":"%s"}\n' % (self.number, b"x" * (self.number * 37 % 90))

    def write(self, count: int) -> None:
        if not self.log.exists():
            self.spilled += range(self.number + 1, self.number + count + 1)
        self.writer.write(b"".join(self.line() for _ in range(count)))

    def pack(self, looks: int, late: int) -> None:
        """`late` lines come after all was packed and before the log is deleted."""
        if not self.log.exists():
            return
        self.packed += 1
        packed = self.root / f"app.log.{self.packed}.gz"
        packed.write_bytes(gzip.compress(self.log.read_bytes()))
        self.spilled += range(self.number + 1, self.number + late + 1)
        self.write(late)
        for _ in range(looks):
            self.source.rescan()
        self.log.unlink()

    def reopen(self) -> None:
        """The program takes its new log, as after a signal."""
        if not self.log.exists():
            self.drain()
            self.writer.close()
            self.writer = self.opened()

    # -- the engine

    def wait(self, seconds: float) -> None:
        self.now += seconds

    def look(self) -> None:
        self.source.rescan()

    def read(self, times: int, limit: int) -> None:
        self.source.rescan()
        for _ in range(times):
            raw = self.source.read(self.buffer, limit)
            if raw is None:
                return
            records = self.buffer.memory[: raw.length].split(b"\n")[:-1]
            self.pending.append((raw.offset, [int(record[5 : record.index(b",")]) for record in records if record.startswith(b"{")]))

    def commit(self, batches: int) -> None:
        for offset, rows in self.pending[:batches]:
            self.offsets[offset.file_id] = offset
            self.rows += rows
            self.source.committed(offset)
        del self.pending[:batches]

    def rewind(self) -> None:
        self.pending.clear()
        self.source.rewind()

    def restart(self) -> None:
        self.lost |= set(self.spilled) - set(self.rows)
        if not self.log.exists():  # nobody reads what is written there from now on
            self.writer.close()
            self.writer = self.log.open("wb", 0)
            self.writer.write(self.line())
        self.pending.clear()
        self.source.close()
        self.source = self.start()
        self.drain()

    def drain(self) -> None:
        self.read(100, 1 << 13)
        while self.pending:
            self.commit(len(self.pending))
            self.read(100, 1 << 13)

    def finish(self) -> None:
        for _ in range(6):
            self.drain()
            self.now += 3
        self.restart()
        for _ in range(3):
            self.drain()
            self.now += 3


STEPS = st.one_of(
    st.tuples(st.just("write"), st.integers(1, 60)),
    st.tuples(st.just("pack"), st.integers(0, 2), st.sampled_from([0, 0, 5, 60])),
    st.tuples(st.just("reopen")),
    st.tuples(st.just("wait"), st.sampled_from([0.3, 1.0, 3.0, 30.0])),
    st.tuples(st.just("look")),
    st.tuples(st.just("read"), st.integers(1, 4), st.integers(1, 4000)),
    st.tuples(st.just("commit"), st.integers(0, 4)),
    st.tuples(st.just("drain")),
    st.tuples(st.just("rewind")),
)


@pytest.mark.parametrize("glob", ["app.log", "app.log*"])
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEPS, min_size=4, max_size=30))
@example([("write", 9), ("drain",), ("pack", 0, 0), ("write", 5), ("wait", 30.0), ("drain",), ("write", 5)])
def test_each_line_comes_once_while_the_reader_runs(glob: str, steps: list[tuple[object, ...]]) -> None:
    log = played(glob, steps)
    assert sorted(log.rows) == list(range(1, log.number + 1))


@pytest.mark.parametrize("glob", ["app.log", "app.log*"])
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.one_of(STEPS, st.tuples(st.just("restart"))), min_size=4, max_size=30))
@example([("write", 2), ("drain",), ("pack", 0, 60), ("look",), ("read", 4, 1000), ("commit", 4), ("restart",)])
@example([("write", 2), ("drain",), ("pack", 0, 60), ("drain",), ("restart",)])
def test_no_line_comes_twice_over_restarts(glob: str, steps: list[tuple[object, ...]]) -> None:
    """And none is lost that is in a file with a name."""
    log = played(glob, steps)
    assert sorted([*log.rows, *log.lost]) == list(range(1, log.number + 1))


def played(glob: str, steps: list[tuple[object, ...]]) -> Log:
    with tempfile.TemporaryDirectory() as folder:
        log = Log(Path(folder), glob)
        for name, *arguments in steps:
            log.now += 0.1
            getattr(log, str(name))(*arguments)
        log.finish()
        log.writer.close()
        log.source.close()
        log.buffer.close()
    return log
