"""The register of files: which content has which key and which id, from its first sight to its stored end."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from workbench.batch import Offset
from workbench.connectors.files.compressed import PACKED
from workbench.connectors.files.folders import Folders
from workbench.connectors.files.followed import FollowedFile
from workbench.connectors.files.handles import Handles
from workbench.connectors.files.listing import Found
from workbench.connectors.files.memory import Memory
from workbench.connectors.files.position import Position
from workbench.connectors.files.reading import Reading
from workbench.connectors.files.recognition import Key, Recognition
from workbench.connectors.identity import Identity, Left
from workbench.connectors.usual import Usual

SIGHT = 5.0
"""Seconds that a file may wait to be read before it is stored that it was found."""


class Register:
    """Every file that is read or was: by key (device, inode) while it lives, by its id until all that was read of it is stored,
    by its stored offset for good.

    Invariants:
    - One content has one file id, whatever it is called; one file id never gets a second content.
    - A file that goes on under another key leaves the one that it had.
    """

    def __init__(
        self, reading: Reading, handles: Handles, parquet: bool, memory: Memory, folders: Folders, offsets: Iterable[Offset]
    ) -> None:
        self.files: dict[Key, FollowedFile] = {}
        self.by_id: dict[str, FollowedFile] = {}
        self.said: list[str] = []
        self.problems: dict[str, str] = {}
        self.farewells: deque[Offset] = deque()
        """Offsets of files that are over; to be stored as done."""
        self.memory = memory
        self.recognition = Recognition(reading, handles, parquet, memory, self.files, self.by_id, self.said)
        self._reading, self._handles, self._parquet, self._folders = reading, handles, parquet, folders
        self._unsighted: dict[str, FollowedFile] = {}
        for offset in offsets:
            self.store(offset)
        self.recognition.unsought = dict.fromkeys(self.memory.offsets)

    def has(self, file: FollowedFile) -> bool:
        """The file is read, and no other one has its place."""
        return self.files.get(file.found.key) is file

    def store(self, offset: Offset) -> None:
        """An offset is durable."""
        self.memory.store(offset)
        self._unsighted.pop(offset.file_id, None)
        file = self.by_id.get(offset.file_id)
        if file is not None:
            file.kept = Position(offset.byte, offset.line)
            if file.content is None or not file.content.packed:
                file.growth.forget(offset.byte)
            if file.stored and not self.has(file):
                del self.by_id[file.file_id]

    def farewell(self) -> Offset | None:
        """The offset of a file that is over and did not come back meanwhile."""
        while self.farewells:
            offset = self.farewells.popleft()
            if offset.file_id not in self.by_id and self.memory.is_at(offset):
                return offset
        return None

    # -- coming

    def fresh(self, found: Found) -> FollowedFile:
        """A file that nothing was read of, under an id that no content has or had; it is not entered."""
        identity = Identity(found.device, found.inode, since=found.mtime_ns, target=self._folders.target(found.path))
        return FollowedFile(self._reading, self._fresh_id(found), found, identity)

    def _fresh_id(self, found: Found) -> str:
        number = 0
        while (file_id := f"{found.device:x}-{found.inode:x}-{number}") in self.memory.offsets or file_id in self.by_id:
            number += 1
        return file_id

    def enter(self, file: FollowedFile) -> None:
        """From now on it is read under its key."""
        now = self._reading.clock()
        self.files[file.found.key] = file
        self.by_id[file.file_id] = file
        self.recognition.unsought.pop(file.file_id, None)
        if file.file_id not in self.memory.offsets and self._reading.follow and not self._parquet:
            self._unsighted[file.file_id] = file
        if file.read.byte:
            self.recognition.look_again()
        else:
            self.recognition.entered(file)
        file.met = now
        file.growth.saw(min(now, file.found.mtime_ns / 1e9), file.found.size)

    def sight(self, now: float) -> None:
        """Have it stored which files were found and not read yet, for a restart after they were renamed."""
        for file in self._unsighted.values():
            if not (file.sighted or file.skips or file.read.byte) and (not file.found.size or now - file.met >= SIGHT) and self.has(file):
                file.sighting = file.sighted = True

    # -- going on, and leaving

    def move(self, file: FollowedFile, found: Found) -> None:
        """Its content goes on there; what was entered under that key was empty."""
        if file.outlives and file.content is not None and not found.path.endswith(PACKED):
            more = file.content.status().st_size - found.size
            if more > 0:
                self.said.append(f"{file.name} was deleted, with {more:,} bytes that {found.name}, which goes on for it, does not have")
        self._handles.close(file)
        if self.has(file):
            del self.files[file.found.key]
        self.said.append(Usual(f"{found.name} has the content of {file.name}: it goes on where that was read"))
        self.recognition.truncated.pop(file.file_id, None)
        if empty := self.files.get(found.key):
            self._drop(empty)
        file.move(found)
        self.enter(file)

    def dismiss(self, file: FollowedFile, left: Left = "") -> None:
        """Nothing was read of it, and nothing will be."""
        if file.file_id in self.memory.offsets:
            self.farewells.append(self.memory.over(file, left))
        self._handles.close(file)
        del self.files[file.found.key]
        self._drop(file)

    def retire(self, file: FollowedFile) -> None:
        """Nothing more will be read of it; it keeps its id until all that was read is stored."""
        self._handles.close(file)
        self._unsighted.pop(file.file_id, None)
        if self.has(file):
            del self.files[file.found.key]
        if file.stored:
            self.by_id.pop(file.file_id, None)

    def _drop(self, file: FollowedFile) -> None:
        self.by_id.pop(file.file_id, None)
        self._unsighted.pop(file.file_id, None)
