"""A CREATE statement compiled: head and query put together into a definition."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import astuple, replace

from workbench.errors import PipelineError
from workbench.language.checks import refuse_versions
from workbench.language.definitions import (
    Column,
    InsertFlow,
    MaterializedView,
    ReadFiles,
    RunningState,
    SourceSpec,
    Span,
    StreamingTable,
    StreamRef,
    TemporaryView,
)
from workbench.language.draft import Draft
from workbench.language.flows import Flow, compile_flow
from workbench.language.lines import is_text, mistake, strange
from workbench.language.references import Reference, parse, references
from workbench.language.running import compile_running
from workbench.language.sources import take_streams
from workbench.language.statements import Head, Parsed, drop, read_body, read_head, refresh
from workbench.language.tokens import Text, Token, quote
from workbench.language.windows import replace_windows
from workbench.language.words import PLAIN, RESERVED

VERSION = 1
"""Of the language: raised when the same text comes to mean something else."""
_WINDOWS = 2
"""Of the states of views with windows that close."""
ZONE = "UTC"


def compile_statement(text: Text, tokens: list[Token]) -> Parsed:
    """One statement, compiled; its mistakes are in `problems`, nothing is raised."""
    out = Parsed(text, tokens)
    try:
        _compile(text, tokens, out)
    except PipelineError as error:
        out.problems += error.problems
    if out.problems:
        out.statement = None
    return out


def _compile(text: Text, tokens: list[Token], out: Parsed) -> None:
    first = tokens[0]
    if first.word("CREATE"):
        head = read_head(text, tokens)
        out.name = head.name
        out.problems = read_body(text, head)
        out.body = head.body
        out.target = Reference(head.target.text, head.target) if head.target else None
        if head.body or (head.kind == "streaming table" and not out.problems):
            _definition(text, head, out)
    elif first.word("REFRESH"):
        out.statement = refresh(text, tokens)
    elif first.word("DROP"):
        out.statement = drop(text, tokens)
    else:
        raise text.mistake(first, f"{first.sql} begins no statement of the pipeline language", _start_hint(first))


def _start_hint(first: Token) -> str:
    if first.word("SELECT", "WITH", "FROM"):
        return "A query has no name here: write CREATE MATERIALIZED VIEW name AS …, or run it in the SQL pane."
    return "Statements begin with CREATE STREAMING TABLE, FLOW, MATERIALIZED VIEW or TEMPORARY VIEW, with REFRESH or DROP."


def _definition(text: Text, head: Head, out: Parsed) -> None:
    if head.columns:
        out.columns, out.rules = head.columns.tokens, head.columns.rules
    refuse_versions(text, head.body)
    if head.kind == "streaming table":
        _streaming_table(text, head, out)
    elif head.kind == "flow":
        _insert_flow(text, head, out)
    elif head.kind == "materialized view":
        _materialized_view(text, head, out)
    else:
        _temporary_view(text, head, out)


def _streaming_table(text: Text, head: Head, out: Parsed) -> None:
    if head.trigger_token:
        raise text.mistake(head.trigger_token, "a streaming table runs continuously", "Take TRIGGER out.")
    declared = head.columns.columns if head.columns else ()
    flow = _flow(text, head, out, declared) if head.body else None
    if head.columns and flow and flow.query.identity and is_text(flow.source) and (name := strange(declared)) is not None:
        raise text.mistake(head.columns.tokens[name.lower()], *mistake(name))
    out.statement = StreamingTable(
        name=head.name.text,
        columns=declared,
        expectations=tuple(rule.expectation for rule in out.rules),
        comment=head.comment,
        source=flow.source if flow else None,
        query=flow.query if flow else None,
        text=_written(text, head.tokens),
        digest=_digest(
            head,
            _source_parts(flow.source) if flow else None,
            declared,
            [[r.expectation.name, r.expectation.action, _folded(r.predicate)] for r in out.rules],
        ),
        span=_span(text, head.tokens),
        body=_span(text, head.body or head.tokens),
    )


def _insert_flow(text: Text, head: Head, out: Parsed) -> None:
    if head.trigger_token:
        raise text.mistake(head.trigger_token, "a flow runs continuously", "Take TRIGGER out.")
    assert head.target is not None
    flow = _flow(text, head, out, ())
    plain = flow.query.identity and not isinstance(flow.source, StreamRef) and flow.source.schema is None and not is_text(flow.source)
    out.statement = InsertFlow(
        name=head.name.text,
        table=head.target.text,
        source=flow.source,
        query=replace(flow.query, identity=plain),
        comment=head.comment,
        text=_written(text, head.tokens),
        digest=_digest(head, [head.target.text.lower(), _source_parts(flow.source)], (), []),
        span=_span(text, head.tokens),
        body=_span(text, head.body),
    )


def _flow(text: Text, head: Head, out: Parsed, declared: tuple[Column, ...]) -> Flow:
    """The compiled SELECT; what it reads goes to `out`."""
    flow = compile_flow(text, head.body, declared)
    out.drafts |= flow.drafts
    out.tables, out.times = flow.tables, flow.times
    if isinstance(flow.source, StreamRef):
        out.stream = Reference(flow.source.name, flow.stream.name)
    if flow.right is not None:
        out.right = Reference(flow.right.source.name, flow.right.name) if isinstance(flow.right.source, StreamRef) else None
    return flow


def _source_parts(source: SourceSpec | StreamRef) -> object:
    return astuple(source)[:6] if isinstance(source, ReadFiles) else astuple(source)


def _materialized_view(text: Text, head: Head, out: Parsed) -> None:
    declared = _view_columns(text, head)
    running: RunningState | None = None
    _, streams = take_streams(text, head.body, "_delta")
    if streams:
        if head.trigger_token:
            hint = "Take TRIGGER out: a view over a STREAM is kept up to date in every commit."
            raise text.mistake(head.trigger_token, "TRIGGER has no place in a view over a STREAM", hint)
        compiled = compile_running(text, head.body, declared, head.on_late)
        running, out.drafts, out.aliases, out.time = compiled.state, compiled.drafts, compiled.aliases, compiled.time
        out.tables, out.stream = compiled.tables, Reference(compiled.state.stream, compiled.stream.name)
    else:
        if head.on_late is not None:
            raise text.mistake(
                head.on_late, "nothing is late in a view over tables", "Take ON LATE out, or write FROM STREAM … WATERMARK …."
            )
        out.drafts["query"], out.tables = _query(text, head.body, declared)
    names = ((out.stream.name,) if out.stream else ()) + tuple(table.name for table in out.tables)
    out.statement = MaterializedView(
        name=head.name.text,
        columns=declared,
        comment=head.comment,
        running=running,
        trigger=head.trigger,
        sql="" if running else out.drafts["query"].sql,
        tables=_unique(names),
        text=_written(text, head.tokens),
        digest=_digest(head, _window_parts(running), declared, []),
        span=_span(text, head.tokens),
        body=_span(text, head.body),
    )


def _window_parts(running: RunningState | None) -> object:
    """How windows are kept belongs to what can change the answers."""
    window = running.window if running else None
    return None if window is None or window.key is None else [_WINDOWS, window.on_late]


def _view_columns(text: Text, head: Head) -> tuple[Column, ...]:
    if head.columns and head.columns.rules:
        span = head.columns.rules[0].expectation.span
        hint = "Put the expectation on the streaming table that the view reads."
        raise PipelineError((text.problem(span.start, span.stop, "expectations judge the rows of a streaming table, not of a view", hint),))
    for column in head.columns.columns if head.columns else ():
        if column.not_null and head.columns:
            hint = "Take it out, or filter with WHERE … IS NOT NULL."
            raise text.mistake(head.columns.tokens[column.name.lower()], f"NOT NULL is not kept for {column.name} of a view", hint)
    return head.columns.columns if head.columns else ()


def _temporary_view(text: Text, head: Head, out: Parsed) -> None:
    if head.trigger_token:
        raise text.mistake(
            head.trigger_token, "a temporary view stores nothing to update", "Take TRIGGER out, or make it a MATERIALIZED VIEW."
        )
    _, streams = take_streams(text, head.body, "_delta")
    if streams:
        hint = "Leave out STREAM to read what is stored, or write CREATE MATERIALIZED VIEW."
        raise text.mistake(streams[0].token, "a temporary view reads tables, not a STREAM", hint)
    declared = _view_columns(text, head)
    out.drafts["query"], out.tables = _query(text, head.body, declared)
    out.statement = TemporaryView(
        name=head.name.text,
        sql=out.drafts["query"].sql,
        tables=_unique(table.name for table in out.tables),
        text=_written(text, head.tokens),
        digest=_digest(head, None, declared, []),
        span=_span(text, head.tokens),
        body=_span(text, head.body),
    )


def _query(text: Text, body: list[Token], declared: tuple[Column, ...]) -> tuple[Draft, tuple[Reference, ...]]:
    """A query over tables in DuckDB's spelling, and the tables."""
    tokens, _ = replace_windows(text, body)
    _fixed_columns(text, tokens)
    tree, analysed = parse(text, tokens)
    draft = Draft().add(tokens)
    if declared:
        names = ", ".join(quote(column.name) for column in declared)
        draft = Draft().add("SELECT * FROM (", tokens, f") AS _view({names})")
    return draft, tuple(references(tree, analysed))


def _fixed_columns(text: Text, tokens: list[Token]) -> None:
    """A PIVOT without IN takes its columns from the rows: a stored result could not keep them."""
    for i, token in enumerate(tokens):
        if token.word("PIVOT", "PIVOT_WIDER") and not any(t.word("IN") for t in tokens[i:]):
            raise text.mistake(
                token,
                "the columns of this PIVOT depend on the rows",
                "List them: PIVOT orders ON country IN ('DE', 'FR') USING sum(amount).",
            )


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    return tuple({name.lower(): name for name in names}.values())


def _written(text: Text, tokens: list[Token]) -> str:
    return text.content[tokens[0].start : tokens[-1].stop]


def _span(text: Text, tokens: list[Token]) -> Span:
    return text.span(tokens[0].start, tokens[-1].stop)


def _digest(head: Head, source: object, declared: tuple[Column, ...], rules: list[list[str]]) -> str:
    """Hash of what can change the answers: not comments, blanks, properties, the trigger, or keywords' letter case."""
    kept = [
        head.kind,
        head.name.text.lower(),
        [(c.name, c.type, c.not_null) for c in declared],
        rules,
        source,
        _folded(head.body),
        ZONE,
        VERSION,
    ]
    return hashlib.sha256(json.dumps(kept, default=str).encode()).hexdigest()


_OURS = ("STREAM", "WATERMARK", "DELAY", "OF", "INTERVAL", "STREAMING")


def _folded(tokens: list[Token]) -> str:
    """Tokens on one line; keywords and functions in upper case, names as written: JSON tells their letter case apart."""
    out = []
    for i, token in enumerate(tokens):
        called = i + 1 < len(tokens) and tokens[i + 1].symbol("(")
        typed = i > 0 and tokens[i - 1].symbol("::")
        keyword = token.kind == "word" and (called or typed or token.text.upper() in RESERVED | PLAIN or token.word(*_OURS))
        out.append(token.sql.upper() if keyword else token.sql)
    return " ".join(out)
