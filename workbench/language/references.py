"""The tables that a query reads, as sqlglot's parse of it tells."""

from __future__ import annotations

import re
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError

from workbench.errors import PipelineError
from workbench.language.draft import Draft
from workbench.language.pivots import apart
from workbench.language.tokens import Text, Token, closing, depths

_WRITES = (exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.Create, exp.Drop, exp.Copy, exp.Command, exp.Alter)


@dataclass(frozen=True, slots=True)
class Reference:
    """A table's name in a query, and where it stands."""

    name: str
    token: Token


_CLASS = re.compile(r"<class '[\w.]*\.(\w+)'>")
"""How sqlglot names a part of its tree to its own developers."""


def parse(text: Text, tokens: list[Token]) -> tuple[exp.Query | exp.Pivot | exp.Values, Draft]:
    """sqlglot's tree of a query, and the draft that its positions point into.

    Raises:
        PipelineError: the query cannot be read, or does more than read.
    """
    draft = Draft().add(_arrows(tokens))
    try:
        tree, *ends = [sqlglot.parse_one(sql, dialect="duckdb") for sql in apart(draft.sql)]
    except ParseError as error:
        raise _unreadable(text, tokens, draft, error) from None
    except RecursionError:
        raise text.between(tokens, "the query is nested too deeply", "Give its parts names with CREATE TEMPORARY VIEW.") from None
    if not isinstance(tree, (exp.Query, exp.Pivot, exp.Values)) or any(tree.find_all(*_WRITES)):
        raise text.mistake(tokens[0], "this is no query that only reads", "Write SELECT … FROM …; the workbench stores the result itself.")
    if any(len(list(end.find_all(exp.Table))) > 1 for end in ends):
        hint = "Put it around the PIVOT: SELECT * FROM (PIVOT …) ORDER BY …"
        raise text.mistake(tokens[0], "a PIVOT cannot be ordered or limited by another query here", hint)
    return tree, draft


def _unreadable(text: Text, tokens: list[Token], draft: Draft, error: ParseError) -> PipelineError:
    details = error.errors[0] if error.errors else {}
    highlight = str(details.get("highlight") or "")
    column = details.get("col")
    token = draft.token_at(max(0, int(column) - len(highlight))) if column is not None else None
    token = token or tokens[-1]
    message = _CLASS.sub(lambda found: f"an operand of {found[1].upper()}", str(details.get("description") or "it breaks off")).rstrip(".")
    near = f" at {token.sql}" if len(token.sql) < 40 else ""
    return text.mistake(
        token,
        f"the query cannot be read{near}: {message[:1].lower()}{message[1:]}",
        "The query is DuckDB SQL; a word before the caret may be wrong.",
    )


def references(tree: exp.Expr, draft: Draft) -> list[Reference]:
    """Tables of the project that the query names, in order of their places; not its own CTEs, files and system tables."""
    found = []
    for table in tree.find_all(exp.Table):
        name = table.this
        if not isinstance(name, exp.Identifier) or table.args.get("catalog"):
            continue
        schema = table.args.get("db")
        if schema is not None and schema.name.lower() != "main":
            continue
        token = draft.token_at(int(name.meta.get("start", 0)))
        if token is None or token.kind in ("stream", "string") or (schema is None and name.name.lower() in in_sight(table)):
            continue
        found.append(Reference(name.name, token))
    return sorted(found, key=lambda reference: reference.token.start)


def in_sight(table: exp.Table) -> set[str]:
    """Lower-case names of the CTEs that a table may mean: those written before it, and in the second part of a recursive one itself."""
    found: set[str] = set()
    inside: list[exp.Expr] = [table]
    while (node := inside[-1].parent) is not None:
        with_ = node if isinstance(node, exp.With) else node.args.get("with_")
        if isinstance(with_, exp.With) and inside[-1] is not with_:
            for cte in with_.expressions:
                itself = cte is inside[-1]
                if itself and not (with_.args.get("recursive") and any(one is _second(cte) for one in inside)):
                    break
                found.add(cte.alias.lower())
                if itself:
                    break
        inside.append(node)
    return found


def _second(cte: exp.CTE) -> exp.Expr | None:
    """What a recursive CTE repeats."""
    return cte.this.expression if isinstance(cte.this, exp.SetOperation) else None


def _arrows(tokens: list[Token]) -> list[Token]:
    """`lambda x, y: …` as sqlglot reads it: `(x, y) -> …`; only for analysis, DuckDB gets what was written."""
    out = list(tokens)
    levels = depths(tokens)
    for i, token in enumerate(tokens):
        if not token.word("LAMBDA"):
            continue
        colon = next((j for j in range(i, len(tokens)) if levels[j] == levels[i] and tokens[j].symbol(":")), None)
        if colon is None or closing(tokens, i) < colon:
            continue
        out[i] = _spelled(token, "(")
        out[colon] = _spelled(tokens[colon], ") ->")
    return out


def _spelled(token: Token, sql: str) -> Token:
    return Token("symbol", token.text, sql, token.start, token.stop, token.gap)
