"""However a pipe's bytes come, are read and are read again, its CSV records are those of the same bytes in a file."""

from __future__ import annotations

import tempfile
from itertools import pairwise
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.batch import ChunkBuffer, Offset
from workbench.connectors.records import Records
from workbench.connectors.spool.framing import framer
from workbench.connectors.spool.intake import Intake
from workbench.connectors.spool.source import SpoolSource
from workbench.connectors.spool.spool import Spool

PARTS = [b"1,2\n", b'"x\ny",4\n', b'"p\n",5\n', b'"q', b'"', b",", b"\n", b'""', b"\r\n", b"a" * 13, b'z,"\n"\n']
actions = st.lists(st.tuples(st.sampled_from(["come", "come", "read", "commit", "rewind", "restart"]), st.integers(1, 40)), max_size=40)


class Silent:
    """Receives nothing: the test appends."""

    peers = waiting = 0

    def start(self) -> None: ...

    def stop(self) -> None: ...


class Reader:
    """A source over a spool, with what it gave from the last commit on."""

    def __init__(self, folder: Path) -> None:
        self.spool = Spool(folder)
        self.buffer = ChunkBuffer(1 << 12)
        self.records: list[tuple[int, bytes]] = []
        self.offset: Offset | None = None
        self.source = self.open(())

    def open(self, offsets: tuple[Offset, ...]) -> SpoolSource:
        self.committed = len(self.records)
        return SpoolSource("t", Intake(self.spool, Silent()), "stdin", offsets=offsets, records=Records())

    def read(self, limit: int | None = None) -> bool:
        raw = self.source.read(self.buffer, limit)
        if raw is None:
            return False
        data = bytes(self.buffer.memory[: raw.length])
        starts = raw.starts.tolist() if raw.starts is not None else [0, *(at + 1 for at, byte in enumerate(data) if byte == 10)]
        assert raw.offset.line - raw.start.line == len(starts) - 1
        assert raw.offset.byte - raw.start.byte == raw.length
        self.records += [(raw.start.byte + start, data[start:stop]) for start, stop in pairwise(starts)]
        self.offset = raw.offset
        return True

    def act(self, what: str, number: int) -> None:
        if what == "read":
            self.read(number)
        elif what == "commit" and self.offset is not None:
            self.source.committed(self.offset)
            self.committed, self.kept = len(self.records), self.offset
        elif what in ("rewind", "restart"):
            del self.records[self.committed :]
            self.offset = getattr(self, "kept", None)
            if what == "rewind":
                self.source.rewind()
            else:
                self.source.close()
                self.source = self.open((self.offset,) if self.offset else ())


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(PARTS), max_size=30), actions)
def test_records_are_the_same(parts: list[bytes], actions: list[tuple[str, int]]) -> None:
    data = b"".join([*parts, b"\n"])
    with tempfile.TemporaryDirectory() as folder:
        reader = Reader(Path(folder))
        lines, at = framer("newline", "", 1 << 20), 0
        for what, number in [*actions, ("come", len(data))]:
            if what == "come":
                piece = bytearray(data[at : at + number])
                reader.spool.append(lines.feed(piece, 0, len(piece)))
                at += number
            else:
                reader.act(what, number)
        reader.spool.finish()
        while reader.read() or not reader.source.ended:
            pass
        ends = Records().whole(data, final=True).tolist()
        assert reader.records == [(start, data[start:stop]) for start, stop in pairwise([0, *ends])]
        reader.source.close()
        reader.buffer.close()
