"""Offsets to read from that are not the stored ones: in what was read before, and after all that is there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

from workbench.batch import Offset
from workbench.connectors.files.followed import FollowedFile
from workbench.connectors.files.handles import open_content
from workbench.connectors.files.listing import Found, found_at
from workbench.connectors.files.position import Position
from workbench.connectors.files.roster import Roster


class Places:
    """Finds the content behind a file id again, under whatever name, and makes offsets in it with a fresh mark."""

    def __init__(self, roster: Roster, parquet: bool) -> None:
        self._roster = roster
        self._parquet = parquet

    def place(self, file_id: str, file: str, at: Position) -> Offset | None:
        """An offset in what was read under that id, wherever it is now; None when it cannot be read from there."""
        self._roster.look_again()
        known = self._roster.by_id.get(file_id)
        if known is None and file_id in self._roster.memory.offsets:
            known = self._roster.memory.file(file_id)
        if known is None or at > max(known.read, known.kept):
            return None
        for found in self._whereabouts(known):
            with suppress(OSError):
                if placed := self._placed(known, replace(found, name=file), at):
                    return placed
        return None

    def _placed(self, known: FollowedFile, found: Found, at: Position) -> Offset | None:
        content = open_content(found.path, self._parquet)
        try:
            identity = replace(known.identity, device=found.device, inode=found.inode)
            return replace(known, found=found, identity=identity).place(content, at)
        finally:
            content.close()

    def _whereabouts(self, known: FollowedFile) -> Iterator[Found]:
        """Where the content of a file may be: under its name, under its inode, in a copy."""
        here = found_at(known.found.path, known.name)
        if here is not None and here.key == known.found.key:
            yield here
        if renamed := self._roster.remains.renamed(known):
            yield renamed
        if not self._parquet:
            others = self._roster.memory.others({*self._roster.by_id, known.file_id})
            yield from self._roster.remains.copied([known], others).values()

    def ends(self) -> list[Offset]:
        """After all that is there now; what is there no longer is over."""
        memory = self._roster.memory
        ends = [memory.over(file) for file in memory.others(self._roster.by_id)]
        for file in [*self._roster.files.values(), *self._roster.waiting()]:
            with suppress(OSError):
                content = open_content(file.found.path, self._parquet)
                try:
                    status = content.status()
                    if (status.st_dev, status.st_ino) == file.found.key and content.same(file.identity):
                        ends.append(file.last(content))
                finally:
                    content.close()
        return ends
