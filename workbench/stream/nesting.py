"""Types made of other types (LIST, ARRAY, STRUCT, MAP, UNION): their parts, and their values out of JSON, each judged as a column is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

from workbench.store.names import literal, quote
from workbench.stream.json_slack import strict_sql

Shape = Literal["list", "array", "struct", "map", "union", "scalar"]
Scalar = Callable[[str, str, str, str], str]
"""SQL of a value of a type that is not nested: of the type, its text, whether it was quoted, and the value as JSON."""

MIRRORED = {
    *("BOOLEAN", "VARCHAR", "DOUBLE", "FLOAT", "TINYINT", "SMALLINT", "INTEGER", "BIGINT"),
    *("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"),
}
"""Types of which a value that becomes the same JSON again was not bent by a cast, which takes a tenth of judging it. (The cast of a key
that is none fails the query: only keys of VARCHAR are cast.)"""


def pointer(name: str) -> str:
    """The JSON pointer to a field of an object."""
    return "/" + name.replace("~", "~0").replace("/", "~1")


def is_nested(kind: str) -> bool:
    return shape_of(kind) != "scalar"


def shape_of(kind: str) -> Shape:
    """What a type, in DuckDB's own spelling, is made as."""
    if kind.endswith("[]"):
        return "list"
    if kind.endswith("]"):
        return "array"
    for name, shape in (("STRUCT(", "struct"), ("MAP(", "map"), ("UNION(", "union")):
        if kind.startswith(name):
            return shape  # type: ignore[return-value]
    return "scalar"


def parts(kind: str) -> list[tuple[str, str]]:
    """The names and types of what a nested type holds; the names are empty for LIST, ARRAY and MAP (its key, its value)."""
    match shape_of(kind):
        case "scalar":
            return []
        case "list" | "array":
            return [("", kind[: kind.rindex("[")])]
        case "map":
            return [("", part) for part in _split(kind[len("MAP(") : -1])]
        case _:
            return [_named(part) for part in _split(kind[kind.index("(") + 1 : -1])]


def leaves(kind: str) -> Iterator[str]:
    """The types in a type that are made of no others; a type that is not nested is its own."""
    if not is_nested(kind):
        yield kind
    for _, part in parts(kind):
        yield from leaves(part)


def mirrors(kind: str) -> bool:
    """Whether a value of a nested type that becomes the same text again has not been bent."""
    mirrored = all(leaf in MIRRORED or leaf.startswith("DECIMAL(") for leaf in leaves(kind))
    return mirrored and "MAP(" not in kind.replace("MAP(VARCHAR,", "")


def carried(kind: str) -> str:
    """The type as which Arrow carries a type's values from DuckDB to DuckDB: of one time it drops the offset, of bits it makes bytes."""
    held = parts(kind)
    match shape_of(kind):
        case "scalar":
            return "VARCHAR" if kind in ("TIME WITH TIME ZONE", "BIT") else kind
        case "list" | "array":
            return carried(held[0][1]) + kind[kind.rindex("[") :]
        case "map":
            return f"MAP({', '.join(carried(part) for _, part in held)})"
        case shape:
            return f"{shape.upper()}({', '.join(f'{quote(name)} {carried(part)}' for name, part in held)})"


def nested_sql(kind: str, json: str, scalar: Scalar) -> str:
    """A JSON value as a nested type; NULL where it, or any value in it, is none of its type, or is no JSON.

    Null and a field that is missing are NULL; a field that a STRUCT does not name is passed over; of equal keys the first counts.
    """
    value, wrong = _Inside(scalar).of(kind, json, 0)
    text = f"{json}::VARCHAR"
    judged = f"WHEN {strict_sql(text)} AND NOT {wrong} THEN {value} END"
    if not mirrors(kind):
        return f"CASE {judged}"
    cast = f"try_cast({json} AS {kind})"
    finite = f"NOT contains({text}, 'NaN') AND NOT contains({text}, 'Inf')"
    return f"CASE WHEN to_json({cast})::VARCHAR = {text} AND {finite} THEN {cast} {judged}"


class _Inside:
    """Gives for a JSON value its SQL as a type, and SQL that is TRUE where it is neither null nor of the type, FALSE else."""

    def __init__(self, scalar: Scalar) -> None:
        self._scalar = scalar

    def of(self, kind: str, json: str, depth: int) -> tuple[str, str]:
        match shape_of(kind):
            case "scalar":
                text = f"json_extract_string({json}, '$')"
                value = self._scalar(kind, text, f"starts_with({json}::VARCHAR, '\"')", f"(CASE WHEN {text} IS NOT NULL THEN {json} END)")
                return value, f"({text} IS NOT NULL AND ({value}) IS NULL)"
            case "struct":
                return self._struct(kind, json, depth)
            case "union":
                return self._union(kind, json, depth)
            case "map":
                return self._map(kind, json, depth)
            case _:
                return self._list(kind, json, depth)

    def _fields(self, kind: str, json: str, depth: int) -> list[tuple[str, str, str]]:
        found = [(name, self.of(part, f"json_extract({json}, {literal(pointer(name))})", depth)) for name, part in parts(kind)]
        return [(name, value, wrong) for name, (value, wrong) in found]

    def _struct(self, kind: str, json: str, depth: int) -> tuple[str, str]:
        fields = self._fields(kind, json, depth)
        value = ", ".join(f"{literal(name)}: {value}" for name, value, _ in fields)
        wrong = " OR ".join(wrong for _, _, wrong in fields)
        return f"(CASE WHEN json_type({json}) = 'OBJECT' THEN {{{value}}} END)", _wrong(json, "OBJECT", f"({wrong})")

    def _union(self, kind: str, json: str, depth: int) -> tuple[str, str]:
        """An object with one field, which names the member."""
        members = self._fields(kind, json, depth)
        chosen = f"CASE WHEN len(json_keys({json})) = 1 THEN json_keys({json})[1] END"
        value = " ".join(f"WHEN {literal(name)} THEN union_value({quote(name)} := {value})::{kind}" for name, value, _ in members)
        wrong = " ".join(f"WHEN {literal(name)} THEN {wrong}" for name, _, wrong in members)
        return f"(CASE {chosen} {value} END)", _wrong(json, "OBJECT", f"CASE {chosen} {wrong} ELSE true END")

    def _list(self, kind: str, json: str, depth: int) -> tuple[str, str]:
        items = f"json_extract({json}, '$[*]')"
        value, wrong = self._each(parts(kind)[0][1], items, depth)
        if not kind.endswith("[]"):
            wrong = f"({wrong} OR len({items}) <> {kind[kind.rindex('[') + 1 : -1]})"
        return f"(CASE WHEN json_type({json}) = 'ARRAY' THEN try_cast({value} AS {kind}) END)", _wrong(json, "ARRAY", wrong)

    def _map(self, kind: str, json: str, depth: int) -> tuple[str, str]:
        key, place, names = f"_key{depth}", f"_place{depth}", f"json_keys({json})"
        (_, key_kind), (_, value_kind) = parts(kind)
        named = self._scalar(key_kind, key, "true", f"to_json({key})")
        keys, keyless = f"list_transform({names}, lambda {key}: {named})", any_sql(names, key, f"({named}) IS NULL")
        values, wrong = self._each(value_kind, f"json_extract({json}, '$.*')", depth)
        first = f"list_filter(range(1, len({names}) + 1), lambda {place}: list_position({keys}, {keys}[{place}]) = {place})"
        value = (
            f"CASE WHEN len(list_distinct({keys})) = len({names}) THEN map({keys}, {values})"
            f" ELSE map(list_select({keys}, {first}), list_select({values}, {first})) END"
        )
        value = f"(CASE WHEN json_type({json}) = 'OBJECT' AND NOT {keyless} THEN {value} END)"
        return value, _wrong(json, "OBJECT", f"({wrong} OR {keyless})")

    def _each(self, kind: str, items: str, depth: int) -> tuple[str, str]:
        """The values of a list's items, and whether one of them is wrong."""
        item = f"_item{depth}"
        value, wrong = self.of(kind, item, depth + 1)
        return f"list_transform({items}, lambda {item}: {value})", any_sql(items, item, wrong)


def _wrong(json: str, type: str, wrong: str) -> str:
    return f"(CASE coalesce(json_type({json}), 'NULL') WHEN 'NULL' THEN false WHEN '{type}' THEN {wrong} ELSE true END)"


def any_sql(items: str, item: str, wrong: str) -> str:
    """Whether something is TRUE of any item of a list."""
    return f"coalesce(list_bool_or(list_transform({items}, lambda {item}: {wrong})), false)"


def _split(text: str) -> list[str]:
    """What commas part, outside of quotes and parentheses."""
    found, depth, quoted, start = [], 0, "", 0
    for at, character in enumerate(text):
        if quoted:
            quoted = "" if character == quoted else quoted
        elif character in "'\"":
            quoted = character
        elif character in "(),":
            depth += {"(": 1, ")": -1, ",": 0}[character]
            if character == "," and not depth:
                found.append(text[start:at].strip())
                start = at + 1
    return [*found, text[start:].strip()]


def _named(part: str) -> tuple[str, str]:
    """A field's name and type."""
    if not part.startswith('"'):
        name, _, kind = part.partition(" ")
        return name, kind
    end = 1
    while part[end] != '"' or part[end + 1 : end + 2] == '"':
        end += 2 if part[end] == '"' else 1
    return part[1:end].replace('""', '"'), part[end + 1 :].strip()
