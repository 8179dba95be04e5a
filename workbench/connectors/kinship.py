"""Content that goes on in a file of its own: compressed after its rotation, or copied before its truncation."""

from __future__ import annotations

from collections.abc import Iterable

from workbench.connectors.content import Content
from workbench.connectors.identity import HEAD, Evidence, Identity


class Resemblance:
    """Compares one file with the identities of many: by its head first, which is read once."""

    def __init__(self, content: Content) -> None:
        self._content = content
        self._head = content.peek(0, HEAD)
        self._digests: dict[int, str] = {}

    def begins_as(self, identity: Identity) -> bool:
        """The heads are equal, as far as both are known."""
        length = identity.head.length
        if length not in self._digests:
            self._digests[length] = Evidence.of(0, self._head[:length]).digest
        return length > 0 and self._digests[length] == identity.head.digest

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
