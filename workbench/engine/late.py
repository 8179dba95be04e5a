"""What is made late: when it is first asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from workbench.errors import EngineUnavailable

T = TypeVar("T")


class Late(Generic[T]):
    """Something that is made when it is first asked for, once, with the rooms that it needs; safe from any thread.

    A start pays for nothing that nobody asks it. Once it is closed nothing is made any more, so that nothing is left open.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self.made: T | None = None
        """None: nobody has asked for it yet."""
        self._closed = False

    def __call__(self) -> T:
        """What was made.

        Raises:
            EngineUnavailable: it is closed, with its engine.
        """
        with self._lock:
            if self._closed:
                raise EngineUnavailable("The engine stops, this was not done", "Ask again when it has started anew.")
            if self.made is None:
                self.made = self._make()
            return self.made

    def close(self, how: Callable[[T], None]) -> None:
        """Give nothing from now on, and close what was made; one that is being made now is closed when it is."""
        with self._lock:
            self._closed = True
            if self.made is not None:
                how(self.made)
