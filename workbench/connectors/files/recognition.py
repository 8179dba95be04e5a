"""What a new file has to do with those that are known: the same one, the rest of one, a copy of one, or nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from workbench.batch import Offset
from workbench.connectors.content import Content
from workbench.connectors.files import rotation
from workbench.connectors.files.compressed import PACKED
from workbench.connectors.files.followed import GRACE, FollowedFile
from workbench.connectors.files.handles import Handles, open_content
from workbench.connectors.files.kinship import Kin, Resemblance
from workbench.connectors.files.listing import Found, Look
from workbench.connectors.files.memory import Memory, has_content
from workbench.connectors.files.reading import Reading
from workbench.connectors.identity import Identity
from workbench.connectors.usual import Usual

LINGER = 600.0
"""Seconds that a renamed file without news is kept open for a writer that has not noticed yet, and that a copy may take to be made."""

ANEW = "it is read from its start, and those records come again"

Key = tuple[int, int]
"""(device, inode)."""


class Undecided(Exception):
    """Whether a new file is a copy of a known one, which the message names, cannot be told yet.

    Args:
        passing: it takes only time; else that file must be read on first.
    """

    def __init__(self, original: str, passing: bool) -> None:
        super().__init__(original)
        self.passing = passing


class Beside(Exception):
    """A new file is a packed copy of a known one that is still there, which the message names: all that it has is read there.

    The message is empty where only a handle is left of that one.
    """


class ReadBefore(Exception):
    """All that a new file has was read elsewhere."""


@dataclass(slots=True)
class Wait:
    """Since when a new file is there, and since when it is as it is."""

    stamp: tuple[int, int]
    since: float
    unchanged: float
    original: str = ""
    """The id of the file that it looked like: that may be renamed meanwhile."""
    told: bool = False


@dataclass(frozen=True, slots=True)
class Copy:
    """A packed file that was unpacked to its end, at `length` bytes: so far it is the beginning of a file that is still there."""

    stamp: tuple[int, int]
    original: str
    length: int
    whole: bool


class Recognition:
    """Compares contents; changes nothing of what is known.

    Invariants:
    - A file is recognised only when inode and content agree, after a restart too; what was seen to be deleted is not
      recognised under its inode.
    - Content under another inode is recognised only when the name is one that a rotation gives, and the file that had it is
      gone, was truncated, or is about to be. Files whose names have nothing to do with each other are different files,
      whatever they hold.
    - A new file waits only as long as it is the same as the beginning of such a file: GRACE, and longer only while
      it is still being copied. Then it is read, unless all of it was: a packed copy of what was read and stored is passed over, for
      good; one of what has half a line at its end waits beside that and goes on for it when that goes away.
    - A copy that lacks the last lines that were read before its original was truncated is not read again. That is said only of
      a file whose whole lines are known to have been read and stored, as far as `cut_short` can know; until they are stored it
      waits, and in doubt it is read.
    - What could belong to several files goes to the one that was read furthest.
    - A deleted file that is read on through its handle counts as there for its packed copy. That waits beside it, goes on for it when
      the handle is let go, and is passed over once more than it has was stored. No content goes on for the file that is not its own,
      as the handle tells.

    Args:
        files: that are read, by key; by_id: those and others whose end is not stored yet. said: takes what the user should know.
    """

    def __init__(
        self,
        reading: Reading,
        handles: Handles,
        parquet: bool,
        memory: Memory,
        files: Mapping[Key, FollowedFile],
        by_id: Mapping[str, FollowedFile],
        said: list[str],
    ) -> None:
        self.truncated: dict[str, float] = {}
        """When each file was found truncated or replaced, by id."""
        self.just_gone: list[FollowedFile] = []
        """Files that lost their name at this look."""
        self.unsought: dict[str, None] = {}
        """Files of earlier runs, by id, that were not looked for yet."""
        self._reading, self._handles, self._parquet, self._memory = reading, handles, parquet, memory
        self._files, self._by_id, self._said = files, by_id, said
        self._waits: dict[Key, Wait] = {}
        self._copies: dict[Key, Copy] = {}
        self._kin: dict[str, Kin] = {}
        self._fenced: dict[str, Key] = {}
        """The keys of packed copies, by the ids of files whose reads end where those do."""

    def look_again(self) -> None:
        """What is known or there has changed."""
        self._kin.clear()

    def entered(self, file: FollowedFile) -> None:
        """A new file is known, and others of the same look may be copies of it."""
        if "present" in self._kin and self._reading.follow:
            self._kin["present"].add(file)

    def forget_unseen(self, look: Look) -> None:
        """Of new files that became known, or are no longer there, nobody asks again."""
        for key in list(self._waits):
            if key not in look.found or (key in self._files and not self._files[key].unjudged):
                del self._waits[key]
                self._copies.pop(key, None)

    def recall(self, found: Found) -> Offset | None:
        """The furthest stored offset of this very content; after a reboot the device may have another number."""
        hits = []
        for file_id in self._memory.at_inode(found.inode):
            offset = self._memory.offsets[file_id]
            identity = Identity.from_mark(offset.mark)
            here = identity.inode == found.inode and (identity.device == found.device or offset.file == found.name)
            here = here and file_id not in self._by_id and not self._memory.has_left(offset, found)
            if here and has_content(found, identity, self._parquet):
                hits.append(offset)
        return max(hits, key=lambda offset: offset.byte, default=None)

    def predecessor(self, found: Found, look: Look, now: float) -> FollowedFile | None:
        """The file whose content goes on in `found`.

        Raises:
            Undecided: it may turn out to be one that is still there, or `found` is not written to its end yet.
            Beside: it has nothing that a file has not that is still there.
            ReadBefore: all that `found` has was read.
        """
        if not found.size:
            return None
        packed, wait = found.path.endswith(PACKED), self._wait(found, now)
        if found.key in self._copies:
            self._settle(found)
        namesakes = [file for file in self._present(look).named_before(found.path) if file.found.key != found.key]
        ended = self._ended(look, packed, now)
        if (known := self._by_id.get(wait.original)) and self._has(known) and not known.gone and known not in namesakes:
            namesakes.append(known)
        gone = self._gone_now().named_before(found.path)
        lost = [*self._originals(found, now), *(ended.named_before(found.path, counted=True) if packed else [])]
        if not (ended or namesakes or gone or lost):
            return None
        self._meet([*namesakes, *(file for file in gone if file.content is not None)])
        content = open_content(found.path, parquet=False)
        try:
            resemblance = Resemblance(content)
            if packed:
                self._compare_with_held(found, content, resemblance, [*gone, *lost], wait, now)
            heirs = [file for file in gone if resemblance.holds(file.identity)]
            heirs += [file for file in ended.held_by(resemblance) if file.file_id == wait.original or self._descends(found, file)]
            heirs = [file for file in heirs if not self._has_place(file.file_id, look) and not _lives_apart(file, resemblance)]
            if heirs:
                return heirs[-1]
            self._compare_with_lost(found, content, resemblance, lost, wait, now)
            for file in namesakes:
                if resemblance.like(file.identity, by_head=packed):
                    self._compare_with_present(found, content, resemblance, file, wait, now)
        finally:
            content.close()
        return None

    def _compare_with_lost(
        self, found: Found, content: Content, resemblance: Resemblance, lost: Sequence[FollowedFile], wait: Wait, now: float
    ) -> None:
        """Files whose content is no longer there may have been copied, or packed, as the new one."""
        packed, quiet = found.path.endswith(PACKED), now - wait.unchanged >= GRACE
        if self._reading.follow and not quiet and now - wait.since < LINGER:
            short = next((file for file in lost if resemblance.short_of([file.identity])), None)
            if short is not None and (content.trouble or not packed):
                raise self._undecided(found, short, wait, now)
        whole = packed and not content.trouble
        if (quiet or whole) and (original := _original(resemblance, lost)):
            if not resemblance.within(original.kept.byte):
                raise self._undecided(found, original, wait, now)
            self._said.append(Usual(f"{found.name} is a copy of what was read of {original.name}: it is not read again"))
            raise ReadBefore

    def _compare_with_present(
        self, found: Found, content: Content, resemblance: Resemblance, original: FollowedFile, wait: Wait, now: float
    ) -> None:
        """A file that is there may be truncated or deleted, once it is copied or packed as the new one."""
        fresh, packed, young = now - wait.since < GRACE, found.path.endswith(PACKED), now - wait.since < LINGER
        try:
            there = self._handles.use(original)
            if not there.same(original.identity):  # it is truncated already, as the next read of it will tell
                raise self._undecided(found, original, wait, now, passing=fresh)
            if resemblance.differs_from(there):
                return
            if fresh:
                raise self._undecided(found, original, wait, now)
            if now - wait.unchanged < GRACE:
                if young and (resemblance.head_of(there) if packed else resemblance.part_of(there, found.size)):
                    raise self._undecided(found, original, wait, now)
            elif packed and resemblance.part_of(there, length := resemblance.length()):
                self._copies[found.key] = Copy(found.stamp, original.file_id, length, not content.trouble)
                self._settle(found)
        except OSError:
            raise self._undecided(found, original, wait, now, passing=fresh) from None

    def _compare_with_held(
        self, found: Found, content: Content, resemblance: Resemblance, originals: Iterable[FollowedFile], wait: Wait, now: float
    ) -> None:
        """Of a deleted file its open handle has all that a packed copy has, and more, if a program still writes to it."""
        for original in originals:
            there = original.content
            if there is None or not original.outlives or resemblance.differs_from(there) or not there.same(original.identity):
                continue
            if wait.unchanged == now != wait.since:  # it grows: not to be unpacked at every look
                original.fence, self._fenced[original.file_id] = original.read.byte, found.key  # until it is known how much it has
                raise self._undecided(found, original, wait, now)
            wait.original, length = original.file_id, resemblance.length()
            if length and resemblance.part_of(there, length):
                self._copies[found.key] = Copy(found.stamp, original.file_id, length, not content.trouble)
                original.fence, self._fenced[original.file_id] = length, found.key
                self._settle(found)
            elif self._fenced.get(original.file_id) == found.key:
                del self._fenced[original.file_id]
                original.fence = None
                original.ahead.look_again()

    def lift(self, look: Look) -> None:
        """What is behind fences is read: the copies are gone, or it is stored that they were passed over."""
        for file_id, key in list(self._fenced.items()):
            file, copy = self._by_id.get(file_id), self._files.get(key)
            if key not in look.found or file is None or not self._has(file) or (copy is not None and copy.stored and not copy.skips):
                del self._fenced[file_id]
                if file is not None:
                    file.fence = None
                    file.ahead.look_again()

    def _settle(self, found: Found) -> None:
        """A file that is known to be a packed copy of one that is there needs no other look at its content."""
        copy = self._copies[found.key]
        original = self._by_id.get(copy.original)
        lost = original is None or (original.gone and not original.outlives)
        if original is None or lost or not self._has(original) or copy.stamp != found.stamp:
            del self._copies[found.key]
        elif original.gone:
            self._settle_beside_handle(found, copy, original)
        elif copy.whole and original.kept.byte >= copy.length:
            self._said.append(Usual(f"{found.name} is a copy of what was read of {original.name}: it is not read again"))
            raise ReadBefore
        elif original.stored and original.ahead.drained == original.found.stamp:
            raise Beside(original.name)
        else:
            raise Undecided(original.name, passing=False)

    def _settle_beside_handle(self, found: Found, copy: Copy, original: FollowedFile) -> None:
        """A deleted file goes on in a copy that lacks nothing of it; it is to be stored that one which does was passed over, then only
        the rest is read: or a restart would know neither of them."""
        there, ahead = original.content, original.read.byte + original.ahead.waiting
        if original.kept.byte < copy.length and not (original.stored and ahead >= copy.length):
            raise Undecided(original.name, passing=False)
        if there is None or there.status().st_size <= copy.length:
            raise Beside("")
        self._said.append(Usual(f"{found.name} is a copy of what was read of {original.name}: it is not read again"))
        raise ReadBefore

    def _undecided(self, found: Found, original: FollowedFile, wait: Wait, now: float, passing: bool = True) -> Undecided:
        """One that waits for long is told."""
        wait.original = original.file_id
        if now - wait.since >= GRACE and not wait.told:
            wait.told = True
            self._said.append(f"{found.name} looks like a copy of {original.name} that is being made: it waits until that is certain")
        return Undecided(original.name, passing)

    def _descends(self, found: Found, file: FollowedFile) -> bool:
        """Whether the new file may be what that became when it was rotated; the same name is one of another file, if that was given up."""
        if file.may_become(found):
            return True
        left = file.file_id in self._memory.left and file.identity.stamp[1] != found.mtime_ns
        return not left and rotation.repacked(file.found.path, found.path)

    def _originals(self, found: Found, now: float) -> list[FollowedFile]:
        """Files that were truncated, perhaps just after `found` was made of one; rotated names begin with its name."""
        recent = [file_id for file_id, when in self.truncated.items() if now - when <= LINGER]
        files = [self._by_id.get(i) or self._memory.file(i) for i in recent if i in self._by_id or i in self._memory.offsets]
        return [file for file in files if file.may_become(found)]

    def copied(self, file: FollowedFile, content: Content, now: float) -> bool:
        """A file that goes away before its content was judged is a copy of what was read.

        Raises:
            Undecided: it is one of what was read and is not stored yet.
        """
        originals = [*self._originals(file.found, now), *Kin(list(self._files.values())).named_before(file.found.path)]
        original = _original(resemblance := Resemblance(content), originals)
        if original is not None and not resemblance.within(original.kept.byte):
            raise Undecided(original.name, passing=True)
        return original is not None

    def _meet(self, files: Iterable[FollowedFile]) -> None:
        """Get the heads of files that nothing was read of yet."""
        for file in files:
            if not file.identity.head.length:
                with suppress(OSError):
                    file.identity = file.identity.met(self._handles.use(file).peek)

    def _ended(self, look: Look, packed: bool, now: float) -> Kin:
        """Files that are no longer there under their own inode: all of them, or those truncated a moment ago."""
        kind = "packed" if packed else "recent"
        if kind not in self._kin:
            recent = {file_id for file_id, when in self.truncated.items() if now - when <= GRACE}
            stored = self._memory.offsets if packed else self._memory.offsets.keys() & recent
            files = [self._memory.file(i) for i in stored if i not in self._by_id]
            files += [file for file_id in recent if (file := self._by_id.get(file_id)) and not self._has(file)]
            if packed:
                files += [file for key, file in self._files.items() if key not in look.found]
            self._kin[kind] = Kin(files)
        return self._kin[kind]

    def tell_of_repetition(self, found: Found, look: Look) -> None:
        """Of a new file that will be read from its start, and begins with what was read: rsync and gunzip make such files.

        Raises:
            OSError: it cannot be opened now.
        """
        if not found.size or not self._reading.follow:
            return
        replaced = [file for file in self._gone_now().named(found.path) if file.read.line > 1]
        packed = [file for kin in (self._gone_now(), self._present(look)) for e in PACKED for file in kin.named(found.path + e)]
        if not (replaced or packed):
            return
        content = open_content(found.path, parquet=False)
        try:
            resemblance = Resemblance(content)
            if any(resemblance.holds(file.identity) for file in replaced):
                self._said.append(f"{found.name} is another file now and begins with what was read: {ANEW} (rsync: --inplace)")
            elif unpacked := next((file for file in packed if resemblance.begins_as(file.identity)), None):
                self._said.append(f"{found.name} begins as {unpacked.name} does, which was read: {ANEW}")
        finally:
            content.close()

    def _gone_now(self) -> Kin:
        """Files that lost their name at this look, or while nobody looked."""
        if "gone" not in self._kin:
            sought = (file_id for file_id in self.unsought if file_id not in self._by_id and file_id not in self._memory.left)
            unsought = [self._memory.file(file_id) for file_id in sought]
            self._kin["gone"] = Kin([*self.just_gone, *unsought])
        return self._kin["gone"]

    def _present(self, look: Look) -> Kin:
        if "present" not in self._kin:
            follow = self._reading.follow
            self._kin["present"] = Kin([file for key, file in self._files.items() if key in look.found and follow])
        return self._kin["present"]

    def _wait(self, found: Found, now: float) -> Wait:
        """How long the file is there, and unchanged."""
        wait = self._waits.setdefault(found.key, Wait(found.stamp, now, now))
        wait.since, wait.unchanged = min(wait.since, now), min(wait.unchanged, now)  # a clock may be set back
        if wait.stamp != found.stamp:
            wait.stamp, wait.unchanged = found.stamp, now
        return wait

    def copy_of(self, file: FollowedFile, waiting: Iterable[Found]) -> Found | None:
        """The new file that has all that was read of `file`, if there is one."""
        for found in waiting:
            if not file.may_become(found):
                continue
            try:
                content = open_content(found.path, parquet=False)
            except OSError:
                continue
            try:
                if not found.path.endswith(PACKED) and Resemblance(content).holds(file.identity):
                    return found
            finally:
                content.close()
        return None

    def _has_place(self, file_id: str, look: Look) -> bool:
        """Its content was found elsewhere at this look."""
        known = self._by_id.get(file_id)
        return known is not None and self._has(known) and known.found.key in look.found

    def _has(self, file: FollowedFile) -> bool:
        return self._files.get(file.found.key) is file


def _lives_apart(file: FollowedFile, resemblance: Resemblance) -> bool:
    """It was deleted, and its handle tells that it has another content, which may have begun alike."""
    there = file.content
    return there is not None and file.outlives and there.same(file.identity) and resemblance.parts_from(there)


def _original(copy: Resemblance, files: Sequence[FollowedFile]) -> FollowedFile | None:
    """The file that has all of a cut copy: in what is stored of it, or in what will be."""
    known = [file for file in files if copy.cut_short(file.identity)]
    fit = [file for file in known if copy.within(file.kept.byte)] or [file for file in known if not file.stored]
    return fit[-1] if fit else None
