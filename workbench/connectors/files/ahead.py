"""What lies ahead of the place that a file was read to, as far as it is known."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.connectors.files.listing import Found
from workbench.connectors.files.overlong import OverlongScan

OPEN_QUOTE = 2.0
"""Seconds that a quoted record may take to arrive; then its first line stands alone."""


@dataclass(slots=True)
class Ahead:
    """What is known of the bytes after the last record that was read.

    It holds for that place alone: a file that is read on, rewound or moved gets a new one, which knows nothing. Whoever
    has reason to think that there is more now calls `look_again`.
    """

    waiting: int = 0
    """Bytes that are not a whole record yet."""
    drained: tuple[int, int] | None = None
    """The file's stamp when its end was reached."""
    resting: Found | None = None
    """What a stat saw when a read could give nothing, now or later."""
    scan: OverlongScan | None = None
    """The search for the end of a line that is too long to keep."""
    quote: tuple[int, float] | None = None
    """Where a record begins whose quote is still open, and since when it is there."""

    def look_again(self) -> None:
        """There may be more, or an end that counts now; what was begun goes on."""
        self.drained = self.resting = None

    def quote_given_up(self, now: float) -> bool:
        """A quote that nobody closed for so long is no quote."""
        return self.quote is not None and now - self.quote[1] >= OPEN_QUOTE
