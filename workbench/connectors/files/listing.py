"""Which files a glob names now, by as few looks at the disk as that takes."""

from __future__ import annotations

import errno
import fnmatch
import glob
import os
import re
import stat
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from workbench.filenames import meant, shown

FEW = 512
"""So many files are looked at each time, whatever they did before."""
SHARE = 8
"""Of more files, those that were quiet for long are looked at one in so many at a time."""
HOT = 60.0
"""Seconds after a change in which a file is looked at each time."""
TRIES = 3
"""Looks at a folder that is changed meanwhile: a file that is renamed or packed just then is seen under neither name."""
DENIED = os.strerror(errno.EACCES)
SETTLED = 2_000_000_000
"""Nanoseconds after its last change when a folder's mtime can be trusted to tell the next one."""


@dataclass(frozen=True, slots=True)
class Found:
    """A regular file as one stat saw it; `name` is what users see."""

    path: str
    name: str
    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int = 0
    """Also changed by what leaves the content alone (chmod, ln): no part of a stamp, but a reason to look at the content."""

    @property
    def key(self) -> tuple[int, int]:
        return self.device, self.inode

    @property
    def stamp(self) -> tuple[int, int]:
        return self.size, self.mtime_ns


@dataclass(slots=True)
class Look:
    """One look at a glob: each file once, whatever links lead to it, and what was in the way (path → sentence)."""

    found: dict[tuple[int, int], Found] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    directories: set[str] = field(default_factory=set)
    """Those of `problems` in whose way only a directory was, which is no file."""
    remark: str = ""
    """What the user should know of how the glob was understood."""


class NotRegular(OSError):
    """A pipe, a socket or a device."""


class Listing:
    """A glob under a root directory; the signs of a glob are meant in what is written, not in the root's own name.

    Promises: a file that has the very name that is written is one of those that are named, whatever signs are in it, and hides no
    other one that the signs match; where there are both, a remark says so. A new, renamed, deleted or replaced file is seen at the
    next look; of more than FEW files in one folder, growth of a file that was quiet for HOT seconds at the latest after SHARE looks.
    """

    def __init__(self, pattern: str, root: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.pattern = pattern
        self.root = os.path.abspath(root)
        self._clock = clock
        self._below = self.root.rstrip(os.sep) + os.sep
        self._full = self._meant(pattern)
        inside = self._full.startswith(self._below)
        written = self._full.removeprefix(self._below)
        self._pattern = os.path.join(glob.escape(self.root), written) if inside else written
        self._within = self.root if inside else ""
        self._magic = glob.has_magic(written)
        self._folder, self._last = os.path.split(self._full)
        plain = glob.has_magic(os.path.dirname(written)) or self._last == "**"
        self._matching = None if plain else re.compile(fnmatch.translate(self._last))
        self._hidden = self._last.startswith(".")
        self._listed_at = (0, 0)
        self._paths: list[str] = []
        self._seen: dict[str, Found] = {}
        self._found: dict[tuple[int, int], Found] = {}
        self._hot: dict[str, float] = {}
        self._turn = 0

    def look(self) -> Look:
        for _ in range(TRIES):
            look, listed_at = Look(), self._changed_at()
            if self._look(look) and (self._changed_at() == listed_at or self._is_as_seen()):
                break
        return look

    def _is_as_seen(self) -> bool:
        """Whether the folder's names are still those of the files that were seen: others may come and go in it all the time."""
        if self._matching is None:
            return False
        below, now = self._folder.rstrip(os.sep) + os.sep, dict[str, int]()
        try:
            with os.scandir(self._folder) as entries:
                for entry in entries:
                    if self._takes(entry.name):
                        now[below + entry.name] = -1 if entry.is_symlink() else entry.inode()
        except OSError:
            return False
        same = (now[path] in (-1, found.inode) for path, found in self._seen.items() if path in now)
        return now.keys() == set(self._paths) and all(same)

    def _takes(self, name: str) -> bool:
        matches = self._matching is not None and self._matching.match(name) and (self._hidden or not name.startswith("."))
        return bool(matches) or name == self._last

    def _changed_at(self) -> int:
        """When a name in the folder was last made, changed or taken away."""
        try:
            return os.stat(self._folder).st_mtime_ns if self._magic else 0  # noqa: PTH116 (as below)
        except OSError:
            return 0

    def _look(self, look: Look) -> bool:
        """Fill a look; False when a name was no longer there after it was listed: what it became may not be seen."""
        now, whole = self._clock(), True
        changed = self._list(look)
        for path in self._due(changed, now):
            name = self.name(path)
            try:
                told = os.stat(path)  # noqa: PTH116 (thousands of files at every look)
                before = self._seen.get(path)
                if before is None or not _as_before(before, told):
                    changed |= self._saw(_found(path, name, told), now)
                continue
            except FileNotFoundError:
                whole &= not self._magic or os.path.islink(path)  # noqa: PTH114 (as all of these)
            except IsADirectoryError:
                look.problems[path] = f"{name} is a directory: left out (its files are {name}/*)"
                look.directories.add(path)
            except NotRegular:
                look.problems[path] = f"{name} is not a regular file: left out"
            except OSError as error:
                folder, last = os.path.split(path)
                look.problems[folder] = f"{self.name(folder)}: {error.strerror} when looking at {shown(last)}; it is tried again"
            changed |= self._seen.pop(path, None) is not None
        if changed:
            self._seen = {path: found for path in self._paths if (found := self._seen.get(path))}
            self._found = {}
            for found in self._seen.values():
                self._found.setdefault(found.key, found)
        look.found = self._found
        return whole

    def _saw(self, found: Found, now: float) -> bool:
        """Keep what one stat saw; whether another file has that name now."""
        before = self._seen.get(found.path)
        self._seen[found.path], self._hot[found.path] = found, now
        if before is None or before.key != found.key:
            return True
        self._found[found.key] = found
        return False

    def _due(self, changed: bool, now: float) -> Iterable[str]:
        """The paths that are looked at this time."""
        if changed or len(self._paths) <= FEW:
            return self._paths
        self._turn = (self._turn + 1) % SHARE
        self._hot = {path: when for path, when in self._hot.items() if now - when < HOT}
        missing = () if len(self._seen) == len(self._paths) else (path for path in self._paths if path not in self._seen)
        return {*self._paths[self._turn :: SHARE], *self._hot, *missing}

    def _list(self, look: Look) -> bool:
        """Bring the paths up to date; whether any file may have been replaced."""
        listed = True
        if not self._magic:
            self._paths = [self._full]
        elif self._matching is None:
            literal = [self._full] if os.path.lexists(self._full) else []
            self._paths = sorted({*glob.glob(self._pattern, recursive=True), *literal})
            denied = sorted(folder for folder in _denied(self._pattern) if folder.startswith(self._within))
            look.problems |= {folder: f"{self.name(folder)}: {DENIED}; it is tried again" for folder in denied}
        else:
            listed = self._list_folder(look)
        if self._magic and len(self._paths) > 1 and self._has(self._full):
            look.remark = f"{self.pattern} is also the very name of a file: that is read, and so are the others that it matches"
        return listed

    def _has(self, path: str) -> bool:
        """Whether the last listing found it."""
        at = bisect_left(self._paths, path)
        return self._paths[at : at + 1] == [path]

    def _list_folder(self, look: Look) -> bool:
        """A large folder is listed again only when it changed: to make, rename or delete a file sets its mtime."""
        try:
            mtime = os.stat(self._folder).st_mtime_ns  # noqa: PTH116 (as below)
            if len(self._paths) > FEW and self._listed_at[0] == mtime and self._listed_at[1] - mtime > SETTLED:
                return False
            self._listed_at = mtime, time.time_ns()
            with os.scandir(self._folder) as entries:
                names = [entry.name for entry in entries if self._takes(entry.name)]
        except OSError as error:
            if not isinstance(error, (FileNotFoundError, NotADirectoryError)):
                look.problems[self._folder] = f"{self.name(self._folder)}: {error.strerror}; it is tried again"
                return False
            names = []
        below = self._folder.rstrip(os.sep) + os.sep
        self._paths = [below + name for name in sorted(names)]
        return True

    def _meant(self, pattern: str) -> str:
        """The whole path; one with escapes is as `name` shows it, unless only the other reading exists."""
        plain, undone = (os.path.normpath(os.path.join(self.root, one)) for one in (pattern, meant(pattern)))
        return plain if os.path.lexists(plain) and not os.path.lexists(undone) else undone

    def name(self, path: str) -> str:
        """What users see of a path, databases keep, and `path_of` leads back from."""
        return shown(path.removeprefix(self._below))


def _denied(pattern: str) -> set[str]:
    """Directories that a glob leads into and that may not be looked into: glob passes over them without a word."""
    path, found = Path(pattern), set()
    for below in (path, *path.parents):
        folder = str(below.parent)
        if glob.has_magic(folder):
            found |= {match.rstrip(os.sep) for match in glob.glob(folder + os.sep, recursive=True)}
        elif glob.has_magic(below.name):
            found.add(folder)
    return {folder for folder in found if not os.access(folder, os.R_OK | os.X_OK) and Path(folder).is_dir()}


def path_of(root: str, name: str) -> str:
    """The path of a file under the root by its name."""
    return os.path.join(root, meant(name))


def by_inode(directory: str) -> dict[int, str]:
    """The regular files of a directory by inode; empty when it cannot be read."""
    try:
        with os.scandir(directory) as entries:
            return {entry.inode(): entry.path for entry in entries if entry.is_file(follow_symlinks=False)}
    except OSError:
        return {}


def found_at(path: str, name: str) -> Found | None:
    """One stat of a regular file; None when there is none."""
    try:
        return stat_of(path, name)
    except OSError:
        return None


def stat_of(path: str, name: str) -> Found:
    """One stat of a regular file.

    Raises:
        IsADirectoryError, NotRegular, OSError: it is none, or cannot be looked at.
    """
    return _found(path, name, os.stat(path))  # noqa: PTH116 (as above)


def _found(path: str, name: str, told: os.stat_result) -> Found:
    if stat.S_ISREG(told.st_mode):
        return Found(path, name, told.st_dev, told.st_ino, told.st_size, told.st_mtime_ns, told.st_ctime_ns)
    raise IsADirectoryError(path) if stat.S_ISDIR(told.st_mode) else NotRegular(path)


def _as_before(found: Found, told: os.stat_result) -> bool:
    same = found.size == told.st_size and found.mtime_ns == told.st_mtime_ns and found.ctime_ns == told.st_ctime_ns
    return same and found.inode == told.st_ino and found.device == told.st_dev
