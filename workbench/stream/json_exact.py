"""The exact way to decode JSON lines: slow, portable, and the judge of what the fast way doubts."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from workbench.language.definitions import Expectation
from workbench.store.feed import Feed
from workbench.store.names import literal
from workbench.store.session import Session
from workbench.stream.decode_lines import last_two, rows_of, texts
from workbench.stream.decode_types import Typed, value_sql
from workbench.stream.json_slack import quoted_sql, rows_with_commas
from workbench.stream.judge import Judge, Judged, Reading
from workbench.stream.long_numbers import all_spelled_out, exact_kinds, long_numbers
from workbench.stream.nesting import pointer

RESCUED = "_rescued_data"
SPACE = literal(" \t\r\n")
TRAILING_COMMA = re.compile(rb",[ \t\r\n]*\}[ \t\r\n]*$")
INSIDE = ("json", "nested")
NOTHING_BUT_NULLS = '^\\{("(\\\\.|[^"\\\\])*":null,?)*\\}$'


class JsonExact:
    """Every line is parsed by itself, every column judged on its JSON type: no cast can hide anything.

    A line that DuckDB takes for no object is `_malformed` (a byte order mark and JSON's white space around it are allowed), and so is
    one with a comma behind its last field; a value that is none of its column's type is `_type`, as is what is no JSON in a column of
    JSON or nested values; a missing key and a JSON null are NULL; of duplicate keys the first counts.
    """

    def __init__(self, session: Session, columns: Sequence[Typed], rules: Sequence[Expectation], stream: str, rescue: bool = False) -> None:
        self._feed = Feed(session)
        self._exact = exact_kinds(columns)
        self._inside = inside_names(columns)
        rescued = [f"{rescued_sql('_line', [column.name for column in columns])} AS {RESCUED}"] if rescue else []
        self._judge = Judge(session, _readings(columns), rules, stream, "_line IS NULL", _parsed_sql(columns, self._feed.name), rescued)

    def decode(self, raw: Any) -> Judged:
        """Judge binary[k] lines, in order.

        Raises:
            FlowError: an expectation cannot be judged.
        """
        text, _ = texts(raw)
        table = pa.table({"raw": self._strict(text)})
        if self._inside:
            loose = np.zeros(len(text), np.bool_)
            loose[rows_with_commas(text, self._inside)] = True
            table = table.append_column("_loose", pa.array(loose))
        return self._judge.judge_feed(self._feed, table)

    def _strict(self, lines: Any) -> Any:
        """Lines as DuckDB must read them: those with a comma behind their last field, which it takes, as NULL; numbers that it would
        take for others in quotes, which keep all their digits.
        """
        _, offsets, data = lines.buffers()
        if not len(lines) or not data:
            return lines
        starts = np.frombuffer(offsets, np.int32)[lines.offset : lines.offset + len(lines) + 1].astype(np.int64)
        bytes_ = np.frombuffer(data, np.uint8)[: starts[-1]]
        if not len(bytes_):
            return lines
        changed: dict[int, str | None] = {}
        if self._exact:
            rows = rows_of(long_numbers(bytes_[starts[0] :]) + starts[0], starts).tolist()
            spelled = all_spelled_out([bytes_[starts[row] : starts[row + 1]].tobytes() for row in rows], self._exact)
            changed = {row: line.decode() for row, line in zip(rows, spelled, strict=True)}
        _, behind = last_two(bytes_, starts[1:].copy())
        for row in np.flatnonzero((behind == ord(",")) | (behind <= ord(" "))).tolist():
            if TRAILING_COMMA.search(bytes_[starts[row] : starts[row + 1]].tobytes()):
                changed[row] = None
        if not changed:
            return lines
        mask = np.zeros(len(lines), np.bool_)
        mask[list(changed)] = True
        return pc.replace_with_mask(lines, pa.array(mask), pa.array([changed[row] for row in sorted(changed)], pa.string()))


def rescued_sql(line: str, names: Sequence[str]) -> str:
    """The fields of a JSON object that no column is declared for, as a JSON object; NULL when all of them are null.

    It is JSON: a bare NaN or Infinity, which DuckDB takes and gives, is a text in it.
    """
    rest = f"json_merge_patch({line}, {literal(json.dumps(dict.fromkeys(names)))})::VARCHAR"
    return f"CASE WHEN NOT regexp_full_match({rest}, {literal(NOTHING_BUT_NULLS)}) THEN {quoted_sql(rest)} END"


def trimmed_sql(line: str) -> str:
    """A line without a byte order mark and the white space around it."""
    trimmed = f"trim(CASE WHEN starts_with({line}, chr(65279)) THEN substr({line}, 2) ELSE {line} END, {SPACE})"
    return f"CASE WHEN starts_with({line}, '{{') AND ends_with({line}, '}}') THEN {line} ELSE {trimmed} END"


def _readings(columns: Sequence[Typed]) -> list[Reading]:
    """How each column is read off the relation below."""
    texts, jsons = _texts_of(columns), _jsons_of(columns)
    readings = []
    for column in columns:
        text = f"_texts[{texts.index(column) + 1}]" if column in texts else f"struct_extract(_plain, {literal(column.name)})"
        value = f"_jsons[{jsons.index(column) + 1}]" if column in jsons else "NULL::JSON"
        sql = value_sql(column, text, f"starts_with({value}::VARCHAR, '\"')", f"(CASE WHEN {text} IS NOT NULL THEN {value} END)")
        sql = f"CASE WHEN NOT _loose THEN {sql} END" if column.family in INSIDE else sql
        readings.append(Reading(column, sql, f"{text} IS NOT NULL"))
    return readings


def _parsed_sql(columns: Sequence[Typed], relation: str) -> str:
    """Each line, NULL when it is no object, with its fields: `_texts`, `_jsons` and `_plain`, the texts as the reader writes them."""
    loose = ", _loose" if inside_names(columns) else ""
    parsed = [f"_line{loose}"]
    if texts := _texts_of(columns):
        parsed.append(f"json_extract_string(_line, {_pointers(texts)}) AS _texts")
    if jsons := _jsons_of(columns):
        parsed.append(f"json_extract(_line, {_pointers(jsons)}) AS _jsons")
    if plain := {column.name: "VARCHAR" for column in columns if column.family == "text"}:
        parsed.append(f"json_transform(_line, {literal(json.dumps(plain))}) AS _plain")
    return (
        f"(SELECT {', '.join(parsed)} FROM (SELECT CASE WHEN starts_with(_text, '{{') AND json_valid(_text) THEN _text END AS _line{loose}"
        f" FROM (SELECT {trimmed_sql('raw')} AS _text{loose} FROM {relation})))"
    )


def inside_names(columns: Sequence[Typed]) -> set[str]:
    """The columns that take JSON, or nested values out of it: these are judged strictly inside."""
    return {column.name for column in columns if column.family in INSIDE}


def _texts_of(columns: Sequence[Typed]) -> list[Typed]:
    return [column for column in columns if column.family != "text"]


def _jsons_of(columns: Sequence[Typed]) -> list[Typed]:
    """Columns that are judged on the kind of JSON value, not on its text alone."""
    return [column for column in columns if column.family not in ("text", "whole", "real", "number")]


def _pointers(columns: Sequence[Typed]) -> str:
    return "[" + ", ".join(literal(pointer(column.name)) for column in columns) + "]"
