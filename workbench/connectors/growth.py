"""When the bytes of a file were first seen: the measure of an honest lag."""

from __future__ import annotations

from collections import deque

MOST = 512
"""Samples kept for one file; more are merged in pairs, the older time winning."""


class Growth:
    """(time, size) samples of one growing file; `since(position)` is never later than the byte there was first seen."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque()
        self.last = 0.0
        """When the file was last seen to grow."""

    def saw(self, now: float, size: int) -> None:
        if self._samples and size <= self._samples[-1][1]:
            return
        self._samples.append((now, size))
        self.last = now
        if len(self._samples) > MOST:
            pairs = list(self._samples)
            self._samples = deque((earlier[0], later[1]) for earlier, later in zip(pairs[::2], pairs[1::2], strict=False))
            if len(pairs) % 2:
                self._samples.append(pairs[-1])

    @property
    def size(self) -> int:
        return self._samples[-1][1] if self._samples else 0

    def since(self, position: int) -> float | None:
        """When the byte at `position` was first seen; None when the file never was that long.

        Positions only go forward: older samples are forgotten, the last one never.
        """
        while len(self._samples) > 1 and self._samples[0][1] <= position:
            self._samples.popleft()
        return next((when for when, size in self._samples if size > position), None)

    def restart(self) -> None:
        """Forget it all: the content is another one."""
        self._samples.clear()
