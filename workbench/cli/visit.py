"""How commands share a short-lived engine: it serves until the last of them has gone, however that ended.

Each visitor has a shared flock on the folder of the state, from before it looks for an engine until it has gone; who finds nobody else
there has it alone while the engine closes, or while one that reads starts. The kernel lets go of the locks of what was killed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Self

from workbench.config import Project
from workbench.errors import EngineUnavailable
from workbench.launch import PATIENCE, answering, held_by

if TYPE_CHECKING:
    from workbench.server.serve import Server

LOOK = 0.5
"""Seconds between two looks of a short-lived engine at its visitors."""
STEP = 0.02


class Visit:
    """One command's place among the visitors. Where the folder cannot be locked there is no short-lived engine either."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._fd: int | None = None

    def __enter__(self) -> Self:
        """Waits while an engine that nobody visits any more is closing, or one that reads is starting.

        Raises:
            EngineUnavailable: that takes longer than PATIENCE.
        """
        with contextlib.suppress(OSError):
            self._project.state.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._fd = _opened(self._project)
            end = time.monotonic() + PATIENCE
            while not _taken(self._fd, fcntl.LOCK_SH):
                if time.monotonic() > end:
                    self.leave()
                    holder = held_by(self._project) or "another process"
                    raise EngineUnavailable(
                        f"{holder} has begun or is ending an engine of {self._project.name} for {PATIENCE:.0f} s",
                        f"Ask again, or end it by `kill`; what is committed stays. Its log: {self._project.log}",
                    )
                time.sleep(STEP)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.leave()

    def leave(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def is_last(self) -> bool:
        """Whether nobody else visits: nobody can come then until this one has left."""
        return self._fd is not None and _taken(self._fd)


class Visited:
    """Ends a short-lived engine when its last visitor has gone without doing so: it was killed."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._server: Server | None = None
        self._left = False
        self._lock = threading.Lock()

    def begin(self, server: Server) -> None:
        """A server serves: the first one, or that of an engine which follows one whose database has stopped."""
        with self._lock:
            first, self._server = self._server is None, server
            if self._left:
                self._end(server)
        if first:
            threading.Thread(target=self._watch, name="visitors", daemon=True).start()

    def _watch(self) -> None:
        """The lock is kept until the process has ended: who comes now waits for that."""
        descriptor = _opened(self._project)
        while not _taken(descriptor):
            time.sleep(LOOK)
        with self._lock:
            self._left = True
            assert self._server is not None
            self._end(self._server)

    def _end(self, server: Server) -> None:
        server.stop("the commands that it served have ended")


@contextmanager
def undisturbed(project: Project, patience: float = PATIENCE) -> Iterator[None]:
    """For the start of an engine that reads: short-lived ones have ended before it, and none begins meanwhile.

    After `patience` seconds, or where an engine that reads is there already, it begins all the same: the project's lock has the last word.
    """
    try:
        descriptor = _opened(project)
    except OSError:
        yield
        return
    try:
        end = time.monotonic() + patience
        while not _taken(descriptor) and time.monotonic() < end:
            found = answering(project)
            if found is not None and found.reads:
                break
            time.sleep(STEP)
        yield
    finally:
        os.close(descriptor)


def _opened(project: Project) -> int:
    return os.open(project.state, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def _taken(descriptor: int, kind: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
