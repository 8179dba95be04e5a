"""What a user should know, told once and not too often."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

MOST = 200
"""Notices that wait to be taken; of more, the first are kept and the others counted."""


class Notices:
    """A list that any thread adds to and somebody takes."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._waiting: list[str] = []
        self._untold = 0
        self._told: dict[str, float] = {}
        self._held: dict[str, int] = {}

    def tell(self, text: str, kind: str = "", every: float = 0.0) -> None:
        """Add a notice; of those of one `kind` only one in `every` seconds is told, and the others are counted."""
        with self._lock:
            now = self._monotonic()
            if kind and now - self._told.get(kind, now - every) < every:
                self._held[kind] = self._held.get(kind, 0) + 1
                return
            if kind:
                self._told[kind] = now
                if more := self._held.pop(kind, 0):
                    text += f" ({more:,} more like this since the last)"
            if len(self._waiting) < MOST:
                self._waiting.append(text)
            else:
                self._untold += 1

    def forget(self, kind: str) -> None:
        """It is over: should it come again, it is told again, and what was held back of it is no longer counted."""
        with self._lock:
            self._told.pop(kind, None)
            self._held.pop(kind, None)

    def take(self) -> list[str]:
        """What was told since the last call."""
        with self._lock:
            taken, self._waiting = self._waiting, []
            if self._untold:
                taken.append(f"{self._untold:,} more notices were left out")
                self._untold = 0
            return taken
