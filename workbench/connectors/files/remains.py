"""Where content is that lost its name: renamed, copied or compressed in the folder where it was."""

from __future__ import annotations

import os
from collections.abc import Container, Sequence

from workbench.connectors.files.compressed import PACKED
from workbench.connectors.files.followed import FollowedFile
from workbench.connectors.files.handles import open_content
from workbench.connectors.files.kinship import Kin, Resemblance
from workbench.connectors.files.listing import Found, by_inode, found_at, path_of
from workbench.filenames import meant, shown

MOST = 64
"""Files whose content is compared in one folder, the newest ones."""
LENIENT = 2_000_000_000
"""Nanoseconds by which the copy of a file may seem older than that."""

Key = tuple[int, int]


class Remains:
    """Looks beside the glob for what was read inside it.

    A rename is told by inode and content, whatever the new name; a copy or a compressed file by content alone, among
    files whose name begins as the old one. What two lost files could claim goes to the one that was read furthest.
    """

    def __init__(self, root: str, taken: Container[Key]) -> None:
        self._root = root
        self._below = root.rstrip(os.sep) + os.sep
        self._taken = taken
        self._inodes: dict[str, dict[int, str]] = {}

    def look_again(self) -> None:
        """Folders may have changed."""
        self._inodes.clear()

    def folders(self, file: FollowedFile) -> list[str]:
        """Where it was, by its name and by what that led to."""
        paths = [path_of(self._root, file.name), file.identity.target]
        return list(dict.fromkeys(os.path.dirname(path) for path in paths if path))

    def renamed(self, file: FollowedFile) -> Found | None:
        """The file with its inode, in the folders where it was; its content is not looked at unless nothing of it was read."""
        for folder in self.folders(file):
            if folder not in self._inodes:
                self._inodes[folder] = by_inode(folder)
            path = self._inodes[folder].get(file.identity.inode)
            found = found_at(path, file.name) if path else None
            if found is not None and found.device == file.identity.device and (file.identity.head.length or _kin(file, found.path)):
                return found
        return None

    def copied(self, lost: Sequence[FollowedFile], others: Sequence[FollowedFile]) -> dict[str, Found]:
        """The copies or compressed files that hold what was read of the lost ones: file id → file. `others` may own them too."""
        lost = [file for file in lost if file.identity.head.length]
        kin = Kin([*lost, *others])
        wanted = {file.file_id for file in lost}
        homes: dict[str, Found] = {}
        for folder in {folder: None for file in lost for folder in self.folders(file)}:
            for found in self._candidates(folder, [file for file in lost if folder in self.folders(file)]):
                owner = _owner(found, kin)
                if owner is not None and owner.file_id in wanted - homes.keys():
                    homes[owner.file_id] = found
        return homes

    def _candidates(self, folder: str, lost: Sequence[FollowedFile]) -> list[Found]:
        stems = tuple({stem for file in lost for stem in _stems(file)})
        since = min(file.identity.stamp[1] for file in lost) - LENIENT
        try:
            with os.scandir(folder) as entries:
                paths = [entry.path for entry in entries if entry.name.startswith(stems) and entry.is_file(follow_symlinks=False)]
        except OSError:
            return []
        files = [found for path in paths if (found := found_at(path, shown(path.removeprefix(self._below))))]
        fit = [found for found in files if found.size and found.mtime_ns >= since and found.key not in self._taken]
        fit.sort(key=lambda found: (found.path.endswith(PACKED), -found.mtime_ns))
        return fit[:MOST]


def _owner(found: Found, kin: Kin) -> FollowedFile | None:
    """Whose content that file holds."""
    try:
        content = open_content(found.path, parquet=False)
    except OSError:
        return None
    try:
        owners = [file for file in kin.held_by(Resemblance(content)) if file.may_become(found)]
    finally:
        content.close()
    return owners[-1] if owners else None


def _stems(file: FollowedFile) -> list[str]:
    """What a rotated name begins with: `app` for app.log."""
    names = [os.path.basename(path) for path in (meant(file.name), file.identity.target) if path]
    return [name[: name.find(".", 1)] if "." in name[1:] else name for name in names]


def _kin(file: FollowedFile, path: str) -> bool:
    return os.path.basename(path).startswith(tuple(_stems(file)))
