"""When the bytes of a file were first seen: the measure of an honest lag."""

from __future__ import annotations

MOST = 512
"""Samples kept for one file; more are merged in pairs, the older time winning."""


class Growth:
    """(time, size) samples of one growing file; `since(position)` is never later than the byte there was first seen."""

    def __init__(self) -> None:
        self._samples: list[tuple[float, int]] = []
        self.last = 0.0
        """When the file was last seen to grow."""

    def saw(self, now: float, size: int) -> None:
        if self._samples and size <= self._samples[-1][1]:
            return
        self._samples.append((now, size))
        self.last = now
        if len(self._samples) > MOST:
            pairs = self._samples
            self._samples = [(earlier[0], later[1]) for earlier, later in zip(pairs[::2], pairs[1::2], strict=False)]
            if len(pairs) % 2:
                self._samples.append(pairs[-1])

    @property
    def size(self) -> int:
        return self._samples[-1][1] if self._samples else 0

    def since(self, position: int) -> float | None:
        """When the byte at `position` was first seen; None when the file never was that long."""
        return next((when for when, size in self._samples if size > position), None)

    def forget(self, position: int) -> None:
        """Nobody will ask about the bytes before `position` any more; the last sample stays."""
        old = 0
        while old + 1 < len(self._samples) and self._samples[old][1] <= position:
            old += 1
        del self._samples[:old]

    def restart(self) -> None:
        """Forget it all: the content is another one."""
        self._samples.clear()
