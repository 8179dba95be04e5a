"""CSV records in what a sender's lines are: a newline inside quotes ends none."""

from __future__ import annotations

import numpy as np

from workbench.connectors.records import Records
from workbench.connectors.spool.block import Bytes, Piece, count_newlines
from workbench.connectors.spool.framing import Framer, Framing, framer


class Quoting:
    """How the lines of one address are CSV records, for all its framers; from the next line on when it is told later."""

    def __init__(self, records: Records | None = None) -> None:
        self.records = records
        """None: every line is a record."""

    def concerns(self, data: Bytes) -> bool:
        """Whether lines of `data` may be parts of records."""
        return self.records is not None and self.records.quotes(data)

    def framer(self, framing: Framing, peer: str, longest: int) -> Framer:
        """For the records of one peer; where a framing does not go by lines it says itself where records end."""
        one = framer(framing, peer, longest)
        return QuotedFramer(one, peer, self) if framing == "newline" else one


class QuotedFramer:
    """Puts the lines of one peer together to records, as `Records` cuts them: what comes between them from others does not matter.

    A line that is too long, and the end of the stream, end what is open.
    """

    def __init__(self, lines: Framer, peer: str, quoting: Quoting) -> None:
        self.broken = ""
        self._lines, self._peer, self._quoting = lines, peer, quoting
        self._open = b""
        """Whole lines of a record whose quote is open."""

    @property
    def waiting(self) -> int:
        return len(self._open) + self._lines.waiting

    def feed(self, data: bytearray, start: int, stop: int) -> list[Piece]:
        return self._joined(self._lines.feed(data, start, stop))

    def finish(self) -> list[Piece]:
        return [*self._joined(self._lines.finish()), *self._cut(b"", final=True)]

    def _joined(self, pieces: list[Piece]) -> list[Piece]:
        records: list[Piece] = []
        for piece in pieces:
            if piece.overlong:
                records += (*self._cut(b"", final=True), piece)
            elif self._open or any(self._quoting.concerns(part) for part in piece.parts):
                records += self._cut(b"".join(piece.parts), final=False)
            else:
                records.append(piece)
        return records

    def _cut(self, data: bytes, final: bool) -> list[Piece]:
        """The whole records of what was open and what came."""
        data, records = self._open + data, self._quoting.records
        if not data:
            return []
        ends = (records or Records("")).whole(data, final)
        stop = int(ends[-1]) if ends.size else 0
        self._open = data[stop:]
        if not stop:
            return []
        whole = data[:stop]
        plain = count_newlines(whole) == len(ends)
        return [Piece([whole], len(ends), self._peer, None if plain else np.diff(ends, prepend=0).astype(np.uint32))]
