"""The lock that one engine holds on a project for as long as it lives."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import time
from pathlib import Path

from workbench.config import elsewhere
from workbench.errors import DatabaseLocked, StoreError

LOOKS, LOOK = 10, 0.02
"""How often a lock that is held is tried again, and the seconds between: who only looks whether an engine has it, has it for a moment."""
NETWORK = ("nfs", "cifs", "smb", "fuse.sshfs", "9p", "afs", "glusterfs")


class EngineLock:
    """An flock on the project's lock file; what is written in it is information only.

    Raises:
        DatabaseLocked: another engine has the project; names its pid.
        StoreError: the folder cannot be written, or lies on a network filesystem.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(f"{path.parent} cannot be written: {error.strerror}", elsewhere(path.parent)) from error
        kind = filesystem(path)
        if kind.startswith(NETWORK):
            os.close(self._fd)
            raise StoreError(
                f"{path.parent} is on a network filesystem ({kind}), where locks cannot be trusted", "Name a local folder with --state-dir."
            )
        try:
            _take(self._fd)
        except OSError as error:
            holder = _holder(path)
            os.close(self._fd)
            raise DatabaseLocked(
                f"The project is in use by an engine{holder}", "Attach with `workbench`, or end it with `workbench stop`."
            ) from error
        with contextlib.suppress(OSError):  # a full disk
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, f"pid {os.getpid()}\nhost {socket.gethostname()}\nstarted {time.time():.0f}\n".encode(), 0)

    def release(self) -> None:
        with contextlib.suppress(OSError):
            os.ftruncate(self._fd, 0)
            os.close(self._fd)


def _take(descriptor: int) -> None:
    """Raises OSError: an engine has the lock."""
    for left in reversed(range(LOOKS)):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not left:
                raise
            time.sleep(LOOK)
        else:
            return


def filesystem(path: Path) -> str:
    """The type of the filesystem below a path, such as `ext4`; empty when unknown (no /proc)."""
    best, kind = "", ""
    try:
        mounts = Path("/proc/self/mounts").read_text("utf-8", "replace").splitlines()
    except OSError:
        return ""
    where = str(path.resolve())
    for line in mounts:
        fields = line.split(" ")
        point = fields[1].replace("\\040", " ")
        if len(point) > len(best) and (where == point or where.startswith(point.rstrip("/") + "/")):
            best, kind = point, fields[2]
    return kind


def _holder(path: Path) -> str:
    try:
        fields = dict(line.split(" ", 1) for line in path.read_text().splitlines() if " " in line)
    except OSError:
        return ""
    return f" of process {fields['pid']} on {fields.get('host', 'this machine')}" if "pid" in fields else ""
