"""Files that a look found and nobody knows yet: entered, recognised, kept waiting or passed over."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from workbench.connectors.files.alarms import Alarms
from workbench.connectors.files.elders import Elders
from workbench.connectors.files.followed import FollowedFile
from workbench.connectors.files.handles import Handles
from workbench.connectors.files.listing import Found, Look
from workbench.connectors.files.memory import has_content
from workbench.connectors.files.reading import Reading
from workbench.connectors.files.recognition import Beside, Key, ReadBefore, Undecided
from workbench.connectors.files.register import Register
from workbench.connectors.files.tidings import sentence


class Newcomers:
    """Acts on what the recognition says of new files, and of empty ones that have content now.

    Each new file becomes one of the register, at once or at a later look, unless it has nothing that is not read elsewhere.
    What waits is never lost from sight: when it goes away unread, that is told.
    """

    def __init__(self, reading: Reading, handles: Handles, parquet: bool, register: Register, alarms: Alarms, elders: Elders) -> None:
        self._reading, self._handles, self._parquet = reading, handles, parquet
        self._register, self._recognition, self._alarms, self._elders = register, register.recognition, alarms, elders
        self.outrun = False
        """A new file had gone when it was to be opened, and what became of it is not known yet."""
        self._waiting: dict[Key, Found] = {}
        """New files that may turn out to be copies of known ones."""
        self._beside: dict[Key, tuple[int, int]] = {}
        """The stamps of packed copies that wait beside their originals."""

    @property
    def undecided(self) -> bool:
        """Some new file is not read yet because it looks like a copy."""
        return bool(self._waiting)

    def waiting(self) -> list[FollowedFile]:
        """Those files, as they would be read from their start."""
        return [self._register.fresh(found) for key, found in self._waiting.items() if key not in self._register.files]

    def unread(self) -> tuple[str, ...]:
        """Of such files, in sentences."""
        return tuple(f"{found.name} is not read yet: it may be a copy that is still being made" for found in self._waiting.values())

    def take_copy(self, file: FollowedFile) -> Found | None:
        """The waiting file that has all that was read of `file`, if there is one: it waits no longer."""
        copy = self._recognition.copy_of(file, self._waiting.values())
        if copy is not None:
            del self._waiting[copy.key]
            self._elders.leave(copy.key)
        return copy

    def look_at(self, look: Look) -> None:
        """A look begins: what waited is asked about anew, or is gone."""
        for key, found in self._waiting.items():
            if key not in self._register.files and key not in look.found:
                self._alarms.hold(found, f"{found.name} is gone, and nothing of it was read", waited=True)
        self._beside = {key: stamp for key, stamp in self._beside.items() if key in look.found}
        self._waiting = {}
        self.outrun = False
        self._elders.look_at(look.found)

    def recalled(self, found: Found, now: float) -> bool:
        """Known content under its inode: it goes on where its offset stands."""
        try:
            offset = self._recognition.recall(found)
        except OSError as error:
            self._cannot_open(found, error)
            return True
        if offset is not None:
            file = self._register.memory.restore(found, offset)
            file.unjudged = self._reading.follow and not (file.identity.head.length or self._parquet or file.skips)
            file.age(found)
            file.doubt()
            self._register.enter(file)
        elif ids := [i for i in self._register.memory.at_inode(found.inode) if self._was_at(i, found)]:
            self._recognition.truncated |= dict.fromkeys(ids, now)
            self._register.said.append(f"{found.name} was replaced or truncated: it is read from its start")
        return offset is not None

    def _was_at(self, file_id: str, found: Found) -> bool:
        """A content that had this name to the last."""
        memory = self._register.memory
        known = file_id not in self._register.by_id and file_id not in memory.left
        return known and memory.offsets[file_id].file == found.name

    def welcome(self, found: Found, look: Look, at_end: int, now: float) -> None:
        """Unknown content. `at_end`: it begins at its end, as that many files do that were there at the first look."""
        try:
            file = None if self._parquet or at_end else self._recognition.predecessor(found, look, now)
        except OSError as error:
            self._cannot_open(found, error)
            return
        except Undecided as undecided:
            self._keep_waiting(found, found.mtime_ns, undecided)
            return
        except Beside as beside:
            self._say_beside(found, str(beside))
            return
        except ReadBefore:
            self._pass_over(found)
            return
        if file is not None:
            self._register.move(file, found)
            return
        if not (self._parquet or at_end):
            with suppress(OSError):
                self._recognition.tell_of_repetition(found, look)
        file = self._register.fresh(found)
        if at_end:
            file.identity, file.at_end = replace(file.identity, first_look=at_end, skip=found.size), found.size
        file.unjudged = self._reading.follow and not (found.size or at_end or self._parquet)
        self._register.enter(file)

    def judge(self, file: FollowedFile, look: Look, now: float) -> None:
        """A file that was empty when it was found has content now; or a copy is another one now."""
        try:
            known = self._recognition.predecessor(file.found, look, now)
        except Undecided as undecided:
            self._keep_waiting(file.found, file.identity.since, undecided)
            return
        except Beside as beside:
            self._say_beside(file.found, str(beside))
            return
        except ReadBefore:
            self._pass_over_again(file)
            return
        except OSError:
            known = None  # reading it will tell
        file.judged()
        if file.identity.copy:
            self._handles.close(file)
            file.identity = replace(file.identity, copy=False)
        if known is not None:
            self._register.move(known, file.found)
        elif not file.begun:
            with suppress(OSError):
                self._recognition.tell_of_repetition(file.found, look)

    def _cannot_open(self, found: Found, error: OSError) -> None:
        self._register.problems[found.path] = sentence(found.name, error)
        self.outrun |= isinstance(error, FileNotFoundError)

    def _keep_waiting(self, found: Found, since: int, undecided: Undecided) -> None:
        """And what is newer of its log too, unless that must be read to decide this."""
        self._waiting[found.key] = found
        if undecided.passing:
            self._elders.enter(found, since)

    def _say_beside(self, found: Found, original: str) -> None:
        """Once for each look of the file."""
        if original and self._beside.get(found.key) != found.stamp:
            self._beside[found.key] = found.stamp
            self._register.said.append(f"{found.name} is a copy of {original}, which is still there: it is not read as long as that is")

    def _pass_over(self, found: Found) -> None:
        """All that it has was read elsewhere."""
        copy = self._register.fresh(found)
        copy.pass_over()
        self._register.enter(copy)

    def _pass_over_again(self, file: FollowedFile) -> None:
        """A file that was empty is a copy, or a copy is another one now: of the same file, with more, or of another."""
        self._handles.close(file)  # which would take a packed file that was made anew for another one
        with suppress(OSError):
            if file.identity.copy and has_content(file.found, file.identity, self._parquet):
                file.pass_over()
                return
        self._register.dismiss(file, "deleted" if file.identity.copy else "")
        self._pass_over(file.found)
