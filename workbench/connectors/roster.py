"""Which file is which: matches what a look found with what was read before."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from workbench.batch import Offset
from workbench.connectors.compressed import GZIP_ENDINGS, ZSTD_ENDINGS
from workbench.connectors.followed import GRACE, FollowedFile, Position, Reading
from workbench.connectors.handles import Handles, open_content
from workbench.connectors.identity import Identity
from workbench.connectors.kinship import Resemblance
from workbench.connectors.listing import Found, Look, by_inode, found_at, stat_of

LINGER = 600.0
"""Seconds that a renamed file without news is kept open for a writer that has not noticed yet."""
PACKED = (*GZIP_ENDINGS, *ZSTD_ENDINGS)


class Undecided(Exception):
    """Whether a new file is a copy of a known one cannot be told yet."""


class Roster:
    """Every file that is read or was: by key (device, inode) while it lives, by its stored offset for good.

    A file is recognised only when inode and content agree, after a restart too. A compressed file with the content of
    one that is gone, and the copy that copytruncate leaves, go on where that one was read.
    """

    def __init__(self, reading: Reading, handles: Handles, parquet: bool, root: str, offsets: Iterable[Offset]) -> None:
        self.files: dict[tuple[int, int], FollowedFile] = {}
        self.by_id: dict[str, FollowedFile] = {}
        self.said: list[str] = []
        self.problems: dict[str, str] = {}
        self._waiting: dict[tuple[int, int], Found] = {}
        """New files that may turn out to be copies of known ones."""
        self._reading, self._handles, self._parquet, self._root = reading, handles, parquet, root
        self._stored: dict[str, Offset] = {}
        self._by_inode: dict[int, set[str]] = defaultdict(set)
        self._truncated: dict[str, float] = {}
        self._first_seen: dict[tuple[int, int], tuple[tuple[int, int], float]] = {}
        self._looked = False
        self._present: list[FollowedFile] | None = None
        self._absent: list[FollowedFile] | None = None
        for offset in offsets:
            self.store(offset)

    def has(self, file: FollowedFile) -> bool:
        """The file is read, and no other one has its place."""
        return self.files.get(file.found.key) is file

    def store(self, offset: Offset) -> None:
        """An offset is durable."""
        self._stored[offset.file_id] = offset
        self._by_inode[Identity.from_mark(offset.mark).inode].add(offset.file_id)
        file = self.by_id.get(offset.file_id)
        if file is not None:
            file.kept = Position(offset.byte, offset.line)
            if file.stored and not self.has(file):
                del self.by_id[file.file_id]

    @property
    def undecided(self) -> bool:
        """Some new file is not read yet because it looks like a copy."""
        return bool(self._waiting)

    # -- a look

    def update(self, look: Look, at_end: bool) -> list[FollowedFile]:
        """Take in what a look found; the files that have news. `at_end`: new ones begin at their end."""
        now = self._reading.clock()
        self.problems, self._waiting = dict(look.problems), {}
        self._sorted_anew()
        new = [found for key, found in look.found.items() if key not in self.files]
        for key, file in list(self.files.items()):
            if key in look.found:
                file.seen(look.found[key], now)
            else:
                self._missing(file, now)
        self._sorted_anew()
        for file in [file for file in self.files.values() if file.unjudged and file.found.size]:
            self._judge(file, look, now)
        unknown = [found for found in new if not self._recalled(found, now)]
        for found in unknown:
            self._welcome(found, look, len(unknown) if at_end else 0, now)
        if not self._looked:
            self._looked = True
            self._search_remains(now)
        self._first_seen = {
            key: seen for key, seen in self._first_seen.items() if key in look.found and (key not in self.files or self.files[key].unjudged)
        }
        return [file for file in self.files.values() if file.has_news(now)]

    def _recalled(self, found: Found, now: float) -> bool:
        """Known content under its inode: it goes on where its offset stands."""
        try:
            offset = self._recall(found)
        except OSError as error:
            self.problems[found.path] = sentence(found.name, error)
            return True
        if offset is not None:
            self._enter(self._restore(found, offset))
        elif ids := [i for i in self._by_inode.get(found.inode, ()) if i not in self.by_id and self._stored[i].file == found.name]:
            self._truncated |= dict.fromkeys(ids, now)
            self.said.append(f"{found.name} was replaced or truncated: it is read from its start")
        return offset is not None

    def _welcome(self, found: Found, look: Look, at_end: int, now: float) -> None:
        try:
            file = None if self._parquet or at_end else self._predecessor(found, look, now)
        except OSError as error:
            self.problems[found.path] = sentence(found.name, error)
            return
        except Undecided:
            self._waiting[found.key] = found
            return
        if file is not None:
            self._move(file, found)
            return
        identity = Identity(found.device, found.inode, since=found.mtime_ns, first_look=at_end)
        file = FollowedFile(self._reading, self._fresh_id(found), found, identity, at_end=found.size if at_end else None)
        file.unjudged = self._reading.follow and not (found.size or at_end or self._parquet)
        self._enter(file)

    def _judge(self, file: FollowedFile, look: Look, now: float) -> None:
        """A file that was empty when it was found has content now."""
        try:
            known = self._predecessor(file.found, look, now)
        except Undecided:
            self._waiting[file.found.key] = file.found
            return
        except OSError:
            known = None  # reading it will tell
        file.unjudged = False
        if known is not None:
            self._move(known, file.found)

    def _restore(self, found: Found, offset: Offset) -> FollowedFile:
        identity = replace(Identity.from_mark(offset.mark), device=found.device, inode=found.inode)
        at = Position(offset.byte, offset.line)
        file = FollowedFile(self._reading, offset.file_id, found, identity, at, at)
        if offset.done and identity.stamp == found.stamp:
            file.drained, file.behind, file.done = found.stamp, False, True
        return file

    def _enter(self, file: FollowedFile) -> None:
        self.files[file.found.key] = file
        self.by_id[file.file_id] = file
        if file.read.byte:
            self._sorted_anew()
        file.growth.saw(min(self._reading.clock(), file.found.mtime_ns / 1e9), file.found.size)

    def _move(self, file: FollowedFile, found: Found) -> None:
        self._handles.close(file)
        if self.has(file):
            del self.files[file.found.key]
        self.said.append(f"{found.name} has the content of {file.name}: it goes on where that was read")
        self._truncated.pop(file.file_id, None)
        if empty := self.files.get(found.key):
            del self.by_id[empty.file_id]
        file.move(found)
        self._enter(file)

    def _fresh_id(self, found: Found) -> str:
        number = 0
        while (file_id := f"{found.device:x}-{found.inode:x}-{number}") in self._stored or file_id in self.by_id:
            number += 1
        return file_id

    # -- recognising

    def _recall(self, found: Found) -> Offset | None:
        """The furthest stored offset of this very content; after a reboot the device may have another number."""
        hits = []
        for file_id in self._by_inode.get(found.inode, ()):
            offset = self._stored[file_id]
            identity = Identity.from_mark(offset.mark)
            here = identity.inode == found.inode and (identity.device == found.device or offset.file == found.name)
            if here and file_id not in self.by_id and self._has(found, identity):
                hits.append(offset)
        return max(hits, key=lambda offset: offset.byte, default=None)

    def _has(self, found: Found, identity: Identity) -> bool:
        if identity.stamp == found.stamp and found.path.endswith(PACKED) and identity.device == found.device:
            return True
        content = open_content(found.path, self._parquet)
        try:
            return content.same(identity)
        finally:
            content.close()

    def _predecessor(self, found: Found, look: Look, now: float) -> FollowedFile | None:
        """The file whose content goes on in `found`.

        Raises:
            Undecided: it may turn out to be one that is still there, or `found` is not written to its end yet.
        """
        packed = found.path.endswith(PACKED)
        ended = self._ended(look, packed, now)
        present = self._read_and_present(look)
        if not found.size or not (ended or present):
            return None
        content = open_content(found.path, parquet=False)
        try:
            resemblance = Resemblance(content)
            heirs = [file for file in ended if resemblance.holds(file.identity)]
            quiet = self._quiet(found, now)
            if heirs:
                return max(heirs, key=lambda file: file.read)
            kin = [*present, *ended] if packed else [file for file in present if found.path.startswith(file.found.path)]
            unfinished = resemblance.short_of(file.identity for file in kin) and (content.trouble or not packed)
            if self._reading.follow and unfinished and not quiet:
                raise Undecided
            if (packed or not quiet) and any(resemblance.holds(file.identity) for file in present):
                raise Undecided
        finally:
            content.close()
        return None

    def _ended(self, look: Look, packed: bool, now: float) -> list[FollowedFile]:
        """Files that are no longer there under their own inode: all of them, or those truncated a moment ago; shortest first."""
        recent = {file_id for file_id, when in self._truncated.items() if now - when <= GRACE}
        files = []
        for file_id in self._stored if packed else self._stored.keys() & recent:
            if file_id not in self.by_id:
                offset = self._stored[file_id]
                identity = Identity.from_mark(offset.mark)
                files.append(self._restore(Found(offset.file, offset.file, identity.device, identity.inode, 0, 0), offset))
        replaced = [self.by_id[file_id] for file_id in recent if file_id in self.by_id]
        files += [file for file in replaced if not self.has(file)]
        if packed:
            files += [file for file in self._gone_from(look) if self.has(file)]
        return sorted(files, key=lambda file: file.identity.tail.stop)

    # With thousands of new files these must not be gathered for each of them.

    def _read_and_present(self, look: Look) -> list[FollowedFile]:
        if self._present is None:
            follow = self._reading.follow
            self._present = [file for key, file in self.files.items() if key in look.found and file.read.byte and follow]
        return self._present

    def _gone_from(self, look: Look) -> list[FollowedFile]:
        if self._absent is None:
            self._absent = [file for key, file in self.files.items() if key not in look.found]
        return self._absent

    def _sorted_anew(self) -> None:
        self._present = self._absent = None

    def _quiet(self, found: Found, now: float) -> bool:
        """The file has not changed for a while since it was first seen."""
        stamp, since = self._first_seen.get(found.key, (found.stamp, now))
        if stamp != found.stamp:
            since = now
        self._first_seen[found.key] = found.stamp, since
        return now - since >= GRACE

    # -- files that are gone or replaced

    def _missing(self, file: FollowedFile, now: float) -> None:
        if file.gone_since is None:
            self._gone(file, now)
            return
        status = None if file.content is None else file.content.status()
        if status is not None:
            file.found = replace(file.found, size=status.st_size, mtime_ns=status.st_mtime_ns)
            file.growth.saw(now, status.st_size)
        patience = LINGER if status is not None and status.st_nlink else GRACE
        if file.stored and not file.has_news(now) and now - max(file.gone_since, file.growth.last) >= patience:
            self._retire(file)

    def _gone(self, file: FollowedFile, now: float) -> None:
        try:
            if stat_of(file.found.path, file.name).key == file.found.key:
                return
        except FileNotFoundError:
            pass
        except OSError as error:
            self.problems[file.found.path] = sentence(file.name, error)
            return
        file.leave(now)
        other = by_inode(os.path.dirname(file.found.path)).get(file.found.inode)
        if other is not None:
            self.said.append(f"{file.name} was renamed to {os.path.basename(other)}: it is read to its end")
            file.found = replace(file.found, path=other)
        elif file.content is not None:
            self.said.append(f"{file.name} is gone from its place: it is read to its end")
        else:
            self.said.append(f"{file.name} was deleted" + _lost(file, file.found.size))
            self._retire(file)

    def _retire(self, file: FollowedFile) -> None:
        self._handles.close(file)
        if self.has(file):
            del self.files[file.found.key]
        if file.stored:
            self.by_id.pop(file.file_id, None)

    def replaced(self, file: FollowedFile) -> list[FollowedFile]:
        """A read found other content than before: a new file begins, and the old one goes on in its copy, if there is one."""
        before, gone = file.found, file.gone_since is not None
        self._truncated[file.file_id] = self._reading.clock()
        self._retire(file)
        begun = []
        copy = self._copy_of(file)
        if copy is not None:
            del self._waiting[copy.key]
            self._move(file, copy)
            begun.append(file)
        lost = _lost(file, file.growth.size) if copy is None and before.size < file.read.byte else ""
        self.said.append(
            f"{before.name} was truncated{lost} after it was renamed"
            if gone
            else f"{before.name} was truncated or replaced{lost}: it is read from its start"
        )
        here = None if gone else found_at(before.path, before.name)
        if here is not None and here.key == before.key:
            identity = Identity(here.device, here.inode, since=here.mtime_ns)
            begun.append(FollowedFile(self._reading, self._fresh_id(here), here, identity))
            self._enter(begun[-1])
        return begun

    def _copy_of(self, file: FollowedFile) -> Found | None:
        """The new file that has all that was read of `file`, if there is one."""
        for found in self._waiting.values():
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

    def _search_remains(self, now: float) -> None:
        """After a restart: files that were renamed out of the glob with something unread."""
        directories: dict[str, dict[int, str]] = {}
        for offset in list(self._stored.values()):
            identity = Identity.from_mark(offset.mark)
            if offset.file_id in self.by_id or offset.file_id in self._truncated:
                continue
            directory = os.path.dirname(os.path.join(self._root, offset.file))
            if directory not in directories:
                directories[directory] = by_inode(directory)
            path = directories[directory].get(identity.inode)
            found = found_at(path, offset.file) if path else None
            if (
                found is None
                or found.device != identity.device
                or found.key in self.files
                or (offset.done and found.stamp == identity.stamp)
            ):
                continue
            try:
                if found.size > offset.byte and self._has(found, identity):
                    self.said.append(f"{offset.file} was renamed to {os.path.basename(found.path)}: it is read to its end")
                    file = self._restore(found, offset)
                    file.leave(now)
                    self._enter(file)
            except OSError as error:
                self.problems[found.path] = sentence(os.path.basename(found.path), error)


def sentence(name: str, error: OSError) -> str:
    """What is wrong with a file, for a user."""
    why = error.strerror if isinstance(error.strerror, str) else str(error)
    return f"{name} {why}; it is tried again" if error.errno is None else f"{name}: {why}; it is tried again"


def _lost(file: FollowedFile, size: int) -> str:
    """What a file took with it, as far as the last size tells."""
    unread = size - file.read.byte
    return f" with {unread:,} bytes unread" if unread > 0 and not file.found.path.endswith(PACKED) else ""
