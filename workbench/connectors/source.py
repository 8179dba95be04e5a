"""What the engine asks of every source, whatever it reads."""

from __future__ import annotations

from typing import Protocol

from workbench.batch import ChunkBuffer, Lag, Offset, RawBatch


class Source(Protocol):
    """Whole records with the Offset after them; no call blocks, and nothing counts as read before `committed`."""

    def read(self, buffer: ChunkBuffer, limit: int | None = None) -> RawBatch | None:
        """The next whole records, at most about `limit` bytes of them; None when there is nothing whole now."""

    def offset_at(self, raw: RawBatch, byte: int, line: int) -> Offset:
        """The offset after record `line` of `raw`, which ends at `byte`."""

    def committed(self, offset: Offset) -> None:
        """Remember that everything up to `offset` is stored."""

    def rewind(self) -> None:
        """Forget the reads that were not committed."""

    def lag(self) -> Lag:
        """How far the committed offsets are behind."""

    @property
    def idle(self) -> bool:
        """Nothing was unread at the last look."""

    @property
    def ended(self) -> bool:
        """Nothing will ever come again."""

    @property
    def undecided(self) -> bool:
        """Whether something of what is there is to be read will be known in a moment; who wants all that is there waits for that."""

    def rescan(self, at_once: bool = False) -> bool:
        """Look at the outside world, unless looks take long and the last one was a moment ago. Did it?

        Args:
            at_once: look in any case.
        """

    def notices(self) -> list[str]:
        """What a user should know and was not told yet."""

    def place(self, file_id: str, file: str, byte: int, line: int) -> Offset | None:
        """An offset in content that was read before, fit to be given to a new source of the same kind; None when that
        content can no longer be read from there."""

    def ends(self) -> tuple[Offset, ...]:
        """The offsets after all that is there now: where reading from the end begins."""

    def begin(self, end: Offset) -> Offset:
        """Where reading begins of what ends at `end`, as long as no offset in it is stored."""

    def close(self) -> None:
        """Give back every handle; the source cannot be used afterwards."""
