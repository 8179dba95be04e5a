"""How received records stand in a segment file: blocks, each with its place, its peers and its checksums."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Bytes = bytes | bytearray | memoryview
Lengths = npt.NDArray[np.uint32]

LINES, RECORDS, OVERLONG, CUT = 0, 1, 2, 3
"""Kinds of block: every 0x0A ends a record; the lengths tell, since a record holds some; the head of one too long record; one
record that its sender did not end."""
HEADS = (OVERLONG, CUT)
"""Those without the 0x0A behind their record."""

NEWLINE = 0x0A
SMALL = 4096
"""Bytes up to which counting in Python is faster than numpy's start."""

MAGIC = b"\xa5WB\x01"
HEAD = struct.Struct("<4sBxxxIIIQQQQdI")
"""magic, kind, records, runs, bytes of names, bytes of payload, start, line, span, arrival, crc of the payload."""
CHECK = struct.Struct("<I")
"""The crc of all that stands before the payload but itself."""
MOST_PARTS = 128
"""Of a payload, that are written as they are; of more, the kernel would not take all at once."""
MOST_FRONT = 64 << 20
"""Bytes; a front that claims more is damaged."""


@dataclass(slots=True)
class Piece:
    """Whole records of one peer, each followed by 0x0A; or (`overlong` > 0) the head of one that is that long, without 0x0A; `cut`:
    it is no whole record, but all that came of it, or the head of that.

    `lengths` uint32[records], each with its 0x0A: given when some record holds a 0x0A itself.
    """

    parts: Sequence[Bytes]
    records: int
    peer: str = ""
    lengths: Lengths | None = None
    overlong: int = 0
    cut: bool = False

    @property
    def size(self) -> int:
        return sum(len(part) for part in self.parts)


class Place(NamedTuple):
    """A position in all that a spool ever held: bytes and records before it."""

    byte: int = 0
    line: int = 0


class Front(NamedTuple):
    """What stands before a block's payload.

    `start` and `stop` are places in the spool: an overlong record counts with its true length, of which `payload` bytes are kept.
    `runs` uint32[n, 2]: records, and the index of their peer in `peers`.
    """

    kind: int
    records: int
    payload: int
    start: Place
    stop: Place
    arrived_at: float
    crc: int
    runs: npt.NDArray[np.uint32]
    peers: tuple[str, ...]
    lengths: Lengths | None
    size: int
    """Of the front itself, in bytes."""


class Damaged(Exception):
    """What stands here is no block."""


def blocks(pieces: Sequence[Piece], start: Place, arrived_at: float) -> Iterator[tuple[list[Bytes], Place]]:
    """The blocks that hold `pieces` from `start` on: what to write, and the place after it."""
    group: list[Piece] = []
    for piece in pieces:
        if piece.overlong:
            if group:
                written, start = _block(group, start, arrived_at)
                yield written, start
                group = []
            written, start = _block([piece], start, arrived_at)
            yield written, start
        else:
            group.append(piece)
    if group:
        yield _block(group, start, arrived_at)


def _block(pieces: Sequence[Piece], start: Place, arrived_at: float) -> tuple[list[Bytes], Place]:
    parts = [part for piece in pieces for part in piece.parts if len(part)]
    if len(parts) > MOST_PARTS:
        parts = [b"".join(parts)]
    crc, payload = 0, 0
    for part in parts:
        crc = zlib.crc32(part, crc)
        payload += len(part)
    lengths = None
    if any(piece.lengths is not None for piece in pieces):
        lengths = np.concatenate([_lengths(piece) for piece in pieces])
    overlong = pieces[0].overlong
    kind = (CUT if pieces[0].cut else OVERLONG) if overlong else LINES if lengths is None else RECORDS
    records, span = sum(piece.records for piece in pieces), overlong + 1 if overlong else payload
    runs, names = _runs(pieces)
    front = HEAD.pack(MAGIC, kind, records, len(runs) // 2, len(names), payload, start.byte, start.line, span, arrived_at, crc)
    front += np.array(runs, np.uint32).tobytes() + names + (b"" if lengths is None else lengths.tobytes())
    return [front + CHECK.pack(zlib.crc32(front)), *parts], Place(start.byte + span, start.line + records)


def _lengths(piece: Piece) -> Lengths:
    if piece.lengths is not None:
        return piece.lengths
    ends = np.flatnonzero(np.frombuffer(b"".join(piece.parts), np.uint8) == NEWLINE) + 1
    return np.diff(ends, prepend=0).astype(np.uint32)


def _runs(pieces: Sequence[Piece]) -> tuple[list[int], bytes]:
    """Runs of records of one peer, flat, and the peers' names."""
    index: dict[str, int] = {}
    runs: list[int] = []
    last = -1
    for piece in pieces:
        peer = index.setdefault(piece.peer, len(index))
        if peer == last:
            runs[-2] += piece.records
        else:
            runs += (piece.records, peer)
            last = peer
    return runs, "\n".join(index).encode(errors="surrogateescape")


def front_size(window: bytes, at: int) -> int:
    """Bytes of the front that begins at `at`; more than the window has when its head is cut.

    Raises:
        Damaged: no block begins here.
    """
    if window[at : at + 4] != MAGIC[: len(window) - at]:
        raise Damaged
    if len(window) - at < HEAD.size:
        return HEAD.size + CHECK.size
    _, kind, records, runs, names, *_ = HEAD.unpack_from(window, at)
    size: int = HEAD.size + 8 * runs + names + (4 * records if kind == RECORDS else 0) + CHECK.size
    if size > MOST_FRONT or kind > CUT:
        raise Damaged
    return size


def read_front(window: bytes, at: int, size: int) -> Front:
    """The front of `size` bytes that begins at `at`.

    Raises:
        Damaged: its checksum says so.
    """
    (check,) = CHECK.unpack_from(window, at + size - CHECK.size)
    if zlib.crc32(memoryview(window)[at : at + size - CHECK.size]) != check:
        raise Damaged
    _, kind, records, count, names, payload, byte, line, span, arrived_at, crc = HEAD.unpack_from(window, at)
    at += HEAD.size
    runs = np.frombuffer(window, np.uint32, 2 * count, at).reshape(-1, 2)
    at += 8 * count
    peers = tuple(window[at : at + names].decode(errors="surrogateescape").split("\n"))
    lengths = np.frombuffer(window, np.uint32, records, at + names) if kind == RECORDS else None
    return Front(kind, records, payload, Place(byte, line), Place(byte + span, line + records), arrived_at, crc, runs, peers, lengths, size)


def count_newlines(data: Bytes) -> int:
    """Newlines in `data`."""
    if len(data) < SMALL:
        return bytes(data).count(b"\n")
    found, block = np.frombuffer(data, np.uint8), 1 << 18
    return sum(int(np.count_nonzero(found[at : at + block] == NEWLINE)) for at in range(0, len(found), block))
