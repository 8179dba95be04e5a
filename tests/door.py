"""A lock at which a test sees who waits."""

from __future__ import annotations

import threading


class Door:
    """A lock that tells when somebody waits for it."""

    def __init__(self) -> None:
        self.waited = threading.Event()
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        if not self._lock.acquire(blocking=False):
            self.waited.set()
            self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()
