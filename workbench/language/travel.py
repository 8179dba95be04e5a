"""Time travel in a query: which of its tables are read as of another commit, or with the commit of each row."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

import sqlglot
from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from workbench.errors import QueryError
from workbench.language.gate import body_of
from workbench.language.labels import labels
from workbench.language.pivots import without_ends
from workbench.language.references import in_sight

COMMIT = "_commit"
"""The commit of a row: a column of streaming tables that only queries which name it see."""

_MAY_TRAVEL = re.compile(rf"\b(AT|BEFORE)\b(?!\s+TIME\s)|\b{COMMIT}\b", re.IGNORECASE)
_HOW = "Write FROM orders AT (VERSION => 41), or AT (TIMESTAMP => '2026-01-31 10:00')."
_NAMELESS = (exp.Describe, exp.Summarize, exp.Pivot)
"""What reads a table in a place where an alias cannot stand."""


@dataclass(frozen=True, slots=True)
class Travel:
    """One table of a query that is read otherwise than as it is now. Positions count characters of the whole text.

    `name` is the table's, `schema` empty or `main`; `alias` is what has to follow what is put in its place. `constant` is the SQL of
    the version or timestamp, empty when only the rows' commits are wanted. `clause` is where AT (…) stands.
    """

    name: str
    schema: str
    start: int
    stop: int
    alias: str
    kind: Literal["", "VERSION", "TIMESTAMP"] = ""
    constant: str = ""
    constant_at: int = 0
    clause: tuple[int, int] | None = None
    commits: bool = False
    """The query names `_commit`."""
    stars: tuple[tuple[int, int, str], ...] = ()
    """What is put into the text, so that a star beside a `_commit` does not give that again; see `Edited.parts`."""
    label: tuple[tuple[int, int, str], ...] = ()
    """Likewise, so that the column that it stands in has the name that was written."""


def travels(sql: str) -> tuple[Travel, ...]:
    """The tables of an admitted statement that are to be read otherwise, in the order of the text.

    Raises:
        QueryError: AT (…) stands where it has no meaning.
    """
    if not _MAY_TRAVEL.search(sql):
        return ()
    begin = body_of(sql)
    text = sql[begin:]
    tree = sqlglot.parse_one(without_ends(text), dialect="duckdb") if _selects(text) else None
    if tree is None:
        return ()
    tokens = sqlglot.tokenize(text, dialect="duckdb")
    commits = any(column.name.lower() == COMMIT for column in tree.find_all(exp.Column))
    found = [_travel(table, text, tokens, begin, commits) for table in tree.find_all(exp.Table)]
    labelled = [_labelled(travel, labels(tree, text, tokens), begin) for travel in found if travel is not None]
    return tuple(sorted(labelled, key=lambda travel: travel.start))


def _labelled(travel: Travel, names: dict[tuple[int, int], str], begin: int) -> Travel:
    """With the name of the column whose text is about to change."""
    for (start, stop), name in names.items():
        if begin + start <= travel.start < begin + stop:
            return replace(travel, label=((begin + stop, begin + stop, name),))
    return travel


def _selects(text: str) -> bool:
    return not re.match(r"\s*SHOW\b", text, re.IGNORECASE)


def _travel(table: exp.Table, text: str, tokens: list[Token], begin: int, commits: bool) -> Travel | None:
    when = table.args.get("when")
    if when is None and not (commits and isinstance(table.this, exp.Identifier)):
        return None
    if not isinstance(table.this, exp.Identifier):
        raise QueryError("AT (…) has no meaning after a function", _HOW)
    places = [part.meta for part in table.parts]
    start, stop = int(places[0]["start"]), int(places[-1]["end"]) + 1
    cte = not table.db and table.name.lower() in in_sight(table)
    if when is None:
        other = cte or table.catalog or table.db.lower() not in ("", "main")
        if other:
            return None
        stars = _stars(table, tokens, begin)
        return Travel(table.name, table.db, begin + start, begin + stop, _alias(table, text), commits=True, stars=stars)
    if cte:
        raise QueryError(
            f"{table.name} is the name of a WITH here, and has no versions", "Write AT (…) after the table inside it.", begin + start
        )
    opening, closing = _clause(tokens, stop)
    if when.this != "AT" or when.args["kind"] not in ("VERSION", "TIMESTAMP"):
        raise QueryError(f"{text[opening.start : closing.end + 1]} is not known", _HOW, begin + opening.start)
    arrow = next(token for token in tokens if token.start > opening.start and token.token_type is TokenType.FARROW)
    _constant(when.expression, begin + arrow.end + 1)
    return Travel(
        name=table.name,
        schema=".".join(part.name for part in table.parts[:-1]),
        start=begin + start,
        stop=begin + stop,
        alias=_alias(table, text),
        kind=when.args["kind"],
        constant=text[arrow.end + 1 : closing.start].strip(),
        constant_at=begin + arrow.end + 1 + len(text[arrow.end + 1 : closing.start]) - len(text[arrow.end + 1 : closing.start].lstrip()),
        clause=(begin + opening.start, begin + closing.end + 1),
        commits=commits,
        stars=_stars(table, tokens, begin) if commits else (),
    )


def _stars(table: exp.Table, tokens: list[Token], begin: int) -> tuple[tuple[int, int, str], ...]:
    """Of the SELECT that reads the table, where that lists `_commit` by name as well."""
    select = table.find_ancestor(exp.Select)
    listed = select.expressions if select is not None else []
    if not any(item.name.lower() == COMMIT for item in (one.unalias() for one in listed) if isinstance(item, exp.Column)):
        return ()
    found: list[tuple[int, int, str]] = []
    for item in listed:
        star = item.this if isinstance(item, exp.Column) else item
        named = not isinstance(item, exp.Column) or item.table.lower() == table.alias_or_name.lower()
        if isinstance(star, exp.Star) and named and not any(one.name.lower() == COMMIT for one in star.args.get("except_") or ()):
            found += _leave_out(next(i for i, token in enumerate(tokens) if token.start == star.meta["start"]), tokens, begin)
    return tuple(found)


def _leave_out(star: int, tokens: list[Token], begin: int) -> list[tuple[int, int, str]]:
    """What makes a star leave `_commit` out."""
    after = tokens[star + 1 : star + 3]
    if len(after) < 2 or after[0].text.upper() not in ("EXCLUDE", "EXCEPT"):
        place = begin + tokens[star].end + 1
        return [(place, place, f" EXCLUDE ({COMMIT})")]
    place = begin + after[1].start
    if after[1].token_type is TokenType.L_PAREN:
        return [(place + 1, place + 1, f"{COMMIT}, ")]
    end = begin + after[1].end + 1
    return [(place, place, f"({COMMIT}, "), (end, end, ")")]


def _alias(table: exp.Table, text: str) -> str:
    """The table's own name as written, where nothing else names it."""
    if table.alias or isinstance(table.parent, _NAMELESS):
        return ""
    place = table.this.meta
    return f" AS {text[place['start'] : place['end'] + 1]}"


def _clause(tokens: list[Token], after: int) -> tuple[Token, Token]:
    """The first and the last token of the AT (…) that follows a table."""
    first = next(
        i for i, token in enumerate(tokens)
        if token.start >= after and token.text.upper() in ("AT", "BEFORE") and tokens[i + 1].token_type is TokenType.L_PAREN
    )  # fmt: skip
    depth = 0
    for token in tokens[first + 1 :]:
        depth += (token.token_type is TokenType.L_PAREN) - (token.token_type is TokenType.R_PAREN)
        if depth == 0:
            return tokens[first], token
    raise AssertionError("a clause that was parsed is closed")


def _constant(expression: exp.Expr, at: int) -> None:
    if any(isinstance(node, exp.Column | exp.Query | exp.Table) for node in expression.walk()):
        raise QueryError(
            "AT (…) takes a constant: it is known before the first row is read",
            "A number, or a time such as now() - INTERVAL 1 HOUR; look a commit up with a query of its own.",
            at,
        )


@dataclass(frozen=True, slots=True)
class Edited:
    """A text in which parts were replaced; `parts` are (start, stop, text) of the original, ascending."""

    original: str
    parts: tuple[tuple[int, int, str], ...] = ()

    @property
    def sql(self) -> str:
        out, at = "", 0
        for start, stop, text in self.parts:
            out += self.original[at:start] + text
            at = stop
        return out + self.original[at:]

    def place(self, position: int) -> int:
        """Where a position in `sql` stands in the original; what was put in stands where it was put."""
        shift = 0
        for start, stop, text in self.parts:
            if position < start + shift:
                break
            if position < start + shift + len(text):
                return start
            shift += len(text) - (stop - start)
        return position - shift


def edited(sql: str, replaced: Iterable[tuple[Travel, str]]) -> Edited:
    """The statement with a query in the place of each table, and without the AT (…) clauses."""
    parts: list[tuple[int, int, str]] = []
    for travel, query in replaced:
        parts.append((travel.start, travel.stop, f"({query}){travel.alias}"))
        parts += [part for part in (*travel.stars, *travel.label) if part not in parts]
        if travel.clause:
            parts.append((*travel.clause, ""))
    return Edited(sql, tuple(sorted(parts)))
