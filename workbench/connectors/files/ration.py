"""How often something that takes long is done: at most a twentieth of the time."""

from __future__ import annotations

SHARE = 20


class Ration:
    """Says when it is due again. Once is no rule: that a thread was halted in the middle puts nothing off.

    Args:
        slow: seconds; what takes less is always due.
    """

    def __init__(self, slow: float) -> None:
        self._slow = slow
        self._began = self._took = self._last = 0.0

    def is_due(self, now: float) -> bool:
        return not 0 <= now - self._began < SHARE * self._took

    def took(self, began: float, seconds: float) -> None:
        """It was done."""
        usual, self._last = min(seconds, self._last), seconds
        self._began, self._took = began, usual if usual > self._slow else 0.0
