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
    """The type as which Arrow carries a type's values from DuckDB to DuckDB: of one time it drops the offset, of bits it makes bytes,
    and lists of an ENUM that are all empty stop DuckDB for good."""
    as_text = ("TIME WITH TIME ZONE", "BIT")
    return rebuilt(kind, lambda leaf: "VARCHAR" if leaf in as_text or (leaf != kind and leaf.startswith("ENUM(")) else leaf)


def rebuilt(kind: str, leaf: Callable[[str], str]) -> str:
    """A type with others for those in it that are made of no others, in the order of `leaves`."""
    held = parts(kind)
    match shape_of(kind):
        case "scalar":
            return leaf(kind)
        case "list" | "array":
            return rebuilt(held[0][1], leaf) + kind[kind.rindex("[") :]
        case "map":
            return f"MAP({', '.join(rebuilt(part, leaf) for _, part in held)})"
        case shape:
            return f"{shape.upper()}({', '.join(f'{quote(name)} {rebuilt(part, leaf)}' for name, part in held)})"


def nested_sql(kind: str, json: str, scalar: Scalar) -> str:
    """A JSON value as a nested type; NULL where it, or any value in it, is none of its type, or is no JSON.

    Null and a field that is missing are NULL; a field that a STRUCT does not name is passed over; of equal keys the first counts.
    """
    text = f"{json}::VARCHAR"
    judged = f"WHEN {strict_sql(text)} THEN {_Inside(scalar).of(kind, json, 0)} END"
    if not mirrors(kind):
        return f"CASE {judged}"
    cast = f"try_cast({json} AS {kind})"
    finite = f"NOT contains({text}, 'NaN') AND NOT contains({text}, 'Inf')"
    return f"CASE WHEN to_json({cast})::VARCHAR = {text} AND {finite} THEN {cast} {judged}"


def once_sql(value: str, name: str, body: str) -> str:
    """SQL of `body`, in which `name` is a value that is made once: what stands inside a CASE is made as often as it stands there."""
    return f"list_transform([{value}], lambda {name}: {body})[1]"


class _Inside:
    """Gives for a JSON value its SQL as a type: NULL where it is null or missing, and where it, or any value in it, is none of its type.

    Each value is made once; a nested one with a NULL for what was not null is then wrong.
    """

    def __init__(self, scalar: Scalar) -> None:
        self._scalar = scalar

    def of(self, kind: str, json: str, depth: int) -> str:
        match shape_of(kind):
            case "scalar":
                text = f"json_extract_string({json}, '$')"
                if kind == "VARCHAR":  # as the reader makes a column of it: a DOUBLE is written as in SQL, not as in JSON
                    text = f"json_transform({json}, '\"VARCHAR\"')"
                return self._scalar(kind, text, f"starts_with({json}::VARCHAR, '\"')", f"(CASE WHEN {text} IS NOT NULL THEN {json} END)")
            case "struct":
                return self._struct(kind, json, depth)
            case "union":
                return self._union(kind, json, depth)
            case "map":
                return self._map(kind, json, depth)
            case _:
                return self._list(kind, json, depth)

    def _struct(self, kind: str, json: str, depth: int) -> str:
        values = f"_values{depth}"
        fields = [(literal(name), f"json_extract({json}, {literal(pointer(name))})", part) for name, part in parts(kind)]
        made = ", ".join(f"{name}: {self.of(part, field, depth + 1)}" for name, field, part in fields)
        lost = " OR ".join(f"({_given(field)} AND struct_extract({values}, {name}) IS NULL)" for name, field, _ in fields)
        value = once_sql(f"{{{made}}}", values, f"CASE WHEN NOT ({lost}) THEN {values} END")
        return f"CASE WHEN json_type({json}) = 'OBJECT' THEN {value} END"

    def _union(self, kind: str, json: str, depth: int) -> str:
        """An object with one field, which names the member."""
        member, taken = f"_member{depth}", []
        for name, part in parts(kind):
            field = f"json_extract({json}, {literal(pointer(name))})"
            right = f"CASE WHEN {member} IS NOT NULL OR NOT {_given(field)} THEN union_value({quote(name)} := {member})::{kind} END"
            taken.append(f"WHEN {literal(name)} THEN {once_sql(self.of(part, field, depth + 1), member, right)}")
        named = f"CASE WHEN json_type({json}) = 'OBJECT' AND len(json_keys({json})) = 1 THEN json_keys({json})[1] END"
        return f"CASE {named} {' '.join(taken)} END"

    def _list(self, kind: str, json: str, depth: int) -> str:
        items, values = f"json_extract({json}, '$[*]')", f"_values{depth}"
        right = self._all(items, values)
        if not kind.endswith("[]"):
            right += f" AND len({values}) = {kind[kind.rindex('[') + 1 : -1]}"
        each = self._each(parts(kind)[0][1], items, depth)
        value = once_sql(each, values, f"CASE WHEN {right} THEN try_cast({values} AS {kind}) END")
        return f"CASE WHEN json_type({json}) = 'ARRAY' THEN {value} END"

    def _map(self, kind: str, json: str, depth: int) -> str:
        """Of equal keys the first counts."""
        key, place, names, items = f"_key{depth}", f"_place{depth}", f"json_keys({json})", f"json_extract({json}, '$.*')"
        keys, values = f"_keys{depth}", f"_values{depth}"
        (_, key_kind), (_, value_kind) = parts(kind)
        named = f"list_transform({names}, lambda {key}: {self._scalar(key_kind, key, 'true', f'to_json({key})')})"
        first = f"list_filter(range(1, len({keys}) + 1), lambda {place}: list_position({keys}, {keys}[{place}]) = {place})"
        right = f"list_count({keys}) = len({names}) AND {self._all(items, values)}"
        value = (
            f"CASE WHEN len(list_distinct({keys})) = len({keys}) THEN map({keys}, {values})"
            f" ELSE map(list_select({keys}, {first}), list_select({values}, {first})) END"
        )
        value = once_sql(self._each(value_kind, items, depth), values, f"CASE WHEN {right} THEN {value} END")
        return f"CASE WHEN json_type({json}) = 'OBJECT' THEN {once_sql(named, keys, value)} END"

    def _each(self, kind: str, items: str, depth: int) -> str:
        item = f"_item{depth}"
        return f"list_transform({items}, lambda {item}: {self.of(kind, item, depth + 1)})"

    def _all(self, items: str, values: str) -> str:
        """Whether there is a value for each item of a list that is not null."""
        given = f"list_transform({items}, lambda _one: nullif(_one::VARCHAR, 'null'))"
        return f"(list_count({values}) = len({items}) OR list_count({values}) = list_count({given}))"


def _given(json: str) -> str:
    return f"coalesce(json_type({json}) <> 'NULL', false)"


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
