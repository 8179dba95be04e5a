"""How a declared column is read off text: its value in SQL, NULL where the text is no such value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from workbench.language.definitions import Column
from workbench.store.names import quote
from workbench.store.session import Session
from workbench.stream.json_slack import strict_sql
from workbench.stream.nested_text import spelled_sql
from workbench.stream.nesting import carried, is_nested, nested_sql, once_sql

Family = Literal["whole", "real", "boolean", "text", "time", "string", "json", "nested", "number", "other"]

EXACT_DOUBLE = 9007199254740991
"""The largest whole number that a DOUBLE tells from its neighbours."""

WHOLE = {
    "TINYINT": (-(1 << 7), (1 << 7) - 1),
    "SMALLINT": (-(1 << 15), (1 << 15) - 1),
    "INTEGER": (-(1 << 31), (1 << 31) - 1),
    "BIGINT": (-EXACT_DOUBLE, EXACT_DOUBLE),
    "HUGEINT": (-EXACT_DOUBLE, EXACT_DOUBLE),
    "UTINYINT": (0, (1 << 8) - 1),
    "USMALLINT": (0, (1 << 16) - 1),
    "UINTEGER": (0, (1 << 32) - 1),
    "UBIGINT": (0, EXACT_DOUBLE),
    "UHUGEINT": (0, EXACT_DOUBLE),
}
"""Whole types, with the range in which a DOUBLE vouches for them."""

WIDE = ("BIGINT", "HUGEINT", "UBIGINT", "UHUGEINT", "BIGNUM")
"""Whole types with numbers that a DOUBLE does not tell from their neighbours."""

NOUGHTS = 1000
"""That are written behind the digits of a BIGNUM, at most."""

CARRIED = {"HUGEINT": (1 - (1 << 127), (1 << 127) - 1), "UHUGEINT": (0, (1 << 127) - 1)}
"""Whole types of which Arrow carries less than all values."""

COARSE = {"TIMESTAMP_S": "second", "TIMESTAMP_MS": "millisecond"}
"""Types that hold less than microseconds, with what they do hold."""
TIMESTAMPS = ("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS")
TIMES = ("TIME", "TIME WITH TIME ZONE", "TIME_NS")
DAY = 86_400_000_000
"""Microseconds."""

INTERVAL_HOURS = 2_562_047
"""Hours of an interval that Arrow carries."""
FINE = r"\.[0-9]{6}0*[1-9]"
"""A part of a second that is finer than microseconds."""
ENDED = r":[0-9.]+\s*$"
"""The end of an interval that has a time of day: the cast passes over what comes behind that."""
DATED = "^[^:]*[-/]"
OFFSET = r"[+-][0-9:]*[1-9][0-9:]*\s*$"
"""A date before a time, and an offset behind it other than none."""

RUN = "[0-9]+(?:_[0-9]+)*"
NUMBER = rf"\s*[+-]?({RUN}\.?(?:{RUN})?|\.{RUN})([eE][+-]?{RUN})?\s*"
"""How a number is written: not as `0x` and the like, which casts take too."""
DIGITS = r"^\s*([+-]?)0*([0-9]*?)(0*)(?:\.([0-9]*?)0*)?(?:[eE]([+-]?[0-9]+))?\s*$"
"""The same without underscores and with its digits apart, without the noughts that tell nothing."""


@dataclass(frozen=True, slots=True)
class Typed:
    """A column with DuckDB's own name for its type."""

    name: str
    type: str
    not_null: bool

    @property
    def sql(self) -> str:
        return quote(self.name)

    @property
    def family(self) -> Family:
        if self.type in WHOLE:
            return "whole"
        if self.type in ("DOUBLE", "FLOAT"):
            return "real"
        if self.type == "BOOLEAN":
            return "boolean"
        if self.type == "VARCHAR":
            return "text"
        if self.type in (*TIMESTAMPS, "TIMESTAMP WITH TIME ZONE", "DATE"):
            return "time"
        if self.type in ("UUID", *TIMES):
            return "string"
        if self.type == "JSON":
            return "json"
        if is_nested(self.type):
            return "nested"
        return "number" if self.type.startswith("DECIMAL(") or self.type == "BIGNUM" else "other"

    @property
    def carried(self) -> str:
        """SQL of a value of the column as Arrow carries it."""
        kind = carried(self.type)
        return self.sql if kind == self.type else f"{self.sql}::{kind}"


def typed(session: Session, columns: Sequence[Column]) -> tuple[Typed, ...]:
    """The columns with their aliases (`INT`, `TEXT`, `TIMESTAMPTZ`) resolved."""
    if not columns:
        return ()
    found = session.describe("SELECT " + ", ".join(f"CAST(NULL AS {column.type}) AS c{index}" for index, column in enumerate(columns)))
    return tuple(Typed(column.name, kind, column.not_null) for column, (_, kind) in zip(columns, found, strict=True))


def value_sql(column: Typed, text: str, quoted: str = "true", json: str | None = None) -> str:
    """A column's value off its text, NULL where the text is NULL or no such value.

    Nothing is bent to fit: of a number that a whole or decimal type cannot hold exactly, of a time in a DATE and of a date in a
    TIME nothing is taken. DOUBLE and FLOAT take their nearest number; times lose what is finer than their type.

    Args:
        text: SQL of the text; for JSON the content of a string, or any other value as written.
        quoted: SQL that is TRUE where the text was a JSON string; times, UUIDs and the like must be strings.
        json: SQL of the value as JSON, for nested columns; None when the input is not JSON.
    """
    match column.family:
        case "text":
            return text
        case "whole":
            return _whole(column.type, text)
        case "number" if column.type == "BIGNUM":
            return _whole(column.type, text)
        case "number":
            return _decimal(column.type, text, int(column.type.rstrip(")").rpartition(",")[2]))
        case "real":
            return _real(column.type, text)
        case "boolean" if json is not None:
            return f"CASE WHEN NOT {quoted} AND {text} IN ('true', 'false') THEN {text} = 'true' END"
        case "time":
            return f"CASE WHEN {quoted} THEN {_time(column.type, text)} END"
        case "json" if json is not None:
            return f"CASE WHEN {strict_sql(f'{json}::VARCHAR')} THEN {json} END"
        case "json":
            return f"CASE WHEN {strict_sql(text)} THEN try_cast({text} AS JSON) END"
        case "nested" if json is not None:
            return nested_sql(column.type, json, _scalar)
        case "nested":
            return spelled_sql(column.type, text, _scalar_text, _scalar)
        case "boolean":
            return f"try_cast({text} AS {column.type})"
        case _:
            return f"CASE WHEN {quoted} THEN {_other(column.type, text)} END"


def instant_sql(kind: str, instant: str) -> str:
    """A TIMESTAMPTZ in UTC as one of the TIMESTAMP types, or at midnight a DATE; infinity gives NULL. A cast would go through ICU."""
    utc = f"make_timestamp(epoch_us({instant}))"
    if kind == "DATE":
        return f"CASE WHEN epoch_us({instant}) % {DAY} = 0 THEN {utc}::DATE END"
    if kind in COARSE:  # a cast would round, into the next day perhaps
        utc = f"date_trunc('{COARSE[kind]}', {utc})"
    return utc if kind == "TIMESTAMP" else f"try_cast({utc} AS {kind})"


def _scalar(kind: str, text: str, quoted: str, json: str) -> str:
    """A value in a nested one."""
    return value_sql(Typed("", kind, False), text, quoted, json)


def _scalar_text(kind: str, text: str) -> str:
    """A value in a nested text."""
    return value_sql(Typed("", kind, False), text)


def _whole(kind: str, text: str) -> str:
    """A whole number. As the type itself writes it, it is taken at once; else it is its DOUBLE, and by its digits where that is no
    witness for it."""
    value = f"try_cast({text} AS {kind})"
    double = f"try_cast({text} AS DOUBLE)"
    near = f"CASE WHEN trunc({double}) = {double} THEN try_cast({double}::BIGINT AS {kind}) END"
    value = _carriable(kind, value)
    plain = f"regexp_full_match({text}, '{NUMBER}')"
    far = f" WHEN {plain} THEN {_carriable(kind, _by_digits(kind, text))}" if kind in WIDE else ""
    return f"CASE WHEN {value}::VARCHAR = {text} THEN {value} WHEN abs({double}) <= {EXACT_DOUBLE} AND {plain} THEN {near}{far} END"


def _by_digits(kind: str, text: str, places: int = 0) -> str:
    """A number that has no more than some digits behind its point, from all of its digits: casts round, and stop at long ones."""
    parts = f"regexp_extract(replace({text}, '_', ''), '{DIGITS}', ['sign', 'whole', 'zeros', 'fraction', 'exponent'])"
    digits = "_parts.whole || CASE WHEN _parts.fraction <> '' THEN _parts.zeros || _parts.fraction ELSE '' END"
    behind = "CASE WHEN _parts.fraction <> '' THEN length(_parts.fraction) ELSE -length(_parts.zeros) END"
    power = "CASE WHEN _parts.exponent = '' THEN 0 ELSE try_cast(_parts.exponent AS INTEGER) END"
    written = "_number.digits || repeat('0', -_number.behind)"
    if places:
        padded = "lpad(_number.digits, greatest(length(_number.digits), _number.behind + 1)::INTEGER, '0')"
        pointed = f"left({padded}, -_number.behind) || '.' || right({padded}, _number.behind)"
        written = f"CASE WHEN _number.behind > 0 THEN {pointed} ELSE {written} END"
    value = f"try_cast(CASE WHEN _number.digits = '' THEN '0' ELSE _number.sign || ({written}) END AS {kind})"
    fits = f"(_number.digits = '' OR _number.behind BETWEEN -{NOUGHTS} AND {places})"
    number = f"{{'sign': _parts.sign, 'digits': {digits}, 'behind': {behind} - {power}}}"
    return once_sql(parts, "_parts", once_sql(number, "_number", f"CASE WHEN {fits} THEN {value} END"))


def _carriable(kind: str, value: str) -> str:
    if kind not in CARRIED:
        return value
    return once_sql(value, "_value", f"CASE WHEN _value BETWEEN {CARRIED[kind][0]} AND {CARRIED[kind][1]} THEN _value END")


def _decimal(kind: str, text: str, places: int) -> str:
    """A decimal number that the type holds exactly. As the type itself writes it, it is taken at once; else by its digits.

    A number of up to fifteen digits is told from all its like by its DOUBLE, which is quicker to compare."""
    value = f"try_cast({text} AS {kind})"
    plain = f"regexp_full_match({text}, '{NUMBER}')"
    return (
        f"CASE WHEN {value}::VARCHAR = {text} THEN {value} WHEN length({text}) <= 15 AND NOT contains(lower({text}), 'e')"
        f" THEN CASE WHEN {value}::DOUBLE = try_cast({text} AS DOUBLE) AND {plain} THEN {value} END"
        f" WHEN {plain} THEN {_by_digits(kind, text, places)} END"
    )


def _real(kind: str, text: str) -> str:
    number = f"try_cast(try_cast({text} AS DOUBLE) AS {kind})"
    return f"CASE WHEN isfinite({number}) THEN {number} END"


def _time(kind: str, text: str) -> str:
    """An offset is honoured; without one the time is UTC; `infinity` is no time."""
    instant = f"try_cast({text} AS TIMESTAMPTZ)"
    cast = f"try_cast({text} AS {kind})"
    if kind == "TIMESTAMP_NS":
        return (
            f"CASE WHEN {cast} IS NOT NULL AND {instant_sql(kind, instant)} IS NOT NULL"
            f" THEN make_timestamp_ns(epoch_us({instant}) * 1000 + (epoch_ns({cast}) % 1000 + 1000) % 1000) END"
        )
    if kind in TIMESTAMPS:
        return instant_sql(kind, instant)
    if kind == "DATE":
        midnight = f"CASE WHEN NOT regexp_matches({text}, '{FINE}') THEN {instant_sql(kind, instant)} END"
        return f"CASE WHEN contains({text}, ':') THEN {midnight} WHEN isfinite({cast}) THEN {cast} END"
    return f"CASE WHEN isfinite({cast}) THEN {cast} END"


def _other(kind: str, text: str) -> str:
    """A time without a date, an interval, a UUID and the like; a TIME has no offset but UTC."""
    cast = f"try_cast({text} AS {kind})"
    if kind == "INTERVAL":
        whole = f"(NOT contains({text}, ':') OR regexp_matches({text}, '{ENDED}'))"
        return f"CASE WHEN abs(hour({cast})) < {INTERVAL_HOURS} AND {whole} THEN {cast} END"
    if kind == "BIT":
        return f"CASE WHEN {text} <> '' THEN {cast} END"
    if kind not in TIMES:
        return cast
    if kind == "TIME WITH TIME ZONE":
        cast = f"try_cast(regexp_replace({text}, '[Zz]\\s*$', '+00') AS {kind})"
        return f"CASE WHEN contains({text}, ':') AND NOT regexp_matches({text}, '{DATED}') THEN {cast} END"
    return f"CASE WHEN contains({text}, ':') AND NOT regexp_matches({text}, '{DATED}|{OFFSET}') THEN {cast} END"
