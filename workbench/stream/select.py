"""The SELECT of a flow: decoded records to the rows of its table, judged by the table's expectations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from workbench.batch import ACCEPTED, REJECTED, Batch, RawBatch
from workbench.errors import FlowError, QueryCancelled, QueryError
from workbench.language.definitions import Column, Expectation, FlowQuery
from workbench.store.session import LARGE, Session
from workbench.stream.decode_lines import Lines, Positions
from workbench.stream.decode_types import Typed, typed
from workbench.stream.judge import Judge, Judged, Reading
from workbench.stream.validate import reject_bits

METADATA = pa.struct(
    [
        ("source", pa.string()),
        ("file", pa.string()),
        ("offset", pa.int64()),
        ("line", pa.int64()),
        ("peer", pa.string()),
        ("arrived_at", pa.timestamp("us", "UTC")),
    ]
)
"""Type of the column `_metadata` that a SELECT can use."""


@dataclass(frozen=True, slots=True)
class Selected:
    """Rows of a streaming table over a streaming table.

    Shapes: m rows. `verdict` uint8[m], `mask` uint64[m]; `record` int64[m], ascending: the input row that each comes from;
    input rows without any were filtered. `rejected` int64[k]; `raw` binary[k]: their input rows as JSON objects.
    """

    table: pa.Table
    verdict: npt.NDArray[np.uint8]
    mask: npt.NDArray[np.uint64]
    record: Positions
    rejected: Positions
    raw: Any


class Selector:
    """Runs a flow's SELECT on accepted records and judges what comes out; the rows keep the order of the records.

    Columns of the table that the SELECT does not give (of a CREATE FLOW) are NULL; after the table's columns come those of
    `FlowQuery.extra`.

    Args:
        columns: of the table; a result of another type is cast, and is `_type` where it cannot be.
        source: what `_metadata.source` says.
    """

    def __init__(
        self, session: Session, query: FlowQuery, columns: tuple[Column, ...], rules: tuple[Expectation, ...], stream: str, source: str = ""
    ) -> None:
        self._session = session
        self._query = query
        self._columns = columns
        self._rules = rules
        self._stream = stream
        self._source = source
        self._reject = np.uint64(reject_bits(rules))
        self._judges: dict[Any, Judge] = {}

    def select(self, batch: Batch) -> Batch:
        """The rows of a decoded Batch; call it before the batch's buffer is filled again.

        A rejected or blank record keeps one row (of NULLs) with its verdict. A record that the WHERE filtered, or that
        a join did not match, has none.

        Raises:
            FlowError: the SELECT or an expectation failed on a row.
        """
        good = np.flatnonzero(batch.verdict == ACCEPTED)
        rows = batch.table if len(good) == len(batch.verdict) else batch.table.take(pa.array(good))
        metadata = self._metadata_of(batch, good) if self._query.uses_metadata else pa.nulls(len(good), METADATA)
        where = _Where(self._stream, batch.raw, good)
        judged, record = self._run(rows, good, metadata, where)
        others = np.flatnonzero(batch.verdict != ACCEPTED)
        verdict = self._verdicts(judged)
        table, mask = judged.table, judged.mask
        if len(others):
            order = np.argsort(np.concatenate([record, others]), kind="stable")
            table = table.take(pa.array(order, mask=order >= len(record)))
            mask = np.concatenate([mask, batch.mask[others]])[order]
            verdict = np.concatenate([verdict, batch.verdict[others]])[order]
            record = np.concatenate([record, others])[order]
        rejected = np.flatnonzero(verdict == REJECTED)
        return Batch(
            batch.raw, table, verdict, mask, batch.line_start, rejected, self._raw(batch, record[rejected]), record, notices=batch.notices
        )

    def select_rows(self, rows: pa.Table, arrived_at: float) -> Selected:
        """The rows of this table from accepted rows of another one.

        Raises:
            FlowError: the SELECT or an expectation failed on a row.
        """
        count = rows.num_rows
        nothing, unnamed = pa.nulls(count, pa.int64()), pa.nulls(count, pa.string())
        arrived = pa.repeat(pa.scalar(round(arrived_at * 1e6), METADATA.field("arrived_at").type), count)
        metadata = self._metadata(unnamed, nothing, nothing, unnamed, arrived)
        judged, record = self._run(rows, np.arange(count), metadata, _Where(self._stream, None, np.arange(count)))
        verdict = self._verdicts(judged)
        rejected = np.flatnonzero(verdict == REJECTED)
        return Selected(judged.table, verdict, judged.mask, record, rejected, self._json(rows.take(pa.array(record[rejected]))))

    def _run(self, rows: pa.Table, numbers: Positions, metadata: Any, where: _Where) -> tuple[Judged, Positions]:
        """The judged rows of the SELECT over `rows`, in the order of the record each comes from."""
        inputs = rows.append_column("_row", pa.array(numbers)).append_column("_metadata", metadata)
        judged = self._judged(inputs, where)
        record = judged.table.column("_row").to_numpy()
        table = judged.table.drop_columns("_row")
        if len(record) > 1 and (np.diff(record) < 0).any():
            order = np.argsort(record, kind="stable")
            return Judged(table.take(pa.array(order)), judged.mask[order]), record[order]
        return Judged(table, judged.mask), record

    def _judged(self, inputs: pa.Table, where: _Where) -> Judged:
        try:
            return self._attempt(inputs)
        except QueryCancelled:
            raise
        except QueryError as error:
            place = where.named(self._first_failing(inputs))
            raise FlowError(
                f"{place}: the SELECT failed: {error.message}",
                "TRY(…) or TRY_CAST gives NULL where a value does not fit; WHERE can leave the row out.",
            ) from error

    def _attempt(self, inputs: pa.Table) -> Judged:
        with self._session.relation("_input", inputs):
            judge = self._judges.get(inputs.schema)
            if judge is None:
                judge = self._judges[inputs.schema] = self._judge()
            return judge.judge(large=inputs.nbytes > LARGE)

    def _judge(self) -> Judge:
        """Needs `_input`: the types that the SELECT gives decide what has to be cast."""
        given = {name.lower(): kind for name, kind in self._session.describe(self._query.sql)}
        readings = [_reading(column, given.get(column.name.lower())) for column in typed(self._session, self._columns)]
        return Judge(self._session, readings, self._rules, self._stream, "false", f"({self._query.sql}\n)", ["_row", *self._query.extra])

    def _first_failing(self, inputs: pa.Table) -> int | None:
        """The first row that fails, found by halving; None when no single row does."""
        low, high = 0, inputs.num_rows
        while high - low > 1:
            middle = (low + high) // 2
            if self._fails(inputs.slice(low, middle - low)):
                high = middle
            else:
                low = middle
        return low if high > low and self._fails(inputs.slice(low, 1)) else None

    def _fails(self, inputs: pa.Table) -> bool:
        try:
            self._attempt(inputs)
        except (FlowError, QueryError):
            return True
        return False

    def _verdicts(self, judged: Judged) -> npt.NDArray[np.uint8]:
        return np.where(judged.mask & self._reject, np.uint8(REJECTED), np.uint8(ACCEPTED))

    def _metadata_of(self, batch: Batch, good: Positions) -> Any:
        raw = batch.raw
        file = pa.repeat(pa.scalar(raw.start.file, pa.string()), len(good))
        offset = pa.array(raw.start.byte + batch.line_start[:-1][good])
        peer = _of_runs([(first, name or None) for first, name in raw.peers] or [(0, None)], good, pa.string())
        arrivals = raw.arrivals or ((0, raw.arrived_at),)
        arrived = _of_runs([(first, round(at * 1e6)) for first, at in arrivals], good, METADATA.field("arrived_at").type)
        return self._metadata(file, offset, pa.array(raw.start.line + 1 + good), peer, arrived)

    def _metadata(self, file: Any, offset: Any, line: Any, peer: Any, arrived: Any) -> Any:
        source = pa.repeat(pa.scalar(self._source, pa.string()), len(file))
        return pa.StructArray.from_arrays([source, file, offset, line, peer, arrived], fields=list(METADATA))

    def _raw(self, batch: Batch, records: Positions) -> Any:
        """Copies of the bytes of some records (one may come twice)."""
        if batch.raw.table is not None:
            return self._json(batch.raw.table.take(pa.array(records)))
        if not batch.raw.length:
            return batch.rejected_raw.take(pa.array(np.searchsorted(batch.rejected, records)))
        starts = batch.line_start.copy()
        starts[-1] = batch.raw.length
        return Lines(batch.raw, starts).take(records)

    def _json(self, rows: pa.Table) -> Any:
        if not rows.num_rows:
            return pa.array([], pa.binary())
        with self._session.relation("_rows", rows):
            found = self._session.arrow("SELECT to_json(_rows)::VARCHAR AS raw FROM _rows")
        return found.column(0).combine_chunks().cast(pa.binary())


def _of_runs(runs: Sequence[tuple[int, Any]], records: Positions, kind: Any) -> Any:
    """The value of each record, from (first record, value) of each run; the first run begins at 0."""
    firsts = np.array([first for first, _ in runs])
    return pa.array([value for _, value in runs], kind).take(pa.array(np.searchsorted(firsts, records, "right") - 1))


@dataclass(frozen=True, slots=True)
class _Where:
    """Names the place of an input row in errors."""

    stream: str
    raw: RawBatch | None
    records: Positions

    def named(self, row: int | None) -> str:
        if row is None or self.raw is None:
            return self.stream if row is None else f"{self.stream}, row {row + 1} of the batch"
        return f"{self.stream}, {self.raw.start.file}:{self.raw.start.line + 1 + int(self.records[row])}"


def _reading(column: Typed, given: str | None) -> Reading:
    if given is None:
        return Reading(column, f"CAST(NULL AS {column.type})", "false")
    name = column.sql
    value = name if column.type == given else f"try_cast({name} AS {column.type})"
    return Reading(column, value, f"{name} IS NOT NULL")
