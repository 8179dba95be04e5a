"""Bytes to typed rows: every record gets its values, its broken rules and its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from workbench.batch import ACCEPTED, BLANK, REJECTED, Batch, RawBatch
from workbench.language.definitions import Column, Expectation, Format
from workbench.store.session import Session
from workbench.stream.decode_lines import Lines, Positions
from workbench.stream.decode_types import typed
from workbench.stream.drift import Drift
from workbench.stream.drift_lines import DriftLines
from workbench.stream.encodings import LONGEST, foreign, unread
from workbench.stream.json_decode import JsonDecoder
from workbench.stream.json_exact import RESCUED
from workbench.stream.nesting import carried
from workbench.stream.parquet_sound import sound
from workbench.stream.validate import MALFORMED_BIT, TOO_LONG_BIT, reject_bits

if TYPE_CHECKING:
    from workbench.stream.csv_decode import CsvDecoder
    from workbench.stream.parquet_decode import ParquetDecoder
    from workbench.stream.text_decode import TextDecoder


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
        drift: what is known of fields that do not fit; threads that decode one stream share it.
        stored: `_rescued_data` comes into the table.
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
        stored: bool = True,
    ) -> None:
        self._session = session
        self._stream = stream
        self._reject = np.uint64(reject_bits(rules))
        self._rescue = inferred and format == "json"
        kinds = typed(session, columns)
        drift = drift or Drift()
        self._drift = DriftLines(session, kinds, drift, stream, self._rescue, stored)
        empty = ", ".join(f"CAST(NULL AS {carried(kind.type)}) AS {kind.sql}" for kind in kinds)
        self._first = drift.first
        self._schema = session.arrow(f"SELECT {empty}{f', NULL::VARCHAR AS {RESCUED}' if self._rescue else ''} LIMIT 0").schema
        self._json = JsonDecoder(session, kinds, rules, stream, self._rescue, exact) if format == "json" else None
        self._csv: CsvDecoder | None = None
        self._text: TextDecoder | None = None
        self._parquet: ParquetDecoder | None = None
        # The rooms of the other formats, which few flows need.
        if format == "csv":
            from workbench.stream.csv_decode import CsvDecoder

            self._csv = CsvDecoder(session, kinds, options, rules, stream, drift.first)
        elif format == "text":
            from workbench.stream.text_decode import TextDecoder

            self._text = TextDecoder(session, kinds, rules, stream)
        elif format == "parquet":
            from workbench.stream.parquet_decode import ParquetDecoder

            self._parquet = ParquetDecoder(session, kinds, rules, stream)

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
        batch.notices = self._encoded(raw, lines)
        if self._json:
            batch.notices += self._drift.of_json(batch, lines)
        if self._csv:
            header = self._csv.header_of(raw.start.file_id) if raw.header else None
            kinds = self._csv.kinds(lines, header) if header else {}
            batch.notices += self._csv.notices + self._drift.of_csv(batch, lines, header and self._csv.told(header, kinds), kinds)
            self._csv.notices = []
        return batch

    def _encoded(self, raw: RawBatch, lines: Lines) -> list[str]:
        """Told of the first input that is not UTF-8 from its first byte on."""
        encoding = foreign(bytes(lines.memory[:LONGEST])) if raw.start.byte == 0 else None
        return [unread(raw.start.file, encoding)] if encoding and self._first(encoding) else []

    def _too_long(self, raw: RawBatch) -> Batch:
        count = len(raw.overlong)
        table = pa.table([pa.nulls(count, field.type) for field in self._schema], schema=self._schema)
        starts = np.array([line.offset - raw.start.byte for line in raw.overlong] + [raw.offset.byte - raw.start.byte], np.int64)
        verdict = np.full(count, REJECTED, np.uint8)
        mask = np.array([MALFORMED_BIT if line.cut else TOO_LONG_BIT for line in raw.overlong], np.uint64)
        heads = pa.array([line.head for line in raw.overlong], pa.binary())
        return Batch(raw, table, verdict, mask, starts, np.arange(count), heads)

    def _of_table(self, parquet: ParquetDecoder, raw: RawBatch) -> Batch:
        """Places inside a row group have no bytes: all its records begin where it begins."""
        assert raw.table is not None
        where = f"{self._stream}: {raw.start.file}" if self._stream else raw.start.file
        table, bad = sound(raw.table, where)
        judged = parquet.decode(table, raw.table.schema, where)
        raw = replace(raw, table=table)
        judged.mask[bad] = MALFORMED_BIT
        verdict = np.where(judged.mask & self._reject, np.uint8(REJECTED), np.uint8(ACCEPTED))
        rejected = np.flatnonzero(verdict == REJECTED)
        starts = np.zeros(len(verdict) + 1, np.int64)
        starts[-1] = raw.offset.byte - raw.start.byte
        batch = Batch(raw, judged.table, verdict, judged.mask, starts, rejected, parquet.raw(table, rejected))
        batch.notices = self._drift.of_table(batch, table)
        return batch


def _places(starts: Positions, raw: RawBatch) -> Positions:
    """Where the records begin in the file, which has no last newline when the batch is `unended`."""
    if raw.unended:
        starts = starts.copy()
        starts[-1] -= 1
    return starts
