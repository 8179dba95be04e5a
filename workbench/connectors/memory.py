"""What is stored of every file that was ever read: its offset, and with that its identity."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Container, Iterable
from dataclasses import replace

from workbench.batch import Offset
from workbench.connectors.followed import FollowedFile, Position, Reading
from workbench.connectors.handles import open_content
from workbench.connectors.identity import Identity
from workbench.connectors.listing import Found
from workbench.connectors.remains import PACKED


class Memory:
    """The last stored offset of each content, by its file id and by the inode that it had."""

    def __init__(self, reading: Reading, root: str) -> None:
        self.offsets: dict[str, Offset] = {}
        self._by_inode: dict[int, set[str]] = defaultdict(set)
        self._reading, self._root = reading, root

    def store(self, offset: Offset) -> None:
        self.offsets[offset.file_id] = offset
        self._by_inode[Identity.from_mark(offset.mark).inode].add(offset.file_id)

    def at_inode(self, inode: int) -> Iterable[str]:
        """The file ids of all contents that had that inode."""
        return self._by_inode.get(inode, ())

    def file(self, file_id: str) -> FollowedFile:
        """A file as it is known by its stored offset alone."""
        offset = self.offsets[file_id]
        identity = Identity.from_mark(offset.mark)
        path = os.path.join(self._root, offset.file)
        return self.restore(Found(path, offset.file, identity.device, identity.inode, 0, 0), offset)

    def others(self, than: Container[str]) -> list[FollowedFile]:
        return [self.file(file_id) for file_id in self.offsets if file_id not in than]

    def restore(self, found: Found, offset: Offset) -> FollowedFile:
        """A file that is read on from a stored offset."""
        identity = replace(Identity.from_mark(offset.mark), device=found.device, inode=found.inode)
        at = Position(offset.byte, offset.line)
        file = FollowedFile(self._reading, offset.file_id, found, identity, at, at)
        if offset.done and identity.stamp == found.stamp:
            file.drained, file.behind, file.done = found.stamp, False, True
        return file

    def over(self, file: FollowedFile) -> Offset:
        """The offset that says that nothing more will come of it."""
        identity = file.identity if file.stored else Identity.from_mark(self.offsets[file.file_id].mark)
        return Offset(file.file_id, file.name, file.kept.byte, file.kept.line, True, identity.mark())

    def is_at(self, offset: Offset) -> bool:
        """Nothing was stored of that file since."""
        stored = self.offsets.get(offset.file_id)
        return stored is not None and (stored.byte, stored.line) == (offset.byte, offset.line)


def has_content(found: Found, identity: Identity, parquet: bool) -> bool:
    """Whether a file holds what was read under an identity.

    Raises:
        OSError: it cannot be read now.
    """
    if identity.stamp == found.stamp and found.path.endswith(PACKED) and identity.device == found.device:
        return True
    content = open_content(found.path, parquet)
    try:
        return content.same(identity)
    finally:
        content.close()
