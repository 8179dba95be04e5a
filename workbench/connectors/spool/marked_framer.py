"""A byte order mark before the first record is none of it."""

from __future__ import annotations

from codecs import BOM_UTF8

from workbench.connectors.spool.block import Piece
from workbench.connectors.spool.framing import Framer


class MarkedFramer:
    """Gives another framer all that one peer sends but the byte order mark before it, as files are read. A later one is text."""

    def __init__(self, records: Framer) -> None:
        self.broken = ""
        self._records = records
        self._begin: bytes | None = b""
        """What came of a mark; None: it is known whether there is one."""

    @property
    def waiting(self) -> int:
        return len(self._begin or b"") + self._records.waiting

    def feed(self, data: bytearray, start: int, stop: int) -> list[Piece]:
        if self._begin is not None:
            before = self._begin
            after = min(stop, start + len(BOM_UTF8) - len(before))
            begin = before + data[start:after]
            if len(begin) < len(BOM_UTF8) and BOM_UTF8.startswith(begin):
                self._begin = begin
                return []
            self._begin = None
            if begin == BOM_UTF8:
                start = after
            elif before:
                data, start, stop = bytearray(before + data[start:stop]), 0, len(before) + stop - start
        return self._fed(data, start, stop)

    def finish(self) -> list[Piece]:
        begin, self._begin = self._begin or b"", None
        return [*self._fed(bytearray(begin), 0, len(begin)), *self._records.finish()]

    def _fed(self, data: bytearray, start: int, stop: int) -> list[Piece]:
        pieces = self._records.feed(data, start, stop)
        self.broken = self._records.broken
        return pieces
