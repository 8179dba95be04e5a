"""Constants that no row is needed to judge: a text that its cast refuses fails every row, and DuckDB binds it all the same."""

from __future__ import annotations

from collections.abc import Iterator

from workbench.errors import Problem, QueryError
from workbench.language.draft import written
from workbench.language.tokens import Token, closing
from workbench.store.passage import Passage
from workbench.store.session import Session

_TYPED = ("DATE", "TIME", "TIMESTAMP", "TIMESTAMPTZ")
"""Words that make a constant of the text behind them."""
_GUARDS = ("TRY", "COALESCE", "IFNULL", "IF")
"""What is in their brackets may never be computed."""
_REFUSALS = ("Conversion", "Out of Range", "Invalid Input")


def impossible(session: Session, source: Passage) -> list[Problem]:
    """Every cast of a constant in a definition that can only fail."""
    found = []
    for tokens in (source.parsed.body, *(predicate for _, predicate in source.rules())):
        for cast in _casts(tokens):
            try:
                session.execute(f"SELECT {written(cast)}")
            except QueryError as error:
                if source.kind(error) in _REFUSALS:
                    hint = "Write a constant of that type, or TRY_CAST where NULL will do."
                    found.append(source.text.problem(cast[0].start, cast[-1].stop, source.worded(error), hint))
    return found


def _casts(tokens: list[Token]) -> Iterator[list[Token]]:
    """Casts of plain constants, but for those that need not be computed."""
    cases, guarded = 0, -1
    for i, token in enumerate(tokens):
        cases += token.word("CASE") - (cases > 0 and token.word("END"))
        if token.word(*_GUARDS) and tokens[i + 1 : i + 2] and tokens[i + 1].symbol("("):
            guarded = max(guarded, closing(tokens, i + 1))
        if cases or i <= guarded:
            continue
        constant = token.kind in ("string", "number")
        if constant and i + 2 < len(tokens) and tokens[i + 1].symbol("::"):
            yield tokens[i : _type_end(tokens, i + 2)]
        elif token.word("CAST") and tokens[i + 1 : i + 2] and tokens[i + 1].symbol("("):
            end = closing(tokens, i + 1)
            if i + 3 < end < len(tokens) and tokens[i + 2].kind in ("string", "number") and tokens[i + 3].word("AS"):
                yield tokens[i : end + 1]
        elif token.word(*_TYPED) and i + 1 < len(tokens) and tokens[i + 1].kind == "string":
            yield tokens[i : i + 2]


def _type_end(tokens: list[Token], at: int) -> int:
    """The index after a type's name with its brackets."""
    if [token.text.upper() for token in tokens[at + 1 : at + 4]] == ["WITH", "TIME", "ZONE"]:
        return at + 4
    at += 2 if [token.text.upper() for token in tokens[at : at + 2]] == ["DOUBLE", "PRECISION"] else 1
    while at < len(tokens) and tokens[at].symbol("(", "["):
        at = closing(tokens, at) + 1
    return at
