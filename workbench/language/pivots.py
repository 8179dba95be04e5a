"""PIVOT and UNPIVOT as statements: where what orders and limits their rows begins and ends."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import sqlglot
from sqlglot.tokenizer_core import Token, TokenType

PIVOTS = frozenset({"PIVOT", "PIVOT_WIDER", "PIVOT_LONGER", "UNPIVOT"})
QUERIES = frozenset({"SELECT", "FROM", "VALUES", "TABLE", "DESCRIBE", "SUMMARIZE"})
_ANY = "FROM o "
"""A query that is no longer than the shortest PIVOT."""
ENDS = frozenset({TokenType.ORDER_BY, TokenType.LIMIT, TokenType.OFFSET})


@dataclass(slots=True)
class _Query:
    """What is known of a query between two brackets. Args: pivot: it is one; None: that is not known yet."""

    pivot: bool | None = None
    end: int | None = None

    def see(self, token: Token) -> None:
        word = token.text.upper()
        if self.pivot is None and token.token_type is not TokenType.STRING:
            self.pivot = True if word in PIVOTS else False if word in QUERIES else None
        elif self.pivot and self.end is None and token.token_type in ENDS:
            self.end = token.start


def pivot_ends(tokens: Iterable[Token], length: int) -> list[tuple[int, int]]:
    """From where to where `ORDER BY … LIMIT … OFFSET …` of each PIVOT statement goes, inner ones first. Args: length: of the text."""
    open_, found = [_Query()], list[tuple[int, int]]()
    for token in tokens:
        if token.token_type is TokenType.L_PAREN:
            open_.append(_Query())
        elif token.token_type is TokenType.R_PAREN and len(open_) > 1:
            if (end := open_.pop().end) is not None:
                found.append((end, token.start))
        else:
            open_[-1].see(token)
    if open_[0].end is not None:
        found.append((open_[0].end, length))
    return found


def without_ends(text: str) -> str:
    """A text that sqlglot can read: blanks stand where a PIVOT statement orders and limits its rows."""
    return apart(text)[0]


def apart(text: str, tokens: Iterable[Token] | None = None) -> list[str]:
    """Texts that sqlglot can read: one without the ends of its PIVOTs, and each of these as the end of a query; all at their places."""
    if not re.search("PIVOT", text, re.IGNORECASE):
        return [text]
    queries = []
    for start, stop in pivot_ends(tokens or sqlglot.tokenize(text, dialect="duckdb"), len(text)):
        queries.append(_ANY.rjust(start) + text[start:stop])
        text = text[:start].ljust(stop) + text[stop:]
    return [text, *queries]
