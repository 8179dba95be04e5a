"""The SELECT of a streaming table: one record in, its rows out, each with the record's number."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.errors import PipelineError, Problem
from workbench.language.checks import check_joins, one_stream, refuse_clauses
from workbench.language.definitions import Column, FlowQuery, ReadFiles, StreamRef
from workbench.language.draft import Draft
from workbench.language.references import Reference, parse, references
from workbench.language.select import Select, select
from workbench.language.sources import Stream, take_streams
from workbench.language.tokens import Text, Token, bare, closing, quote, split
from workbench.language.windows import replace_windows
from workbench.language.words import AGGREGATES

INPUT = "_input"
_AGGREGATE = "A streaming table keeps rows; for sums write CREATE MATERIALIZED VIEW … FROM STREAM …."
_HINTS = {
    "DISTINCT": ("DISTINCT would have to remember every row", "Take it out, or count in a MATERIALIZED VIEW with GROUP BY."),
    "GROUP": ("GROUP BY has no place in a streaming table", _AGGREGATE),
    "HAVING": ("HAVING has no place in a streaming table", _AGGREGATE),
    "UNION": ("UNION of streams is not kept yet", "Make one streaming table for each source."),
}


@dataclass(frozen=True, slots=True)
class Flow:
    """A compiled SELECT; `draft` is the query's SQL."""

    source: ReadFiles | StreamRef
    query: FlowQuery
    draft: Draft
    stream: Stream
    tables: tuple[Reference, ...]


def compile_flow(text: Text, body: list[Token], declared: tuple[Column, ...]) -> Flow:
    """Make the SELECT of a streaming table ready for DuckDB.

    Raises:
        PipelineError: everything in it that a streaming table cannot do.
    """
    tokens, streams = take_streams(text, bare(body), INPUT)
    tokens, _ = replace_windows(text, tokens)
    if not streams:
        raise text.mistake(
            body[0], "a streaming table reads a STREAM", "Write FROM STREAM read_files('…'); over plain tables, CREATE MATERIALIZED VIEW."
        )
    tree, analysed = parse(text, tokens)
    parts = select(text, tokens)
    stream = one_stream(text, parts, streams)
    problems = _problems(text, parts, stream, tokens)
    if problems:
        raise PipelineError(tuple(problems))
    draft = _inner(text, parts, stream)
    identity = _is_star(parts.items) and len(parts.sources) == 1 and not parts.where and not parts.prefix
    tables = tuple(references(tree, analysed))
    query = FlowQuery(
        draft.sql,
        identity and not _picks(stream, declared, identity),
        tuple(dict.fromkeys(table.name for table in tables)),
        any(token.kind in ("word", "name") and token.text.lower() == "_metadata" for token in tokens),
    )
    return Flow(stream.source, query, draft, stream, tables)


def _picks(stream: Stream, declared: tuple[Column, ...], identity: bool) -> bool:
    """Whether declared columns differ from what the SELECT gives: not when they are the input as well."""
    if not declared:
        return False
    if not identity or not isinstance(stream.source, ReadFiles):
        return True
    schema = stream.source.schema
    return schema is not None and [(c.name, c.type) for c in schema] != [(c.name, c.type) for c in declared]


def _problems(text: Text, parts: Select, stream: Stream, tokens: list[Token]) -> list[Problem]:
    out: list[Problem] = []
    clauses = parts.extra | {word: found for word, found in (("GROUP", parts.group), ("HAVING", parts.having)) if found}
    out += refuse_clauses(text, Select(parts.opening, extra=clauses), _HINTS)
    out += check_joins(text, parts.sources)
    if stream.watermark:
        hint = "Write it in the materialized view that has the window."
        out.append(
            text.problem(stream.watermark.time[0].start, stream.watermark.time[-1].stop, "a streaming table needs no WATERMARK", hint)
        )
    for i, token in enumerate(tokens):
        low = token.text.lower()
        if token.kind in ("word", "name") and low == "_row":
            out.append(
                text.problem(
                    token.start, token.stop, "_row is given out by the workbench", "Use _metadata.line for the number of the line."
                )
            )
        if token.kind in ("word", "name") and low == "_metadata" and isinstance(stream.source, StreamRef):
            out.append(
                text.problem(
                    token.start,
                    token.stop,
                    "only rows read from files carry _metadata",
                    "Store it in the first table: _metadata.file AS file.",
                )
            )
        if token.word("OVER") and i and tokens[i - 1].symbol(")"):
            out.append(
                text.problem(
                    token.start,
                    token.stop,
                    "OVER looks at other rows, whose batch is chance",
                    "Use it in a MATERIALIZED VIEW over the table.",
                )
            )
    return out + _aggregates(text, parts)


def _aggregates(text: Text, parts: Select) -> list[Problem]:
    """Aggregates of this SELECT, those of subqueries left aside."""
    out: list[Problem] = []
    for run in (parts.items, parts.where):
        at = 0
        while at < len(run) - 1:
            if run[at].symbol("(") and run[at + 1].word("SELECT", "FROM", "WITH"):
                at = closing(run, at)
            elif run[at].kind == "word" and run[at].text.lower() in AGGREGATES and run[at + 1].symbol("("):
                out.append(
                    text.problem(
                        run[at].start, run[at].stop, f"{run[at].text}(…) sums up rows of a batch, and where it ends is chance", _AGGREGATE
                    )
                )
            at += 1
    return out


def _inner(text: Text, parts: Select, stream: Stream) -> Draft:
    known = quote(stream.alias) if stream.alias else INPUT
    draft = Draft().add(parts.prefix)
    if parts.prefix:
        draft.add(" ")
    draft.add("SELECT ", f"{known}._row AS _row, ")
    for i, item in enumerate(split(parts.items)):
        if not item:
            raise text.mistake(parts.opening, "a comma too many in the SELECT list", "Take out the comma before FROM, or double commas.")
        draft.add(", " if i else "")
        _add_item(text, draft, item, stream)
    draft.add(" FROM ", parts.sources)
    if parts.where:
        draft.add(" WHERE ", parts.where)
    return draft


def _add_item(text: Text, draft: Draft, item: list[Token], stream: Stream) -> None:
    """One item of the list; a star is kept from spreading to `_row` and `_metadata`."""
    if item[-1].key == "_violations" and (len(item) == 1 or item[-2].symbol(".")):
        raise text.between(item, "the column name _violations is reserved", "Give it another name: _violations AS broken_rules.")
    if item[0].word("COLUMNS") and len(item) > 1:
        raise text.between(item[:2], "COLUMNS(…) is not kept in a streaming table", "Name the columns, or write * EXCLUDE (a, b).")
    star = next((i for i in (0, 2) if len(item) > i and item[i].symbol("*")), None)
    if star is None or (star == 2 and not (item[0].names and item[1].symbol("."))):
        draft.add(item)
        return
    rest = item[star + 1 :]
    if star == 2 and item[0].text.lower() != (stream.alias or INPUT).lower():
        draft.add(item)
        return
    draft.add(item[: star + 1], " EXCLUDE (_row, _metadata")
    if rest and rest[0].word("EXCEPT"):
        raise text.mistake(rest[0], "DuckDB leaves columns out with EXCLUDE", "Write * EXCLUDE (a, b).")
    if rest and rest[0].word("EXCLUDE"):
        end = closing(rest, 1) if len(rest) > 1 and rest[1].symbol("(") else 1
        draft.add(", ", rest[2:end] if end > 1 else rest[1:2])
        rest = rest[end + 1 :]
    draft.add(")")
    if rest and not rest[0].word("REPLACE", "RENAME"):
        raise text.mistake(rest[0], f"{rest[0].sql} is not kept after a star", "Write * EXCLUDE (…), * REPLACE (…) or * RENAME (…).")
    draft.add(" " if rest else "", rest)


def _is_star(items: list[Token]) -> bool:
    return len(items) == 1 and items[0].symbol("*")
