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
from workbench.language.tokens import Text, Token, quote
from workbench.language.words import OWN_TABLE

Kind = Literal["streaming table", "flow", "materialized view", "temporary view"]


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
    on_late: Token | None = None
    """The word UPDATE or DROP of ON LATE."""
    target: Token | None = None
    """The streaming table that a flow writes into."""
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
    right: Reference | None = None
    """The second stream, of a join of two."""
    target: Reference | None = None
    """The streaming table that a flow writes into."""
    tables: tuple[Reference, ...] = ()
    drafts: dict[str, Draft] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
    columns: dict[str, Token] = field(default_factory=dict)
    aliases: tuple[Token, ...] = ()
    time: Token | None = None
    times: tuple[Token, ...] = ()
    """Of a flow: the event times of its streams, where they matter."""
    body: list[Token] = field(default_factory=list)

    @property
    def flow(self) -> bool:
        """Whether it is a CREATE FLOW, sound or not: no table that could be read."""
        return self.name is not None and any(token.word("FLOW") for token in self.tokens[: self.tokens.index(self.name)])


_NOT_HERE = {
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
        if not cursor.ended and cursor.here.symbol("(") and head.kind != "flow":
            inside, end = cursor.take_brackets()
            try:
                head.columns = column_list(text, inside, end, typed=head.kind == "streaming table")
            except PipelineError as error:
                problems += error.problems
        while not cursor.ended and not cursor.see("AS"):
            _clause(cursor, head)
        head.body = _query(cursor, head)
    except PipelineError as error:
        problems += error.problems
    return tuple(problems)


def _kind(cursor: Cursor) -> Kind:
    if cursor.accept("STREAMING", "TABLE"):
        return "streaming table"
    if cursor.accept("FLOW"):
        return "flow"
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
        raise cursor.fail("CREATE what?", "Write CREATE STREAMING TABLE, FLOW, MATERIALIZED VIEW or TEMPORARY VIEW.")
    hint = _NOT_HERE.get(cursor.here.text.upper(), "The language has CREATE STREAMING TABLE, FLOW, MATERIALIZED VIEW and TEMPORARY VIEW.")
    raise cursor.fail(f"CREATE {cursor.here.text.upper()} is no statement of this version", hint)


def _name(cursor: Cursor, kind: Kind) -> Token:
    name = cursor.take_name(kind, f"CREATE {kind.upper()} orders")
    if not name.text.strip():
        raise cursor.text.mistake(name, "the name is empty", f"Write CREATE {kind.upper()} orders.")
    if name.text.startswith("_"):
        raise cursor.text.mistake(name, "names that begin with _ belong to the workbench", "Choose another name.")
    if OWN_TABLE in name.text:
        other = quote(name.text.replace(OWN_TABLE, "_").strip("_") or "orders")
        hint = f"Choose another name, such as {other}. What is stored under this one stays until a DROP."
        raise cursor.text.mistake(name, f"names with {OWN_TABLE} belong to the workbench", hint)
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
    elif cursor.accept("ON", "LATE"):
        head.on_late = _on_late(cursor, head, token)
    elif token.kind == "word" and word in _CLAUSES:
        raise cursor.fail(f"{word} is not kept here", _CLAUSES[word])
    elif head.kind == "flow" and token.symbol("("):
        raise cursor.fail("a flow has no columns of its own", "Declare them on the streaming table that it writes into.")
    elif token.word("SELECT", "INSERT"):
        raise cursor.fail("AS is missing before the query", f"Write … AS {token.text.upper()} ….")
    else:
        raise cursor.fail(
            f"{token.sql} cannot stand here",
            "After the name come columns in brackets, COMMENT '…', TRIGGER ON UPDATE, ON LATE UPDATE, and AS SELECT ….",
        )


def _on_late(cursor: Cursor, head: Head, token: Token) -> Token:
    if head.kind != "materialized view":
        hint = "Write it on the materialized view that has the window."
        raise cursor.text.mistake(token, f"no row is late for a {head.kind}", hint)
    if cursor.ended or not cursor.here.word("UPDATE", "DROP"):
        hint = "Write ON LATE UPDATE or ON LATE DROP; without it late rows are left out, and listed in workbench.late."
        raise cursor.fail("ON LATE is followed by what becomes of late rows", hint)
    cursor.at += 1
    return cursor.tokens[cursor.at - 1]


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


def _query(cursor: Cursor, head: Head) -> list[Token]:
    """The query's tokens; none for a streaming table that flows write into."""
    if cursor.ended and head.kind == "streaming table":
        if not head.columns or not head.columns.columns:
            hint = "Write (order_id BIGINT, …) after the name for a table that flows write into, else AS SELECT … FROM STREAM …."
            raise cursor.fail("a streaming table without a query declares its columns", hint)
        return []
    if not cursor.accept("AS"):
        raise cursor.fail(f"the {head.kind} has no query", _FLOW if head.kind == "flow" else "Write AS SELECT ….")
    if head.kind == "flow":
        _target(cursor, head)
    body = cursor.rest
    if not body:
        hint = "Write SELECT … FROM STREAM …." if head.target else "Write AS SELECT …."
        raise cursor.fail(f"nothing stands after {cursor.tokens[-1].text.upper()}", hint)
    _check_brackets(cursor.text, body)
    return body


_FLOW = "Write CREATE FLOW shop AS INSERT INTO orders BY NAME SELECT … FROM STREAM …."


def _target(cursor: Cursor, head: Head) -> None:
    """INSERT INTO table BY NAME."""
    if cursor.see("AUTO", "CDC") or cursor.see("APPLY", "CHANGES"):
        hint = "Store the change records in a streaming table; a MATERIALIZED VIEW with arg_max(…, sequence) shows the latest of each key."
        raise cursor.fail("AUTO CDC is not kept yet", hint)
    if not cursor.accept("INSERT", "INTO"):
        raise cursor.fail("a flow inserts into a streaming table", _FLOW)
    if cursor.see("ONCE") and len(cursor.rest) > 1 and cursor.rest[1].names and not cursor.rest[1].word("BY"):
        hint = "Leave it out; read_files(…, follow => false) reads what is there and ends."
        raise cursor.fail("ONCE is not kept: a flow goes on reading", hint)
    target = head.target = cursor.take_name("streaming table", "INSERT INTO orders BY NAME SELECT …")
    if cursor.accept("BY", "NAME"):
        return
    message = f"BY NAME is missing after {target.sql}: columns are never matched by their position"
    raise cursor.fail(message, f"Write INSERT INTO {target.sql} BY NAME SELECT …, and name the columns as the table does (… AS order_id).")


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
    """DROP STREAMING TABLE | FLOW | MATERIALIZED VIEW | [TEMPORARY] VIEW [IF EXISTS] name."""
    cursor = Cursor(text, tokens)
    cursor.at = 1
    kinds: dict[tuple[str, ...], Kind] = {
        ("STREAMING", "TABLE"): "streaming table",
        ("FLOW",): "flow",
        ("MATERIALIZED", "VIEW"): "materialized view",
        ("TEMPORARY", "VIEW"): "temporary view",
        ("TEMP", "VIEW"): "temporary view",
        ("VIEW",): "temporary view",
    }
    kind = next((kind for words, kind in kinds.items() if cursor.accept(*words)), None)
    if kind is None:
        hint = "Write DROP STREAMING TABLE, DROP FLOW, DROP MATERIALIZED VIEW or DROP VIEW."
        raise cursor.fail("DROP needs the kind of what it drops", hint)
    if_exists = cursor.accept("IF", "EXISTS")
    name = cursor.take_name(kind, f"DROP {kind.upper()} orders")
    if not cursor.ended:
        raise cursor.fail(f"{cursor.here.sql} cannot stand after the name", "A semicolon may be missing.")
    return Drop(kind, name.text, if_exists, text.span(tokens[0].start, tokens[-1].stop))
