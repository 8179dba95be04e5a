"""One log that is rotated and packed faster than it is read: its lines come once, and in the order in which they were written."""

from __future__ import annotations

import gzip
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from workbench.batch import ChunkBuffer, Offset
from workbench.connectors.files.source import FileSource

HEAD = b"every file begins alike\n"
HALF = 12
"""Bytes of a line that is not written to its end yet: its number is among them, which no other line has."""


@dataclass
class Log:
    """A log under rotation, a source that reads it, and a store that remembers what was committed."""

    root: Path
    head: bytes
    shift: bool
    """Numbers are counted up at each rotation; else each one gets the next number."""
    now: float = 2_000_000_000.0
    number: int = 0
    half: bytes = b""
    rotations: int = 0
    packing: tuple[Path, bytes] | None = None
    """The file that is being packed, and what of that is still to be written."""
    offsets: dict[str, Offset] = field(default_factory=dict)
    rows: list[bytes] = field(default_factory=list)
    pending: list[tuple[Offset, list[bytes]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.log = self.root / "app.log"
        self.buffer = ChunkBuffer(1 << 14)
        self.source = self.open()

    def open(self) -> FileSource:
        return FileSource("s", "app.log*", "json", root=self.root, offsets=list(self.offsets.values()), clock=lambda: self.now)

    # -- the writer, and who rotates

    def write(self, count: int, half: int) -> None:
        """Lines, and the first bytes of another one; a new file has more than what they all begin with."""
        count += self.head != b"" and not (self.log.exists() or half or self.half)
        data = self.half + b"".join(self.line() for _ in range(count))
        self.half = b""
        if half:
            line = self.line()
            data, self.half = data + line[:half], line[half:]
        self.append(data)

    def line(self) -> bytes:
        self.number += 1
        return b'{"n":%d,"pad":"%s"}\n' % (self.number, b"x" * (self.number * 37 % 90))

    def append(self, data: bytes) -> None:
        new = not self.log.exists()
        with self.log.open("ab") as file:
            file.write(self.head * new + data)
        self.touch(self.log)

    def touch(self, path: Path) -> None:
        """Files are as old as this world's clock tells."""
        self.now += 0.001
        os.utime(path, (self.now, self.now))

    def rotate(self) -> None:
        if self.half:
            self.write(0, 0)
        if not self.log.exists() or self.packing:
            return
        self.rotations += 1
        for at in range(self.rotations - 1 if self.shift else 0, 0, -1):
            for ending in ("", ".gz"):
                if (old := self.root / f"app.log.{at}{ending}").exists():
                    old.rename(self.root / f"app.log.{at + 1}{ending}")
        self.log.rename(self.root / f"app.log.{1 if self.shift else self.rotations}")

    def pack(self, which: int, part: float) -> None:
        """Begin to pack a rotated file, the newest one first."""
        plain = sorted((path for path in self.root.glob("app.log.*") if path.suffix != ".gz"), key=lambda path: -path.stat().st_mtime_ns)
        if self.packing is None and which < len(plain):
            data = gzip.compress(plain[which].read_bytes())
            cut = int(len(data) * part)
            packed = plain[which].with_name(f"{plain[which].name}.gz")
            packed.write_bytes(data[:cut])
            self.touch(packed)
            self.packing = plain[which], data[cut:]

    def packed(self, looks: int) -> None:
        """End that; gzip gives it the time of the file, then removes that."""
        if self.packing is None:
            return
        (plain, data), self.packing = self.packing, None
        told = plain.stat()
        packed = plain.with_name(f"{plain.name}.gz")
        with packed.open("ab") as file:
            file.write(data)
        os.utime(packed, ns=(told.st_atime_ns, told.st_mtime_ns))
        for _ in range(looks):
            self.source.rescan()
        plain.unlink()

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
            self.pending.append((raw.offset, self.buffer.memory[: raw.length].split(b"\n")[:-1]))

    def commit(self, batches: int) -> None:
        for offset, records in self.pending[:batches]:
            self.offsets[offset.file_id] = offset
            self.rows += [record for record in records if record + b"\n" != HEAD]
            self.source.committed(offset)
        del self.pending[:batches]

    def rewind(self) -> None:
        self.pending.clear()
        self.source.rewind()

    def restart(self) -> None:
        self.pending.clear()
        self.source.close()
        self.source = self.open()

    def drain(self) -> None:
        self.read(100, 1 << 13)
        while self.pending:
            self.commit(len(self.pending))
            self.read(100, 1 << 13)

    def finish(self) -> None:
        if self.half:
            self.write(0, 0)
        self.packed(0)
        for _ in range(6):
            self.drain()
            self.now += 3


STEPS = st.one_of(
    st.tuples(st.just("write"), st.integers(0, 30), st.sampled_from([0, HALF])),
    st.tuples(st.just("rotate")),
    st.tuples(st.just("rotate")),
    st.tuples(st.just("pack"), st.integers(0, 2), st.sampled_from([0.0, 0.5, 1.0])),
    st.tuples(st.just("packed"), st.integers(0, 1)),
    st.tuples(st.just("wait"), st.sampled_from([0.3, 1.0, 3.0])),
    st.tuples(st.just("look")),
    st.tuples(st.just("read"), st.integers(1, 4), st.integers(1, 4000)),
    st.tuples(st.just("commit"), st.integers(0, 4)),
    st.tuples(st.just("drain")),
    st.tuples(st.just("rewind")),
    st.tuples(st.just("restart")),
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from([b"", HEAD]), st.booleans(), st.lists(STEPS, min_size=5, max_size=40))
@example(b"", False, [("write", 1, 0), ("rotate",), ("write", 0, HALF), ("pack", 0, 0.9), ("read", 1, 100)])
@example(b"", True, [("write", 1, 0), ("rotate",), ("read", 2, 4000), ("write", 0, HALF), ("rewind",)])
@example(HEAD, False, [("write", 0, HALF), ("rotate",), ("pack", 0, 0.5), ("read", 3, 4000)])
@example(b"", False, [("write", 30, HALF), ("rotate",), ("write", 0, HALF), ("pack", 0, 0.0), ("drain",), ("packed", 1), ("restart",)])
@example(b"", False, [("write", 0, 0), ("drain",), ("write", 1, 0), ("rotate",), ("write", 3, HALF), ("restart",)])
@example(b"", False, [("write", 9, 0), ("rotate",), ("write", 0, 0), ("look",), ("write", 1, HALF), ("rotate",), ("pack", 0, 0.0)])
@example(HEAD, True, [("write", 1, 0), ("rotate",), ("write", 3, HALF), ("rotate",), ("pack", 1, 0.5), ("write", 1, 0)])
@example(HEAD, True, [("write", 0, HALF), ("drain",), ("rotate",), ("write", 9, HALF), ("rotate",), ("pack", 1, 0.5), ("packed", 0)])
@example(b"", True, [("write", 0, 0), ("read", 2, 4000), ("write", 3, 0), ("rotate",), ("pack", 0, 1.0)])
def test_lines_come_in_the_order_in_which_they_were_written(head: bytes, shift: bool, steps: list[tuple[object, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        log = Log(Path(folder), head, shift)
        for name, *arguments in steps:
            log.now += 0.1
            getattr(log, str(name))(*arguments)
        log.finish()
        log.source.close()
        log.buffer.close()
        rows = [int(row[5 : row.index(b",")]) for row in log.rows]
        assert rows == list(range(1, log.number + 1))
