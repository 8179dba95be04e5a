"""A source that is not open: its stream was stopped by hand."""

from __future__ import annotations

from workbench.batch import ChunkBuffer, Lag, Offset, RawBatch


class ClosedSource:
    """Gives nothing and holds nothing; stands where a stopped stream's source would be."""

    idle = True
    ended = False
    undecided = False

    def read(self, buffer: ChunkBuffer, limit: int | None = None) -> RawBatch | None:  # noqa: ARG002  a Source
        return None

    def offset_at(self, raw: RawBatch, byte: int, line: int) -> Offset:  # noqa: ARG002  a Source
        return raw.offset

    def committed(self, offset: Offset) -> None:
        """Nothing was read."""

    def rewind(self) -> None:
        """Nothing was read."""

    def lag(self) -> Lag:
        return Lag()

    def rescan(self, at_once: bool = False) -> bool:  # noqa: ARG002  a Source
        """There is nothing to look at."""
        return True

    def notices(self) -> list[str]:
        return []

    def place(self, file_id: str, file: str, byte: int, line: int) -> Offset | None:  # noqa: ARG002  a Source
        return None

    def ends(self) -> tuple[Offset, ...]:
        return ()

    def begin(self, end: Offset) -> Offset:
        return end

    def close(self) -> None:
        """It is."""
