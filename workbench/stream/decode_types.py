"""How a declared column is read off text: its value in SQL, NULL where the text is no such value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from workbench.language.definitions import Column
from workbench.store.names import quote
from workbench.store.session import Session

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

TIMESTAMPS = ("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS")


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
        if self.type in ("UUID", "TIME", "TIME WITH TIME ZONE"):
            return "string"
        if self.type == "JSON":
            return "json"
        if self.type.endswith("]") or self.type.startswith(("STRUCT(", "MAP(", "UNION(")):
            return "nested"
        return "number" if self.type.startswith("DECIMAL(") else "other"


def typed(session: Session, columns: Sequence[Column]) -> tuple[Typed, ...]:
    """The columns with their aliases (`INT`, `TEXT`, `TIMESTAMPTZ`) resolved."""
    if not columns:
        return ()
    found = session.describe("SELECT " + ", ".join(f"CAST(NULL AS {column.type}) AS c{index}" for index, column in enumerate(columns)))
    return tuple(Typed(column.name, kind, column.not_null) for column, (_, kind) in zip(columns, found, strict=True))


def value_sql(column: Typed, text: str, quoted: str = "true", json: str | None = None) -> str:
    """A column's value off its text, NULL where the text is NULL or no such value.

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
        case "real":
            number = f"try_cast(try_cast({text} AS DOUBLE) AS {column.type})"
            return f"CASE WHEN isfinite({number}) THEN {number} END"
        case "boolean" if json is not None:
            return f"CASE WHEN NOT {quoted} AND {text} IN ('true', 'false') THEN {text} = 'true' END"
        case "time":
            return f"CASE WHEN {quoted} THEN {_time(column.type, text)} END"
        case "json":
            return f"try_cast({text} AS JSON)" if json is None else json
        case "nested" if json is not None:
            return f"try_cast({json} AS {column.type})"
        case "boolean" | "number" | "nested":
            return f"try_cast({text} AS {column.type})"
        case _:
            return f"CASE WHEN {quoted} THEN try_cast({text} AS {column.type}) END"


def instant_sql(kind: str, instant: str) -> str:
    """A TIMESTAMPTZ as one of the TIMESTAMP types in UTC; infinity gives NULL. A plain cast would go through ICU."""
    utc = f"make_timestamp(epoch_us({instant}))"
    return utc if kind == "TIMESTAMP" else f"try_cast({utc} AS {kind})"


def _whole(kind: str, text: str) -> str:
    """Digits are taken as they are; a fraction or an exponent only where a DOUBLE shows that it is whole."""
    number = f"try_cast({text} AS DOUBLE)"
    return (
        f"CASE WHEN abs({number}) <= {EXACT_DOUBLE} THEN CASE WHEN {number} = trunc({number}) THEN try_cast({number} AS {kind}) END"
        f" WHEN NOT regexp_matches({text}, '[^0-9-]') THEN try_cast({text} AS {kind}) END"
    )


def _time(kind: str, text: str) -> str:
    """An offset is honoured; without one the time is UTC; `infinity` is no time."""
    if kind in TIMESTAMPS:
        return instant_sql(kind, f"try_cast({text} AS TIMESTAMPTZ)")
    cast = f"try_cast({text} AS {kind})"
    return f"CASE WHEN isfinite({cast}) THEN {cast} END"
