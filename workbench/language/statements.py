"""One statement of the language: from its tokens to a definition or a command."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from workbench.errors import PipelineError, Problem
from workbench.language.columns import ColumnList, Rule, column_list
from workbench.language.cursor import Cursor
from workbench.language.definitions import Drop, Refresh, Statement, Trigger
from workbench.language.draft import Draft
from workbench.language.references import Reference
from workbench.language.sources import interval
from workbench.language.tokens import Text, Token

Kind = Literal["streaming table", "materialized view", "temporary view"]


@dataclass(slots=True)
class Head:
    """What stands before AS in a CREATE statement."""

    kind: Kind
    name: Token
    tokens: list[Token]
    """Of the whole statement."""
    columns: ColumnList | None = None
    comment: str = ""
    properties: tuple[tuple[str, str], ...] = ()
    trigger: Trigger | None = None
    trigger_token: Token | None = None
    body: list[Token] = field(default_factory=list)


@dataclass(slots=True)
class Parsed:
    """A statement with what is needed to judge it among others and to lead errors back to its source.

    `statement` is None when it has problems; `name` is known nevertheless where its head could be read.
    """

    text: Text
    tokens: list[Token]
    statement: Statement | None = None
    name: Token | None = None
    problems: tuple[Problem, ...] = ()
    stream: Reference | None = None
    tables: tuple[Reference, ...] = ()
    drafts: dict[str, Draft] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
    columns: dict[str, Token] = field(default_factory=dict)
    aliases: tuple[Token, ...] = ()
    time: Token | None = None
    body: list[Token] = field(default_factory=list)


_NOT_HERE = {
    "FLOW": "Make one streaming table for each source; a TEMPORARY VIEW with UNION ALL brings them together.",
    "SINK": "Query the table through `workbench sql … --format ndjson`.",
    "LIVE": "Write CREATE STREAMING TABLE or CREATE MATERIALIZED VIEW.",
    "TABLE": "Write CREATE STREAMING TABLE for rows that arrive, CREATE MATERIALIZED VIEW for a stored result.",
    "VIEW": "Write CREATE TEMPORARY VIEW: it is a name for a query. CREATE MATERIALIZED VIEW stores the result.",
}
_CLAUSES = {
    "SCHEDULE": "Write TRIGGER ON UPDATE [AT MOST EVERY INTERVAL 1 HOUR], or REFRESH the view from outside at set times.",
    "PARTITIONED": "Take it out: one file on one machine is not partitioned.",
    "CLUSTER": "Take it out: one file on one machine is not clustered.",
    "LOCATION": "Take it out: everything is stored in the project's database.",
    "USING": "Take it out: everything is stored in the project's database.",
    "ROW": "Take it out, and filter in a TEMPORARY VIEW.",
    "WITH": "Take it out; EXPECT constraints stand in the column list.",
    "DEFAULT": "Take it out.",
}


def read_head(text: Text, tokens: list[Token]) -> Head:
    """Everything before the query of a CREATE statement, and the query's tokens.

    Raises:
        PipelineError: mistakes in the column list all at once, elsewhere the first one.
    """
    cursor = Cursor(text, tokens)
    cursor.at = 1
    replacing = cursor.see("OR", "REPLACE")
    word = cursor.here
    replaced = cursor.accept("OR", "REFRESH") or cursor.accept("OR", "REPLACE")
    private = cursor.accept("PRIVATE")
    kind = _kind(cursor)
    if private:
        raise text.mistake(word, "PRIVATE is not kept here", "Take it out.")
    if replacing and kind != "temporary view":
        raise text.mistake(
            word, f"OR REPLACE does not go with a {kind}", "Write CREATE OR REFRESH; stored rows are never thrown away by a definition."
        )
    if replaced and not replacing and kind == "temporary view":
        raise text.mistake(word, "a temporary view stores nothing to refresh", "Write CREATE TEMPORARY VIEW.")
    cursor.accept("IF", "NOT", "EXISTS")
    return Head(kind, _name(cursor, kind), tokens)


def read_body(text: Text, head: Head) -> tuple[Problem, ...]:
    """Fill in what stands after the name, as far as it can be read; gives what cannot."""
    cursor = Cursor(text, head.tokens)
    cursor.at = head.tokens.index(head.name) + 1
    problems: list[Problem] = []
    try:
        if not cursor.ended and cursor.here.symbol("("):
            inside, end = cursor.take_brackets()
            try:
                head.columns = column_list(text, inside, end, typed=head.kind == "streaming table")
            except PipelineError as error:
                problems += error.problems
        while not cursor.ended and not cursor.see("AS"):
            _clause(cursor, head)
        head.body = _query(cursor, head.kind)
    except PipelineError as error:
        problems += error.problems
    return tuple(problems)


def _kind(cursor: Cursor) -> Kind:
    if cursor.accept("STREAMING", "TABLE"):
        return "streaming table"
    if cursor.accept("MATERIALIZED", "VIEW"):
        return "materialized view"
    if cursor.accept("TEMPORARY", "VIEW") or cursor.accept("TEMP", "VIEW"):
        return "temporary view"
    if cursor.see("STREAMING") or cursor.see("MATERIALIZED") or cursor.see("TEMPORARY") or cursor.see("TEMP"):
        second = "TABLE" if cursor.see("STREAMING") else "VIEW"
        word = cursor.here.text.upper()
        hint = _NOT_HERE["LIVE"] if cursor.see("STREAMING", "LIVE") else f"Write CREATE {word} {second} name AS SELECT …."
        cursor.at += 1
        raise cursor.fail(f"expected {second} after CREATE {word}", hint)
    if cursor.ended:
        raise cursor.fail("CREATE what?", "Write CREATE STREAMING TABLE, CREATE MATERIALIZED VIEW or CREATE TEMPORARY VIEW.")
    hint = _NOT_HERE.get(cursor.here.text.upper(), "The language has CREATE STREAMING TABLE, MATERIALIZED VIEW and TEMPORARY VIEW.")
    raise cursor.fail(f"CREATE {cursor.here.text.upper()} is no statement of this version", hint)


def _name(cursor: Cursor, kind: Kind) -> Token:
    name = cursor.take_name(kind, f"CREATE {kind.upper()} orders")
    if name.text.startswith("_") or not name.text.strip():
        raise cursor.text.mistake(name, "names that begin with _ belong to the workbench", "Choose another name.")
    return name


def _clause(cursor: Cursor, head: Head) -> None:
    token = cursor.here
    word = token.text.upper()
    if cursor.accept("COMMENT"):
        head.comment = cursor.take_text("COMMENT")
    elif cursor.accept("TBLPROPERTIES"):
        head.properties = _properties(cursor)
    elif cursor.accept("TRIGGER"):
        head.trigger, head.trigger_token = _trigger(cursor), token
    elif token.kind == "word" and word in _CLAUSES:
        raise cursor.fail(f"{word} is not kept here", _CLAUSES[word])
    elif token.word("SELECT"):
        raise cursor.fail("AS is missing before the query", "Write … ) AS SELECT ….")
    else:
        raise cursor.fail(
            f"{token.sql} cannot stand here", "After the name come columns in brackets, COMMENT '…', TRIGGER ON UPDATE, and AS SELECT …."
        )


def _properties(cursor: Cursor) -> tuple[tuple[str, str], ...]:
    if cursor.ended or not cursor.here.symbol("("):
        raise cursor.fail("TBLPROPERTIES needs brackets", "Write TBLPROPERTIES ('owner' = 'shop').")
    inside, _ = cursor.take_brackets()
    pairs, strings = [], [token.text for token in inside if not token.symbol(",", "=", ".")]
    for key, value in zip(strings[::2], strings[1::2], strict=False):
        pairs.append((key, value))
    return tuple(pairs)


def _trigger(cursor: Cursor) -> Trigger:
    if not cursor.accept("ON", "UPDATE"):
        raise cursor.fail("expected ON UPDATE after TRIGGER", "Write TRIGGER ON UPDATE [AT MOST EVERY INTERVAL 10 MINUTES].")
    if not cursor.accept("AT", "MOST", "EVERY"):
        return Trigger()
    if not cursor.see("INTERVAL") or len(cursor.rest) < 3:
        raise cursor.fail("AT MOST EVERY needs an interval", "Write AT MOST EVERY INTERVAL 10 MINUTES.")
    micros, used = interval(cursor.text, cursor.rest[:3])
    cursor.at += used
    return Trigger(micros / 1_000_000)


def _query(cursor: Cursor, kind: Kind) -> list[Token]:
    if not cursor.accept("AS"):
        hint = "A streaming table without a query needs CREATE FLOW, which this version has not: write AS SELECT … FROM STREAM …."
        raise cursor.fail(f"the {kind} has no query", hint if kind == "streaming table" else "Write AS SELECT ….")
    body = cursor.rest
    if not body:
        raise cursor.fail("nothing stands after AS", "Write AS SELECT ….")
    _check_brackets(cursor.text, body)
    return body


_PAIRS = {"(": ")", "[": "]", "{": "}"}


def _check_brackets(text: Text, tokens: list[Token]) -> None:
    opened: list[Token] = []
    for token in tokens:
        if token.symbol(*_PAIRS):
            opened.append(token)
        elif token.symbol(*_PAIRS.values()):
            if not opened:
                raise text.mistake(token, "this bracket was never opened", "Take it out, or open it before.")
            if _PAIRS[opened[-1].text] != token.text:
                break
            opened.pop()
    if opened:
        raise text.mistake(opened[-1], "this bracket is never closed", f"Close it with {_PAIRS[opened[-1].text]}.")


def refresh(text: Text, tokens: list[Token]) -> Refresh:
    """REFRESH [FULL] [MATERIALIZED VIEW | STREAMING TABLE] name [FULL]."""
    cursor = Cursor(text, tokens)
    cursor.at = 1
    full = cursor.see("FULL") and len(tokens) > 2 and cursor.accept("FULL")
    if cursor.see("MATERIALIZED", "VIEW") or cursor.see("STREAMING", "TABLE"):
        cursor.at += 2
    name = cursor.take_name("view", "REFRESH [FULL] daily_customers")
    full = cursor.accept("FULL") or full
    if not cursor.ended:
        raise cursor.fail(
            f"{cursor.here.sql} cannot stand after REFRESH {name.sql}", "Write REFRESH [FULL] name; a semicolon may be missing."
        )
    return Refresh(name.text, full, text.span(tokens[0].start, tokens[-1].stop))


def drop(text: Text, tokens: list[Token]) -> Drop:
    """DROP STREAMING TABLE | MATERIALIZED VIEW | [TEMPORARY] VIEW [IF EXISTS] name."""
    cursor = Cursor(text, tokens)
    cursor.at = 1
    kinds: dict[tuple[str, ...], Kind] = {
        ("STREAMING", "TABLE"): "streaming table",
        ("MATERIALIZED", "VIEW"): "materialized view",
        ("TEMPORARY", "VIEW"): "temporary view",
        ("TEMP", "VIEW"): "temporary view",
        ("VIEW",): "temporary view",
    }
    kind = next((kind for words, kind in kinds.items() if cursor.accept(*words)), None)
    if kind is None:
        raise cursor.fail("DROP needs the kind of what it drops", "Write DROP STREAMING TABLE, DROP MATERIALIZED VIEW or DROP VIEW.")
    if_exists = cursor.accept("IF", "EXISTS")
    name = cursor.take_name(kind, f"DROP {kind.upper()} orders")
    if not cursor.ended:
        raise cursor.fail(f"{cursor.here.sql} cannot stand after the name", "A semicolon may be missing.")
    return Drop(kind, name.text, if_exists, text.span(tokens[0].start, tokens[-1].stop))
