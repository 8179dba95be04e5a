"""Bytes to typed rows: every record gets its values, its broken rules and its place."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from workbench.batch import ACCEPTED, BLANK, REJECTED, Batch, RawBatch
from workbench.language.definitions import Column, Expectation, Format
from workbench.store.session import Session
from workbench.stream.csv_decode import CsvDecoder
from workbench.stream.decode_lines import Lines, Positions
from workbench.stream.decode_types import typed
from workbench.stream.drift import MOST, Drift
from workbench.stream.json_decode import JsonDecoder
from workbench.stream.json_exact import RESCUED
from workbench.stream.parquet_decode import ParquetDecoder
from workbench.stream.text_decode import TextDecoder
from workbench.stream.validate import TOO_LONG_BIT, reject_bits


class Decoder:
    """Turns the RawBatches of one flow into Batches; one thread at a time.

    Row i of a Batch's table is record i of its RawBatch, in order and with the declared types. Nothing is dropped: a record
    that cannot be typed is there with its raw bytes. The RawBatch's buffer may be filled again when `decode` has returned.

    Args:
        columns: the input's columns, declared or inferred.
        options: of the format, in SQL spelling (CSV: delimiter, header, quote, nullstr).
        rules: expectations to judge at once; only for a flow without a SELECT of its own.
        inferred: the columns were inferred: fields beyond them go to `_rescued_data` (JSON).
        exact: take the exact way only (it is the only one where there is no memfd).
        drift: the new fields that were told already; threads that decode one stream share it.
    """

    def __init__(
        self,
        session: Session,
        columns: tuple[Column, ...],
        format: Format,
        options: Sequence[tuple[str, str]] = (),
        rules: tuple[Expectation, ...] = (),
        inferred: bool = False,
        exact: bool = False,
        stream: str = "",
        drift: Drift | None = None,
    ) -> None:
        self._session = session
        self._stream = stream
        self._reject = np.uint64(reject_bits(rules))
        self._rescue = inferred and format == "json"
        self._drift = drift or Drift()
        kinds = typed(session, columns)
        empty = ", ".join(f"CAST(NULL AS {kind.type}) AS {kind.sql}" for kind in kinds)
        self._schema = session.arrow(f"SELECT {empty}{f', NULL::VARCHAR AS {RESCUED}' if self._rescue else ''} LIMIT 0").schema
        self._json = JsonDecoder(session, kinds, rules, stream, self._rescue, exact) if format == "json" else None
        self._csv = CsvDecoder(session, kinds, options, rules, stream) if format == "csv" else None
        self._text = TextDecoder(session, kinds, rules, stream) if format == "text" else None
        self._parquet = ParquetDecoder(session, kinds, rules, stream) if format == "parquet" else None

    def decode(self, raw: RawBatch) -> Batch:
        """The rows of a RawBatch.

        Raises:
            FlowError: an expectation cannot be judged.
        """
        if self._parquet and raw.table is not None:
            return self._of_table(self._parquet, raw)
        if not raw.length:
            return self._too_long(raw)
        lines = self._csv.records(raw) if self._csv else Lines(raw)
        if self._csv:
            judged, blank = self._csv.decode(raw, lines)
        elif self._text:
            judged, blank = self._text.decode(lines)
        else:
            assert self._json is not None
            judged, blank = self._json.decode(lines, raw.buffer.path if raw.buffer else None)
        verdict = np.where(judged.mask & self._reject, np.uint8(REJECTED), np.uint8(ACCEPTED))
        verdict[blank] = BLANK
        rejected = np.flatnonzero(verdict == REJECTED)
        batch = Batch(raw, judged.table, verdict, judged.mask, _places(lines.starts, raw), rejected, lines.take(rejected))
        if self._rescue:
            batch.notices = self._new_fields(batch)
        if self._csv:
            batch.notices, self._csv.notices = self._csv.notices, []
        return batch

    def needs_header(self, file_id: str) -> bool:
        """Whether the header of a CSV file has to be given by `set_header` before its records can be read from the middle."""
        return self._csv is not None and self._csv.needs_header(file_id)

    def set_header(self, file_id: str, header: bytes) -> None:
        """Tell the header record of a CSV file that is resumed in the middle."""
        if self._csv is not None:
            self._csv.set_header(file_id, header)

    def _too_long(self, raw: RawBatch) -> Batch:
        count = len(raw.overlong)
        table = pa.table([pa.nulls(count, field.type) for field in self._schema], schema=self._schema)
        starts = np.array([line.offset - raw.start.byte for line in raw.overlong] + [raw.offset.byte - raw.start.byte], np.int64)
        verdict, mask = np.full(count, REJECTED, np.uint8), np.full(count, TOO_LONG_BIT, np.uint64)
        heads = pa.array([line.head for line in raw.overlong], pa.binary())
        return Batch(raw, table, verdict, mask, starts, np.arange(count), heads)

    def _of_table(self, parquet: ParquetDecoder, raw: RawBatch) -> Batch:
        """Places inside a row group have no bytes: all its records begin where it begins."""
        judged = parquet.decode(raw.table)
        verdict = np.where(judged.mask & self._reject, np.uint8(REJECTED), np.uint8(ACCEPTED))
        rejected = np.flatnonzero(verdict == REJECTED)
        starts = np.zeros(len(verdict) + 1, np.int64)
        starts[-1] = raw.offset.byte - raw.start.byte
        return Batch(raw, judged.table, verdict, judged.mask, starts, rejected, parquet.raw(raw.table, rejected))

    def _new_fields(self, batch: Batch) -> list[str]:
        """A notice for every field that `_rescued_data` holds for the first time."""
        rescued = batch.table.column(RESCUED)
        if rescued.null_count == len(rescued):
            return []
        rows = pa.table({"row": np.arange(len(rescued)), "rest": rescued, "known": batch.verdict == ACCEPTED})
        with self._session.relation("_rescued", rows):
            found = self._session.execute(
                "SELECT field, min(row) FROM (SELECT row, unnest(json_keys(rest)) AS field FROM _rescued WHERE known AND rest IS NOT NULL)"
                " GROUP BY field ORDER BY min(row), field"
            )
        fresh, ends = self._drift.fresh((str(field), int(row)) for field, row in found)
        where = f"{self._stream}: " if self._stream else ""
        line = batch.raw.start.line + 1
        told = [f"{where}new field `{field}` at line {line + row:,} is kept in {RESCUED}" for field, row in fresh]
        return told + ([f"{where}more than {MOST} new fields: all are kept in {RESCUED}, no more are told"] if ends else [])


def _places(starts: Positions, raw: RawBatch) -> Positions:
    """Where the records begin in the file, which has no last newline when the batch is `unended`."""
    if raw.unended:
        starts = starts.copy()
        starts[-1] -= 1
    return starts
