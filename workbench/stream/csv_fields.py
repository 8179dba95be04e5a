"""CSV records cut into fields: the options, the grammar, and many records at once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv

from workbench.errors import FlowError
from workbench.stream.decode_lines import Lines, texts

Flags = npt.NDArray[np.bool_]

ESCAPES = {"\\t": "\t", "tab": "\t"}


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a CSV file is written. `quote` may be empty; a field equal to one of `nulls`, unquoted, is NULL."""

    delimiter: str = ","
    quote: str = '"'
    header: bool = True
    nulls: tuple[str, ...] = ("",)

    @classmethod
    def of(cls, options: Sequence[tuple[str, str]]) -> Dialect:
        """From the options of read_files.

        Raises:
            FlowError: a delimiter or a quote of several characters.
        """
        given = {name.lower(): value for name, value in options}
        delimiter = next((given[name] for name in ("delimiter", "delim", "sep") if name in given), ",")
        delimiter = ESCAPES.get(delimiter.lower(), delimiter)
        quote = given.get("quote", '"')
        if len(delimiter.encode()) != 1 or len(quote.encode()) > 1:
            raise FlowError(
                f"CSV delimiter {delimiter!r} and quote {quote!r} must be one byte each.", "Write delimiter => ';' or delimiter => '\\t'."
            )
        nulls = ("", given["nullstr"]) if given.get("nullstr") else ("",)
        return cls(delimiter, quote, given.get("header", "true").lower() not in ("false", "0", "no", "off"), nulls)


class Fields:
    """Cuts records by RFC 4180: a quoted field opens and closes at its ends, any other field is taken as it is.

    A record whose quotes do not fit is cut into nothing: it is malformed.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._nulls = frozenset(null.encode() for null in dialect.nulls)
        delimiter, quote = re.escape(dialect.delimiter.encode()), re.escape(dialect.quote.encode())
        plain = rb"(?!%b)[^\n%b]*+" % (quote, delimiter) if quote else rb"[^\n%b]*+" % delimiter
        quoted = rb"%b(?:[^%b]|%b%b)*+%b" % (quote, quote, quote, quote, quote) if quote else rb"(?!)"
        self._record = re.compile(rb"(?:%b|%b)(?:%b(?:%b|%b))*+" % (quoted, plain, delimiter, quoted, plain))
        self._field = re.compile(rb"%b|%b" % (quoted, plain))

    def names(self, header: bytes) -> tuple[str, ...]:
        """The names in a header record, each once: see `distinct`; none when it is malformed."""
        fields = self.cut(header.rstrip(b"\r\n")) or []
        return distinct([(field or b"").decode(errors="replace").strip() for field in fields])

    def irregular(self, lines: Lines) -> Flags:
        """Which records the reader below would cut otherwise than this grammar, or stop at: bad quotes, a carriage return of its own,
        and no UTF-8, of which it cannot tell that it has too few or too many fields."""
        found = np.zeros(len(lines), np.bool_)
        for index in np.flatnonzero(self._suspect(lines)).tolist():
            record = _ended(lines.line(index))
            found[index] = not self._record.fullmatch(record) or b"\r" in record
        found[texts(lines.whole())[1]] = True
        return found

    def cut(self, record: bytes) -> list[bytes | None] | None:
        """The fields of one record (None is NULL), or None when it is malformed."""
        spans = self.spans(record)
        return [self._value(record[start:stop]) for start, stop in spans] if spans else None

    def spans(self, record: bytes) -> list[tuple[int, int]]:
        """Where the fields of one record stand; none when it is malformed."""
        record = _ended(record)
        if not self._record.fullmatch(record):
            return []
        spans: list[tuple[int, int]] = []
        while not spans or spans[-1][1] < len(record):
            found = self._field.match(record, spans[-1][1] + 1 if spans else 0)
            assert found is not None
            spans.append(found.span())
        return spans

    def table(self, records: Any, count: int, width: int, wanted: Sequence[int]) -> tuple[pa.Table, list[int]] | None:
        """Regular records cut at once: columns `c<i>` (binary) of `wanted`, and the records without `width` fields (no row).

        None when the reader saw another number of records.
        """
        ragged: list[int] = []

        def skip(row: Any) -> str:
            ragged.append(row.number - 1)
            return "skip"

        names = [f"c{index}" for index in range(width)]
        reads = pa.csv.ReadOptions(use_threads=False, block_size=max(len(records) + 1, 1 << 10), column_names=names)
        parses = pa.csv.ParseOptions(
            delimiter=self._dialect.delimiter,
            quote_char=self._dialect.quote or False,
            newlines_in_values=False,
            ignore_empty_lines=False,
            invalid_row_handler=skip,
        )
        converts = pa.csv.ConvertOptions(
            check_utf8=False,
            column_types=dict.fromkeys(names, pa.binary()),
            include_columns=[f"c{index}" for index in wanted],
            null_values=list(self._dialect.nulls),
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        )
        table = pa.csv.read_csv(pa.py_buffer(records), read_options=reads, parse_options=parses, convert_options=converts)
        return (table, ragged) if table.num_rows + len(ragged) == count else None

    def rows(self, records: Iterable[bytes], width: int, wanted: Sequence[int]) -> pa.Table:
        """Records cut one by one, columns as in `table`; a malformed or ragged record gives NULLs and is False in `fits`."""
        cut = [fields if fields is not None and len(fields) == width else None for fields in map(self.cut, records)]
        columns = {f"c{index}": pa.array([fields[index] if fields else None for fields in cut], pa.binary()) for index in wanted}
        return pa.table({**columns, "fits": pa.array([fields is not None for fields in cut], pa.bool_())})

    def _suspect(self, lines: Lines) -> Flags:
        """Records with a quote that is not just one side of a field, or with a carriage return inside."""
        data, suspects = lines.bytes, np.zeros(len(lines), np.bool_)
        returns = np.flatnonzero(data == ord("\r"))
        alone = returns[data[returns + 1] != ord("\n")]
        suspects[np.searchsorted(lines.starts, alone, "right") - 1] = True
        if not self._dialect.quote:
            return suspects
        quotes = np.flatnonzero(data == ord(self._dialect.quote))
        if not len(quotes):
            return suspects
        record = np.searchsorted(lines.starts, quotes, "right") - 1
        first = np.searchsorted(quotes, lines.starts)
        delimiter = ord(self._dialect.delimiter)
        opens = (quotes == lines.starts[record]) | (data[quotes - 1] == delimiter)
        after = data[quotes + 1]
        closes = (after == delimiter) | (after == ord("\n")) | (after == ord("\r"))
        opening = (np.arange(len(quotes)) - first[record]) % 2 == 0
        suspects[record[np.where(opening, ~opens, ~closes)]] = True
        suspects |= np.diff(first) % 2 == 1
        return suspects

    def _value(self, field: bytes) -> bytes | None:
        quote = self._dialect.quote.encode()
        if quote and field.startswith(quote):
            return field[1:-1].replace(quote * 2, quote)
        return None if field in self._nulls else field


def _ended(record: bytes) -> bytes:
    return record[:-1] if record.endswith(b"\r") else record


def distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Names of which no two are equal, letter case aside, as DuckDB makes them: a repeated `a` is `a_1`, then `a_2`; a name that is
    empty is `column` and its place from 0 on. The first of equal names keeps it, and no other name of the header is taken away."""
    taken = {name.lower() for name in names}
    met: set[str] = set()
    found: list[str] = []
    for place, name in enumerate(names):
        wanted = name or f"column{place}"
        free, count = wanted, 0
        while free.lower() in (met if name and not count else taken | met):
            count += 1
            free = f"{wanted}_{count}"
        met.add(free.lower())
        found.append(free)
    return tuple(found)
