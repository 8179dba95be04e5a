"""Names of columns that a query does not name itself: DuckDB takes an expression's text, which must stay what was written."""

from __future__ import annotations

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from workbench.language.tokens import quote

_END = frozenset(["FROM", "WHERE", "GROUP", "HAVING", "QUALIFY", "WINDOW", "ORDER", "LIMIT", "OFFSET", "UNION", "INTERSECT", "USING"])
"""Words that follow a SELECT list."""
_OPENING = (TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE)
_CLOSING = (TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE)


def labels(tree: exp.Expr, text: str, tokens: list[Token]) -> dict[tuple[int, int], str]:
    """Where each item of the outermost SELECT list stands that has no name of its own: its text, as an alias."""
    select = tree
    while isinstance(select, exp.SetOperation):
        select = select.this
    if not isinstance(select, exp.Select):
        return {}
    items = _items(tokens)
    if len(items) != len(select.expressions):
        return {}
    nameless = [not isinstance(item, exp.Alias | exp.Column | exp.Star) for item in select.expressions]
    places = [(item[0].start, item[-1].end + 1) for item, wanted in zip(items, nameless, strict=True) if item and wanted]
    return {(start, stop): f" AS {quote(' '.join(text[start:stop].split()))}" for start, stop in places}


def _items(tokens: list[Token]) -> list[list[Token]]:
    """The items of the first SELECT that stands outside brackets; none of a DISTINCT ON."""
    out: list[list[Token]] = []
    depth = 0
    for before, token in zip([None, *tokens], tokens, strict=False):
        depth -= token.token_type in _CLOSING
        if depth == 0 and not out and token.token_type is TokenType.SELECT:
            out = [[]]
        elif depth == 0 and out and _ends(before, token):
            break
        elif depth == 0 and out and token.token_type is TokenType.COMMA:
            out.append([])
        elif out and (out != [[]] or token.text.upper() not in ("DISTINCT", "ALL")):
            out[-1].append(token)
        depth += token.token_type in _OPENING
    return [] if out and out[0] and out[0][0].text.upper() == "ON" else out


def _ends(before: Token | None, token: Token) -> bool:
    """Whether a SELECT list is over; the EXCEPT of a star is none between two queries."""
    if token.text.upper() == "EXCEPT":
        return before is None or before.token_type is not TokenType.STAR
    return token.text.upper() in _END or token.token_type is TokenType.SEMICOLON
