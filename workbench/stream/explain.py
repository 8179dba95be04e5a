"""Why one quarantined record is there: every rule judged on it, what each saw, and where that stands in the raw text."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from workbench.batch import KEPT_OF_TOO_LONG, MALFORMED, NOT_NULL, TOO_LONG, TYPE, ChunkBuffer, Offset, RawBatch
from workbench.errors import QueryError
from workbench.language.definitions import Column, Expectation, Format, ReadFiles, ReadSocket, ReadStdin, StreamingTable
from workbench.protocol import RuleVerdict
from workbench.store.names import quote
from workbench.store.session import Session
from workbench.stream.decode import Decoder
from workbench.stream.field_spans import Place, csv_places, error_place, headless, json_places, shown
from workbench.stream.select import METADATA
from workbench.stream.validate import MALFORMED_BIT, broken_sql

WORD = re.compile(r"'(?:[^']|'')*'|\"((?:[^\"]|\"\")+)\"|([A-Za-z_]\w*)")

KEPT = 8
"""Decoders for records that are explained."""

COUNT = re.compile(rb"[1-9]\d{0,9}(?: |$)")
"""Of bytes, before a record in the framing that has it: only a record that is not whole is kept with it."""
NOT_WHOLE = "its sender did not send all of it"
NO_COUNT = "no count of its bytes stands before it, as framing => 'octet' has it"
NO_HEADER = "it was not judged again: the header of its file cannot be read now, or not as it was"
NOT_ALLOWED = "a value that its type in the file does not allow; it is kept as null"
NOT_ITS_TYPE = "a value that JSON, as which the record is kept, writes like one of the column's type"
NOWHERE = Place(0, 0, None)


class Explanation(NamedTuple):
    """A record explained: `text` is it as a screen can show it, `spans` are (start, stop, action) in its characters."""

    verdicts: tuple[RuleVerdict, ...]
    spans: tuple[tuple[int, int, str], ...]
    text: str


class Decoders:
    """Those that explained records lately: a screen asks for each new one, and to plan what judges them takes ten times as long."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._kept: OrderedDict[object, Decoder] = OrderedDict()

    def of(self, columns: tuple[Column, ...], format: Format, options: tuple[tuple[str, str], ...]) -> Decoder:
        """That of an input."""
        key = columns, format, options
        decoder = self._kept.pop(key, None) or Decoder(self.session, columns, format, options, exact=True)
        self._kept[key] = decoder
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return decoder


def explain(
    decoders: Decoders,
    raw: bytes,
    table: StreamingTable | None,
    columns: tuple[Column, ...],
    rules: Sequence[str] = (),
    header: bytes | None = None,
) -> Explanation:
    """Judge one record again, rule by rule; only its first 64 KB are shown.

    Args:
        table: the streaming table that it was rejected from; None when that is gone: then there are no verdicts.
        columns: of the table's input.
        rules: the rules that it broke when it came; `_too_long` cannot be judged again.
        header: the header record of a CSV file that has one.
    """
    if table is None or not columns:
        return Explanation((), (), shown(raw[:KEPT_OF_TOO_LONG])[0])
    if TOO_LONG in rules:
        kept = RuleVerdict(TOO_LONG, True, "drop", f"its first {len(raw):,} bytes were kept")
        return Explanation((kept, *_unknown(table.expectations)), (), shown(raw)[0])
    return _Record(decoders, raw, table, columns, header, rules).explained()


class _Record:
    """One record on the way through its decoder and its SELECT."""

    def __init__(
        self,
        decoders: Decoders,
        raw: bytes,
        table: StreamingTable,
        columns: tuple[Column, ...],
        header: bytes | None,
        rules: Sequence[str],
    ) -> None:
        source = table.source
        kind: Format = "parquet"
        options: tuple[tuple[str, str], ...] = ()
        if isinstance(source, ReadFiles | ReadSocket | ReadStdin):
            kind, options = source.format, source.options
        assert table.query is not None
        self.session = decoders.session
        self.raw = raw
        self.format: Format = kind
        self.query = table.query
        self.expectations = table.expectations
        self.headless = headless([column.name for column in columns], options, header) if kind == "csv" else ""
        self.met = tuple(rules) if self.headless and MALFORMED not in rules else ()
        """The rules that it broke when its header could still be read."""
        self.places = _places(raw, columns, kind, options, header)
        self.table, mask = _decoded(decoders, raw, columns, kind, options, header)
        self.malformed = bool(mask & MALFORMED_BIT)
        self.cut = ""
        """Why it is no record, which its bytes alone do not tell."""
        if MALFORMED in rules and isinstance(source, ReadSocket) and source.framing == "octet":
            self.cut = NOT_WHOLE if COUNT.match(raw) else "" if self.malformed else NO_COUNT
        if MALFORMED in rules and isinstance(source, ReadFiles) and kind == "parquet":
            self.cut = NOT_ALLOWED
        empty = [c for c in columns if not self.table.column(c.name)[0].is_valid]
        self.wrong = [c for c in empty if self.places.get(c.name, NOWHERE).value is not None]
        self.missing = [c for c in empty if c.not_null and c not in self.wrong]
        self.bent = TYPE in rules and kind == "parquet" and not self.wrong

    def explained(self) -> Explanation:
        text, characters = shown(self.raw[:KEPT_OF_TOO_LONG])
        if self.cut:
            verdict = RuleVerdict(MALFORMED, True, "drop", self.cut)
            return Explanation((verdict, *_unknown(self.expectations)), (), text)
        if self.met:
            actions = {rule.name: rule.action for rule in self.expectations}
            told = [RuleVerdict(rule, True, actions.get(rule, "drop"), NO_HEADER) for rule in self.met]
            others = [rule for rule in self.expectations if rule.name not in self.met]
            return Explanation((*told, *_unknown(others)), (), text)
        if self.malformed:
            message, place = (self.headless, None) if self.headless else error_place(self.raw, self.format)
            verdict = RuleVerdict(MALFORMED, True, "drop", message)
            spans = [(place.start, place.stop, "drop")] if place else []
            return Explanation((verdict, *_unknown(self.expectations)), _in_characters(spans, characters), text)
        verdicts = [*self._reserved(), *(_unknown(self.expectations) if self.bent else self._judged())]
        marked = [(self.places[v.field], v.action) for v in verdicts if v.broken and v.field in self.places]
        spans = sorted({(place.start, place.stop, action) for place, action in marked if place.stop > place.start})
        return Explanation(tuple(verdicts), _in_characters(spans, characters), text)

    def _reserved(self) -> list[RuleVerdict]:
        found = [RuleVerdict(MALFORMED, False, "drop")]
        found += [RuleVerdict(TYPE, True, "drop", self.places[c.name].value or "", f"{c.name} {c.type}", c.name) for c in self.wrong]
        found += [RuleVerdict(TYPE, True, "drop", NOT_ITS_TYPE)] if self.bent else []
        found += [RuleVerdict(NOT_NULL, True, "drop", "NULL", f"{c.name} {c.type} NOT NULL", c.name) for c in self.missing]
        return found + [RuleVerdict(rule, False, "drop") for rule in (TYPE, NOT_NULL) if rule not in {v.rule for v in found}]

    def _judged(self) -> list[RuleVerdict]:
        """The expectations; one that mentions a column of the wrong type cannot be judged."""
        try:
            output = self._output()
        except QueryError as error:
            return [RuleVerdict(rule.name, None, rule.action, error.message, rule.predicate) for rule in self.expectations]
        wrong = {column.name.lower() for column in self.wrong}
        return [self._verdict(rule, output, wrong) for rule in self.expectations]

    def _output(self) -> pa.Table:
        if self.query.identity:
            return self.table
        inputs = self.table.append_column("_row", pa.array([0])).append_column("_metadata", pa.nulls(1, METADATA))
        with self.session.relation("_input", inputs):
            return self.session.arrow(self.query.sql)

    def _verdict(self, rule: Expectation, output: pa.Table, wrong: set[str]) -> RuleVerdict:
        names = mentioned(rule.predicate, output.column_names)
        field = names[0] if names else ""
        if not output.num_rows or wrong & {name.lower() for name in names}:
            return RuleVerdict(rule.name, None, rule.action, predicate=rule.predicate, field=field)
        value = f"coalesce({quote(field)}::VARCHAR, 'NULL')" if field else "''"
        with self.session.relation("_judged", output):
            try:
                found = self.session.execute(f"SELECT {broken_sql(rule)} AS broken, {value} FROM _judged ORDER BY broken DESC LIMIT 1")
            except QueryError as error:
                return RuleVerdict(rule.name, None, rule.action, error.message, rule.predicate, field)
        broken, seen = found[0]
        return RuleVerdict(rule.name, bool(broken), rule.action, str(seen), rule.predicate, field)


def mentioned(predicate: str, names: Sequence[str]) -> list[str]:
    """The columns that a predicate mentions, in its order."""
    known = {name.lower(): name for name in names}
    words = [(quoted or plain).replace('""', '"').lower() for quoted, plain in WORD.findall(predicate)]
    return list(dict.fromkeys(known[word] for word in words if word in known))


def _unknown(expectations: Sequence[Expectation]) -> list[RuleVerdict]:
    return [RuleVerdict(rule.name, None, rule.action, predicate=rule.predicate) for rule in expectations]


def _decoded(
    decoders: Decoders, raw: bytes, columns: tuple[Column, ...], kind: Format, options: tuple[tuple[str, str], ...], header: bytes | None
) -> tuple[pa.Table, int]:
    """The record's row and its mask; a Parquet row was kept as JSON."""
    if header is None:
        options = (*options, ("header", "false"))
    named = _as_named(raw, columns) if kind == "parquet" else columns
    decoder = decoders.of(named, "json" if kind == "parquet" else kind, options)
    line = raw + b"\n"
    buffer = ChunkBuffer(len(line))
    buffer.open()[: len(line)] = line
    stop = Offset("", "", len(line), 1)
    starts = np.array([0, len(line)], np.int64) if b"\n" in raw else None
    batch = decoder.decode(RawBatch(buffer, len(line), Offset("", ""), stop, 0.0, header_line=header or b"", starts=starts))
    buffer.close()
    return batch.table.rename_columns([column.name for column in columns]), int(batch.mask[0])


def _as_named(raw: bytes, columns: Sequence[Column]) -> tuple[Column, ...]:
    """The columns by the names that they have in a record of Parquet, where letter case does not count."""
    given = {name.lower(): name for name in reversed(json_places(raw))}
    return tuple(replace(column, name=given.get(column.name.lower(), column.name)) for column in columns)


def _places(
    raw: bytes, columns: Sequence[Column], kind: Format, options: Sequence[tuple[str, str]], header: bytes | None
) -> dict[str, Place]:
    if kind == "csv":
        return csv_places(raw, [column.name for column in columns], options, header)
    if kind == "text":
        return {columns[0].name: Place(0, len(raw), raw.decode(errors="replace"))}
    places = json_places(raw)
    if kind == "parquet":
        named = zip(columns, _as_named(raw, columns), strict=True)
        return {column.name: places.get(given.name, NOWHERE) for column, given in named}
    return places


def _in_characters(spans: Sequence[tuple[int, int, str]], characters: Sequence[int]) -> tuple[tuple[int, int, str], ...]:
    last = len(characters) - 1
    return tuple((characters[start], characters[min(stop, last)], action) for start, stop, action in spans if start < last)
