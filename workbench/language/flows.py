"""The SELECT of a streaming table: one record in, its rows out, each with the record's number."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from sqlglot import exp

from workbench.errors import PipelineError, Problem
from workbench.language.checks import check_joins, check_pair, event_time, one_stream, refuse_clauses
from workbench.language.definitions import Column, Distinct, FlowQuery, IntervalJoin, SourceSpec, StreamRef
from workbench.language.distinct import WRITE, DistinctOn, take_distinct
from workbench.language.draft import Draft, written
from workbench.language.intervals import WINDOW, interval_join
from workbench.language.references import Reference, parse, references
from workbench.language.select import Select, select
from workbench.language.sources import Stream, renamed, take_streams
from workbench.language.tokens import Text, Token, bare, closing, quote, split
from workbench.language.windows import WindowCall, replace_windows
from workbench.language.words import AGGREGATES

INPUT, RIGHT = "_input", "_right"
_AGGREGATE = "A streaming table keeps rows; for sums write CREATE MATERIALIZED VIEW … FROM STREAM …."
_HINTS = {
    "DISTINCT": (
        "DISTINCT would have to remember every row",
        f"Count in a MATERIALIZED VIEW with GROUP BY, or say for how long: {WRITE[6:]}",
    ),
    "GROUP": ("GROUP BY has no place in a streaming table", _AGGREGATE),
    "HAVING": ("HAVING has no place in a streaming table", _AGGREGATE),
    "UNION": ("UNION of streams is not kept", "Write CREATE FLOW … AS INSERT INTO t BY NAME SELECT … for each of them, into one table."),
}


@dataclass(frozen=True, slots=True)
class Flow:
    """A compiled SELECT; `drafts` are its SQL and that of its keys.

    `right` is the second stream of a join; `times` are the event times of the streams, where they matter.
    """

    source: SourceSpec | StreamRef
    query: FlowQuery
    drafts: dict[str, Draft]
    stream: Stream
    right: Stream | None
    tables: tuple[Reference, ...]
    times: tuple[Token, ...]


@dataclass(slots=True)
class _Query:
    """A flow's SELECT taken apart. `written` are its tokens before window(…) was replaced, `tokens` those after."""

    parts: Select
    tree: exp.Expr
    analysed: Draft
    stream: Stream
    right: Stream | None
    distinct: DistinctOn | None
    written: list[Token]
    tokens: list[Token]


@dataclass(slots=True)
class _Extra:
    """What a join or DISTINCT ON adds to a flow: event times, and columns for the runtime."""

    times: tuple[Token, ...] = ()
    columns: list[Draft] = field(default_factory=list)
    join: IntervalJoin | None = None
    distinct: Distinct | None = None


def compile_flow(text: Text, body: list[Token], declared: tuple[Column, ...]) -> Flow:
    """Make the SELECT of a flow ready for DuckDB.

    Raises:
        PipelineError: everything in it that a flow cannot do.
    """
    read = _read(text, body)
    problems = _problems(text, read.parts, read.stream, read.tokens)
    problems += [] if read.right or read.distinct else _no_watermark(text, read.stream)
    if problems:
        raise PipelineError(tuple(problems))
    parts, stream = read.parts, read.stream
    extra = _extra(text, read)
    draft = _inner(text, parts, stream, read.right, extra.columns)
    identity = _is_star(parts.items) and len(parts.sources) == 1 and not parts.where and not parts.prefix and not extra.columns
    tables = tuple(references(read.tree, read.analysed))
    query = FlowQuery(
        draft.sql,
        identity and not _picks(stream, declared),
        tuple(dict.fromkeys(table.name for table in tables)),
        any(token.kind in ("word", "name") and token.text.lower() == "_metadata" for token in read.tokens),
        extra.join,
        extra.distinct,
        _names(extra),
    )
    return Flow(stream.source, query, {"select": draft}, stream, read.right, tables, extra.times)


def _read(text: Text, body: list[Token]) -> _Query:
    tokens, distinct = take_distinct(text, bare(body))
    plain, streams = take_streams(text, tokens, INPUT)
    if not streams:
        raise text.mistake(
            body[0], "a streaming table reads a STREAM", "Write FROM STREAM read_files('…'); over plain tables, CREATE MATERIALIZED VIEW."
        )
    paired = len(streams) == 2 and distinct is None
    if paired:
        plain, streams = _two(plain, streams)
    tokens, windows = replace_windows(text, plain)
    tree, analysed = parse(text, _marked(tokens, windows))
    parts = select(text, tokens)
    stream, right = (streams[0], streams[1]) if paired else (one_stream(text, parts, streams), None)
    looked_at = [*tokens, *(token for key in distinct.keys for token in key)] if distinct else tokens
    return _Query(parts, tree, analysed, stream, right, distinct, plain, looked_at)


def _extra(text: Text, read: _Query) -> _Extra:
    if read.right is not None:
        check_pair(text, read.parts, read.stream, read.right)
        left, right = event_time(text, read.stream), event_time(text, read.right)
        join = interval_join(text, read.tree, read.stream, read.right, (left, right), read.written)
        return _Extra((left, right), [Draft().add(f"{quote(read.right.alias or '')}._row AS _k0")], join)
    if read.distinct is not None:
        return _keyed(text, read.distinct, read.stream)
    return _Extra()


def _names(extra: _Extra) -> tuple[str, ...]:
    keys = len(extra.columns) - (extra.distinct is not None)
    return (*(f"_k{i}" for i in range(keys)), *(("_p0",) if extra.distinct else ()))


def _two(tokens: list[Token], streams: list[Stream]) -> tuple[list[Token], list[Stream]]:
    """The second stream reads `_right`."""
    right = replace(streams[1], token=renamed(streams[1].token, RIGHT, INPUT))
    return [right.token if token is streams[1].token else token for token in tokens], [streams[0], right]


def _marked(tokens: list[Token], windows: list[WindowCall]) -> list[Token]:
    """The query as it is analysed: a window still shows its time and size."""
    marks = {id(call.token): f"{WINDOW}({written(call.time)}, {call.size})" for call in windows}
    return [replace(token, sql=marks[id(token)]) if id(token) in marks else token for token in tokens]


def _keyed(text: Text, distinct: DistinctOn, stream: Stream) -> _Extra:
    """What a SELECT DISTINCT ON gives besides the table's columns: its keys and the event time."""
    time = event_time(text, stream)
    assert stream.watermark is not None
    keys = [replace_windows(text, key)[0] for key in distinct.keys]
    known = quote(stream.alias) if stream.alias else INPUT
    drafts = [Draft().add("(", key, f") AS _k{i}") for i, key in enumerate(keys)]
    drafts.append(Draft().add(f"{known}.", time, " AS _p0"))
    return _Extra((time,), drafts, distinct=Distinct(tuple(map(written, keys)), time.text, stream.watermark.delay, distinct.within))


def _no_watermark(text: Text, stream: Stream) -> list[Problem]:
    if not stream.watermark:
        return []
    time, hint = stream.watermark.time, "Write it in the materialized view that has the window."
    return [text.problem(time[0].start, time[-1].stop, "a streaming table needs no WATERMARK", hint)]


def _picks(stream: Stream, declared: tuple[Column, ...]) -> bool:
    """Whether declared columns differ from what the SELECT gives: not when they are the input as well."""
    if not declared:
        return False
    if isinstance(stream.source, StreamRef):
        return True
    schema = stream.source.schema
    return schema is not None and [(c.name, c.type) for c in schema] != [(c.name, c.type) for c in declared]


def _problems(text: Text, parts: Select, stream: Stream, tokens: list[Token]) -> list[Problem]:
    out: list[Problem] = []
    clauses = parts.extra | {word: found for word, found in (("GROUP", parts.group), ("HAVING", parts.having)) if found}
    out += refuse_clauses(text, Select(parts.opening, extra=clauses), _HINTS)
    out += check_joins(text, parts.sources)
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


def _inner(text: Text, parts: Select, stream: Stream, right: Stream | None, extra: list[Draft]) -> Draft:
    known = quote(stream.alias) if stream.alias else INPUT
    draft = Draft().add(parts.prefix)
    if parts.prefix:
        draft.add(" ")
    draft.add("SELECT ", f"{known}._row AS _row, ")
    for i, item in enumerate(split(parts.items)):
        if not item:
            raise text.mistake(parts.opening, "a comma too many in the SELECT list", "Take out the comma before FROM, or double commas.")
        draft.add(", " if i else "")
        _add_item(text, draft, item, stream, right)
    for column in extra:
        draft.add(", ").extend(column)
    draft.add(" FROM ", parts.sources)
    if parts.where:
        draft.add(" WHERE ", parts.where)
    return draft


def _add_item(text: Text, draft: Draft, item: list[Token], stream: Stream, right: Stream | None) -> None:
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
    given = {(stream.alias or INPUT).lower(): "_row, _metadata"} | ({(right.alias or "").lower(): "_row"} if right else {})
    if star == 2 and item[0].text.lower() not in given:
        draft.add(item)
        return
    draft.add(item[: star + 1], f" EXCLUDE ({given[item[0].text.lower()] if star else '_row, _metadata'}")
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
