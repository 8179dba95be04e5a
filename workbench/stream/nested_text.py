"""Nested values out of text (of CSV and the like), as DuckDB spells them or as JSON, each value in them judged as a column is."""

from __future__ import annotations

from collections.abc import Callable

from workbench.store.names import literal, quote
from workbench.stream.json_slack import strict_sql
from workbench.stream.nesting import Scalar, any_sql, mirrors, nested_sql, parts, shape_of

Text = Callable[[str, str], str]
"""SQL of a value of a type that is not nested: of the type and its text."""


def spelled_sql(kind: str, text: str, of_text: Text, of_json: Scalar) -> str:
    """A text as a nested type; NULL where it, or any value in it, is none of its type.

    DuckDB spells `{'a': 1}`, `[1, NULL]` and `{a=1}` (a MAP), and no quotes like JSON's: what has such and is JSON is read as JSON.
    """
    spelled = _spelled(kind, text, of_text)
    like_json = f"regexp_matches({text}, '(?s)^\\s*[\\[{{].*\"') AND {strict_sql(text)}"
    json = f"(CASE WHEN {like_json} THEN try_cast({text} AS JSON) END)"
    return f"CASE WHEN {json} IS NULL THEN {spelled} ELSE {nested_sql(kind, json, of_json)} END"


def _spelled(kind: str, text: str, scalar: Text) -> str:
    value, wrong = _Spelled(scalar).of(kind, text, 0)
    judged = f"CASE WHEN NOT {wrong} THEN {value} END"
    if not mirrors(kind) or "UNION(" in kind:
        return judged
    cast = f"try_cast({text} AS {kind})"
    endless = f"regexp_matches({text}, '(?i)nan|inf')"
    return f"CASE WHEN {cast}::VARCHAR = {text} AND NOT {endless} THEN {cast} ELSE {judged} END"


class _Spelled:
    """Gives for a text its SQL as a type, and SQL that is TRUE where it is neither NULL nor of the type, FALSE else."""

    def __init__(self, scalar: Text) -> None:
        self._scalar = scalar

    def of(self, kind: str, text: str, depth: int) -> tuple[str, str]:
        match shape_of(kind):
            case "struct":
                return self._struct(kind, text, depth)
            case "map":
                return self._map(kind, text, depth)
            case "list" | "array":
                return self._list(kind, text, depth)
            case "union":
                value = self._union(kind, text, depth)
            case "scalar":
                value = self._scalar(kind, text)
        return value, f"({text} IS NOT NULL AND ({value}) IS NULL)"

    def _union(self, kind: str, text: str, depth: int) -> str:
        """The first member that takes the text."""
        members = [(name, *self.of(part, text, depth)) for name, part in parts(kind)]
        chosen = " ".join(f"WHEN NOT {wrong} THEN union_value({quote(name)} := {value})::{kind}" for name, value, wrong in members)
        return f"(CASE WHEN {text} IS NULL THEN NULL {chosen} END)"

    def _struct(self, kind: str, text: str, depth: int) -> tuple[str, str]:
        texts = f"try_cast({text} AS STRUCT({', '.join(f'{quote(name)} VARCHAR' for name, _ in parts(kind))}))"
        fields = [(name, *self.of(part, f"struct_extract({texts}, {literal(name)})", depth)) for name, part in parts(kind)]
        value = ", ".join(f"{literal(name)}: {value}" for name, value, _ in fields)
        wrong = " OR ".join(wrong for _, _, wrong in fields)
        return f"(CASE WHEN {texts} IS NOT NULL THEN {{{value}}} END)", _wrong(text, texts, wrong)

    def _list(self, kind: str, text: str, depth: int) -> tuple[str, str]:
        texts, item = f"try_cast({text} AS VARCHAR[])", f"_text{depth}"
        value, wrong = self.of(parts(kind)[0][1], item, depth + 1)
        wrong = any_sql(texts, item, wrong)
        if not kind.endswith("[]"):
            wrong += f" OR len({texts}) <> {kind[kind.rindex('[') + 1 : -1]}"
        return f"try_cast(list_transform({texts}, lambda {item}: {value}) AS {kind})", _wrong(text, texts, wrong)

    def _map(self, kind: str, text: str, depth: int) -> tuple[str, str]:
        """Keys that are equal as values of their type, but not as texts, are wrong too."""
        texts, item = f"try_cast({text} AS MAP(VARCHAR, VARCHAR))", f"_text{depth}"
        (key, bad_key), (value, bad_value) = (self.of(part, item, depth + 1) for _, part in parts(kind))
        keys = f"list_transform(map_keys({texts}), lambda {item}: {key})"
        values = f"list_transform(map_values({texts}), lambda {item}: {value})"
        unlike = f"len(list_distinct({keys})) = len({keys})"
        wrong = f"{any_sql(f'map_keys({texts})', item, bad_key)} OR {any_sql(f'map_values({texts})', item, bad_value)} OR NOT {unlike}"
        return f"(CASE WHEN {unlike} THEN map({keys}, {values}) END)", _wrong(text, texts, wrong)


def _wrong(text: str, texts: str, wrong: str) -> str:
    return f"({text} IS NOT NULL AND ({texts} IS NULL OR {wrong}))"
