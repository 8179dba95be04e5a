"""Where records end in a stream of received bytes: at newlines, at NULs, or where a count before each says."""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np

from workbench.batch import KEPT_OF_TOO_LONG
from workbench.connectors.spool.block import Bytes, Lengths, Piece

Framing = Literal["newline", "octet", "nul"]

NEWLINE, ZERO = 0x0A, 0x30
SMALL = 4096
"""Bytes up to which counting in Python is faster than numpy's start."""
DIGITS = 10
"""Of a count, at most."""


class Framer(Protocol):
    """Finds the records of one peer, however its bytes are cut on their way. The same bytes give the same records."""

    broken: str
    """Why the bytes do not fit the framing; nothing may be fed afterwards."""

    @property
    def waiting(self) -> int:
        """Bytes of an unfinished record that are kept here."""

    def feed(self, data: bytearray, start: int, stop: int) -> list[Piece]:
        """The records that end in `data[start:stop]`. The pieces may look into `data` and change it in place."""

    def finish(self) -> list[Piece]:
        """Nothing follows: what is unfinished is a record, too, or `cut` where the framing tells that it is not whole."""


def framer(framing: Framing, peer: str, longest: int) -> Framer:
    """For the records of one peer; longer ones than `longest` bytes become heads."""
    if framing == "octet":
        return CountedFramer(peer, longest)
    return DelimitedFramer(peer, longest, b"\n" if framing == "newline" else b"\0")


class DelimitedFramer:
    """Each record is followed by a delimiter of one byte."""

    def __init__(self, peer: str, longest: int, delimiter: bytes) -> None:
        self.broken = ""
        self._peer = peer
        self._longest = longest
        self._delimiter = delimiter
        self._rest = bytearray()
        self._length = 0
        """Of the unfinished record, once it is too long and `_rest` is only its head; else 0."""

    @property
    def waiting(self) -> int:
        return len(self._rest)

    @property
    def rest(self) -> bytes:
        """The beginning of an unfinished record, unless it is too long already."""
        return b"" if self._length else bytes(self._rest)

    def feed(self, data: bytearray, start: int, stop: int) -> list[Piece]:
        pieces: list[Piece] = []
        if self._length:
            end = data.find(self._delimiter, start, stop)
            last = stop if end < 0 else end
            self._length += last - start
            self._rest += data[start : min(last, start + KEPT_OF_TOO_LONG - len(self._rest))]
            if end < 0:
                return []
            pieces.append(self._head())
            start = end + 1
        end = data.rfind(self._delimiter, start, stop) + 1
        if end:
            self._whole(pieces, data, start, end)
            start = end
        self._keep(data, start, stop)
        return pieces

    def finish(self) -> list[Piece]:
        if self._length:
            return [self._head()]
        if not self._rest:
            return []
        rest, self._rest = bytes(self._rest), bytearray()
        return [self._piece([rest, self._delimiter])]

    def _keep(self, data: bytearray, start: int, stop: int) -> None:
        with memoryview(data) as view:
            self._rest += view[start:stop]
        if len(self._rest) > self._longest:
            self._length = len(self._rest)
            del self._rest[KEPT_OF_TOO_LONG:]

    def _head(self) -> Piece:
        """The too long record, which ends here."""
        piece = Piece([bytes(self._rest)], 1, self._peer, overlong=self._length)
        self._rest, self._length = bytearray(), 0
        return piece

    def _whole(self, pieces: list[Piece], data: bytearray, start: int, end: int) -> None:
        """The whole records in `data[start:end]`, the first of which begins with what was kept."""
        if len(self._rest) + end - start > self._longest:
            start = self._up_to_overlong(pieces, data, start, end)
        if start < end:
            parts: list[Bytes] = [self._rest, memoryview(data)[start:end]] if self._rest else [memoryview(data)[start:end]]
            self._rest = bytearray()
            pieces.append(self._piece(parts))

    def _up_to_overlong(self, pieces: list[Piece], data: bytearray, start: int, end: int) -> int:
        """Take everything up to the last record that is too long; where the rest begins."""
        ends = np.flatnonzero(np.frombuffer(data, np.uint8, end - start, start) == self._delimiter[0]) + start
        sizes = np.diff(ends, prepend=start - 1) - 1
        sizes[0] += len(self._rest)
        for index in np.flatnonzero(sizes > self._longest).tolist():
            first = int(ends[index - 1]) + 1 if index else start
            if first > start:
                self._whole(pieces, data, start, first)
            self._length = int(sizes[index])
            self._rest += data[first : min(int(ends[index]), first + KEPT_OF_TOO_LONG)]
            del self._rest[KEPT_OF_TOO_LONG:]
            pieces.append(self._head())
            start = int(ends[index]) + 1
        return start

    def _piece(self, parts: list[Bytes]) -> Piece:
        if self._delimiter == b"\n":
            return Piece(parts, sum(count_newlines(part) for part in parts), self._peer)
        data = b"".join(parts)
        records = data.count(self._delimiter)
        lengths: Lengths | None = None
        if b"\n" in data:
            ends = np.flatnonzero(np.frombuffer(data, np.uint8) == self._delimiter[0]) + 1
            lengths = np.diff(ends, prepend=0).astype(np.uint32)
        return Piece([data.replace(self._delimiter, b"\n")], records, self._peer, lengths)


class CountedFramer:
    """Octet counting (RFC 6587): each record is preceded by its length in decimal digits and a space."""

    def __init__(self, peer: str, longest: int) -> None:
        self.broken = ""
        self._peer = peer
        self._longest = longest
        self._digits = b""
        self._counted = False
        """The count of the unfinished record is known."""
        self._length = 0
        self._rest = bytearray()
        self._missing = 0

    @property
    def waiting(self) -> int:
        return len(self._rest)

    def feed(self, data: bytearray, start: int, stop: int) -> list[Piece]:
        records = _Records(self._peer)
        with memoryview(data) as view:
            while start < stop:
                if not self._counted:
                    if not self._digits:
                        start = self._whole(records, data, view, start, stop)
                        if start == stop:
                            break
                    begun = start
                    start, ready = self._count(data, start, stop)
                    if self.broken:
                        lost = self._digits + bytes(view[begun:stop])
                        self._digits = b""
                        records.add(lost) if len(lost) <= self._longest else records.add_overlong(lost[:KEPT_OF_TOO_LONG], len(lost))
                        break
                    if not ready:
                        break
                taken = min(self._missing, stop - start)
                room = (KEPT_OF_TOO_LONG if self._length > self._longest else self._length) - len(self._rest)
                self._rest += view[start : start + min(taken, max(0, room))]
                self._missing -= taken
                start += taken
                if not self._missing:
                    self._end(records)
            return records.pieces()

    def _whole(self, records: _Records, data: bytearray, view: memoryview, start: int, stop: int) -> int:
        """Take the records that are whole and need no second look, in a tight loop; where the first other begins."""
        find, parts, lengths = data.find, records.parts, records.lengths
        while True:
            space = find(b" ", start, start + DIGITS + 1)
            digits = data[start:space]
            if space < 0 or not digits.isdigit() or digits[0] == ZERO:
                return start
            length = int(digits)
            after = space + 1 + length
            if after > stop or length > self._longest:
                return start
            parts.append(view[space + 1 : after])
            parts.append(b"\n")
            lengths.append(length + 1)
            start = after

    def finish(self) -> list[Piece]:
        came = self._digits
        if self._counted:
            came = b"%d " % self._length + self._rest
        length, too_long = len(came) + self._length - self._missing - len(self._rest), self._length > self._longest
        self._digits, self._rest, self._counted, self._length, self._missing = b"", bytearray(), False, 0, 0
        if not came:
            return []
        return [Piece([came], 1, self._peer, overlong=length, cut=not too_long)]

    def _count(self, data: bytearray, start: int, stop: int) -> tuple[int, bool]:
        """Read a count, perhaps not all of it: where it goes on, and whether the count is known."""
        most = min(stop, start + DIGITS + 1 - len(self._digits))
        space = data.find(b" ", start, most)
        digits = self._digits + bytes(data[start : most if space < 0 else space])
        if not (digits.isdigit() and digits[:1] != b"0" and (space >= 0 or len(digits) <= DIGITS)):
            seen = self._digits + bytes(data[start : min(stop, start + 40)])
            self.broken = f"a count and a space were expected, not {seen!r}"
            return start, False
        if space < 0:
            self._digits = digits
            return stop, False
        self._digits = b""
        self._length = self._missing = int(digits)
        self._counted = True
        return space + 1, True

    def _end(self, records: _Records) -> None:
        if self._length > self._longest or self._length > len(self._rest):
            records.add_overlong(bytes(self._rest), self._length)
        else:
            records.add(bytes(self._rest))
        self._rest, self._counted = bytearray(), False


class _Records:
    """Records of one peer that become pieces."""

    def __init__(self, peer: str) -> None:
        self._peer = peer
        self.parts: list[Bytes] = []
        self.lengths: list[int] = []
        self._pieces: list[Piece] = []

    def add(self, record: Bytes) -> None:
        self.parts += (record, b"\n")
        self.lengths.append(len(record) + 1)

    def add_overlong(self, head: bytes, length: int) -> None:
        self._close()
        self._pieces.append(Piece([head], 1, self._peer, overlong=length))

    def pieces(self) -> list[Piece]:
        self._close()
        return self._pieces

    def _close(self) -> None:
        if self.lengths:
            data = b"".join(self.parts)
            plain = data.count(b"\n") == len(self.lengths)
            self._pieces.append(Piece([data], len(self.lengths), self._peer, None if plain else np.array(self.lengths, np.uint32)))
            self.parts, self.lengths = [], []


def count_newlines(data: Bytes) -> int:
    """Newlines in `data`."""
    if len(data) < SMALL:
        return bytes(data).count(b"\n")
    found, block = np.frombuffer(data, np.uint8), 1 << 18
    return sum(int(np.count_nonzero(found[at : at + block] == NEWLINE)) for at in range(0, len(found), block))
