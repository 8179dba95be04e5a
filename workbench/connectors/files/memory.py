"""What is stored of every file that was ever read: its offset, and with that its identity."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable
from dataclasses import replace

from workbench.batch import Offset
from workbench.connectors.files import rotation
from workbench.connectors.files.compressed import PACKED
from workbench.connectors.files.followed import FollowedFile
from workbench.connectors.files.handles import open_content
from workbench.connectors.files.listing import Found, path_of
from workbench.connectors.files.position import Position
from workbench.connectors.files.reading import Reading
from workbench.connectors.identity import Identity, Left


class Memory:
    """The last stored offset of each content, by its file id and by the inode that it had."""

    def __init__(self, reading: Reading, root: str) -> None:
        self.offsets: dict[str, Offset] = {}
        self.left: dict[str, Left] = {}
        """Files that were given up, by id, and how."""
        self._by_inode: dict[int, set[str]] = defaultdict(set)
        self._reading, self._root = reading, root

    def store(self, offset: Offset) -> None:
        identity = Identity.from_mark(offset.mark)
        self.offsets[offset.file_id] = offset
        self._by_inode[identity.inode].add(offset.file_id)
        self.left.pop(offset.file_id, None)
        if identity.left:
            self.left[offset.file_id] = identity.left

    def at_inode(self, inode: int) -> Iterable[str]:
        """The file ids of all contents that had that inode."""
        return self._by_inode.get(inode, ())

    def file(self, file_id: str) -> FollowedFile:
        """A file as it is known by its stored offset alone."""
        offset = self.offsets[file_id]
        identity = Identity.from_mark(offset.mark)
        path = path_of(self._root, offset.file)
        return self.restore(Found(path, offset.file, identity.device, identity.inode, 0, 0), offset)

    def others(self, than: Container[str]) -> list[FollowedFile]:
        return [self.file(file_id) for file_id in self.offsets if file_id not in than]

    def restore(self, found: Found, offset: Offset) -> FollowedFile:
        """A file that is read on from a stored offset."""
        identity = replace(Identity.from_mark(offset.mark), device=found.device, inode=found.inode, left="")
        at = Position(offset.byte, offset.line)
        file = FollowedFile(self._reading, offset.file_id, found, identity, at, at, at_end=identity.skip or None)
        file.former.add(path_of(self._root, offset.file))
        if offset.done and identity.stamp == found.stamp:
            file.ahead.drained, file.behind, file.done = found.stamp, False, True
        return file

    def over(self, file: FollowedFile, left: Left = "") -> Offset:
        """The offset that says that nothing more will come of it."""
        known = self.offsets.get(file.file_id)
        identity = file.identity if file.stored or known is None else Identity.from_mark(known.mark)
        left = left or self.left.get(file.file_id, "")
        identity = replace(identity, skip=0, left=left)
        if left:
            self.left[file.file_id] = left
        return Offset(file.file_id, file.name, file.kept.byte, file.kept.line, True, identity.mark())

    def is_at(self, offset: Offset) -> bool:
        """Nothing was stored of that file since."""
        stored = self.offsets.get(offset.file_id, offset)
        return (stored.byte, stored.line) == (offset.byte, offset.line)

    def has_left(self, offset: Offset, found: Found) -> bool:
        """Whether the file that had that inode is known to be another one than `found`, whatever that holds.

        It was seen to be deleted; or it was given up and the time of its last change is another one; or what has its inode has another
        name and holds no more, which a rename leaves as it was. A rotated file is let through: it may be a copy.
        """
        left, identity = self.left.get(offset.file_id, ""), Identity.from_mark(offset.mark)
        changed = identity.stamp[1] != found.mtime_ns
        if left == "deleted" or (left and not offset.byte):
            return True
        if offset.file == found.name or not changed or not offset.byte:
            return False
        spent = identity.stamp[0] == found.size and (offset.done or offset.byte == found.size)
        return left == "gone" or (spent and not rotation.rotated(path_of(self._root, offset.file), found.path))


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
