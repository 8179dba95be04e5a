"""Files of earlier runs that are not under their names: sought once after a restart."""

from __future__ import annotations

import os

from workbench.connectors.files.compressed import PACKED
from workbench.connectors.files.folders import Folders
from workbench.connectors.files.followed import FollowedFile
from workbench.connectors.files.memory import has_content
from workbench.connectors.files.register import Register
from workbench.connectors.files.remains import Remains
from workbench.connectors.files.tidings import missed, sentence
from workbench.connectors.usual import Usual
from workbench.filenames import shown


class Absentees:
    """Seeks them where they were, by inode and then as copies, once their folder is there.

    What is found and has more is read on; what is not found is told once, with the bytes that are known to be unread, and
    its offset is stored as done.
    """

    def __init__(self, parquet: bool, register: Register, remains: Remains, folders: Folders) -> None:
        self._parquet, self._register, self._recognition = parquet, register, register.recognition
        self._remains, self._folders = remains, folders

    def seek(self, now: float) -> None:
        """Those that were not sought yet, perhaps with something unread."""
        if not self._recognition.unsought:
            return
        memory = self._register.memory
        files = [memory.file(file_id) for file_id in self._recognition.unsought if file_id not in self._register.by_id]
        files = [file for file in files if all(self._folders.is_there(folder) for folder in self._remains.folders(file)[:1])]
        missing = []
        for file in files:
            del self._recognition.unsought[file.file_id]
            try:
                if not self._resumed(file, now) and not memory.offsets[file.file_id].done:
                    missing.append(file)
            except OSError as error:
                self._register.problems[file.found.path] = sentence(file.name, error)
        if missing:
            self._seek_copies(missing, now)

    def _resumed(self, file: FollowedFile, now: float) -> bool:
        """It is there under another name; then what it has more is read."""
        offset, found = self._register.memory.offsets[file.file_id], self._remains.renamed(file)
        if found is None or found.key in self._register.files or (offset.done and found.stamp == file.identity.stamp):
            return False
        if found.path == file.found.path:
            return True  # it has its name, and the glob no longer names it
        if not has_content(found, file.identity, self._parquet):
            return False
        if found.size > offset.byte or found.path.endswith(PACKED):
            where = shown(os.path.basename(found.path))
            self._register.said.append(Usual(f"{offset.file} was renamed to {where}: it is read to its end"))
            file.found = found
            file.leave(now)
            self._register.enter(file)
        return True

    def _seek_copies(self, missing: list[FollowedFile], now: float) -> None:
        memory = self._register.memory
        ids = {file.file_id for file in missing}
        others = memory.others({*self._register.by_id, *ids})
        homes = {} if self._parquet else self._remains.copied(missing, others)
        given_up = []
        for file in missing:
            if file.file_id in homes:
                self._register.move(file, homes[file.file_id])
                file.leave(now)
            elif file.file_id not in self._recognition.truncated or file.identity.stamp[0] > file.read.byte:
                given_up.append(file)
            if file.file_id not in homes:
                self._register.farewells.append(memory.over(file, "gone"))
        self._register.said += missed(given_up)
