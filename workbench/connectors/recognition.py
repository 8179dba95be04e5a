"""What a new file has to do with those that are known: the same one, the rest of one, a copy of one, or nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress

from workbench.batch import Offset
from workbench.connectors.content import Content
from workbench.connectors.followed import GRACE, FollowedFile, Reading
from workbench.connectors.handles import Handles, open_content
from workbench.connectors.identity import Identity
from workbench.connectors.kinship import Kin, Resemblance
from workbench.connectors.listing import Found, Look
from workbench.connectors.memory import Memory, has_content
from workbench.connectors.remains import PACKED

LINGER = 600.0
"""Seconds that a renamed file without news is kept open for a writer that has not noticed yet."""


Key = tuple[int, int]
"""(device, inode)."""


class Undecided(Exception):
    """Whether a new file is a copy of a known one cannot be told yet."""


class ReadBefore(Exception):
    """A new file is a copy of the beginning of a known one: it was made a moment before that was truncated."""


class Recognition:
    """Compares contents; changes nothing of what is known.

    Invariants:
    - A file is recognised only when inode and content agree, after a restart too; content under another inode is
      recognised only when the file that had it is gone, was truncated, or is about to be (a copy, a compressed file).
    - A copy that lacks the last lines that were read before its original was truncated is not read again.
    - What could belong to several files goes to the one that was read furthest.

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
        self._first_seen: dict[Key, tuple[tuple[int, int], float]] = {}
        self._kin: dict[str, Kin] = {}

    def look_again(self) -> None:
        """What is known or there has changed."""
        self._kin.clear()

    def forget_unseen(self, look: Look) -> None:
        """Of new files that became known, or are no longer there, nobody asks again."""
        if self._first_seen:
            self._first_seen = {
                key: seen
                for key, seen in self._first_seen.items()
                if key in look.found and (key not in self._files or self._files[key].unjudged)
            }

    def recall(self, found: Found) -> Offset | None:
        """The furthest stored offset of this very content; after a reboot the device may have another number."""
        hits = []
        for file_id in self._memory.at_inode(found.inode):
            offset = self._memory.offsets[file_id]
            identity = Identity.from_mark(offset.mark)
            here = identity.inode == found.inode and (identity.device == found.device or offset.file == found.name)
            if here and file_id not in self._by_id and has_content(found, identity, self._parquet):
                hits.append(offset)
        return max(hits, key=lambda offset: offset.byte, default=None)

    def predecessor(self, found: Found, look: Look, now: float) -> FollowedFile | None:
        """The file whose content goes on in `found`.

        Raises:
            Undecided: it may turn out to be one that is still there, or `found` is not written to its end yet.
            ReadBefore: all that `found` has was read.
        """
        packed = found.path.endswith(PACKED)
        ended, present = self._ended(look, packed, now), self._present(look)
        gone = self._gone_now().named_before(found.path)
        originals = self._originals(found, now)
        if not found.size or not (ended or present or gone or originals):
            return None
        namesakes = present.named_before(found.path)
        if packed:
            self._meet(namesakes)
        content = open_content(found.path, parquet=False)
        try:
            resemblance = Resemblance(content)
            heirs = [*(file for file in gone if resemblance.holds(file.identity)), *ended.held_by(resemblance)]
            quiet = self._quiet(found, now)
            if heirs:
                return heirs[-1]
            kin = [*present.files, *ended.files] if packed else [*namesakes, *originals]
            unfinished = not quiet and resemblance.short_of(file.identity for file in kin) and (content.trouble or not packed)
            if self._reading.follow and unfinished:
                raise Undecided
            whole = packed and not content.trouble
            if (quiet or whole) and (copied := [file for file in originals if resemblance.cut_short(file.identity)]):
                self._said.append(f"{found.name} is a copy of what was read of {copied[-1].name}: it is not read again")
                raise ReadBefore
            alike = [*present.held_by(resemblance), *(file for file in namesakes if resemblance.holds(file.identity))]
            alike += [file for file in namesakes if whole and resemblance.cut_short(file.identity)]
            if (packed or not quiet) and any(file.found.key != found.key for file in alike):
                raise Undecided
        finally:
            content.close()
        return None

    def _originals(self, found: Found, now: float) -> list[FollowedFile]:
        """Files that were truncated, perhaps just after `found` was made of one; rotated names begin with its name."""
        recent = [file_id for file_id, when in self.truncated.items() if now - when <= LINGER]
        files = [self._by_id.get(i) or self._memory.file(i) for i in recent if i in self._by_id or i in self._memory.offsets]
        return [file for file in files if found.path != file.found.path and found.path.startswith(file.found.path)]

    def copied(self, file: FollowedFile, content: Content, now: float) -> bool:
        """A file that goes away before its content was judged is a copy of what was read."""
        originals = [*self._originals(file.found, now), *Kin(list(self._files.values())).named_before(file.found.path)]
        resemblance = Resemblance(content)
        return any(resemblance.cut_short(original.identity) for original in originals)

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

    def _gone_now(self) -> Kin:
        """Files that lost their name at this look, or while nobody looked."""
        if "gone" not in self._kin:
            unsought = [self._memory.file(file_id) for file_id in self.unsought if file_id not in self._by_id]
            self._kin["gone"] = Kin([*self.just_gone, *unsought])
        return self._kin["gone"]

    def _present(self, look: Look) -> Kin:
        if "present" not in self._kin:
            follow = self._reading.follow
            self._kin["present"] = Kin([file for key, file in self._files.items() if key in look.found and follow])
        return self._kin["present"]

    def _quiet(self, found: Found, now: float) -> bool:
        """The file has not changed for a while since it was first seen."""
        stamp, since = self._first_seen.get(found.key, (found.stamp, now))
        if stamp != found.stamp:
            since = now
        self._first_seen[found.key] = found.stamp, since
        return now - since >= GRACE

    def copy_of(self, file: FollowedFile, waiting: Iterable[Found]) -> Found | None:
        """The new file that has all that was read of `file`, if there is one."""
        for found in waiting:
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

    def _has(self, file: FollowedFile) -> bool:
        return self._files.get(file.found.key) is file
