"""The threads of a pump: all alike, and as many as there should be although some source keeps one."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)

HANGS = 5.0
"""Seconds that a source may keep a thread before another one takes its place; an end does not wait longer either."""


class Crew:
    """Runs `work` in `count` threads, and in one more for each that hangs while it asks a source.

    A thread that comes back and is one too many ends: `work` looks at `dismissed` between two things that it does.
    """

    def __init__(self, count: int, work: Callable[[], None]) -> None:
        self.count = count
        self._work = work
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._asking: dict[threading.Thread, tuple[str, float]] = {}
        """Whom a thread asks, and since when."""
        self._over = threading.Event()
        self._numbers = 0
        self._watch = threading.Thread(target=self._replace, name="pump-watch", daemon=True)

    def start(self) -> None:
        with self._lock:
            self._hire(self.count)
        self._watch.start()

    def stop(self) -> None:
        """Wait for all threads, after what makes `work` return; not for one that a source keeps: it has nothing that is to be stored."""
        self._over.set()
        if self._watch.is_alive():
            self._watch.join()
        since = time.monotonic()
        for thread in list(self._threads):
            while thread.is_alive():
                thread.join(0.1)
                whom = self._asking.get(thread)
                if whom is not None and time.monotonic() - since > HANGS:
                    log.warning("%s: its source does not answer; the read is left behind", whom[0])
                    break

    @contextmanager
    def asking(self, name: str) -> Iterator[None]:
        """Inside, this thread asks a source, which may hang."""
        self._asking[threading.current_thread()] = (name, time.monotonic())
        try:
            yield
        finally:
            del self._asking[threading.current_thread()]

    def dismissed(self) -> bool:
        """Whether this thread is one too many now; then it has to end."""
        if len(self._threads) <= self.count:
            return False
        with self._lock:
            if len(self._threads) - self._kept() <= self.count:
                return False
            self._threads.remove(threading.current_thread())
            return True

    def _replace(self) -> None:
        while not self._over.wait(HANGS / 4):
            with self._lock:
                missing = self.count - (len(self._threads) - self._kept())
                if missing > 0:
                    asked = {name for name, _ in list(self._asking.values())}  # others begin and end meanwhile
                    log.warning("%d reads hang: %s", self._kept(), ", ".join(sorted(asked)))
                    self._hire(missing)

    def _kept(self) -> int:
        """How many threads a source keeps."""
        now = time.monotonic()
        return sum(now - since > HANGS for _, since in list(self._asking.values()))

    def _hire(self, count: int) -> None:
        for _ in range(count):
            thread = threading.Thread(target=self._work, name=f"pump-{self._numbers}", daemon=True)
            self._numbers += 1
            self._threads.append(thread)
            thread.start()
