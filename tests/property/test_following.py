"""Whatever is done to followed files, while they are read and while nobody reads: each record once, or a notice.

What must hold, for every content that was ever written under the glob:
1. Its records come under one file id, in order, without a gap before the last one, and none of them twice.
2. All of them come as long as the bytes lie anywhere in the folder and the source ever stored that it met the content.
3. Where some do not come, a notice said that something was truncated, deleted, replaced or is gone.
"""

from __future__ import annotations

import gzip
import shutil
import tempfile
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import zstandard
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from workbench.batch import ChunkBuffer, Offset
from workbench.connectors.files.source import FileSource
from workbench.connectors.identity import Identity

HEAD = b"# every file begins alike"
NAMES = st.sampled_from(["a", "b"])
PACKS = {"gz": gzip.compress, "zst": zstandard.ZstdCompressor().compress}


@dataclass(eq=False)
class Content:
    """One content, whatever it is called now."""

    path: Path | None
    records: list[bytes] = field(default_factory=list)
    half: bytes = b""
    lossy: bool = False
    """Bytes of it were destroyed, or it left the glob before the source had stored that it is there."""
    seen: bool = False
    """A source that runs has looked at it under its name in the glob."""
    met: bool = False
    """What is stored tells what it begins with."""


def known(identity: Identity, path: Path) -> bool:
    data = path.read_bytes()
    return bool(
        identity.head.length
        and identity.inode == path.stat().st_ino
        and identity.same_content(lambda start, length: data[start : start + length])
    )


class Following(RuleBasedStateMachine):
    """Writers, rotations and an engine over one folder."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp())
        self.now, self.number = 2_000_000_000.0, 0
        self.buffer = ChunkBuffer(1 << 14)
        self.live: dict[str, Content] = {}
        self.rotated: list[Content] = []
        self.contents: list[Content] = []
        self.offsets: dict[str, Offset] = {}
        self.rows: dict[str, list[bytes]] = defaultdict(list)
        self.pending: list[tuple[Offset, list[bytes]]] = []
        self.notices: list[str] = []
        self.source: FileSource | None = None

    @initialize(inside=st.booleans())
    def begin(self, inside: bool) -> None:
        self.inside = inside
        self.start()

    # -- writers

    def record(self) -> bytes:
        self.number += 1
        return b'{"n":%d,"pad":"%s"}' % (self.number, b"x" * (self.number * 37 % 190))

    def write(self, content: Content, count: int, half: bool = False) -> None:
        assert content.path is not None
        new = [self.record() for _ in range(count + half)]
        data = b"".join(record + b"\n" for record in new)
        if content.half and new:
            rest, content.half = content.half, b""
            content.records.append(rest)
            data = rest[9:] + b"\n" + data
        if half:
            content.half = new.pop()
            data = data[: len(data) - len(content.half) - 1] + content.half[:9]
        content.records += new
        with content.path.open("ab") as file:
            file.write(data)

    def make(self, name: str) -> Content:
        content = Content(self.root / f"{name}.log", [HEAD])
        content.path.write_bytes(HEAD + b"\n")  # type: ignore[union-attr]
        self.contents.append(content)
        self.live[name] = content
        self.write(content, 1)
        return content

    @rule(name=NAMES, count=st.integers(0, 25), half=st.booleans())
    def append(self, name: str, count: int, half: bool) -> None:
        self.write(self.live.get(name) or self.make(name), count, half)

    def end(self, name: str) -> Content | None:
        """The writer lets go of its file, with a whole last line."""
        content = self.live.pop(name, None)
        if content is not None and content.half:
            self.write(content, 1)
        return content

    def left(self, content: Content) -> None:
        self.rotated.append(content)
        content.lossy |= not self.inside and not (content.met or content.seen)

    @rule(name=NAMES, again=st.booleans())
    def rename(self, name: str, again: bool) -> None:
        if content := self.end(name):
            assert content.path is not None
            content.path = content.path.rename(self.root / f"{name}.log.{len(self.contents)}")
            self.left(content)
            if again:
                self.make(name)

    @rule(name=NAMES, count=st.integers(0, 25))
    def copytruncate(self, name: str, count: int) -> None:
        if content := self.end(name):
            path, copy = self.root / f"{name}.log", self.root / f"{name}.log.{len(self.contents)}"
            shutil.copy2(path, copy)
            path.write_bytes(b"")
            content.path = copy
            content.lossy |= not self.inside and not content.met
            self.left(content)
            self.write(self.make(name), count)

    @rule(name=NAMES, count=st.integers(0, 25), recreate=st.booleans())
    def destroy(self, name: str, count: int, recreate: bool) -> None:
        """Truncated in place, or deleted and made again, which often gives the same inode."""
        if content := self.end(name):
            if recreate:
                (self.root / f"{name}.log").unlink()
            content.lossy, content.path = True, None
            self.write(self.make(name), count)

    @rule(which=st.integers(0, 3), ending=st.sampled_from(sorted(PACKS)), looks=st.integers(0, 1))
    def compress(self, which: int, ending: str, looks: int) -> None:
        if which < len(self.rotated):
            content = self.rotated.pop(which)
            assert content.path is not None
            content.lossy |= not self.inside and not content.met
            packed = content.path.with_name(f"{content.path.name}.{ending}")
            packed.write_bytes(PACKS[ending](content.path.read_bytes()))
            for _ in range(looks if self.source else 0):
                self.look()
            content.path.unlink()
            content.path = packed

    # -- the engine

    def look(self) -> None:
        assert self.source is not None
        self.now += 0.1
        self.source.rescan()
        for content in self.live.values():
            content.seen = True
        self.notices += self.source.notices()

    @precondition(lambda self: self.source is not None)
    @rule(times=st.integers(1, 5), limit=st.integers(1, 4000))
    def read(self, times: int, limit: int) -> None:
        assert self.source is not None
        self.look()
        for _ in range(times):
            raw = self.source.read(self.buffer, limit)
            if raw is None:
                break
            records = self.buffer.memory[: raw.length].split(b"\n")[:-1]
            assert raw.offset.line - raw.start.line == len(records)
            self.pending.append((raw.offset, records))
        self.notices += self.source.notices()

    @precondition(lambda self: self.pending)
    @rule(batches=st.integers(1, 5))
    def commit(self, batches: int) -> None:
        assert self.source is not None
        for offset, records in self.pending[:batches]:
            self.offsets[offset.file_id] = offset
            self.rows[offset.file_id] += records
            assert offset.line == len(self.rows[offset.file_id])
            self.source.committed(offset)
        del self.pending[:batches]
        identities = [Identity.from_mark(offset.mark) for offset in self.offsets.values()]
        for content in self.contents:
            if content.path is not None and content.path.suffix not in (".gz", ".zst"):
                content.met |= any(known(identity, content.path) for identity in identities)

    @precondition(lambda self: self.source is not None)
    @rule()
    def drain(self) -> None:
        self.read(1000, 1 << 13)
        while self.pending:
            self.commit(1000)
            self.read(1000, 1 << 13)

    @precondition(lambda self: self.source is not None)
    @rule()
    def rewind(self) -> None:
        assert self.source is not None
        self.pending.clear()
        self.source.rewind()

    @precondition(lambda self: self.source is not None)
    @rule()
    def stop(self) -> None:
        assert self.source is not None
        self.notices += self.source.notices()
        self.pending.clear()
        self.source.close()
        self.source = None
        for content in self.contents:
            content.seen = False
        for content in self.rotated:
            content.lossy |= not self.inside and not content.met

    @precondition(lambda self: self.source is None)
    @rule()
    def start(self) -> None:
        pattern = "*.log*" if self.inside else "*.log"
        offsets: Any = list(self.offsets.values())
        self.source = FileSource("s", pattern, "json", root=self.root, offsets=offsets, clock=lambda: self.now)

    @precondition(lambda self: self.source is not None and any(self.rows.values()))
    @rule(which=st.integers(0, 5), part=st.floats(0, 1))
    def place(self, which: int, part: float) -> None:
        """4. From a place in what was read, another source reads what came after it."""
        assert self.source is not None
        read = [file_id for file_id, rows in self.rows.items() if rows]
        file_id = read[which % len(read)]
        rows = self.rows[file_id]
        line = int(len(rows) * part)
        byte = sum(len(row) + 1 for row in rows[:line])
        placed = self.source.place(file_id, self.offsets[file_id].file, byte, line)
        whole = next((content for content in self.contents if content.records[: len(rows)] == rows and len(rows) > 1), None)
        if placed is None:
            assert whole is None or whole.lossy
            return
        assert (placed.file_id, placed.byte, placed.line) == (file_id, byte, line)
        offsets = list((self.offsets | {file_id: placed}).values())
        now = self.now
        other = FileSource("s", "*.log*", "json", root=self.root, offsets=offsets, clock=lambda: now)
        got = list[bytes]()
        for _ in range(2):  # what may be a copy of an older file waits, and what is newer waits for that
            other.rescan()
            while raw := other.read(self.buffer):
                if raw.offset.file_id == file_id:
                    got += self.buffer.memory[: raw.length].split(b"\n")[:-1]
            now += 3
        other.close()
        assert got[: len(rows) - line] == rows[line:]

    # -- the judgement

    def teardown(self) -> None:
        try:
            if not hasattr(self, "inside"):
                return
            for name in list(self.live):
                if self.live[name].half:
                    self.write(self.live[name], 1)
            if self.source is None:
                self.start()
            for _ in range(5):
                self.drain()
                self.now += 3
            self.judge()
        finally:
            if self.source:
                self.source.close()
            self.buffer.close()
            shutil.rmtree(self.root)

    def judge(self) -> None:
        rows = sorted((list(r) for r in self.rows.values() if r), key=len, reverse=True)
        short = []
        for content in self.contents:
            if content.records in rows:
                rows.remove(content.records)
            else:
                assert content.lossy, (content, self.rows, self.notices)
                short.append(content)
        for content in sorted(short, key=lambda content: len(content.records)):
            if mine := next((r for r in rows if r == content.records[: len(r)]), None):
                rows.remove(mine)
        assert not rows, (rows, short, self.notices)
        told = ("truncated", "deleted", "replaced", "gone", "lost")
        unmet = [content for content in short if content.met]
        assert not unmet or any(word in notice for notice in self.notices for word in told)


TestFollowing = Following.TestCase
TestFollowing.settings = settings(max_examples=150, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck))
