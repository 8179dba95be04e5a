"""A column added to the text of a definition, with its formatting kept."""

from __future__ import annotations

import re

from workbench.language.tokens import Text, closing, quote, split, tokenize
from workbench.language.words import RESERVED

_REST = re.compile(r"[ \t]*(--[^\n]*)?$", re.MULTILINE)


def spelled(name: str) -> str:
    """A column's name as people write it: quoted only where it has to be."""
    plain = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) and name.upper() not in RESERVED
    return name if plain else quote(name)


def with_column(statement: str, column: str) -> str | None:
    """The statement with one more column after the last of its column list, before its constraints; None when it has no list.

    Where every column has a line of its own, the new one gets one too; comments stay with their columns.
    """
    tokens = tokenize(Text("", statement))
    opening = next((i for i, token in enumerate(tokens) if token.symbol("(") or token.word("AS")), None)
    if opening is None or not tokens[opening].symbol("("):
        return None
    inside = tokens[opening + 1 : closing(tokens, opening)]
    columns = [part for part in split(inside) if part and not part[0].word("CONSTRAINT")]
    if not columns:
        return None
    last = columns[-1][-1]
    following = tokens[tokens.index(last) + 1]
    comma = following.symbol(",")
    stop = following.stop if comma else last.stop
    rest = _REST.match(statement, stop)
    if rest is None or not _on_its_own_line(statement, columns[-1][0].start):
        return f"{statement[: last.stop]}, {column}{statement[last.stop :]}"
    start = columns[-1][0].start
    indent = statement[statement.rfind("\n", 0, start) + 1 : start]
    return (
        f"{statement[: last.stop]},{statement[stop : rest.end()].rstrip()}\n{indent}{column}{',' if comma else ''}{statement[rest.end() :]}"
    )


def _on_its_own_line(statement: str, start: int) -> bool:
    return not statement[statement.rfind("\n", 0, start) + 1 : start].strip() and "\n" in statement[:start]
