"""A decoded batch that waits for its commit, and the pieces that commits cut from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from workbench.batch import ACCEPTED, BLANK, FILTERED, REJECTED, Batch, RawBatch
from workbench.store.commit import Counts


@dataclass(frozen=True, slots=True)
class Cut:
    """Records `first`…`stop` of a batch with all their rows.

    `rows` m rows; `verdict` uint8[m]; `mask` uint64[m]; `record` int64[m], the record of each row within the batch;
    `rejected` int64[k], positions in `rows`; `raw_lines` binary[k].
    """

    raw: RawBatch
    first: int
    stop: int
    rows: pa.Table
    verdict: np.ndarray
    mask: np.ndarray
    record: np.ndarray
    rejected: np.ndarray
    raw_lines: pa.Array
    line_start: np.ndarray

    @property
    def bytes(self) -> int:
        return self.stop_byte - self.start_byte

    @property
    def start_byte(self) -> int:
        return self.raw.start.byte + int(self.line_start[self.first])

    @property
    def stop_byte(self) -> int:
        """The source's byte offset after this piece."""
        if self.stop == len(self.line_start) - 1:
            return self.raw.offset.byte
        return self.raw.start.byte + int(self.line_start[self.stop])

    @property
    def stop_line(self) -> int:
        return self.raw.start.line + self.stop

    def counts(self) -> Counts:
        fates = np.bincount(self.verdict, minlength=4)
        records = self.stop - self.first
        seen = int(np.count_nonzero(np.diff(self.record))) + 1 if len(self.record) else 0
        return Counts(
            rows_in=records,
            accepted=int(fates[ACCEPTED]),
            rejected=int(fates[REJECTED]),
            filtered=int(fates[FILTERED]) + records - seen,
            blank=int(fates[BLANK]),
            multiplied=len(self.record) - seen,
        )

    def lines(self, rows: np.ndarray) -> np.ndarray:
        """Record numbers in the file, from 1, of some rows."""
        return np.asarray(self.record[rows] + (self.raw.start.line + 1))

    def offsets(self, rows: np.ndarray) -> np.ndarray:
        """Byte offsets in the file at which the records of some rows begin."""
        return np.asarray(self.line_start[self.record[rows]] + self.raw.start.byte)


class Pending:
    """A batch of which the commits take one piece after another, always whole records.

    A batch without records has one piece too: it moves the offset.

    Args:
        limit: the first record that must not be committed (it broke a FAIL rule), or None.
    """

    def __init__(self, batch: Batch, limit: int | None = None) -> None:
        self.batch = batch
        self.records = batch.records if limit is None else limit
        self.first = 0
        self.exhausted = limit == 0
        self._row = 0
        self._accepted = np.cumsum(batch.verdict == ACCEPTED)
        self.accepted = self.bytes = 0
        """Accepted rows, and bytes, that are not cut yet."""
        self._count()

    def _count(self) -> None:
        self.accepted = self._accepted_before(self._rows_of(self.records)) - self._accepted_before(self._row)
        self.bytes = int(self.batch.line_start[self.records] - self.batch.line_start[self.first])

    def cut(self, want: int) -> Cut:
        """The next records: with at most `want` accepted rows if there are more, else all that are left."""
        return self.cut_to(self.stop_for(want))

    def stop_for(self, want: int) -> int:
        """The record before which `want` accepted rows are full."""
        if self.accepted <= want:
            return self.records
        last = int(np.searchsorted(self._accepted, self._accepted_before(self._row) + want))
        return last + 1 if self.batch.record is None else int(self.batch.record[last]) + 1

    def cut_to(self, stop: int) -> Cut:
        """The next records, those before record `stop` of the batch."""
        batch, first, row = self.batch, self.first, self._row
        end = self._rows_of(stop)
        low, high = np.searchsorted(batch.rejected, [row, end])
        record = np.arange(row, end) if batch.record is None else np.asarray(batch.record[row:end], dtype=np.int64)
        self.first, self._row, self.exhausted = stop, end, stop >= self.records
        self._count()
        return Cut(
            raw=batch.raw,
            first=first,
            stop=stop,
            rows=batch.table.slice(row, end - row),
            verdict=batch.verdict[row:end],
            mask=batch.mask[row:end],
            record=record,
            rejected=batch.rejected[low:high] - row,
            raw_lines=batch.rejected_raw.slice(low, high - low),
            line_start=batch.line_start,
        )

    def _rows_of(self, record: int) -> int:
        """How many rows the records before `record` have."""
        return record if self.batch.record is None else int(np.searchsorted(self.batch.record, record))

    def _accepted_before(self, row: int) -> int:
        return int(self._accepted[row - 1]) if row else 0


class PendingRead:
    """What one read became for each output of its flow; all of them are cut at the same records.

    Args:
        whole: it is committed in one piece (its SELECT is still to come, as of the commit).
    """

    def __init__(self, batches: tuple[Batch, ...], limit: int | None = None, whole: bool = False) -> None:
        self.raw = batches[0].raw
        self._parts = tuple(Pending(batch, limit) for batch in batches)
        self._whole = whole

    @property
    def exhausted(self) -> bool:
        return self._parts[0].exhausted

    @property
    def accepted(self) -> int:
        """Accepted rows that are not cut yet, of the output that has most."""
        return max(part.accepted for part in self._parts)

    @property
    def bytes(self) -> int:
        return self._parts[0].bytes

    def cut(self, want: int) -> tuple[Cut, ...]:
        """The next records, a piece for each output: at most `want` accepted rows in the largest, if there are more."""
        stop = self._parts[0].records if self._whole else min(part.stop_for(want) for part in self._parts)
        return tuple(part.cut_to(stop) for part in self._parts)
