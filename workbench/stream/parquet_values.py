"""How a declared column is read off a Parquet column of another type, in SQL."""

from __future__ import annotations

from workbench.store.names import literal, quote
from workbench.stream.decode_types import CARRIED, INTERVAL_HOURS, TIMESTAMPS, Typed, value_sql
from workbench.stream.nesting import is_nested, leaves, once_sql, parts, rebuilt, shape_of
from workbench.stream.parquet_sound import NUMBER

REAL = ("DOUBLE", "FLOAT")
WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT")
NANOSECONDS = ("TIMESTAMP_NS", "TIMESTAMPTZ_NS")
MOMENTS = (*TIMESTAMPS, "TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS")
STEPS = {"TIMESTAMP_S": "second", "TIMESTAMP_MS": "millisecond"}
BYTES = ("BLOB", "BIT")


def parquet_sql(kind: str, given: str, of: str, depth: int = 0) -> str:
    """A value of type `of` as one of type `kind`; NULL where it is NULL, and where it, or any value in it, is none of `kind`.

    A value means what it means in JSON: a text is read, a number is no BOOLEAN and none of these is a number, JSON has neither bytes
    nor NaN. A value of the type itself is taken as it is. The fields of a STRUCT are found by name, letter case aside.
    """
    if kind == of and "INTERVAL" not in leaves(kind):
        return given
    if not is_nested(kind):
        return _nested(kind, given, of, depth) if is_nested(of) else _scalar(Typed("", kind, False), given, of)
    match shape_of(kind), shape_of(of):
        case "list" | "array", "list" | "array":
            return _list(kind, given, of, depth)
        case "struct", "struct":
            fields = {name.lower(): (f"struct_extract({given}, {literal(name)})", part) for name, part in parts(of)}
            return _struct(kind, given, fields, depth)
        case "struct", "map" if parts(of)[0][1] == "VARCHAR":
            fields = {name.lower(): (f"element_at({given}, {literal(name)})[1]", parts(of)[1][1]) for name, _ in parts(kind)}
            return _struct(kind, given, fields, depth)
        case "map", "map":
            return _map(kind, f"map_keys({given})", parts(of)[0][1], f"map_values({given})", parts(of)[1][1], depth)
        case "map", "struct":
            return _map_of_struct(kind, given, of, depth)
        case _, "scalar" if of in ("VARCHAR", "JSON"):
            return value_sql(Typed("", kind, False), given, json=given if of == "JSON" else None)
        case "union", _:
            return _union(kind, given, of, depth)
    return f"NULL::{kind}"


def _scalar(column: Typed, given: str, of: str) -> str:
    kind, numbers = column.type, of in WHOLE or of in REAL or of.startswith("DECIMAL(")
    cast = f"try_cast({given} AS {kind})"
    undone = f"try_cast({cast} AS {of}) IS NOT DISTINCT FROM {given}"
    if kind == of:
        return f"CASE WHEN abs(hour({given})) < {INTERVAL_HOURS} THEN {given} END"
    if column.family == "text":
        return f"json_transform({given}, '\"VARCHAR\"')" if of == "JSON" else f"{given}::VARCHAR"
    if of == "VARCHAR":
        return value_sql(column, given)
    if of in BYTES or kind in BYTES:
        return f"CASE WHEN {undone} THEN {cast} END" if of in BYTES and kind in (*BYTES, "UUID") else f"NULL::{kind}"
    if kind in MOMENTS and of in MOMENTS:
        return _moment(kind, given, of)
    if kind in REAL and numbers:
        return cast  # the nearest number
    exact = column.family == "number" and of not in REAL and (kind != "BIGNUM" or of in WHOLE)  # which no DECIMAL can be cast to
    if (numbers and (kind in WHOLE or exact)) or (kind in MOMENTS and of == "DATE"):
        bounds = f" AND {cast} BETWEEN {CARRIED[kind][0]} AND {CARRIED[kind][1]}" if kind in CARRIED else ""
        return f"CASE WHEN {undone}{bounds} THEN {cast} END"
    if of == "JSON":
        text = f"json_extract_string({given}, '$')"
        return value_sql(column, text, f"starts_with({given}::VARCHAR, '\"')", given)
    json = f"try_cast({given} AS JSON)" if of == NUMBER else f"to_json({given})"
    return value_sql(column, f"{given}::VARCHAR", "false" if numbers or of in ("BOOLEAN", NUMBER) else "true", json)


def _moment(kind: str, given: str, of: str) -> str:
    """A time as another type, without what is finer than that: casts would round it, and DuckDB lacks some."""
    if kind in NANOSECONDS:
        return f"try_cast({given} AS {kind})"
    if of in NANOSECONDS:
        given = f"make_timestamp(epoch_ns({given}) // 1000 - (epoch_ns({given}) % 1000 < 0)::BIGINT)"
    return f"try_cast({f'date_trunc({literal(STEPS[kind])}, {given})' if kind in STEPS else given} AS {kind})"


def _nested(kind: str, given: str, of: str, depth: int) -> str:
    """A nested value as JSON; what JSON has not is none, but a VARCHAR takes its text."""
    if kind not in ("JSON", "VARCHAR"):
        return f"NULL::{kind}"
    strange = (NUMBER,) if kind == "VARCHAR" else (NUMBER, *BYTES)
    plain = rebuilt(of, lambda leaf: "JSON" if leaf in strange else leaf)
    json = f"to_json({given if plain == of else parquet_sql(plain, given, of, depth)})"
    return f"{json}::VARCHAR" if kind == "VARCHAR" else once_sql(json, "_json", value_sql(Typed("", kind, False), "", "", "_json"))


def _list(kind: str, given: str, of: str, depth: int) -> str:
    part = parts(of)[0][1]
    items = given if of.endswith("[]") else f"{given}::{rebuilt(part, lambda leaf: 'VARCHAR' if leaf == NUMBER else leaf)}[]"
    values, right = f"_values{depth}", f"list_count(_values{depth}) = list_count({items})"
    if not kind.endswith("[]"):
        right += f" AND len({items}) = {kind[kind.rindex('[') + 1 : -1]}"
    return once_sql(_each(parts(kind)[0][1], items, part, depth), values, f"CASE WHEN {right} THEN try_cast({values} AS {kind}) END")


def _struct(kind: str, given: str, fields: dict[str, tuple[str, str]], depth: int) -> str:
    values = f"_values{depth}"
    made, lost = [], ["false"]
    for name, part in parts(kind):
        if name.lower() not in fields:
            made.append(f"{literal(name)}: NULL::{part}")
            continue
        field, of = fields[name.lower()]
        made.append(f"{literal(name)}: {parquet_sql(part, field, of, depth + 1)}")
        lost.append(f"({field} IS NOT NULL AND struct_extract({values}, {literal(name)}) IS NULL)")
    value = once_sql(f"{{{', '.join(made)}}}", values, f"CASE WHEN NOT ({' OR '.join(lost)}) THEN {values} END")
    return f"CASE WHEN {given} IS NOT NULL THEN {value} END"


def _map(kind: str, keys: str, key_of: str, values: str, value_of: str, depth: int) -> str:
    """Keys that are equal as values of their type are wrong."""
    (_, key), (_, part) = parts(kind)
    our_keys, ours = f"_keys{depth}", f"_values{depth}"
    right = f"len(list_distinct({our_keys})) = len({keys}) AND list_count({ours}) = list_count({values})"
    made = once_sql(_each(part, values, value_of, depth), ours, f"CASE WHEN {right} THEN map({our_keys}, {ours}) END")
    return once_sql(_each(key, keys, key_of, depth), our_keys, made)


def _map_of_struct(kind: str, given: str, of: str, depth: int) -> str:
    part = parts(kind)[1][1]
    names = ", ".join(literal(name) for name, _ in parts(of))
    fields = [(name, f"struct_extract({given}, {literal(name)})", one) for name, one in parts(of)]
    values = f"[{', '.join(parquet_sql(part, field, one, depth + 1) for _, field, one in fields)}]"
    lost = " OR ".join(f"({field} IS NOT NULL AND _fields{depth}[{at}] IS NULL)" for at, (_, field, _) in enumerate(fields, 1))
    made = _map(kind, f"[{names}]", "VARCHAR", f"_fields{depth}", part, depth)
    value = once_sql(values, f"_fields{depth}", f"CASE WHEN NOT ({lost}) THEN {made} END")
    return f"CASE WHEN {given} IS NOT NULL THEN {value} END"


def _union(kind: str, given: str, of: str, depth: int) -> str:
    """Of a STRUCT with one field the member that this names, as in JSON; else the first that takes the value."""
    members = [(name, part, given, of) for name, part in parts(kind)]
    if shape_of(of) == "struct":
        fields = dict(parts(of)) if len(parts(of)) == 1 else {}
        members = [(name, part, f"struct_extract({given}, {literal(name)})", fields[name]) for name, part in parts(kind) if name in fields]
    member = f"_member{depth}"
    taken = ["NULL"]
    for name, part, value, one in members:
        made = f"CASE WHEN {member} IS NOT NULL THEN union_value({quote(name)} := {member})::{kind} END"
        taken.append(once_sql(parquet_sql(part, value, one, depth + 1), member, made))
    return f"coalesce({', '.join(taken)}, NULL::{kind})"


def _each(kind: str, items: str, of: str, depth: int) -> str:
    item = f"_item{depth}"
    return f"list_transform({items}, lambda {item}: {parquet_sql(kind, item, of, depth + 1)})"
