"""How fast a flow may read: as it can, or so many records a second."""

from __future__ import annotations

BURST = 0.25
"""Seconds of its rate that a flow may take at once."""
FIRST_GUESS = 100.0
"""Bytes of a record, before any was seen."""


class Allowance:
    """A token bucket of records; times are monotonic seconds."""

    def __init__(self) -> None:
        self.rate: float | None = None
        self._tokens = 0.0
        self._at = 0.0
        self._record = FIRST_GUESS

    def limit(self, rate: float | None) -> None:
        """Args: rate: records a second; None lifts the limit."""
        self.rate, self._tokens, self._at = rate, 0.0, 0.0

    def bytes(self, now: float) -> int | None:
        """How many bytes may be read now; None: as many as fit, 0: none yet."""
        if self.rate is None:
            return None
        most = max(1.0, self.rate * BURST)
        self._tokens = most if not self._at else min(most, self._tokens + (now - self._at) * self.rate)
        self._at = now
        return int(max(1.0, self._tokens * self._record)) if self._tokens >= 1.0 else 0

    def wait(self) -> float:
        """Seconds until a record may be read."""
        return 0.0 if self.rate is None else max(0.0, 1.0 - self._tokens) / self.rate

    def took(self, records: int, size: int) -> None:
        """Count what a read gave."""
        if records and size:
            self._record += (size / records - self._record) / 4
        if self.rate is not None:
            self._tokens -= records
