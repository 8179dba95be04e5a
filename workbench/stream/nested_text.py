"""Nested values out of text (of CSV and the like), as DuckDB spells them or as JSON, each value in them judged as a column is."""

from __future__ import annotations

from collections.abc import Callable

from workbench.store.names import literal, quote
from workbench.stream.json_slack import strict_sql
from workbench.stream.nesting import Scalar, mirrors, nested_sql, once_sql, parts, shape_of

Text = Callable[[str, str], str]
"""SQL of a value of a type that is not nested: of the type and its text."""


def json_sql(kind: str, json: str, scalar: Scalar) -> str:
    """SQL of a JSON value as a nested type, where the value is something to be made, and not a column."""

    def once(kind: str, text: str, quoted: str, json: str) -> str:
        return once_sql(text, "_scalar", scalar(kind, "_scalar", quoted, json))

    return once_sql(json, "_json", nested_sql(kind, "_json", once))


def spelled_sql(kind: str, text: str, of_text: Text, of_json: Scalar) -> str:
    """A text as a nested type; NULL where it, or any value in it, is none of its type.

    DuckDB spells `{'a': 1}`, `[1, NULL]` and `{a=1}` (a MAP), and no quotes like JSON's: what has such and is JSON is read as JSON.
    """
    like_json = f"regexp_matches({text}, '(?s)^\\s*[\\[{{].*\"') AND {strict_sql(text)}"
    json = f"try_cast({text} AS JSON)"
    value = json_sql(kind, json, of_json)
    return f"CASE WHEN {like_json} AND {json} IS NOT NULL THEN {value} ELSE {_spelled(kind, text, of_text)} END"


def _spelled(kind: str, text: str, scalar: Text) -> str:
    judged = _Spelled(scalar).of(kind, text, 0)
    if not mirrors(kind) or "UNION(" in kind:
        return judged
    same = f"_cast::VARCHAR = {text} AND NOT regexp_matches({text}, '(?i)nan|inf')"
    return once_sql(f"try_cast({text} AS {kind})", "_cast", f"CASE WHEN {same} THEN _cast ELSE {judged} END")


class _Spelled:
    """Gives for a text its SQL as a type: NULL where the text is NULL, and where it, or any value in it, is none of its type.

    Of a nested type the texts in a text are made once, and each value once of its text; a text with a NULL value is then wrong.
    """

    def __init__(self, scalar: Text) -> None:
        self._scalar = scalar

    def of(self, kind: str, text: str, depth: int) -> str:
        match shape_of(kind):
            case "struct":
                return self._struct(kind, text, depth)
            case "map":
                return self._map(kind, text, depth)
            case "list" | "array":
                return self._list(kind, text, depth)
            case "union":
                return self._union(kind, text, depth)
            case "scalar":
                return self._scalar(kind, text)

    def _union(self, kind: str, text: str, depth: int) -> str:
        """The first member that takes the text."""
        member = f"_member{depth}"
        taken = [
            once_sql(
                self.of(part, text, depth + 1),
                member,
                f"CASE WHEN {member} IS NOT NULL THEN union_value({quote(name)} := {member})::{kind} END",
            )
            for name, part in parts(kind)
        ]
        return f"coalesce({', '.join(taken)})"

    def _struct(self, kind: str, text: str, depth: int) -> str:
        texts, values = f"_texts{depth}", f"_values{depth}"
        named = [(literal(name), part) for name, part in parts(kind)]
        fields = ", ".join(f"{name}: {self.of(part, f'struct_extract({texts}, {name})', depth + 1)}" for name, part in named)
        lost = " OR ".join(
            f"(struct_extract({texts}, {name}) IS NOT NULL AND struct_extract({values}, {name}) IS NULL)" for name, _ in named
        )
        value = once_sql(f"{{{fields}}}", values, f"CASE WHEN NOT ({lost}) THEN {values} END")
        read = f"try_cast({text} AS STRUCT({', '.join(f'{quote(name)} VARCHAR' for name, _ in parts(kind))}))"
        return once_sql(read, texts, f"CASE WHEN {texts} IS NOT NULL THEN {value} END")

    def _list(self, kind: str, text: str, depth: int) -> str:
        texts, values = f"_texts{depth}", f"_values{depth}"
        right = f"list_count({values}) = list_count({texts})"
        if not kind.endswith("[]"):
            right += f" AND len({texts}) = {kind[kind.rindex('[') + 1 : -1]}"
        each = self._each(parts(kind)[0][1], texts, depth)
        value = once_sql(each, values, f"CASE WHEN {right} THEN try_cast({values} AS {kind}) END")
        return once_sql(f"try_cast({text} AS VARCHAR[])", texts, value)

    def _map(self, kind: str, text: str, depth: int) -> str:
        """Keys that are equal as values of their type, but not as texts, are wrong too."""
        texts, keys, values = f"_texts{depth}", f"_keys{depth}", f"_values{depth}"
        (_, key), (_, part) = parts(kind)
        right = f"len(list_distinct({keys})) = len({keys}) AND list_count({values}) = list_count(map_values({texts}))"
        value = once_sql(self._each(part, f"map_values({texts})", depth), values, f"CASE WHEN {right} THEN map({keys}, {values}) END")
        value = once_sql(self._each(key, f"map_keys({texts})", depth), keys, value)
        return once_sql(f"try_cast({text} AS MAP(VARCHAR, VARCHAR))", texts, value)

    def _each(self, kind: str, texts: str, depth: int) -> str:
        item = f"_text{depth}"
        return f"list_transform({texts}, lambda {item}: {self.of(kind, item, depth + 1)})"
