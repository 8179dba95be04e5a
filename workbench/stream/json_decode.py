"""JSON lines to typed rows: the fast way where it is sure, the exact way for the rest."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from workbench.errors import QueryCancelled, QueryError
from workbench.language.definitions import Expectation
from workbench.store.session import LARGE, Session
from workbench.stream.decode_lines import Lines, Positions, rows_of
from workbench.stream.decode_types import WHOLE, Typed
from workbench.stream.json_exact import RESCUED, JsonExact, inside_names, rescued_sql, trimmed_sql
from workbench.stream.json_fast import DOUBT, JsonFast, unknown_fields
from workbench.stream.json_slack import rows_with_commas
from workbench.stream.judge import Judged
from workbench.stream.long_numbers import is_exact, long_numbers
from workbench.stream.nesting import leaves
from workbench.stream.picked import picked
from workbench.stream.validate import MALFORMED_BIT, TYPE_BIT

Flags = npt.NDArray[np.bool_]

SMALL = 3000
"""Lines up to which the exact way alone (1.3 ms and 1.5 µs a line) is done before the fast one (4 ms with its doubts, 0.5 µs a line)."""
MOSTLY = 0.5
"""Share of doubtful lines from which the fast pass is a waste."""
PAUSE = 15
"""Chunks that go the exact way before the fast one is tried again."""
FEW = 64
"""Corrected rows that are put back as slices; more are cheaper with one copy of the table."""
FINE = (re.compile(rb"\.000000"), re.compile(rb"\\u00[23]"))
"""What is in a time that is less than a microsecond after midnight: its fraction, or a point or digit of that written as an escape."""


class JsonDecoder:
    """Judges lines of JSON; both ways give the same answer, so which one was taken only shows in the time it took."""

    def __init__(
        self, session: Session, columns: Sequence[Typed], rules: Sequence[Expectation], stream: str, rescue: bool, exact: bool
    ) -> None:
        self.session = session
        self.columns = tuple(columns)
        self.rescue = rescue
        self._fast = None if exact else JsonFast(session, columns, rules)
        self._exact = JsonExact(session, columns, rules, stream, rescue)
        self._exactly = any(is_exact(leaf) and column.type not in WHOLE for column in columns for leaf in leaves(column.type))
        self._dates = any(column.type == "DATE" for column in columns)
        self._inside = inside_names(columns)
        self._pause = 0

    def decode(self, lines: Lines, path: str | None) -> tuple[Judged, Flags]:
        """The rows of all lines, and which lines are blank (their rows are NULLs).

        Raises:
            FlowError: an expectation cannot be judged.
        """
        if self._fast is None or path is None or self._pause or len(lines) <= SMALL or not lines.plain:
            self._pause = max(0, self._pause - 1)
            return self._all_exact(lines)
        try:
            judged = self._fast.decode(path, lines.length)
        except QueryCancelled:
            raise
        except QueryError:
            return self._all_exact(lines)
        blank = lines.blank() if len(judged.mask) != len(lines) else np.zeros(len(lines), np.bool_)
        if len(judged.mask) != len(lines) - int(blank.sum()):
            return self._all_exact(lines)
        if blank.any():
            judged = _spread(judged, blank)
        for rows in self._strange(lines):
            judged.mask[rows[~blank[rows]]] = DOUBT
        return self._settled(self._fast, judged, lines), blank

    def _strange(self, lines: Lines) -> Iterator[Positions]:
        """Rows that DuckDB's reader takes although they, or values in them, are not JSON, or whose numbers or dates it takes for others."""
        yield lines.odd()
        if self._inside:
            yield rows_with_commas(lines.whole(), self._inside)
        if self._exactly:
            yield rows_of(long_numbers(lines.bytes), lines.starts)
        if self._dates:
            for fine in FINE:
                found = np.fromiter((match.start() for match in fine.finditer(lines.memory)), np.int64)
                yield rows_of(found, lines.starts)

    def _all_exact(self, lines: Lines) -> tuple[Judged, Flags]:
        blank = lines.blank()
        judged = self._exact.decode(lines.take(np.flatnonzero(~blank)))
        return (_spread(judged, blank) if blank.any() else judged), blank

    def _settled(self, fast: JsonFast, judged: Judged, lines: Lines) -> Judged:
        """The doubtful rows judged exactly and put in their places."""
        doubtful = np.flatnonzero(judged.mask == DOUBT)
        table, mask = judged.table, judged.mask
        if self.rescue:
            table = table.append_column(RESCUED, self._rescued(judged, lines))
        if len(doubtful):
            exact = self._exact.decode(lines.take(doubtful))
            mask[doubtful] = exact.mask
            right = np.flatnonzero((exact.mask & np.uint64(MALFORMED_BIT | TYPE_BIT)) == 0)
            right_rows = exact.table.take(pa.array(right))
            table = correct(table, doubtful[right], right_rows)
            learned = fast.learn(right_rows, len(lines))
            if not learned and len(doubtful) > MOSTLY * len(lines) and len(lines) > FEW:
                self._pause = PAUSE
        return Judged(table, mask)

    def _rescued(self, judged: Judged, lines: Lines) -> Any:
        """The unknown fields of the rows that are not doubtful."""
        suspects = np.flatnonzero(unknown_fields(lines.bytes, lines.starts, judged.table) & (judged.mask != DOUBT))
        if not len(suspects):
            return pa.nulls(len(lines), pa.string())
        raw = lines.take(suspects)
        with self.session.relation("_lines", pa.table({"raw": raw.cast(pa.string())})):
            sql = f"SELECT {rescued_sql(trimmed_sql('raw'), [column.name for column in self.columns])} AS rest FROM _lines"
            rest = self.session.arrow(sql, large=raw.nbytes > LARGE).column(0).combine_chunks()
        places = np.full(len(lines), -1, np.int64)
        places[suspects] = np.arange(len(suspects))
        return rest.take(pa.array(places, mask=places < 0))


def correct(table: pa.Table, rows: Positions, right: pa.Table) -> pa.Table:
    """The table with row `rows[i]` replaced by row i of `right` where they differ, which is seldom; `rows` ascend."""
    if not len(rows):
        return table
    right = right.cast(table.schema)
    differ = np.flatnonzero(_differ(picked(table, rows), right))
    return splice(table, rows[differ], right.take(pa.array(differ)))


def _differ(ours: pa.Table, right: pa.Table) -> Flags:
    differ = np.zeros(right.num_rows, np.bool_)
    for one, other in zip(ours.columns, right.columns, strict=True):
        try:
            unequal = pc.fill_null(pc.not_equal(one, other), False).to_numpy()
            differ |= unequal | (one.is_null().to_numpy() != other.is_null().to_numpy())
        except pa.ArrowNotImplementedError:
            differ |= np.array([not x.equals(y) for x, y in zip(one, other, strict=True)], np.bool_)
    return differ


def splice(table: pa.Table, rows: Positions, others: pa.Table) -> pa.Table:
    """The table with row `rows[i]` replaced by row i of `others`; `rows` ascend."""
    if not len(rows):
        return table
    if len(rows) > FEW:
        index = np.arange(table.num_rows)
        index[rows] = table.num_rows + np.arange(len(rows))
        return pa.concat_tables([table, others]).combine_chunks().take(pa.array(index))
    parts, start = [], 0
    for place, row in enumerate(rows.tolist()):
        parts += [table.slice(start, row - start), others.slice(place, 1)]
        start = row + 1
    return pa.concat_tables([*parts, table.slice(start)])


def _spread(judged: Judged, blank: Flags) -> Judged:
    """Rows of NULLs where the blank lines are."""
    mask = np.zeros(len(blank), np.uint64)
    mask[~blank] = judged.mask
    places = np.cumsum(~blank) - 1
    return Judged(judged.table.take(pa.array(places, mask=blank)), mask)
