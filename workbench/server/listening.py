"""The socket that the API listens on: for this user alone, and never a second engine's."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from workbench.errors import EngineError


@contextmanager
def listening(path: Path) -> Iterator[socket.socket]:
    """A socket that only this user can reach; one that a dead engine left behind is replaced.

    Raises:
        EngineError: another engine answers there, or the folder is not ours alone.
    """
    _private_folder(path.parent)
    _remove_stale(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        listener.bind(str(path))
    except OSError as error:
        listener.close()
        raise EngineError(f"{path}: {error.strerror}", "Name another folder with --state-dir.") from error
    finally:
        os.umask(mask)
    inode = path.stat().st_ino
    try:
        listener.listen(128)
        yield listener
    finally:
        listener.close()
        with suppress(OSError):  # the next engine replaces what stays
            if path.stat().st_ino == inode:
                path.unlink()


def _private_folder(folder: Path) -> None:
    """Somebody else's folder under /tmp would let them put their own socket in our place."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.stat()
    if found.st_uid != os.getuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise EngineError(f"{folder} can be written by other users", "Make it yours alone: chmod 700, or name another with --state-dir.")


def _remove_stale(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except FileNotFoundError:
            return
        except OSError:
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise EngineError(f"{path}: {error.strerror}", "Check the folder's permissions.") from error
            return
    raise EngineError(f"Another engine listens on {path}", "Attach to it with `workbench`, or end it with `workbench stop`.")
