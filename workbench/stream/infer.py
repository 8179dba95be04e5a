"""The columns of a source that declares none, from its first records."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from workbench.connectors.records import Records
from workbench.language.definitions import Column, Format
from workbench.store.session import Session
from workbench.stream.encodings import foreign
from workbench.stream.json_exact import RESCUED

if TYPE_CHECKING:
    from workbench.stream.csv_fields import Dialect

Options = Sequence[tuple[str, str]]

DELIMITERS = (",", ";", "\t", "|")
SNIFFED = 200
"""Records that the delimiter is judged by."""

INSTANT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d([.,]\d+)?)?\s?(Z|[+-]\d\d(:?\d\d)?)?")
DATE = re.compile(r"\d{4}-\d\d-\d\d")
WHOLE = re.compile(r"-?(0|[1-9]\d*)")
REAL = re.compile(r"-?(0|[1-9]\d*)(\.\d*)?([eE][+-]?\d+)?")

NAME = re.compile(r"[A-Za-z_][\w.-]{0,63}")
"""A field of a CSV's header."""

BIGINT = range(-(1 << 63), 1 << 63)


def infer_format(sample: bytes) -> Format:
    """What the first record looks like: a JSON object, the header of a CSV, or else text."""
    first = next((line for line in sample.splitlines() if line.strip()), b"").removeprefix(b"\xef\xbb\xbf").strip()
    if first.startswith(b"{"):
        return "json"
    for delimiter in DELIMITERS:
        names = [name.strip('"') for name in first.decode(errors="replace").split(delimiter)]
        if len(set(names)) == len(names) > 1 and all(NAME.fullmatch(name) for name in names):
            return "csv"
    return "text"


def infer_options(sample: bytes, format: Format, options: Options, path: str = "") -> tuple[tuple[str, str], ...]:
    """The options with what the sample shows where nothing is given: a CSV's delimiter, and whether it has a header."""
    given = {name.lower() for name, _ in options}
    if format != "csv":
        return tuple(options)
    found = list(options)
    if not given & {"delimiter", "delim", "sep"}:
        found.append(("delimiter", _delimiter(sample, options, path)))
    if "header" not in given:
        first = next(iter(_records(sample, _dialect(found))), [])
        found.append(("header", "false" if any(text_kind(field) not in ("", "VARCHAR") for field in first) else "true"))
    return tuple(found)


def infer_columns(session: Session, sample: bytes, format: Format, options: Options, path: str = "") -> tuple[Column, ...]:
    """The columns that a source seems to have; none when the sample shows none yet.

    Whole numbers are BIGINT, other numbers DOUBLE, ISO times TIMESTAMPTZ, ISO dates DATE; objects and lists stay JSON.
    A column of several kinds, or of nothing but NULL, is VARCHAR, which takes anything.

    Args:
        sample: whole records from the beginning of the source; of Parquet nothing, `path` is read.
        options: of the format, as `infer_options` completed them.
    """
    match format:
        case "json" | "csv" if foreign(sample):
            return ()
        case "json":
            return _json_columns(sample)
        case "csv":
            return _csv_columns(sample, infer_options(sample, format, options, path))
        case "text":
            return (Column("value", "VARCHAR"),)
        case "parquet":
            import pyarrow.parquet as pq  # see connectors/files/parquet.py

            from workbench.stream.parquet_sound import known

            schema = pa.schema([field.with_type(known(field.type)) for field in pq.read_schema(path)])
            with session.relation("_inferred", schema.empty_table()):
                return tuple(Column(name, kind) for name, kind in session.describe("SELECT * FROM _inferred"))


def _json_columns(sample: bytes) -> tuple[Column, ...]:
    kinds: dict[str, set[str]] = {}
    for line in sample.split(b"\n"):
        for name, value in json_object(line).items():
            if name and name != RESCUED:
                kinds.setdefault(name, set()).add(json_kind(value))
    return _columns(kinds)


def json_object(line: bytes | str) -> dict[str, Any]:
    """A line's object; nothing for a line that is none."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def json_kind(value: Any) -> str:
    """The column type of one JSON value; empty for null."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "BOOLEAN"
    if isinstance(value, int):
        return "BIGINT" if value in BIGINT else "VARCHAR"
    if isinstance(value, float):
        return "DOUBLE"
    if isinstance(value, str):
        return _time_type(value) or "VARCHAR"
    return "JSON"


def text_kind(text: str) -> str:
    """The type of a CSV field; a number with leading zeros is a text."""
    if not text:
        return ""
    if WHOLE.fullmatch(text):
        return "BIGINT" if int(text[:20]) in BIGINT and len(text) <= 20 else "VARCHAR"
    if REAL.fullmatch(text):
        return "DOUBLE"
    if text.lower() in ("true", "false"):
        return "BOOLEAN"
    return _time_type(text) or "VARCHAR"


def _time_type(text: str) -> str:
    kind = "TIMESTAMPTZ" if INSTANT.fullmatch(text) else "DATE" if DATE.fullmatch(text) else ""
    try:
        if kind:
            datetime.fromisoformat(text[:10])
    except ValueError:
        return ""
    return kind


def _columns(kinds: dict[str, set[str]]) -> tuple[Column, ...]:
    """One column a name; of names that differ in letter case only the first, as SQL cannot tell them apart."""
    columns: dict[str, Column] = {}
    for name, found in kinds.items():
        columns.setdefault(name.lower(), Column(name, common_type(found - {""})))
    return tuple(columns.values())


def common_type(kinds: set[str]) -> str:
    """The column type that takes values of all these types."""
    if len(kinds) == 1:
        return next(iter(kinds))
    if kinds == {"BIGINT", "DOUBLE"}:
        return "DOUBLE"
    return "TIMESTAMPTZ" if kinds == {"TIMESTAMPTZ", "DATE"} else "VARCHAR"


def _csv_columns(sample: bytes, options: Options) -> tuple[Column, ...]:
    from workbench.stream.csv_fields import distinct

    dialect = _dialect(options)
    records = list(_records(sample, dialect))
    if not records:
        return ()
    names = distinct([name.strip() if dialect.header else "" for name in records[0]])
    kinds: dict[str, set[str]] = {name: set() for name in names}
    for record in records[1 if dialect.header else 0 :]:
        if len(record) == len(names):
            for name, field in zip(names, record, strict=True):
                kinds[name].add(text_kind(field.strip()))
    return _columns(kinds)


def _dialect(options: Options) -> Dialect:
    from workbench.stream.csv_fields import Dialect  # only when there is a CSV

    return Dialect.of(options)


def _records(sample: bytes, dialect: Dialect) -> Iterable[list[str]]:
    """The fields of a CSV's records that are neither blank nor malformed; NULL is empty."""
    from workbench.stream.csv_fields import Fields

    fields = Fields(dialect)
    start = 0
    for end in Records(dialect.quote, dialect.delimiter).ends(sample, len(sample)).tolist():
        record = sample[start : end - 1]
        start = end
        cut = fields.cut(record) if record.strip() else None
        if cut is not None:
            yield [(field or b"").decode(errors="replace") for field in cut]


def _delimiter(sample: bytes, options: Options, path: str) -> str:
    """The delimiter that cuts most records into the same number of fields; the more fields the better."""
    head = b"".join(sample.splitlines(keepends=True)[:SNIFFED])
    best, best_score = "\t" if path.lower().split(".gz")[0].split(".zst")[0].endswith(".tsv") else ",", (0, 0)
    for delimiter in DELIMITERS:
        widths = Counter(len(record) for record in _records(head, _dialect([*options, ("delimiter", delimiter)])))
        width, count = widths.most_common(1)[0] if widths else (0, 0)
        if width > 1 and (count, width) > best_score:
            best, best_score = delimiter, (count, width)
    return best
