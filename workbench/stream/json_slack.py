"""What DuckDB's JSON parser takes although it is no JSON: a comma before a closing bracket, and the words nan, inf and infinity.

It takes nothing else beyond RFC 8259 (DuckDB 2.0: one such comma, the words in any case and with a minus), and everything in it but
for an escaped half of a surrogate pair. A record is not refused for it: a column of text takes it, one of numbers or times does not
take the words, and one of JSON or of nested values takes neither, for which these are the tests. The words stay in what DuckDB makes
of a value, so they are looked for in that; the commas do not, and are looked for in the lines.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from workbench.store.names import literal
from workbench.stream.decode_lines import Positions
from workbench.stream.json_fields import Field, json_fields

WORD = "-?(?i:nan|inf(?:inity)?)"
STRING = r'"(?:[^"\\]|\\.)*"'
COMMA = r",[ \t\r\n]*[}\]]"
BARE = rf'(?s)^(?:[^"]|{STRING})*?'
"""Before what is in no string: for RE2, which looks at each byte once."""
MARK = "chr(1)"
"""A character that no JSON has in it."""


def strict_sql(text: str) -> str:
    """SQL that is TRUE for a text that, when DuckDB takes it as JSON, is JSON."""
    return f"NOT regexp_matches({text}, {literal(f'{BARE}(?:{COMMA}|{WORD})')})"


def quoted_sql(json: str) -> str:
    """SQL of a JSON value, without odd commas as DuckDB writes it, with its bare words in quotes."""
    marked = f"regexp_replace({json}, {literal(f'(?s)({STRING})|({WORD})')}, '\\1' || {MARK} || '\\2' || {MARK}, 'g')"
    return f"CASE WHEN {strict_sql(json)} THEN {json} ELSE replace(replace({marked}, {MARK} || {MARK}, ''), {MARK}, '\"') END"


def rows_with_commas(lines: Any, names: Collection[str]) -> Positions:
    """The lines, of those that DuckDB takes, with an odd comma in one of these fields."""
    rows = _odd(lines)
    found = lines.take(pa.array(rows)).cast(pa.binary()).to_pylist()
    spans = [(row, line[field.value : field.stop]) for row, line in zip(rows, found, strict=True) for field in _fields(line, names)]
    loose = _odd(pa.array([value for _, value in spans], pa.binary()))
    return np.unique(np.array([spans[place][0] for place in loose], np.int64))


def _odd(texts: Any) -> Positions:
    return np.asarray(pc.indices_nonzero(pc.match_substring_regex(texts, BARE + COMMA)), np.int64)


def _fields(line: bytes, names: Collection[str]) -> list[Field]:
    return [field for name, field in json_fields(line).items() if name in names]
