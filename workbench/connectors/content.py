"""The bytes of one open file, from any position."""

from __future__ import annotations

import os
from typing import Protocol

from workbench.connectors.identity import Identity


class Content(Protocol):
    """An open file's (decompressed) bytes; it stays readable when the file is renamed or deleted."""

    @property
    def packed(self) -> bool:
        """Whether it is whole as it stands (compressed, Parquet): nobody appends half a line to it."""

    @property
    def trouble(self) -> str:
        """Why the content ends before its end ('' when it does not)."""

    def read_into(self, view: memoryview, position: int) -> int:
        """Fill `view` from `position` on; fewer bytes only at the end."""

    def peek(self, position: int, length: int) -> bytes:
        """A few bytes at `position`, fewer at the end."""

    def same(self, identity: Identity) -> bool:
        """Whether the file still has the content that was read."""

    def status(self) -> os.stat_result:
        """The open file's own stat."""

    def fileno(self) -> int:
        """Its descriptor."""

    def close(self) -> None: ...


class Opened:
    """A descriptor that is closed once."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def status(self) -> os.stat_result:
        """The open file's own stat."""
        return os.fstat(self._fd)

    def fileno(self) -> int:
        """Its descriptor."""
        return self._fd

    def close(self) -> None:
        os.close(self._fd)


class PlainContent(Opened):
    """A file as it is."""

    packed = False
    trouble = ""

    def read_into(self, view: memoryview, position: int) -> int:
        done = 0
        while done < len(view):
            with view[done:] as rest:
                count = os.preadv(self._fd, [rest], position + done)
            if not count:
                break
            done += count
        return done

    def peek(self, position: int, length: int) -> bytes:
        return os.pread(self._fd, length, position)

    def same(self, identity: Identity) -> bool:
        return identity.same_content(self.peek)
