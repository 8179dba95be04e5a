"""Where time goes: who keeps a stream that is behind from going faster."""

from __future__ import annotations

from typing import Literal

Part = Literal["source", "decode", "commit", "disk"]
PARTS: tuple[Part, ...] = ("source", "decode", "commit", "disk")
FADES_OVER = 5.0
"""Seconds over which what was measured loses its weight."""


class Load:
    """Seconds spent on each part lately; the further back, the less they count. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._spent = dict.fromkeys(PARTS, 0.0)
        self._at = 0.0

    def source(self, seconds: float, at: float) -> None:
        self._add("source", seconds, at)

    def decode(self, seconds: float, at: float) -> None:
        self._add("decode", seconds, at)

    def commit(self, seconds: float, at: float) -> None:
        self._add("commit", seconds, at)

    def disk(self, seconds: float, at: float) -> None:
        self._add("disk", seconds, at)

    def spent(self, part: Part) -> float:
        """Weighted seconds."""
        return self._spent[part]

    def _add(self, part: Part, seconds: float, at: float) -> None:
        faded = 0.5 ** (max(0.0, at - self._at) / FADES_OVER)
        self._at = at
        for name in PARTS:
            self._spent[name] *= faded
        self._spent[part] += seconds
