"""Whose turn it is: what remains of files that are gone, then the oldest backlog, then any file with news."""

from __future__ import annotations

import heapq
from itertools import count

from workbench.connectors.files.followed import FollowedFile

Key = tuple[int, int, str]


class Turns:
    """A queue of files with news. The backlog goes file by file, by mtime when last seen unread, then path; afterwards in turn."""

    def __init__(self) -> None:
        self._heap: list[tuple[Key, int, int, FollowedFile]] = []
        self._count = count(1)

    def push(self, file: FollowedFile) -> None:
        """Queue a file, by what it is now."""
        file.ticket = next(self._count)
        heapq.heappush(self._heap, (_key(file), file.ticket, file.ticket, file))

    def pop(self) -> FollowedFile | None:
        while self._heap:
            _, _, ticket, file = heapq.heappop(self._heap)
            if file.ticket == ticket:
                file.ticket = 0
                file.served = next(self._count)
                return file
        return None

    def __bool__(self) -> bool:
        return any(file.ticket == ticket for _, _, ticket, file in self._heap)


def _key(file: FollowedFile) -> Key:
    since, path = file.identity.since, file.found.path
    if file.skips or file.sighting:
        return 0, since, path
    if file.gone_since is not None and file.behind:
        return 1, since, path
    return (2, since, path) if file.behind else (3, file.served, path)
