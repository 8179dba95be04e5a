"""Older files of a log whose turn cannot come yet: what is newer of that log waits for them.

Invariants:
- Of one log nothing is begun as long as an older file of it is undecided: its lines come in the order in which they were written.
- Nothing waits that was begun, that is going away, or that must be read before something can be decided; nor a batch that
  stores no more than where a file begins.
- No file waits longer than PATIENCE, and none makes others wait longer than that; past SILENCE it is told who waits for whom.
- What is older is told by the times and then the names, as in the turns; which files are of one log by their names.
"""

from __future__ import annotations

import os
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from workbench.connectors.files import rotation
from workbench.connectors.files.followed import GRACE, FollowedFile
from workbench.connectors.files.listing import Found
from workbench.connectors.files.reading import Reading
from workbench.connectors.files.recognition import Key

PATIENCE = 60.0
"""Seconds; some times what a decision takes that needs only a while without changes."""
SILENCE = 2 * GRACE
"""Seconds that a file waits before that is told."""

Age = tuple[int, str]
"""(mtime_ns, path), as the turns of a backlog go."""
Log = tuple[str, str]
"""(folder, name without what a rotation adds)."""


class Elder(NamedTuple):
    """An undecided file."""

    age: Age
    name: str


@dataclass(slots=True)
class Held:
    """Since when a file waits; whether that was told."""

    since: float
    told: bool = False


class Elders:
    """Knows the undecided files of the last look; says of any other one whether it waits for one of them.

    Args:
        by_id: files that are read. said: takes what the user should know.
    """

    def __init__(self, reading: Reading, by_id: Mapping[str, FollowedFile], said: list[str]) -> None:
        self._reading, self._by_id, self._said = reading, by_id, said
        self._elders: dict[Key, Elder] = {}
        self._oldest: dict[Log, Elder] = {}
        """Those for which others of their log wait."""
        self._undecided: dict[Key, float] = {}
        """Since when each one is undecided."""
        self._entered: set[Key] = set()
        """Those of the last look."""
        self._held: dict[str, Held] = {}

    def look_at(self, found: Container[Key]) -> None:
        """A look begins: what is undecided is entered anew."""
        self._elders.clear()
        self._oldest.clear()
        self._undecided = {key: self._undecided[key] for key in self._entered if key in found}
        self._entered.clear()
        waiting = ((file_id, self._by_id.get(file_id)) for file_id in self._held)
        self._held = {file_id: self._held[file_id] for file_id, file in waiting if file is not None and not file.begun}

    def enter(self, found: Found, since: int) -> None:
        """An undecided file, as old as `since` tells, which needs nothing but time."""
        now = self._reading.clock()
        elder = Elder((since, found.path), found.name)
        self._entered.add(found.key)
        self._undecided[found.key] = began = min(now, self._undecided.get(found.key, now))
        if now - began < PATIENCE:
            self._elders[found.key] = elder
            self._rank(elder)

    def leave(self, key: Key) -> None:
        """It was decided before the next look."""
        if self._elders.pop(key, None):
            self._oldest.clear()
            for elder in self._elders.values():
                self._rank(elder)

    def _rank(self, elder: Elder) -> None:
        folder, name = os.path.split(elder.age[1])
        for place in (folder, os.path.dirname(folder)):
            for old in (rotation.log(name), *rotation.before(name)):
                self._oldest[place, old] = min(self._oldest.get((place, old), elder), elder)

    def hold(self, file: FollowedFile) -> bool:
        """Whether the file's turn comes only after an older one of its log was decided."""
        if not self._oldest or file.begun or file.gone or file.sighting or file.skips:
            return False
        elder = min((self._oldest[log] for log in _logs(file) if log in self._oldest), default=None)
        older = elder is not None and elder.age < (file.identity.since, file.found.path)
        return elder is not None and older and self._has_patience(file, elder.name)

    def _has_patience(self, file: FollowedFile, elder: str) -> bool:
        now = self._reading.clock()
        held = self._held.setdefault(file.file_id, Held(now))
        held.since = min(held.since, now)
        if now - held.since >= PATIENCE:
            return False
        if now - held.since >= SILENCE and not held.told:
            held.told = True
            text = f"{file.name} is not read before {elder}, which is older and may be a copy that is still being made"
            self._said.append(f"{text}: it waits {PATIENCE:g} seconds at most")
        return True


def _logs(file: FollowedFile) -> Iterator[Log]:
    """What log it may be of, under all its names."""
    for path in file.paths:
        folder, name = os.path.split(path)
        yield folder, name
        yield folder, rotation.log(name)
