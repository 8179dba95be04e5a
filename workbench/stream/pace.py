"""How often little is committed while following: the tick, or less often where commits are dear."""

from __future__ import annotations

import math

SHARE, LEAST_SHARE = 0.8, 0.15
"""Of a core: what decoding and committing a little may take; where it takes more of the tick, commits come less often. The least is for a
trickle, whose every commit is dear for its few rows."""
BUSY = 20_000
"""Records a second from which commits may take the whole SHARE."""
STEP = 0.005
"""Seconds; a pace is a multiple of it."""
MOST = 0.25
"""Seconds; however dear commits are, rows are not held longer than this, or than the tick."""
NO_TICK = 0.002
"""Seconds between looks when the tick is set to 0."""


class Pace:
    """What small commits cost lately, and so how far apart they are; guarded by the pump's lock.

    Args:
        tick: seconds between commits at least; 0: every read is committed at once.
    """

    def __init__(self, tick: float) -> None:
        self.tick = tick
        self._decoding = 0.0
        self._cost = 0.0
        """Seconds of a core that a small commit took lately, with the reads that led to it: what the machine does for others, and
        waiting for the disk, make no commit dearer."""
        self._lasts = 0.0
        """Seconds that a small commit lasted lately; more often than this there is none."""
        self._records = 0.0
        """Read a second, lately."""
        self._counted = (0, 0.0)
        """Records of the second that runs, and its end."""
        self._next = 0.0

    @property
    def seconds(self) -> float:
        """Between two commits now."""
        if not self.tick:
            return 0.0
        share = LEAST_SHARE + (SHARE - LEAST_SHARE) * min(1.0, self._records / BUSY)
        least = max(self._cost / share, self._lasts)
        return max(self.tick, min(MOST, math.ceil(least / STEP) * STEP))

    def next_tick(self, now: float) -> float:
        """Ticks are the same moments for all flows, so that one commit takes what came to each of them. `now` is monotonic."""
        if not self.tick:
            return now + NO_TICK
        if now >= self._next:
            self._next = now + self.seconds
        return self._next

    def decoded(self, cpu: float, records: int, now: float) -> None:
        """A read was decoded, in `cpu` seconds. Records of the last whole second tell how busy it is."""
        self._decoding += cpu
        seen, until = self._counted
        if now >= until:
            self._records = 0.0 if now >= until + 1.0 else float(seen)
            seen, until = 0, now + 1.0
        self._counted = (seen + records, until)

    def committed(self, cpu: float, wall: float) -> None:
        """A commit ended, well or not."""
        self._cost += (min(cpu + self._decoding, MOST) - self._cost) / 8
        self._lasts += (min(wall, MOST) - self._lasts) / 8
        self._decoding = 0.0
