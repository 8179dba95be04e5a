"""Which file is which: matches what a look found with what was read before."""

from __future__ import annotations

from collections.abc import Iterable

from workbench.batch import Offset
from workbench.connectors.files.absentees import Absentees
from workbench.connectors.files.alarms import Alarms
from workbench.connectors.files.departures import Departures
from workbench.connectors.files.elders import Elders
from workbench.connectors.files.folders import Folders
from workbench.connectors.files.followed import FollowedFile
from workbench.connectors.files.handles import Handles
from workbench.connectors.files.listing import Look
from workbench.connectors.files.memory import Memory
from workbench.connectors.files.newcomers import Newcomers
from workbench.connectors.files.reading import Reading
from workbench.connectors.files.register import Register
from workbench.connectors.files.remains import Remains


class Roster:
    """Takes looks in, in one order: who is gone, who is another one, who is new, who is still to be sought.

    The order is what makes a rotation one event: what lost its name at a look is known to be gone before the new
    files of the same look are recognised, and nothing is told lost before all of them are.
    """

    def __init__(self, reading: Reading, handles: Handles, parquet: bool, root: str, offsets: Iterable[Offset]) -> None:
        self.memory = Memory(reading, root)
        self._reading, self._folders = reading, Folders(root)
        self._register = register = Register(reading, handles, parquet, self.memory, self._folders, offsets)
        self.files, self.by_id, self.said, self.problems = register.files, register.by_id, register.said, register.problems
        self.remains = Remains(root, self.files)
        self._recognition = register.recognition
        self._alarms = Alarms(self.files, self.said)
        self._elders = Elders(reading, self.by_id, self.said)
        self._newcomers = Newcomers(reading, handles, parquet, register, self._alarms, self._elders)
        self._departures = Departures(reading, handles, parquet, register, self.remains, self._folders, self._newcomers, self._alarms)
        self._absentees = Absentees(parquet, register, self.remains, self._folders)

    def has(self, file: FollowedFile) -> bool:
        """The file is read, and no other one has its place."""
        return self._register.has(file)

    def holds(self, file: FollowedFile) -> bool:
        """Its turn comes later, at a look that has decided what is older of its log."""
        return (file.unjudged and not file.sighting) or self._elders.hold(file)

    def store(self, offset: Offset) -> None:
        """An offset is durable."""
        self._register.store(offset)

    @property
    def leaving(self) -> bool:
        """Some file is over, and that is not stored yet."""
        return bool(self._register.farewells)

    def farewell(self) -> Offset | None:
        """The offset of a file that is over and did not come back meanwhile."""
        return self._register.farewell()

    @property
    def undecided(self) -> bool:
        """Some new file is not read yet because it looks like a copy."""
        return self._newcomers.undecided

    @property
    def outrun(self) -> bool:
        """Another look tells what became of a new file."""
        return self._newcomers.outrun

    def waiting(self) -> list[FollowedFile]:
        """Those files, as they would be read from their start."""
        return self._newcomers.waiting()

    def unread(self) -> tuple[str, ...]:
        """Of such files, in sentences."""
        return self._newcomers.unread()

    # -- a look

    def update(self, look: Look, at_end: bool) -> list[FollowedFile]:
        """Take in what a look found; the files that have news. `at_end`: new ones begin at their end."""
        now = self._reading.clock()
        self.trouble(look)
        self._newcomers.look_at(look)
        self._recognition.just_gone = []
        self.look_again()
        self._recognition.lift(look)
        self._match(look, now)
        self._recognition.look_again()
        self._meet(look, at_end, now)
        self._absentees.seek(now)
        self._register.sight(now)
        self._recognition.forget_unseen(look)
        self._alarms.tell(look)
        return [file for file in self.files.values() if file.ahead.resting is not file.found and file.has_news(now)]

    def trouble(self, look: Look) -> None:
        """What a look could not see, instead of what the one before it could not."""
        self.problems.clear()
        self.problems.update(look.problems)

    def look_again(self) -> None:
        """Nothing that was found out about folders and names holds any more."""
        self._recognition.look_again()
        self._folders.look_again()
        self.remains.look_again()

    def _match(self, look: Look, now: float) -> None:
        """The files that are known."""
        for key, file in list(self.files.items()):
            found = look.found.get(key)
            if found is None:
                self._departures.missing(file, now)
            elif found.path != file.found.path and self._departures.is_another(file, found):
                self._departures.supplanted(file, now)
            elif found is not file.found or file.gone_since is not None:
                file.seen(found, now)

    def _meet(self, look: Look, at_end: bool, now: float) -> None:
        """Those that are known by their inode, those that were empty and are not any more, those that are new, from the oldest on.

        What goes on in one of several that begin alike went on in the oldest one.
        """
        new = [found for key, found in look.found.items() if key not in self.files]
        unknown = [found for found in new if not self._newcomers.recalled(found, now)]
        for file in [file for file in self.files.values() if file.unjudged and file.found.size]:
            self._newcomers.judge(file, look, now)
        for found in sorted(unknown, key=lambda found: (found.mtime_ns, found.path)):
            self._newcomers.welcome(found, look, len(unknown) if at_end else 0, now)

    # -- a read that failed

    def vanished(self, file: FollowedFile) -> bool:
        """It could not be opened: another file, or none, has its name. Whether it is worth another try."""
        self.look_again()
        return self._departures.vanished(file)

    def replaced(self, file: FollowedFile) -> list[FollowedFile]:
        """A read found other content than before: a new file begins, and the old one goes on in its copy, if there is one."""
        self.look_again()
        return self._departures.replaced(file)
