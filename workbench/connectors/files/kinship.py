"""Content that goes on in a file of its own: compressed after its rotation, or copied before its truncation."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable

from workbench.connectors.content import Content
from workbench.connectors.files import rotation
from workbench.connectors.files.followed import FollowedFile
from workbench.connectors.identity import HEAD, TAIL, Evidence, Identity

NEWLINE = b"\n"
PIECE = 1 << 18
"""Bytes that are looked at at once."""


class Resemblance:
    """Compares one file with the identities of many: by its head first, which is read once."""

    def __init__(self, content: Content) -> None:
        self._content = content
        self._head = content.peek(0, HEAD)
        self._digests: dict[int, str] = {}

    def digest(self, length: int) -> str:
        """Of the first `length` bytes."""
        if length not in self._digests:
            self._digests[length] = Evidence.of(0, self._head[:length]).digest
        return self._digests[length]

    def begins_as(self, identity: Identity) -> bool:
        """The heads are equal, as far as both are known."""
        return identity.head.length > 0 and self.digest(identity.head.length) == identity.head.digest

    def short_of(self, identities: Iterable[Identity]) -> bool:
        """What is there so far does not tell the file apart from all of these."""
        return any(self._short_of(identity) for identity in identities)

    def _short_of(self, identity: Identity) -> bool:
        if len(self._head) < identity.head.length:
            return True
        return self.begins_as(identity) and len(self._content.peek(identity.tail.start, identity.tail.length)) < identity.tail.length

    def holds(self, identity: Identity) -> bool:
        """The file has everything that was read under that identity."""
        return self.begins_as(identity) and identity.tail.holds(self._content.peek)

    def cut_short(self, identity: Identity) -> bool:
        """The file is the beginning of what was read under that identity, and ends before its end.

        One shorter than a head is that only where each of its lines is known by its hash. Of a longer one that ends in the tail
        the end is known too; where it lacks more, head and middle speak for it if they hold a second line: the first may be a header.
        """
        tail, middle = identity.tail, identity.middle
        if not middle.length or self._content.peek(tail.stop - 1, 1):
            return False
        data = self._content.peek(tail.start, tail.length)
        known = identity.steps.know(data)
        if len(self._head) < HEAD:
            return bool(known) and self._known_before(identity, data)
        if known is False or not self.begins_as(identity) or not middle.holds(self._content.peek):
            return False
        return bool(known) or self._content.peek(0, min(middle.stop, PIECE)).count(NEWLINE) > 1

    def _known_before(self, identity: Identity, data: bytes) -> bool:
        """All of it is known, `data` being what it has of the tail; half a line may follow a second one: the first may be a header."""
        tail, middle = identity.tail, identity.middle
        if tail.start:
            return not middle.start and middle.stop >= tail.start and middle.holds(self._content.peek)
        return data.endswith(NEWLINE) or data.count(NEWLINE) > 1

    def within(self, length: int) -> bool:
        """There are no more bytes than that."""
        return not self._content.peek(length, 1)

    def like(self, identity: Identity, by_head: bool = False) -> bool:
        """As far as both are known, one is the beginning of the other. `by_head`: only that is compared, to unpack no more."""
        if by_head:
            return len(self._head) < identity.head.length or self.begins_as(identity)
        return self.holds(identity) or self._short_of(identity) or self.cut_short(identity)

    def differs_from(self, original: Content) -> bool:
        """Neither is the beginning of the other, as far as the head tells."""
        return not self._head.startswith(original.peek(0, len(self._head)))

    def parts_from(self, original: Content) -> bool:
        """Neither is the beginning of the other, as far as the heads tell, and the end of the shorter one."""
        stop = min(original.status().st_size, self.length())
        start = max(0, stop - TAIL)
        return self.differs_from(original) or original.peek(start, stop - start) != self._content.peek(start, stop - start)

    def head_of(self, original: Content) -> bool:
        """The head is that of another content too, which has all of it."""
        return original.peek(0, len(self._head)) == self._head

    def part_of(self, original: Content, length: int) -> bool:
        """All the `length` bytes that there are begin and end as that other content does there."""
        start = max(0, length - TAIL)
        return self.head_of(original) and original.peek(start, length - start) == self._content.peek(start, length - start)

    def length(self) -> int:
        """Its bytes, all of them unpacked."""
        if not self._content.packed:
            return self._content.status().st_size
        at = 0
        while piece := len(self._content.peek(at, PIECE)):
            at += piece
        return at


class Kin:
    """Files by their heads: which of thousands some content may come from, without a comparison with each."""

    def __init__(self, files: Iterable[FollowedFile]) -> None:
        self.files: list[FollowedFile] = []
        self._by_path: dict[str, list[FollowedFile]] = defaultdict(list)
        self._by_head: dict[int, dict[str, list[FollowedFile]]] = defaultdict(lambda: defaultdict(list))
        for file in files:
            self.add(file)

    def add(self, file: FollowedFile) -> None:
        """One more."""
        self.files.append(file)
        for path in file.paths:
            self._by_path[path].append(file)
        if file.identity.head.length:
            self._by_head[file.identity.head.length][file.identity.head.digest].append(file)

    def __bool__(self) -> bool:
        return bool(self.files)

    def named(self, path: str) -> list[FollowedFile]:
        """Those that have that path, or had it."""
        return self._by_path.get(path, [])

    def named_before(self, path: str, counted: bool = False) -> list[FollowedFile]:
        """Those that a rotation may have made `path` of, in its folder or in the one above. `counted`: also by counting up."""
        if not self.files:
            return []
        folder, name = os.path.split(path)
        names = [*rotation.before(name), *(rotation.counted(name) if counted else ())]
        paths = (f"{place.rstrip(os.sep)}{os.sep}{old}" for place in (folder, os.path.dirname(folder)) for old in names)
        return [file for old in paths for file in self._by_path.get(old, ())]

    def held_by(self, content: Resemblance) -> list[FollowedFile]:
        """The files all of whose evidence is in that content too; the one that was read furthest last."""
        like = [file for length, heads in self._by_head.items() for file in heads.get(content.digest(length), ())]
        return [file for file in sorted(like, key=lambda file: (file.identity.tail.stop, file.read)) if content.holds(file.identity)]
