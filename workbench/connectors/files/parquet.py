"""The rows of a Parquet file, piece by piece; a piece never spans two row groups."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import accumulate

import pyarrow as pa

from workbench.connectors.content import PlainContent
from workbench.connectors.identity import HEAD, Evidence

PIECE = 122_880
"""Rows in one batch: a row group of DuckDB, so that memory stays bounded when a row group holds millions."""


class ParquetContent(PlainContent):
    """An open Parquet file; positions are (whole row groups before, rows before).

    Raises:
        OSError: it has no readable footer: broken, or not all there yet.
    """

    packed = True
    trouble = ""

    def __init__(self, fd: int) -> None:
        import pyarrow.parquet as pq  # with the first such file: it brings ssl and more, 15 ms of every start

        super().__init__(fd)
        self._source = os.fdopen(fd, "rb", closefd=False)
        try:
            self._file = pq.ParquetFile(self._source)
        except (pa.ArrowException, OSError) as error:
            self.close()
            raise OSError(None, f"is not readable as Parquet (broken, or not all there yet): {error}") from error
        counts: list[int] = [self._file.metadata.row_group(i).num_rows for i in range(self._file.num_row_groups)]
        self._before = list(accumulate(counts, initial=0))
        self._pieces: Iterator[pa.RecordBatch] | None = None
        self._next = (-1, -1)
        size = os.fstat(fd).st_size
        self.head, self.tail = self._evidence(0), self._evidence(max(0, size - HEAD))

    @property
    def groups(self) -> int:
        return len(self._before) - 1

    @property
    def lines(self) -> int:
        return self._before[-1]

    def within(self, group: int, line: int) -> bool:
        """Whether row `line` is where row group `group` begins, or in it."""
        return self._before[group] <= line <= self._before[min(group + 1, self.groups)]

    def rows(self, group: int, line: int) -> tuple[pa.Table, int, int] | None:
        """The rows from `line` on, and the position after them; None at the end."""
        while group < self.groups and line >= self._before[group + 1]:
            group += 1
        if group >= self.groups:
            return None
        if self._next != (group, line) or self._pieces is None:
            self._pieces = self._file.iter_batches(PIECE, row_groups=[group])
            self._next = (group, self._before[group])
        table = self._piece(line)
        line += table.num_rows
        self._next = (group, line)
        return table, group + (line == self._before[group + 1]), line

    def _piece(self, line: int) -> pa.Table:
        """The first piece that has rows at or after `line`, without those before."""
        assert self._pieces is not None
        at = self._next[1]
        try:
            for piece in self._pieces:
                skip = line - at
                if skip < piece.num_rows:
                    return pa.Table.from_batches([piece.slice(skip)])
                at += piece.num_rows
        except (pa.ArrowException, OSError) as error:
            raise OSError(None, f"is broken: {error}") from error
        raise OSError(None, f"is broken: it has fewer rows than its footer says ({at} of {self.lines})")

    def close(self) -> None:
        self._source.close()
        super().close()

    def _evidence(self, start: int) -> Evidence:
        return Evidence.of(start, self.peek(start, HEAD))
