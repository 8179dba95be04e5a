"""Whatever happens to files between and during reads: every record is read once, in its file's order."""

from __future__ import annotations

import gzip
import tempfile
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from workbench.batch import ChunkBuffer, Offset, RawBatch
from workbench.connectors.files.source import FileSource

HEAD = b"# every file begins alike\n"


@dataclass
class Written:
    """One content, whatever it is called now."""

    path: Path
    data: bytes = b""
    left: bool = False
    """Renamed out of the glob: its end is final, a last line without a newline counts."""

    @property
    def records(self) -> list[bytes]:
        lines = self.data.split(b"\n")
        return lines if lines[-1] and self.left else lines[:-1]


@dataclass
class World:
    """A folder with writers, a source that reads it, and a store that remembers what was committed."""

    root: Path
    pattern: str
    now: float = 2_000_000_000.0
    number: int = 0
    contents: list[Written] = field(default_factory=list)
    live: dict[str, Written] = field(default_factory=dict)
    offsets: dict[str, Offset] = field(default_factory=dict)
    rows: dict[str, list[bytes]] = field(default_factory=lambda: defaultdict(list))
    pending: list[tuple[RawBatch, list[bytes], bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.buffer = ChunkBuffer(1 << 14)
        self.source = self.open()

    def open(self) -> FileSource:
        return FileSource("s", self.pattern, "json", root=self.root, offsets=list(self.offsets.values()), clock=lambda: self.now)

    # -- writers

    def record(self) -> bytes:
        self.number += 1
        return b'{"n":%d,"pad":"%s"}' % (self.number, b"x" * (self.number * 37 % 90))

    def append(self, name: str, count: int, half: bool) -> None:
        if name not in self.live:
            self.begin(name, self.root / f"{name}.log")
        written = self.live[name]
        finish = b"" if not written.data or written.data.endswith(b"\n") else b'."}\n'
        data = finish + b"".join(self.record() + b"\n" for _ in range(count)) + (self.record()[:9] if half else b"")
        self.write(written, data)

    def begin(self, name: str, path: Path) -> None:
        self.live[name] = Written(path)
        self.contents.append(self.live[name])
        self.write(self.live[name], HEAD + self.record() + b"\n")

    def write(self, written: Written, data: bytes) -> None:
        with written.path.open("ab") as file:
            file.write(data)
        written.data += data

    def rotate(self, name: str) -> None:
        if name in self.live:
            old = self.live.pop(name)
            old.left = not self.pattern.endswith("*")
            if old.left and not any(rows[:2] == old.records[:2] for rows in self.rows.values()):
                self.drain()  # a file that leaves the glob is found again by its offset
            old.path = old.path.rename(self.root / f"{name}.log.{len(self.contents)}")
            self.begin(name, self.root / f"{name}.log")

    def truncate(self, name: str, records: int) -> None:
        """Only what is stored may be cut off."""
        if name not in self.live:
            return
        old = self.live.pop(name)
        if not old.data.endswith(b"\n"):
            self.write(old, b'."}\n')
        self.store_all()
        old.path.write_bytes(b"")
        self.begin(name, old.path)
        self.append(name, records, half=False)

    def delete(self, name: str) -> None:
        """Only what is stored may be deleted; another file takes the name and, often, the inode."""
        if name in self.live:
            old = self.live.pop(name)
            if not old.data.endswith(b"\n"):
                self.write(old, b'."}\n')
            self.store_all()
            self.source.close()
            self.source = self.open()
            old.path.unlink()
            self.begin(name, old.path)

    def compress(self, name: str) -> None:
        """Rotation with compression, as logrotate does it."""
        if name in self.live:
            old = self.live.pop(name)
            if not old.data.endswith(b"\n"):
                self.write(old, b'."}\n')
            packed = self.root / f"{name}.log.{len(self.contents)}.gz"
            self.source.rescan()
            packed.write_bytes(gzip.compress(old.path.read_bytes()))
            old.path.unlink()
            old.path = packed

    def keep(self, name: str) -> None:
        """A packed copy beside what was read, as `gzip -k` makes it."""
        if name in self.live:
            self.drain()
            self.now += 3
            (self.root / f"{name}.log.gz").write_bytes(gzip.compress(self.live[name].path.read_bytes()))
            for _ in range(2):
                self.drain()
                self.now += 3
            self.drain()

    def twin(self, name: str) -> None:
        """Another file with the same content, and a name of its own."""
        if name in self.live and self.live[name].data.endswith(b"\n"):
            path = self.root / f"twin{len(self.contents)}x.log{'.gz' * (len(self.contents) % 2)}"
            data = self.live[name].data
            path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
            self.contents.append(Written(path, data))

    # -- the engine

    def read(self, times: int, limit: int) -> None:
        self.source.rescan()
        for _ in range(times):
            raw = self.source.read(self.buffer, limit)
            if raw is None:
                return
            data = self.buffer.memory[: raw.length]
            records = data.split(b"\n")[:-1]
            assert raw.offset.line - raw.start.line == len(records)
            assert raw.offset.byte - raw.start.byte == raw.length - raw.unended
            self.pending.append((raw, records, data))

    def commit(self, batches: int, part: float) -> None:
        """Some batches whole, and the next one up to some record."""
        for raw, records, _ in self.pending[:batches]:
            self.store(raw.offset, records)
        del self.pending[:batches]
        if self.pending and part:
            raw, records, data = self.pending[0]
            some = int(len(records) * part)
            if 0 < some < len(records):
                size = sum(len(record) + 1 for record in records[:some])
                offset = self.source.offset_at(raw, raw.start.byte + size, raw.start.line + some)
                self.store(offset, records[:some])
                rest = RawBatch(None, raw.length - size, offset, raw.offset, raw.arrived_at, raw.unended)
                self.pending[0] = rest, records[some:], data[size:]

    def store(self, offset: Offset, records: list[bytes]) -> None:
        self.offsets[offset.file_id] = offset
        if offset.line and not records and not self.rows[offset.file_id]:  # a copy of what was read
            self.source.committed(offset)
            return
        self.rows[offset.file_id] += records
        assert offset.line == len(self.rows[offset.file_id])
        assert offset.byte >= sum(len(row) + 1 for row in self.rows[offset.file_id]) - 1
        self.source.committed(offset)

    def rewind(self) -> None:
        self.pending.clear()
        self.source.rewind()

    def restart(self) -> None:
        self.pending.clear()
        self.source.close()
        self.source = self.open()

    def drain(self) -> None:
        while True:
            self.read(100, 1 << 13)
            if not self.pending:
                return
            self.commit(len(self.pending), 0.0)

    def store_all(self) -> None:
        """Also what waits because something may be a copy."""
        self.drain()
        while self.source.undecided:
            self.now += 3
            self.drain()

    def finish(self) -> None:
        for name, written in self.live.items():
            if not written.data.endswith(b"\n"):
                self.append(name, 0, half=False)
        for _ in range(4):
            self.drain()
            self.now += 3


NAMES = st.sampled_from(["a", "b"])
STEPS = st.one_of(
    st.tuples(st.just("append"), NAMES, st.integers(0, 30), st.booleans()),
    st.tuples(st.just("rotate"), NAMES),
    st.tuples(st.just("truncate"), NAMES, st.integers(0, 30)),
    st.tuples(st.just("delete"), NAMES),
    st.tuples(st.just("read"), st.integers(1, 4), st.integers(1, 4000)),
    st.tuples(st.just("commit"), st.integers(0, 4), st.sampled_from([0.0, 0.3, 0.8])),
    st.tuples(st.just("drain")),
    st.tuples(st.just("rewind")),
    st.tuples(st.just("restart")),
)
COMPRESS = st.tuples(st.just("compress"), NAMES)
KEEP = st.tuples(st.just("keep"), NAMES)
TWIN = st.tuples(st.just("twin"), NAMES)


def play(pattern: str, steps: list[tuple[object, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), pattern)
        for name, *arguments in steps:
            world.now += 0.1
            getattr(world, str(name))(*arguments)
        world.finish()
        world.source.close()
        expected = sorted(content.records for content in world.contents if content.data)
        assert sorted(rows for rows in world.rows.values() if rows) == expected


SHORT: list[tuple[object, ...]] = [
    ("append", "a", 1, False), ("rotate", "a"), ("truncate", "a", 1), ("rotate", "a"),
    ("append", "a", 2, True), ("truncate", "a", 21), ("rotate", "a"), ("rotate", "a"),
]  # fmt: skip
"""The last but one rotated file is shorter than what was read of a truncated one, and begins as half of that."""
QUIET = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@QUIET
@given(st.lists(STEPS, max_size=25))
@example(SHORT)
def test_rotated_files_stay_in_the_glob(steps: list[tuple[object, ...]]) -> None:
    play("*.log*", steps)


@QUIET
@given(st.lists(STEPS, max_size=25))
def test_rotated_files_leave_the_glob(steps: list[tuple[object, ...]]) -> None:
    play("*.log", steps)


@QUIET
@given(st.lists(st.one_of(STEPS, COMPRESS, COMPRESS), max_size=20))
def test_rotated_files_are_compressed(steps: list[tuple[object, ...]]) -> None:
    play("*.log*", steps)


@QUIET
@given(st.lists(st.one_of(STEPS, TWIN, COMPRESS), max_size=20))
def test_equal_files_are_different_files(steps: list[tuple[object, ...]]) -> None:
    play("*.log*", steps)


@QUIET
@given(st.lists(st.one_of(STEPS, KEEP, TWIN), max_size=15))
def test_packed_copies_stay_beside_their_originals(steps: list[tuple[object, ...]]) -> None:
    play("*.log*", steps)
