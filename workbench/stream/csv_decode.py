"""CSV records to typed rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from workbench.batch import RawBatch
from workbench.connectors.records import Records
from workbench.errors import FlowError
from workbench.language.definitions import Expectation
from workbench.store.feed import Feed
from workbench.store.session import Session
from workbench.stream.csv_fields import Dialect, Fields
from workbench.stream.decode_lines import Lines, texts
from workbench.stream.decode_types import Typed, value_sql
from workbench.stream.encodings import foreign
from workbench.stream.infer import text_kind
from workbench.stream.judge import Judge, Judged, Reading

FIRST = 20
"""Records of a chunk by which the type of a new column is told."""
SOME = 5
"""Fields that a notice names."""
Flags = npt.NDArray[np.bool_]
Header = tuple[str, ...]


class CsvDecoder:
    """Fields become columns by the header's names, letter case aside, or by position where there is no header.

    A declared column that the header lacks is NULL; a field that is empty is NULL, unless it is a quoted text. A record with
    too few or too many fields, with quotes that do not fit or with bad UTF-8 is `_malformed`; so is every record under a header
    that names no column at all, or is in another encoding: nothing of it can be read.

    Args:
        first: whether something is to be told, for nobody has told it before.
    """

    def __init__(
        self,
        session: Session,
        columns: Sequence[Typed],
        options: Sequence[tuple[str, str]],
        rules: Sequence[Expectation],
        stream: str,
        first: Callable[[str], bool] = lambda what: True,
    ) -> None:
        self._session = session
        self._columns = columns
        self._rules = rules
        self._stream = stream
        self._first = first
        self._dialect = Dialect.of(options)
        self._fields = Fields(self._dialect)
        self._records = Records(self._dialect.quote, self._dialect.delimiter)
        self._headers: dict[str, Header] = {}
        self._judges: dict[Header, tuple[Feed, Judge]] = {}
        self.notices: list[str] = []
        """What its user should know and was not told yet."""

    def needs_header(self, file_id: str) -> bool:
        return self._dialect.header and file_id not in self._headers

    def set_header(self, file_id: str, header: bytes) -> None:
        self._headers[file_id] = () if foreign(header) else self._fields.names(header)

    def header_of(self, file_id: str) -> Header | None:
        """The names in a file's header, once it is known and when anything can be read by it."""
        names = self._headers.get(file_id) if self._dialect.header else None
        return names if names and self._wanted(names) else None

    def told(self, header: Header, kinds: dict[str, set[str]]) -> Header:
        """The header's names; empty where a field without a name has no value either, as behind a delimiter at the end of each line."""
        return tuple("" if name == f"column{place}" and not kinds.get(name, name) else name for place, name in enumerate(header))

    def kinds(self, lines: Lines, header: Header) -> dict[str, set[str]]:
        """The types of the first values that no declared column takes, by their names."""
        wanted = {place for _, place in self._wanted(header)}
        others = {place: name for place, name in enumerate(header) if place not in wanted}
        kinds: dict[str, set[str]] = {name: set() for name in others.values()}
        for row in range(1, min(len(lines), FIRST) if others else 0):
            for place, field in enumerate(self._fields.cut(lines.line(row)) or ()):
                if place in others and field:
                    kinds[others[place]].add(text_kind(field.decode(errors="replace").strip()))
        return kinds

    def records(self, raw: RawBatch) -> Lines:
        """Where the records of a batch begin, exactly as its source counted them."""
        assert raw.buffer is not None
        if not raw.quoted or raw.starts is not None:
            return Lines(raw)
        ends = self._records.ends(raw.buffer.memory, raw.length)
        return Lines(raw, np.concatenate([np.zeros(1, np.int64), ends]))

    def decode(self, raw: RawBatch, lines: Lines) -> tuple[Judged, Flags]:
        """The rows of all records, and which are blank; the header counts as blank.

        Raises:
            FlowError: an expectation cannot be judged, or the header of a file is not known.
        """
        blank = lines.blank()
        if raw.header:
            first = int(np.flatnonzero(~blank)[0]) if not blank.all() else 0
            self._meet(raw, lines.line(first))
            blank[first] = True
        elif raw.header_line and self.needs_header(raw.start.file_id):
            self.set_header(raw.start.file_id, raw.header_line)
        names = self._names(raw)
        table = self._cut(lines, names) if self._wanted(names) else pa.table({"bad": np.ones(len(lines), np.bool_)})
        if names not in self._judges:
            self._judges[names] = self._judge(names)
        feed, judge = self._judges[names]
        judged = judge.judge_feed(feed, table)
        judged.mask[blank] = 0
        return judged, blank

    def _names(self, raw: RawBatch) -> Header:
        if not self._dialect.header:
            return tuple(column.name for column in self._columns)
        if raw.start.file_id not in self._headers:
            raise FlowError(
                f"{self._stream}: the header of {raw.start.file} is not known in the middle of the file.",
                "Refresh the table, or set header => 'false'.",
            )
        return self._headers[raw.start.file_id]

    def _meet(self, raw: RawBatch, header: bytes) -> None:
        """The header of a file, and what is to be said of it."""
        self.set_header(raw.start.file_id, header)
        if foreign(header):
            return  # which the decoder tells
        names = self._headers[raw.start.file_id]
        if not self._wanted(names):
            self.notices.append(self._strange(raw, header))
        wanted = {place for _, place in self._wanted(names)}
        given = [(field or b"").decode(errors="replace").strip() for field in self._fields.cut(header) or []]
        called = [
            f"field {place + 1}, {f'again `{old}`' if old else 'without a name'}, is called {new}"
            for place, (old, new) in enumerate(zip(given, names, strict=True))
            if old != new and (old or place in wanted)
        ]
        if called and self._first(f"header {names}"):
            more = f" and {len(called) - SOME:,} more" if len(called) > SOME else ""
            self.notices.append(
                f"the header of {raw.start.file} does not give every field a name of its own: {', '.join(called[:SOME])}{more};"
                " of equal names the first field has it"
            )

    def _strange(self, raw: RawBatch, header: bytes) -> str:
        """A header that fits nothing is nearly always read with the wrong delimiter."""
        shown = header.decode(errors="replace").strip()[:80]
        wanted = ", ".join(column.name for column in self._columns)
        return (
            f"no column of the header `{shown}` of {raw.start.file} is declared ({wanted}): its records are rejected as _malformed;"
            f" the delimiter is {self._dialect.delimiter!r}: write delimiter => '…' if it is another, or header => 'false' if there is none"
        )

    def _wanted(self, names: Header) -> list[tuple[Typed, int]]:
        """The declared columns that the file has, and their places in it."""
        places = {name.lower(): place for place, name in reversed(list(enumerate(names)))}
        return [(column, places[column.name.lower()]) for column in self._columns if column.name.lower() in places]

    def _cut(self, lines: Lines, names: Header) -> pa.Table:
        """The wanted fields of every record as text, and (`bad`) which records are malformed."""
        wanted = sorted({place for _, place in self._wanted(names)})
        irregular = self._fields.irregular(lines)
        regular = np.flatnonzero(~irregular)
        at_once = lines.memory if not irregular.any() else b"".join(bytes(line) + b"\n" for line in lines.take(regular).to_pylist())
        cut = self._fields.table(at_once, len(regular), len(names), wanted) if len(regular) else None
        if cut is None:
            rows = self._fields.rows(lines.all().to_pylist(), len(names), wanted)
            malformed = ~rows.column("fits").to_numpy()
            table = rows.drop_columns("fits")
        else:
            table, malformed = self._joined(lines, cut, regular, names, wanted)
        for place, name in enumerate(table.column_names):
            text, bad = texts(table.column(name).combine_chunks())
            malformed[bad] = True
            table = table.set_column(place, name, text)
        return table.append_column("bad", pa.array(malformed))

    def _joined(
        self, lines: Lines, cut: tuple[pa.Table, list[int]], regular: npt.NDArray[np.int64], names: Header, wanted: Sequence[int]
    ) -> tuple[pa.Table, Flags]:
        """Every record's row: the regular ones that fit, the irregular ones cut one by one, NULLs for the others."""
        table, ragged = cut
        if len(regular) == len(lines) and not ragged:
            return table, np.zeros(len(lines), np.bool_)
        fitting = np.delete(regular, ragged)
        others = np.setdiff1d(np.arange(len(lines)), regular, assume_unique=True)
        rows = self._fields.rows([lines.line(index) for index in others], len(names), wanted)
        places = np.full(len(lines), -1, np.int64)
        places[fitting] = np.arange(len(fitting))
        fits = rows.column("fits").to_numpy()
        places[others[fits]] = table.num_rows + np.flatnonzero(fits)
        joined = pa.concat_tables([table, rows.drop_columns("fits")]).combine_chunks()
        return joined.take(pa.array(places, mask=places < 0)), places < 0

    def _judge(self, names: Header) -> tuple[Feed, Judge]:
        found = {column.name: place for column, place in self._wanted(names)}
        readings = [_reading(column, found.get(column.name)) for column in self._columns]
        feed = Feed(self._session)
        return feed, Judge(self._session, readings, self._rules, self._stream, "bad", feed.name)


def _reading(column: Typed, place: int | None) -> Reading:
    if place is None:
        return Reading(column, f"NULL::{column.type}", "false")
    text = f"c{place}" if column.family == "text" else f"nullif(c{place}, '')"
    return Reading(column, value_sql(column, text), f"{text} IS NOT NULL")
