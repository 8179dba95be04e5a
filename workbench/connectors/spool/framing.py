"""Where records end in a stream of received bytes: at newlines, at NULs, or where a count before each says."""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np

from workbench.batch import KEPT_OF_TOO_LONG
from workbench.connectors.spool.block import Bytes, Lengths, Piece, count_newlines
from workbench.connectors.spool.counted_framer import CountedFramer

Framing = Literal["newline", "octet", "nul"]


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
