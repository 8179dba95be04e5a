"""When the row groups that checkpoints leave behind are put together, and how many at once.

Each checkpoint begins a row group in every table that got rows. Left alone they cost 2 kB of memory a column each, a block of the file
each, and make every later checkpoint slower (22 ms with 160 of them in ten tables, 34 ms with 240). Merging rewrites rows while commits
wait (0.6 µs a row), which is why it is rationed.
"""

from __future__ import annotations

AFTER = 8
"""Checkpoints between two merges, at least."""
SHARE, HURRY = 0.004, 0.02
"""Of the time: what commits may wait for merges, so that it shows in no 99th percentile; and where checkpoints have become slow."""
SLOW = 0.05
"""Seconds that a checkpoint without merges takes then."""
SHORT, LONG = 0.35, 0.7
"""Seconds: after a shorter merge the next one is twice as large, after a longer one half."""
MOST = 64


class Merging:
    """Rations merges by what they took. Seconds are monotonic."""

    def __init__(self) -> None:
        self._size = 1
        self._checkpoints = 0
        self._checkpoint_takes = 0.0
        """Seconds, lately."""
        self._not_before = 0.0

    def due(self, now: float) -> int:
        """How many groups each table may get out of its small ones with the next checkpoint; 0: nothing is merged now."""
        return self._size if self._checkpoints >= AFTER and now >= self._not_before else 0

    def done(self, merged: int, took: float, now: float) -> None:
        """A checkpoint ended that might merge as many, and took so many seconds."""
        if not merged:
            self._checkpoints += 1
            self._checkpoint_takes += (took - self._checkpoint_takes) / 4
            return
        self._checkpoints = 0
        self._not_before = now + took / (SHARE if self._checkpoint_takes < SLOW else HURRY)
        if took < SHORT:
            self._size = min(MOST, 2 * self._size)
        elif took > LONG:
            self._size = max(1, self._size // 2)
