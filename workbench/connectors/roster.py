"""Which file is which: matches what a look found with what was read before."""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace

from workbench.batch import Offset
from workbench.connectors.followed import GRACE, FollowedFile, Position, Reading
from workbench.connectors.handles import Handles
from workbench.connectors.identity import Identity
from workbench.connectors.listing import Found, Look, found_at, stat_of
from workbench.connectors.memory import Memory, has_content
from workbench.connectors.recognition import LINGER, Key, ReadBefore, Recognition, Undecided
from workbench.connectors.remains import PACKED, Remains
from workbench.connectors.tidings import lost, missed, sentence

SIGHT = 5.0
"""Seconds that a file may wait to be read before it is stored that it was found."""


class Roster:
    """Every file that is read or was: by key (device, inode) while it lives, by its stored offset for good.

    Invariants:
    - One content has one file id, whatever it is called; one file id never gets a second content.
    - A content that was met and is not to be found any more is told once in a notice, with the bytes that are known to
      be unread; then its offset is stored as done.
    - A folder that is gone takes nothing with it: what was read there waits until it is back.
    """

    def __init__(self, reading: Reading, handles: Handles, parquet: bool, root: str, offsets: Iterable[Offset]) -> None:
        self.files: dict[Key, FollowedFile] = {}
        self.by_id: dict[str, FollowedFile] = {}
        self.said: list[str] = []
        self.problems: dict[str, str] = {}
        self.farewells: deque[Offset] = deque()
        """Offsets of files that are over; to be stored as done."""
        self._waiting: dict[Key, Found] = {}
        """New files that may turn out to be copies of known ones."""
        self._reading, self._handles, self._parquet, self._root = reading, handles, parquet, root
        self.memory = Memory(reading, root)
        self._recognition = Recognition(reading, handles, parquet, self.memory, self.files, self.by_id, self.said)
        self.remains = Remains(root, self.files.__contains__)
        self._unsighted: dict[str, FollowedFile] = {}
        self._there: dict[str, bool] = {}
        self._folders: dict[str, str] = {}
        for offset in offsets:
            self.store(offset)
        self._recognition.unsought = dict.fromkeys(self.memory.offsets)

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

    @property
    def undecided(self) -> bool:
        """Some new file is not read yet because it looks like a copy."""
        return bool(self._waiting)

    def farewell(self) -> Offset | None:
        """The offset of a file that is over and did not come back meanwhile."""
        while self.farewells:
            offset = self.farewells.popleft()
            if offset.file_id not in self.by_id and self.memory.is_at(offset):
                return offset
        return None

    # -- a look

    def update(self, look: Look, at_end: bool) -> list[FollowedFile]:
        """Take in what a look found; the files that have news. `at_end`: new ones begin at their end."""
        now = self._reading.clock()
        self.problems, self._waiting, self._recognition.just_gone = dict(look.problems), {}, []
        self.look_again()
        for key, file in list(self.files.items()):
            found = look.found.get(key)
            if found is None:
                self._missing(file, now)
            elif found.path != file.found.path and self._is_another(file, found):
                self._supplanted(file, now)
            elif found is not file.found or file.gone_since is not None:
                file.seen(found, now)
        self._recognition.look_again()
        new = [found for key, found in look.found.items() if key not in self.files]
        for file in [file for file in self.files.values() if file.unjudged and file.found.size]:
            self._judge(file, look, now)
        unknown = [found for found in new if not self._recalled(found, now)]
        for found in unknown:
            self._welcome(found, look, len(unknown) if at_end else 0, now)
        if self._recognition.unsought:
            self._seek_unsought(now)
        self._sight(now)
        self._recognition.forget_unseen(look)
        return [file for file in self.files.values() if file.resting is not file.found and file.has_news(now)]

    def look_again(self) -> None:
        self._recognition.look_again()
        self._there.clear()
        self.remains.look_again()

    def _sight(self, now: float) -> None:
        """Have it stored which files were found and not read yet, for a restart after they were renamed."""
        for file in self._unsighted.values():
            if not (file.sighted or file.skips or file.read.byte) and (not file.found.size or now - file.met >= SIGHT) and self.has(file):
                file.sighting = file.sighted = True

    def _recalled(self, found: Found, now: float) -> bool:
        """Known content under its inode: it goes on where its offset stands."""
        try:
            offset = self._recognition.recall(found)
        except OSError as error:
            self.problems[found.path] = sentence(found.name, error)
            return True
        if offset is not None:
            file = self.memory.restore(found, offset)
            file.unjudged = self._reading.follow and not (file.identity.head.length or self._parquet)
            self._enter(file)
        elif ids := [i for i in self.memory.at_inode(found.inode) if i not in self.by_id and self.memory.offsets[i].file == found.name]:
            self._recognition.truncated |= dict.fromkeys(ids, now)
            self.said.append(f"{found.name} was replaced or truncated: it is read from its start")
        return offset is not None

    def _welcome(self, found: Found, look: Look, at_end: int, now: float) -> None:
        try:
            file = None if self._parquet or at_end else self._recognition.predecessor(found, look, now)
        except OSError as error:
            self.problems[found.path] = sentence(found.name, error)
            return
        except Undecided:
            self._waiting[found.key] = found
            return
        except ReadBefore:
            self._pass_over(found)
            return
        if file is not None:
            self._move(file, found)
            return
        identity = replace(self._identity(found), first_look=at_end)
        file = FollowedFile(self._reading, self._fresh_id(found), found, identity, at_end=found.size if at_end else None)
        file.unjudged = self._reading.follow and not (found.size or at_end or self._parquet)
        self._enter(file)

    def _identity(self, found: Found) -> Identity:
        """Of a file that nothing was read of."""
        folder = os.path.dirname(found.path)
        if folder not in self._folders:
            self._folders[folder] = os.path.realpath(folder)
        linked = os.path.islink(found.path) or self._folders[folder] != folder  # noqa: PTH114 (thousands of files)
        target = os.path.realpath(found.path) if linked else ""
        return Identity(found.device, found.inode, since=found.mtime_ns, target=target)

    def _judge(self, file: FollowedFile, look: Look, now: float) -> None:
        """A file that was empty when it was found has content now."""
        try:
            known = self._recognition.predecessor(file.found, look, now)
        except Undecided:
            self._waiting[file.found.key] = file.found
            return
        except ReadBefore:
            self._dismiss(file)
            self._pass_over(file.found)
            return
        except OSError:
            known = None  # reading it will tell
        file.unjudged, file.resting = False, None
        if known is not None:
            self._move(known, file.found)

    def _pass_over(self, found: Found) -> None:
        """All that it has was read elsewhere."""
        copy = FollowedFile(self._reading, self._fresh_id(found), found, self._identity(found), at_end=found.size, spent=True)
        self._enter(copy)

    def _dismiss(self, file: FollowedFile) -> None:
        """Nothing was read of it, and nothing will be."""
        if file.file_id in self.memory.offsets:
            self.farewells.append(self.memory.over(file))
        self._handles.close(file)
        del self.files[file.found.key]
        self._drop(file)

    def _enter(self, file: FollowedFile) -> None:
        now = self._reading.clock()
        self.files[file.found.key] = file
        self.by_id[file.file_id] = file
        self._recognition.unsought.pop(file.file_id, None)
        if file.file_id not in self.memory.offsets and self._reading.follow and not self._parquet:
            self._unsighted[file.file_id] = file
        if file.read.byte:
            self._recognition.look_again()
        file.met = now
        file.growth.saw(min(now, file.found.mtime_ns / 1e9), file.found.size)

    def _move(self, file: FollowedFile, found: Found) -> None:
        self._handles.close(file)
        if self.has(file):
            del self.files[file.found.key]
        self.said.append(f"{found.name} has the content of {file.name}: it goes on where that was read")
        self._recognition.truncated.pop(file.file_id, None)
        if empty := self.files.get(found.key):
            self._drop(empty)
        file.move(found)
        self._enter(file)

    def _drop(self, file: FollowedFile) -> None:
        self.by_id.pop(file.file_id, None)
        self._unsighted.pop(file.file_id, None)

    def _fresh_id(self, found: Found) -> str:
        number = 0
        while (file_id := f"{found.device:x}-{found.inode:x}-{number}") in self.memory.offsets or file_id in self.by_id:
            number += 1
        return file_id

    # -- files that are gone or replaced

    def _missing(self, file: FollowedFile, now: float) -> None:
        if file.gone_since is None:
            if not self._away(file, now):
                self._gone(file, now)
            return
        if file.content is not None:
            self._look_at_open(file, now)
        patience = LINGER if file.content is not None and file.content.status().st_nlink else GRACE
        if file.stored and not file.has_news(now) and now - max(file.gone_since, file.growth.last) >= patience:
            if not file.done:
                self.farewells.append(self.memory.over(file))
            self._retire(file)

    def _look_at_open(self, file: FollowedFile, now: float) -> None:
        assert file.content is not None
        status = file.content.status()
        file.found = replace(file.found, size=status.st_size, mtime_ns=status.st_mtime_ns)
        file.growth.saw(now, status.st_size)

    def _away(self, file: FollowedFile, now: float) -> bool:
        """Whether its whole folder is gone (unmounted, renamed), and it is not known to be deleted."""
        folder = os.path.dirname(file.found.path)
        if not self._reading.follow or self._is_there(folder):
            return False
        if file.content is not None:
            if not file.content.status().st_nlink:
                return False
            self._look_at_open(file, now)
            if now - file.growth.last >= LINGER:
                self._handles.close(file)
        name = folder.removeprefix(self._root.rstrip(os.sep) + os.sep)
        self.problems[folder] = f"{name} is gone: its files are read on when it is back"
        return True

    def _is_there(self, folder: str) -> bool:
        if folder not in self._there:
            try:
                self._there[folder] = stat.S_ISDIR(os.stat(folder).st_mode)  # noqa: PTH116 (as all of these)
            except (FileNotFoundError, NotADirectoryError):
                self._there[folder] = False
            except OSError:
                self._there[folder] = True
        return self._there[folder]

    def _gone(self, file: FollowedFile, now: float) -> None:
        try:
            here = stat_of(file.found.path, file.name)
            if here.key == file.found.key:
                file.seen(here, now)
                return
        except FileNotFoundError:
            pass
        except OSError as error:
            if os.path.dirname(file.found.path) not in self.problems:
                self.problems[file.found.path] = sentence(file.name, error)
            return
        if file.unjudged and file.content is not None and self._recognition.copied(file, file.content, now):
            self._dismiss(file)
            return
        file.leave(now, held=file.content is not None)
        other = self._renamed(file)
        if other is None:
            self._recognition.just_gone.append(file)
        if other is not None:
            where = os.path.basename(other.path)
            how = f"leads to another file now: {where}" if file.identity.target == other.path else f"was renamed to {where}: it"
            self.said.append(f"{file.name} {how} is read to its end")
            file.found = replace(file.found, path=other.path)
        elif file.content is not None:
            self.said.append(f"{file.name} is gone from its place: it is read to its end")
        elif not (file.found.size > file.read.byte and self._goes_on(file, now)):
            self.said.append(f"{file.name} was deleted" + lost(file, file.found.size))
            if file.file_id in self.memory.offsets:
                self.farewells.append(self.memory.over(file))
            self._retire(file)

    def _renamed(self, file: FollowedFile) -> Found | None:
        """The same file under another name; inodes are used again at once where no handle holds them."""
        other = self.remains.renamed(file)
        if other is None or file.held:
            return other
        if _shrunk_unread(file, other):
            return None
        with suppress(OSError):
            return other if self.files.get(other.key, file) is file and has_content(other, file.identity, self._parquet) else None
        return None

    def _goes_on(self, file: FollowedFile, now: float) -> bool:
        """It has a copy outside the glob: that is read to its end."""
        others = self.memory.others(self.by_id)
        home = self.remains.copied([file], others).get(file.file_id)
        if home is None:
            return False
        self._move(file, home)
        file.leave(now)
        return True

    def _is_another(self, file: FollowedFile, found: Found) -> bool:
        """Whether a file with its inode and another name is not it: nobody held the inode."""
        if file.content is not None:
            return False
        with suppress(OSError):
            return _shrunk_unread(file, found) or not has_content(found, file.identity, self._parquet)
        return False

    def _supplanted(self, file: FollowedFile, now: float) -> None:
        """Another file has its inode now."""
        del self.files[file.found.key]
        file.leave(now)
        self._recognition.just_gone.append(file)
        if self._parquet or not self._goes_on(file, now):
            self.said.append(f"{file.name} was deleted" + lost(file, file.found.size))
            self._retire(file)

    def vanished(self, file: FollowedFile) -> bool:
        """It could not be opened: another file, or none, has its name. Whether it is worth another try."""
        self.look_again()
        if not file.gone:
            self._missing(file, self._reading.clock())
            return self._has_more(file)
        if not self._parquet and self._goes_on(file, self._reading.clock()):
            return True
        self.said.append(f"{file.name} was deleted" + lost(file, file.found.size))
        self._retire(file)
        return False

    def _has_more(self, file: FollowedFile) -> bool:
        """Its content was found elsewhere; or nobody will look at it again."""
        return self.has(file) and (file.gone or not self._reading.follow)

    def _retire(self, file: FollowedFile) -> None:
        self._handles.close(file)
        self._unsighted.pop(file.file_id, None)
        if self.has(file):
            del self.files[file.found.key]
        if file.stored:
            self.by_id.pop(file.file_id, None)

    def replaced(self, file: FollowedFile) -> list[FollowedFile]:
        """A read found other content than before: a new file begins, and the old one goes on in its copy, if there is one."""
        before, gone, held, now = file.found, file.gone_since is not None, file.held, self._reading.clock()
        self.look_again()
        self._recognition.truncated[file.file_id] = now
        self._retire(file)
        begun = []
        copy = self._recognition.copy_of(file, self._waiting.values())
        if copy is not None:
            del self._waiting[copy.key]
            self._move(file, copy)
            begun.append(file)
        elif self._reading.follow and not self._parquet and self._goes_on(file, now):
            begun.append(file)
        took = lost(file, file.growth.size) if not begun and before.size < file.read.byte else ""
        how = f"was renamed and truncated{took}" if gone else f"was truncated or replaced{took}"
        self.said.append(f"{before.name} {how}: it is read from its start")
        here = found_at(before.path, before.name)
        if here is not None and here.key == before.key and (held or not gone):
            begun.append(FollowedFile(self._reading, self._fresh_id(here), here, self._identity(here)))
            self._enter(begun[-1])
            if gone:
                begun[-1].leave(now, held=True)
        return begun

    def _seek_unsought(self, now: float) -> None:
        """After a restart, once their folder is there: files that are not under their names, perhaps with something unread."""
        files = [self.memory.file(file_id) for file_id in self._recognition.unsought if file_id not in self.by_id]
        files = [file for file in files if all(self._is_there(folder) for folder in self.remains.folders(file)[:1])]
        missing = []
        for file in files:
            del self._recognition.unsought[file.file_id]
            try:
                if not self._resumed(file, now) and not self.memory.offsets[file.file_id].done:
                    missing.append(file)
            except OSError as error:
                self.problems[file.found.path] = sentence(file.name, error)
        if missing:
            self._seek_copies(missing, now)

    def _resumed(self, file: FollowedFile, now: float) -> bool:
        """It is there under another name; then what it has more is read."""
        offset, found = self.memory.offsets[file.file_id], self.remains.renamed(file)
        if found is None or found.key in self.files or (offset.done and found.stamp == file.identity.stamp):
            return False
        if found.path == file.found.path:
            return True  # it has its name, and the glob no longer names it
        if not has_content(found, file.identity, self._parquet):
            return False
        if found.size > offset.byte or found.path.endswith(PACKED):
            self.said.append(f"{offset.file} was renamed to {os.path.basename(found.path)}: it is read to its end")
            file.found = found
            file.leave(now)
            self._enter(file)
        return True

    def _seek_copies(self, missing: list[FollowedFile], now: float) -> None:
        ids = {file.file_id for file in missing}
        others = self.memory.others({*self.by_id, *ids})
        homes = {} if self._parquet else self.remains.copied(missing, others)
        given_up = []
        for file in missing:
            if file.file_id in homes:
                self._move(file, homes[file.file_id])
                file.leave(now)
            elif file.file_id not in self._recognition.truncated or file.identity.stamp[0] > file.read.byte:
                given_up.append(file)
            if file.file_id not in homes:
                self.farewells.append(self.memory.over(file))
        self.said += missed(given_up)


def _shrunk_unread(file: FollowedFile, found: Found) -> bool:
    """Nothing was read by which two files could be told apart, but this one is smaller: it was made later, under the same inode."""
    return not file.identity.head.length and found.size < file.found.size
