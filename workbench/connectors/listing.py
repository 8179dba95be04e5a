"""Which files a glob names now, by one stat each."""

from __future__ import annotations

import glob
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Found:
    """A regular file as one stat saw it; `name` is what users see."""

    path: str
    name: str
    device: int
    inode: int
    size: int
    mtime_ns: int

    @property
    def key(self) -> tuple[int, int]:
        return self.device, self.inode

    @property
    def stamp(self) -> tuple[int, int]:
        return self.size, self.mtime_ns


@dataclass(slots=True)
class Look:
    """One look at a glob: each file once, whatever links lead to it, and what was in the way (name → sentence)."""

    found: dict[tuple[int, int], Found] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)


class NotRegular(OSError):
    """A pipe, a socket or a device."""


class Listing:
    """A glob under a root directory; a name that exists as it is written is that file, whatever signs are in it."""

    def __init__(self, pattern: str, root: Path) -> None:
        self.pattern = pattern
        self.root = os.path.abspath(root)
        self._below = self.root.rstrip(os.sep) + os.sep
        self._full = os.path.normpath(os.path.join(self.root, pattern))
        self._magic = glob.has_magic(self._full)

    def look(self) -> Look:
        look = Look()
        for path in self._paths():
            name = self.name(path)
            try:
                found = stat_of(path, name)
                look.found.setdefault(found.key, found)
            except FileNotFoundError:
                continue
            except IsADirectoryError:
                look.problems[path] = f"{name} is a directory: left out (its files are {name}/*)"
            except NotRegular:
                look.problems[path] = f"{name} is not a regular file: left out"
            except OSError as error:
                look.problems[path] = f"{name}: {error.strerror}; it is tried again"
        return look

    def _paths(self) -> list[str]:
        if not self._magic or os.path.lexists(self._full):
            return [self._full]
        return sorted(glob.glob(self._full, recursive=True))

    def name(self, path: str) -> str:
        return path.removeprefix(self._below)

    def directories(self) -> set[Path]:
        """Where a new match could show up first: the deepest directory that the glob names outright."""
        plain = self._full
        while glob.has_magic(plain):
            plain = os.path.dirname(plain)
        here = Path(plain) if Path(plain).is_dir() else Path(os.path.dirname(plain))
        while not here.is_dir():
            here = here.parent
        return {here}


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
    told = os.stat(path)  # noqa: PTH116 (thousands of files at every look)
    if stat.S_ISREG(told.st_mode):
        return Found(path, name, told.st_dev, told.st_ino, told.st_size, told.st_mtime_ns)
    raise IsADirectoryError(path) if stat.S_ISDIR(told.st_mode) else NotRegular(path)
