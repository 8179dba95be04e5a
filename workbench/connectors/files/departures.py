"""What becomes of files that lost their name, their inode or their content."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace

from workbench.connectors.files.alarms import Alarms
from workbench.connectors.files.compressed import PACKED
from workbench.connectors.files.folders import Folders
from workbench.connectors.files.followed import GRACE, FollowedFile
from workbench.connectors.files.handles import Handles
from workbench.connectors.files.listing import Found, found_at, stat_of
from workbench.connectors.files.memory import has_content
from workbench.connectors.files.newcomers import Newcomers
from workbench.connectors.files.reading import Reading
from workbench.connectors.files.recognition import LINGER, Undecided
from workbench.connectors.files.register import Register
from workbench.connectors.files.remains import Remains
from workbench.connectors.files.tidings import lost, sentence
from workbench.connectors.files.writers import has_writer
from workbench.connectors.usual import Usual
from workbench.filenames import shown

DOUBT = 10.0
"""Seconds without growth that a deleted file is kept open where the system does not tell whether a program may write to it."""
HELD = "a program still has it open to write"


class Departures:
    """Follows a file that goes away: to its new name, through its open handle, into its copy; and gives it up when there is nothing more.

    Invariants:
    - A content that was met and is not to be found any more is told once in a notice, with the bytes that are known to
      be unread; then its offset is stored as done.
    - A folder that is gone takes nothing with it: what was read there waits until it is back.
    - A deleted file that was open is read on through its handle, under its id: at least GRACE after it last grew, DOUBT where nobody
      tells whether a program may still write to it, and LINGER where one may, unless too many are kept. As long as that is so its
      packed copy is only a copy. That a program may write to what is deleted is told, and told again when the handle is let go.
    """

    def __init__(
        self,
        reading: Reading,
        handles: Handles,
        parquet: bool,
        register: Register,
        remains: Remains,
        folders: Folders,
        newcomers: Newcomers,
        alarms: Alarms,
    ) -> None:
        self._reading, self._handles, self._parquet = reading, handles, parquet
        self._register, self._recognition = register, register.recognition
        self._remains, self._folders, self._newcomers, self._alarms = remains, folders, newcomers, alarms
        self._written: set[str] = set()
        """Deleted files, by id, that a program may still write to."""

    # -- no name

    def missing(self, file: FollowedFile, now: float) -> None:
        """A look did not find it; once it is gone, whether it has ended."""
        if file.gone_since is None:
            if not self._away(file, now):
                self._gone(file, now)
            return
        if file.content is not None:
            self._look_at_open(file, now)
        quiet = now - max(file.gone_since, file.growth.last)
        fenced = file.fence is not None and file.found.size > file.fence
        if file.stored and not fenced and not file.has_news(now) and quiet >= GRACE and quiet >= self._patience(file):
            deleted = file.content is not None and not file.content.status().st_nlink
            over = self._register.memory.over(file, "deleted" if deleted else "gone")
            if not file.done or deleted:
                self._register.farewells.append(over)
            if file.file_id in self._written:
                self._register.said.append(f"{file.name} is deleted, and no longer read: {HELD}, and what that writes there is lost")
            self._written.discard(file.file_id)
            self._register.retire(file)

    def _patience(self, file: FollowedFile) -> float:
        """Seconds without growth after which a file that is gone is given up."""
        if file.content is None:
            return GRACE
        if file.content.status().st_nlink:
            return LINGER
        written = has_writer(file.content.fileno())
        if written and file.file_id not in self._written:
            self._written.add(file.file_id)
            told = f"{file.name} was deleted or packed, and {HELD}: what that writes there is read as long as this runs, and then lost"
            self._register.said.append(f"{told} (logrotate: delaycompress)")
        elif not written:
            self._written.discard(file.file_id)
        if self._handles.crowded or written is False:
            return GRACE
        return LINGER if written else DOUBT

    def _look_at_open(self, file: FollowedFile, now: float) -> None:
        assert file.content is not None
        status = file.content.status()
        file.found = replace(file.found, size=status.st_size, mtime_ns=status.st_mtime_ns)
        file.growth.saw(now, status.st_size)

    def _away(self, file: FollowedFile, now: float) -> bool:
        """Whether its whole folder is gone (unmounted, renamed), and it is not known to be deleted."""
        folder = os.path.dirname(file.found.path)
        if not self._reading.follow or self._folders.is_there(folder):
            return False
        if file.content is not None:
            if not file.content.status().st_nlink:
                return False
            self._look_at_open(file, now)
            if now - file.growth.last >= LINGER:
                self._handles.close(file)
        self._register.problems[folder] = f"{self._folders.name(folder)} is gone: its files are read on when it is back"
        return True

    def _gone(self, file: FollowedFile, now: float) -> None:
        said, problems = self._register.said, self._register.problems
        try:
            here = stat_of(file.found.path, file.name)
            if here.key == file.found.key:
                file.seen(here, now)
                return
        except FileNotFoundError:
            pass
        except OSError as error:
            if os.path.dirname(file.found.path) not in problems:
                problems[file.found.path] = sentence(file.name, error)
            return
        try:
            if file.unjudged and file.content is not None and self._recognition.copied(file, file.content, now):
                self._register.dismiss(file)
                return
        except Undecided:
            return
        file.leave(now, held=file.content is not None)
        other = self._renamed(file)
        if other is None:
            self._recognition.just_gone.append(file)
        if other is not None:
            where = shown(os.path.basename(other.path))
            how = f"leads to another file now: {where}" if file.identity.target == other.path else f"was renamed to {where}: it"
            said.append(Usual(f"{file.name} {how} is read to its end"))
            file.former.add(file.found.path)
            file.found = replace(file.found, path=other.path)
        elif file.content is not None:
            said.append(Usual(f"{file.name} is gone from its place: it is read to its end"))
        elif not (file.found.size > file.read.byte and self._goes_on(file, now)):
            self._lose(file)

    def _renamed(self, file: FollowedFile) -> Found | None:
        """The same file under another name; inodes are used again at once where no handle holds them."""
        other = self._remains.renamed(file)
        if other is None or file.held:
            return other
        if _unlike_unread(file, other):
            return None
        with suppress(OSError):
            mine = self._register.files.get(other.key, file) is file
            return other if mine and has_content(other, file.identity, self._parquet) else None
        return None

    def _goes_on(self, file: FollowedFile, now: float) -> bool:
        """It has a copy outside the glob: that is read to its end."""
        others = self._register.memory.others(self._register.by_id)
        home = self._remains.copied([file], others).get(file.file_id)
        if home is None or (home.key, home.path) == (file.found.key, file.found.path):
            return False
        self._register.move(file, home)
        file.leave(now)
        return True

    def _lose(self, file: FollowedFile) -> None:
        """It is gone for good."""
        took = "" if file.skips else lost(file, file.found.size)
        text = f"{file.name} was deleted{took}" if took else Usual(f"{file.name} was deleted")
        if file.found.size and not (file.read.byte or file.skips):
            self._alarms.hold(file.found, text)
        else:
            self._register.said.append(text)
        if file.file_id in self._register.memory.offsets or file.skips:
            self._register.farewells.append(self._register.memory.over(file, "gone"))
        self._register.retire(file)

    # -- another one has its place

    def is_another(self, file: FollowedFile, found: Found) -> bool:
        """Whether a file with its inode and another name is not it: nobody held the inode."""
        if file.content is not None:
            return False
        if _rewritten(file, found):
            return True
        with suppress(OSError):
            return _unlike_unread(file, found) or not has_content(found, file.identity, self._parquet)
        return False

    def supplanted(self, file: FollowedFile, now: float) -> None:
        """Another file has its inode now."""
        del self._register.files[file.found.key]
        file.leave(now)
        self._recognition.just_gone.append(file)
        if self._parquet or not self._goes_on(file, now):
            self._lose(file)

    def vanished(self, file: FollowedFile) -> bool:
        """It could not be opened: another file, or none, has its name. Whether it is worth another try."""
        if not file.gone:
            self.missing(file, self._reading.clock())
            return self._has_more(file)
        if not self._parquet and self._goes_on(file, self._reading.clock()):
            return True
        self._lose(file)
        return False

    def _has_more(self, file: FollowedFile) -> bool:
        """Its content was found elsewhere; or nobody will look at it again."""
        return self._register.has(file) and (file.gone or not self._reading.follow)

    def replaced(self, file: FollowedFile) -> list[FollowedFile]:
        """A read found other content than before: a new file begins, and the old one goes on in its copy, if there is one."""
        before, gone, held, now = file.found, file.gone_since is not None, file.held, self._reading.clock()
        self._recognition.truncated[file.file_id] = now
        self._register.retire(file)
        begun = []
        copy = self._newcomers.take_copy(file)
        if copy is not None:
            self._register.move(file, copy)
            begun.append(file)
        elif self._reading.follow and not self._parquet and self._goes_on(file, now):
            begun.append(file)
        took = lost(file, file.growth.size) if not begun and before.size < file.read.byte else ""
        how = f"was renamed and truncated{took}" if gone else f"was truncated or replaced{took}"
        text = f"{before.name} {how}: it is read from its start"
        self._register.said.append(text if took else Usual(text))
        here = found_at(before.path, before.name)
        if here is not None and here.key == before.key and (held or not gone):
            begun.append(self._register.fresh(here))
            self._register.enter(begun[-1])
            if gone:
                begun[-1].leave(now, held=True)
        return begun


def _unlike_unread(file: FollowedFile, found: Found) -> bool:
    """Nothing was read by which two files could be told apart, but what has its inode under another name was made later.

    A rename makes a file neither smaller nor older, and does not pack it.
    """
    if file.identity.head.length:
        return False
    smaller, older = found.size < file.found.size, found.mtime_ns < file.found.mtime_ns
    return smaller or older or file.found.path.endswith(PACKED) != found.path.endswith(PACKED)


def _rewritten(file: FollowedFile, found: Found) -> bool:
    """All of it was read, and what has its inode and another name was changed since, but is no longer: a rename leaves the time alone."""
    as_long = found.size == file.found.size and (file.done or file.read.byte == found.size)
    return as_long and found.mtime_ns != file.found.mtime_ns and not file.may_become(found)
