"""Work that follows soon after it is asked for, and never too often."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

log = logging.getLogger(__name__)


class Paced:
    """Does `work` in a thread of its own after each `ring`, at least `gap` seconds apart; rings in between become one."""

    def __init__(self, name: str, gap: float, work: Callable[[], None]) -> None:
        self._gap = gap
        self._work = work
        self._rung = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def ring(self) -> None:
        """Ask for it."""
        self._rung.set()

    def stop(self) -> None:
        """No more; what is under way is not waited for, so that it may take any lock."""
        self._ended.set()
        self._rung.set()

    def finish(self) -> None:
        """Do it a last time, then no more."""
        self.stop()
        self._thread.join()
        self._work()

    def _run(self) -> None:
        while not self._ended.is_set():
            self._rung.wait()
            self._rung.clear()
            if self._ended.is_set():
                return
            try:
                self._work()
            except Exception:
                log.exception("%s failed", self._thread.name)
            self._ended.wait(self._gap)
