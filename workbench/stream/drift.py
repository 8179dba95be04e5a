"""Fields that inferred columns do not have: each is told once, whichever thread meets it."""

from __future__ import annotations

import threading
from collections.abc import Iterable

MOST = 100
"""Fields that are told by name: where names are data, such as ids, every record brings new ones."""


class Drift:
    """Remembers at most `MOST` fields of one stream; safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: set[str] = set()
        self._full = False

    def fresh(self, fields: Iterable[tuple[str, int]]) -> tuple[list[tuple[str, int]], bool]:
        """Those (field, row) that were not told before, and whether this is the moment to say that no more will be."""
        with self._lock:
            new = [(field, row) for field, row in fields if field not in self._known]
            told = new[: MOST - len(self._known)]
            self._known.update(field for field, _ in told)
            ends = len(told) < len(new) and not self._full
            self._full = self._full or ends
            return told, ends
