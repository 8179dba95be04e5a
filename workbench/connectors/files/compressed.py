"""The decompressed bytes of a .gz or .zst file, as if they were a plain file."""

from __future__ import annotations

import os
import zlib
from contextlib import suppress
from typing import IO, Protocol, cast

import zstandard

from workbench.connectors.content import Opened
from workbench.connectors.identity import HEAD, TAIL, Identity

PART = 1 << 18
"""Bytes that are read or unpacked at once."""
SMALL = 1 << 12
"""Bytes that are unpacked at once where nobody bounds what comes of them."""
GZIP_ENDINGS = (".gz", ".gzip")
ZSTD_ENDINGS = (".zst", ".zstd")
PACKED = (*GZIP_ENDINGS, *ZSTD_ENDINGS)
SHORT = "ends in the middle of its compressed data: what is whole is read"


class Unpacker(Protocol):
    """Decompresses one file from its beginning; `trouble` says why it stopped early, `broken` that more bytes do not help.

    What is unpacked before a damage is given, also of the piece in which that is.
    """

    trouble: str
    broken: bool

    def read(self, length: int) -> bytes:
        """At most `length` bytes; none at the end of what there is, more after the file has grown."""


class Gunzip:
    """gzip, any number of members; after the end it goes on where the file grew."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._at = 0
        self._input = b""
        self._member: zlib._Decompress | None = None
        self.trouble = ""
        self.broken = False

    def read(self, length: int) -> bytes:
        while not self.broken:
            if not self._input:
                self._input = os.pread(self._fd, PART, self._at)
                self._at += len(self._input)
            if self._member is None and not self._next_member():
                return b""
            assert self._member is not None
            if not self._input and not self._member.unconsumed_tail:
                self.trouble = SHORT
                return b""
            if data := self._unpack(length):
                return data
        return b""

    def _next_member(self) -> bool:
        self._input = self._input.lstrip(b"\0")
        if len(self._input) < 2:
            more = os.pread(self._fd, PART, self._at)
            self._at += len(more)
            self._input = (self._input + more).lstrip(b"\0")
        if not self._input:
            return False
        if not b"\x1f\x8b".startswith(self._input[:2]):
            self.broken = True
            self.trouble = "holds bytes that are not gzip data: they are left out"
            return False
        self._member = zlib.decompressobj(wbits=31)
        return True

    def _unpack(self, length: int) -> bytes:
        assert self._member is not None
        before = self._member.copy()
        try:
            data = self._member.decompress(self._input, length)
        except zlib.error as error:
            self.broken = True
            self.trouble = f"is broken gzip ({error}): reading stops there"
            return self._unpack_bytewise(before)
        if data:
            self.trouble = ""
        self._input = self._member.unconsumed_tail
        if self._member.eof:
            self._input, self._member = self._member.unused_data, None
        return data

    def _unpack_bytewise(self, member: zlib._Decompress) -> bytes:
        """What comes before the damage."""
        data = bytearray()
        with suppress(zlib.error):
            for at in range(len(self._input)):
                data += member.decompress(self._input[at : at + 1])
        return bytes(data)


class Unzstd:
    """Zstandard, any number of frames; it cannot go on after its end: a file that grew is unpacked again."""

    def __init__(self, fd: int) -> None:
        self._fd, self._given = fd, 0
        self._source = _Raw(fd)
        self._unpacker = zstandard.ZstdDecompressor(max_window_size=1 << 31)
        self._reader = self._unpacker.stream_reader(cast("IO[bytes]", self._source), read_size=PART, read_across_frames=True)
        self.trouble = ""
        self.broken = False

    def read(self, length: int) -> bytes:
        if self.trouble:
            return b""
        at = self._source.at
        try:
            data = self._reader.read(length)
        except zstandard.ZstdError as error:
            self.trouble = f"is broken Zstandard ({error}): reading stops there"
            return self._unpack_bytewise(max(0, at - PART))
        self._given += len(data)
        if not data and not self._source.whole():
            self.trouble = SHORT
        return data

    def _unpack_bytewise(self, place: int) -> bytes:
        """What comes before the damage, which is somewhere behind `place`; a reader that failed cannot go on."""
        member, at, unpacked, rest = self._unpacker.decompressobj(read_across_frames=True), 0, 0, bytearray()
        with suppress(zstandard.ZstdError):
            while piece := os.pread(self._fd, 1 if at >= place else min(SMALL, place - at), at):
                data = member.decompress(piece)
                at, unpacked = at + len(piece), unpacked + len(data)
                if (new := unpacked - self._given) > 0:
                    rest += data[-new:]
        return bytes(rest)


class _Raw:
    """What the Zstandard reader reads from; also knows whether the last frame is all there."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self.at = 0

    def read(self, length: int = -1) -> bytes:
        data = os.pread(self._fd, PART if length < 0 else length, self.at)
        self.at += len(data)
        return data

    def whole(self) -> bool:
        """Walk over the frames' blocks by their headers, without unpacking."""
        at, size = 0, os.fstat(self._fd).st_size
        while at < size:
            after = _after_frame(self._fd, at)
            if after is None or after > size:
                return False
            at = after
        return True


def _after_frame(fd: int, at: int) -> int | None:
    """Where the Zstandard frame at `at` ends (RFC 8878, 3.1), None when that is not there yet."""
    head = os.pread(fd, 18, at)
    if len(head) < 8:
        return None
    magic = int.from_bytes(head[:4], "little")
    if magic & 0xFFFFFFF0 == 0x184D2A50:
        return at + 8 + int.from_bytes(head[4:8], "little")
    try:
        at += zstandard.frame_header_size(head)
        checksum = zstandard.get_frame_parameters(head).has_checksum
    except zstandard.ZstdError:
        return None
    last = False
    while not last:
        block = os.pread(fd, 3, at)
        if len(block) < 3:
            return None
        told = int.from_bytes(block, "little")
        last, kind, length = bool(told & 1), told >> 1 & 3, told >> 3
        at += 3 + (1 if kind == 1 else length)
    return at + 4 * checksum


class CompressedContent(Opened):
    """Sequential decompression behind positions: forward is cheap, backward starts over.

    Keeps the head and TAIL bytes before the last read, so that the evidence of an identity can be looked up.
    """

    packed = True

    def __init__(self, fd: int, unpacker: type[Gunzip | Unzstd]) -> None:
        super().__init__(fd)
        self._kind = unpacker
        self._raw_head = os.pread(fd, HEAD, 0)
        self._begin()

    def _begin(self) -> None:
        self._unpacker: Unpacker = self._kind(self._fd)
        self._size = os.fstat(self._fd).st_size
        self._base = 0
        self._out = bytearray()
        self._head = b""
        self._checked = False

    @property
    def trouble(self) -> str:
        return self._unpacker.trouble

    @property
    def ratio(self) -> float:
        """Decompressed bytes for each compressed one, as far as it was unpacked."""
        unpacked = self._base + len(self._out)
        return max(1.0, unpacked / self._size) if self._size else 1.0

    def read_into(self, view: memoryview, position: int) -> int:
        self._reach(position, position + len(view))
        begin = position - self._base
        count = max(0, min(len(view), len(self._out) - begin))
        view[:count] = memoryview(self._out)[begin : begin + count]
        return count

    def peek(self, position: int, length: int) -> bytes:
        if position + length <= len(self._head):
            return self._head[position : position + length]
        self._reach(position, position + length)
        begin = position - self._base
        return bytes(self._out[begin : begin + length])

    def _reach(self, start: int, stop: int) -> None:
        """Have the bytes from `start` to `stop` in `_out`, or all there are."""
        stuck = self._kind is Unzstd or self._unpacker.broken
        if start < self._base or (stuck and os.fstat(self._fd).st_size != self._size):
            self._begin()
        while self._base + len(self._out) < stop:
            data = self._unpacker.read(PART)
            if not data:
                break
            self._out += data
            if len(self._head) < HEAD:
                self._head = (self._head + data)[:HEAD]
            self._forget(start - PART)
        self._forget(start)

    def _forget(self, start: int) -> None:
        spare = max(0, start - TAIL) - self._base
        if spare > 0:
            spare = min(spare, max(0, len(self._out) - TAIL))
            del self._out[:spare]
            self._base += spare

    def same(self, identity: Identity) -> bool:
        """The compressed head is what it was; the evidence, which is about decompressed bytes, is looked up once for each start."""
        if os.pread(self._fd, len(self._raw_head), 0) != self._raw_head:
            return False
        if not self._checked:
            self._checked = identity.same_content(self.peek)
        return self._checked
