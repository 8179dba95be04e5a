"""Copies that lack the end of what was read, beside files that only begin alike: a file is passed over only as the first.

What must hold: a file is passed over as a copy only where every line of it is known to have been read and stored. So every
line that lies in any file at the end comes at least once; and only once where each copy lacks no more than a few lines.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from workbench.batch import ChunkBuffer, Offset
from workbench.connectors import identity
from workbench.connectors.files.source import FileSource

HEADS = (b"", b"n,pad\n", b"# a\n# b\n", b"n," + b"wide," * 300 + b"pad\n")
HALF = 5


@dataclass
class Machine:
    """A log that is copied and truncated, one of its kind now and then beside it, and a source that reads them."""

    root: Path
    head: bytes
    width: int
    now: float = 2_000_000_000.0
    number: int = 0
    rotations: int = 0
    half: bytes = b""
    doubtful: bool = False
    """Lines may come twice: something was done of which the source cannot know enough, or all that files begin with is the same."""
    offsets: dict[str, Offset] = field(default_factory=dict)
    rows: list[bytes] = field(default_factory=list)
    pending: list[tuple[Offset, list[bytes]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.log = self.root / "app.log"
        self.doubtful = len(self.head) >= identity.HEAD
        self.buffer = ChunkBuffer(1 << 14)
        self.source = self.open()

    def open(self) -> FileSource:
        return FileSource("s", "app.log*", "json", root=self.root, offsets=list(self.offsets.values()), clock=lambda: self.now)

    # -- writers

    def lines(self, count: int) -> bytes:
        first, self.number = self.number, self.number + count
        return b"".join(b"%05d,%s\n" % (n, b"x" * (n * 37 % self.width)) for n in range(first, self.number))

    def write(self, count: int, half: bool) -> None:
        data, self.half = self.half + self.lines(count), b""
        if half:
            line = self.lines(1)
            data, self.half = data + line[:HALF], line[HALF:]
        new = not self.log.exists() or not self.log.stat().st_size
        with self.log.open("ab") as file:
            file.write(self.head * new + data)

    def next(self) -> Path:
        self.rotations += 1
        return self.root / f"app.log.{self.rotations}"

    def copytruncate(self, lag: int, read: str, looks: bool) -> None:
        """What is written and read between the two is not in the copy; it is gone if it was not stored."""
        if not self.log.exists():
            return
        data = self.log.read_bytes()
        copy = self.next()
        copy.write_bytes(data)
        if looks:
            self.source.rescan()
        self.write(lag, half=False)
        if read != "nothing":
            self.read(100, 1 << 13)
        if read == "stored":
            self.drain()
        self.doubtful |= read == "read" or not looks or data.count(b"\n") < 2
        self.log.write_bytes(b"")
        if looks:
            self.read(100, 1 << 13)

    def rename(self) -> None:
        if self.log.exists():
            if self.half:
                self.write(0, half=False)
            self.log.rename(self.next())

    def stranger(self, count: int) -> None:
        """A rotated file that nobody saw under another name."""
        self.next().write_bytes(self.head + self.lines(count))

    # -- the engine

    def wait(self, seconds: float) -> None:
        self.now += seconds

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
            self.rows += records
            self.source.committed(offset)
        del self.pending[:batches]

    def drain(self) -> None:
        self.read(100, 1 << 13)
        while self.pending:
            self.commit(len(self.pending))
            self.read(100, 1 << 13)

    def rewind(self) -> None:
        self.pending.clear()
        self.source.rewind()
        self.doubtful = True

    def restart(self) -> None:
        self.pending.clear()
        self.source.close()
        self.source = self.open()
        self.doubtful = True

    def finish(self) -> None:
        if self.half:
            self.write(0, half=False)
        for _ in range(6):
            self.drain()
            self.now += 3
        self.source.close()
        self.buffer.close()

    def judge(self) -> None:
        there = {line for path in self.root.iterdir() for line in path.read_bytes().split(b"\n")[:-1]}
        rows = [row for row in self.rows if row not in self.head]
        assert there <= {*self.rows}
        assert self.doubtful or len(rows) == len({*rows})


STEPS = st.one_of(
    st.tuples(st.just("write"), st.integers(0, 20), st.booleans()),
    st.tuples(st.just("copytruncate"), st.integers(0, 5), st.sampled_from(["nothing", "read", "stored"]), st.booleans()),
    st.tuples(st.just("copytruncate"), st.integers(1, 5), st.just("stored"), st.booleans()),
    st.tuples(st.just("rename")),
    st.tuples(st.just("stranger"), st.integers(0, 20)),
    st.tuples(st.just("wait"), st.sampled_from([0.3, 3.0])),
    st.tuples(st.just("read"), st.integers(1, 4), st.integers(1, 4000)),
    st.tuples(st.just("commit"), st.integers(0, 4)),
    st.tuples(st.just("drain")),
    st.tuples(st.just("rewind")),
    st.tuples(st.just("restart")),
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(HEADS), st.sampled_from([3, 60]), st.lists(STEPS, min_size=5, max_size=25))
@example(HEADS[1], 3, [("rename",), ("write", 0, False), ("copytruncate", 2, "stored", False), ("stranger", 1), ("write", 0, False)])
@example(HEADS[3], 3, [("write", 2, False), ("copytruncate", 1, "stored", True), ("stranger", 1), ("wait", 3.0)])
@example(HEADS[1], 60, [("write", 6, True), ("drain",), ("copytruncate", 0, "read", False), ("rewind",)])
def test_only_what_was_read_is_passed_over(head: bytes, width: int, steps: list[tuple[object, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        machine = Machine(Path(folder), head, width)
        for name, *arguments in steps:
            machine.now += 0.1
            getattr(machine, str(name))(*arguments)
        machine.finish()
        machine.judge()
