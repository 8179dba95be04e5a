"""A materialized view over a STREAM, compiled to partial aggregates that are appended and combined."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Literal

from sqlglot import exp

from workbench.errors import PipelineError, Problem
from workbench.language.aggregates import TRIGGER, Kept, calls, kept
from workbench.language.checks import check_joins, one_stream, refuse_clauses, volatile
from workbench.language.definitions import Column, EventWindow, RunningState, StreamRef
from workbench.language.draft import Draft
from workbench.language.keys import Item, Keys, group_keys, merge_qualified
from workbench.language.references import Reference, parse, references
from workbench.language.select import Select, select
from workbench.language.sessions import SessionShape
from workbench.language.sources import Stream, renamed, take_streams
from workbench.language.tokens import Text, Token, bare, quote, split
from workbench.language.windows import WindowCall, replace_windows

DELTA, STATE, ROWS = "_delta", "_state", "_rows"
_LATER = "Take it out, and use it when you query the view."
_HINTS = {
    "DISTINCT": (
        "SELECT DISTINCT is not kept",
        "Write GROUP BY with the same columns: SELECT country FROM STREAM orders GROUP BY country.",
    ),
    "ORDER": ("a running state has no order", _LATER),
    "LIMIT": ("a running state keeps all its groups", _LATER),
    "OFFSET": ("a running state keeps all its groups", _LATER),
    "UNION": ("UNION cannot be kept as a running state", "Make one view for each part, and a TEMPORARY VIEW that unites them."),
    "INTERSECT": ("INTERSECT cannot be kept as a running state", TRIGGER),
    "EXCEPT": ("EXCEPT cannot be kept as a running state", TRIGGER),
    "QUALIFY": ("QUALIFY cannot be kept as a running state", TRIGGER),
    "WINDOW": ("a WINDOW clause cannot be kept as a running state", TRIGGER),
}


@dataclass(frozen=True, slots=True)
class Running:
    """A compiled running state with the drafts that lead errors back to the source."""

    state: RunningState
    drafts: dict[str, Draft]
    stream: Stream
    tables: tuple[Reference, ...]
    aliases: tuple[Token, ...]
    """Names in GROUP BY that were read as names of items: a column of the stream may not have them too."""
    time: Token | None
    """The event time of window or watermark."""


@dataclass(slots=True)
class _Plan:
    """What the compiler knows of one query."""

    text: Text
    parts: Select
    items: list[Item]
    keys: Keys
    kept: dict[str, Kept] = field(default_factory=dict)
    window: EventWindow | None = None
    stream: str = DELTA
    """The name by which the query knows its stream."""

    @property
    def session(self) -> SessionShape | None:
        """How sessions are put together; None for all other states."""
        window = self.window
        if window is None or window.kind != "session" or window.key is None:
            return None
        return SessionShape(len(self.keys.expressions), self.partials, window.key, window.size, window.on_late == "update")

    @property
    def partials(self) -> int:
        return sum(len(found.partial) for found in self.kept.values())

    def slot(self, key: str) -> int:
        """Number of the first partial column of an aggregate."""
        before = 0
        for known, found in self.kept.items():
            if known == key:
                break
            before += len(found.partial)
        return before


def compile_running(text: Text, body: list[Token], declared: tuple[Column, ...], on_late: Token | None = None) -> Running:
    """Compile the query of a materialized view over a STREAM.

    Args:
        on_late: the word UPDATE or DROP of ON LATE, where that is written.

    Raises:
        PipelineError: everything in it that cannot be kept, each with the expression and what to write instead.
    """
    tokens, streams = take_streams(text, bare(body), DELTA)
    tokens, windows = replace_windows(text, tokens, (streams[0].alias if streams else None) or DELTA)
    tree, analysed = parse(text, tokens)
    parts = select(text, tokens)
    stream = one_stream(text, parts, streams)
    if not isinstance(stream.source, StreamRef):
        hint = "CREATE STREAMING TABLE … AS SELECT * FROM STREAM read_files(…), and read STREAM of that table."
        raise text.mistake(stream.name, "a running state reads a streaming table", hint)
    problems = _problems(text, parts, tokens)
    if problems:
        raise PipelineError(tuple(problems))
    plan = _plan(text, parts, tree, analysed, declared)
    plan.stream = quote(stream.alias) if stream.alias else DELTA
    plan.window, time = _event_window(text, plan.keys, windows, stream, on_late)
    _refuse_in_where(text, parts)
    count = _counted(plan)
    drafts = _drafts(plan, stream)
    tables = tuple(references(tree, analysed))
    session = plan.session
    state = RunningState(
        stream=stream.source.name,
        keys=len(plan.keys.expressions),
        partials=plan.partials,
        partial=drafts["partial"].sql,
        combine=drafts["combine"].sql,
        finish=drafts["finish"].sql,
        recompute=drafts["recompute"].sql,
        window=plan.window,
        tables=tuple(dict.fromkeys(table.name for table in tables)),
        key_columns=tuple(_shows(plan, key) for key in plan.keys.expressions),
        extras=_extras(plan.window),
        count=count,
        sessions=session.closable(count) if session else "",
    )
    return Running(state, drafts, stream, tables, plan.keys.aliases, time)


def _extras(window: EventWindow | None) -> tuple[Column, ...]:
    """What `_delta` has besides the stream's columns, by the kind of window."""
    if window is None:
        return ()
    late = Column("_wb_late", "BOOLEAN")
    if window.key is not None and window.kind == "session":
        return (Column("_wb_time", "BIGINT"), Column("_wb_bound", "BIGINT"), late, Column("_wb_place", "BIGINT"))
    if window.key is not None and window.kind == "hopping":
        return (Column("_wb_window", "TIMESTAMP WITH TIME ZONE"), late)
    return (late,)


def _counted(plan: _Plan) -> int:
    """The partial aggregate that counts the rows of a window, which is added where the query has none; -1 where no window closes."""
    if plan.window is None or plan.window.key is None:
        return -1
    late = f" FILTER (WHERE NOT {plan.stream}._wb_late)" if plan.window.on_late == "update" and plan.session is None else ""
    key = "count ( * )" + late
    total = "coalesce(sum({0}), 0)::BIGINT"
    plan.kept.setdefault(key, Kept((Draft().add(f"count(*){late}"),), (total,), total))
    return plan.slot(key)


def _refuse_in_where(text: Text, parts: Select) -> None:
    for token in parts.where:
        if token.kind == "call" and token.text.startswith("session_window"):
            hint = "Filter by the time column, or by the session in HAVING."
            raise text.mistake(token, "a session is known only after WHERE has chosen the rows", hint)


def _shows(plan: _Plan, key: list[Token]) -> int:
    """The item that is this key, -1 when none is."""
    same = [t.key for t in key]
    return next((i for i, item in enumerate(plan.items) if [t.key for t in bare(item.tokens)] == same), -1)


def _problems(text: Text, parts: Select, tokens: list[Token]) -> list[Problem]:
    out = refuse_clauses(text, parts, _HINTS) + check_joins(text, parts.sources)
    for token in (*parts.items, *parts.having):
        if token.word("SELECT"):
            hint = "Join the table in the FROM: a row is judged against it as of its commit."
            out.append(text.problem(token.start, token.stop, "a subquery in the SELECT list or HAVING cannot be kept", hint))
    for run in (parts.items, parts.group, parts.having):
        out += _over(text, run)
    if error := volatile(text, tokens, TRIGGER):
        out += error.problems
    return out


def _over(text: Text, run: list[Token]) -> list[Problem]:
    """Window functions: they look at rows, or groups, beside the one that they stand in."""
    out = []
    for at, (token, after) in enumerate(pairwise(run)):
        if token.word("OVER") and (after.symbol("(") or after.names) and at and run[at - 1].symbol(")"):
            called = run[_called(run, at - 1) : at + 1]
            message = f"{text.shown(called)} cannot be kept as a running state: it looks at other rows"
            out.append(text.problem(called[0].start, called[-1].stop, message, f"{_LATER} Or: {TRIGGER[0].lower()}{TRIGGER[1:]}"))
    return out


def _called(run: list[Token], end: int) -> int:
    """Where the call begins that this bracket ends; a FILTER (…) belongs to it."""
    depth, at = 0, end
    while at > 0:
        depth += run[at].symbol(")") - run[at].symbol("(")
        at -= 1
        if depth == 0 and not (run[at].word("FILTER") and at and run[at - 1].symbol(")")):
            return at
        if depth == 0:
            at -= 1
    return 0


def _plan(text: Text, parts: Select, tree: exp.Query | exp.Pivot | exp.Values, analysed: Draft, declared: tuple[Column, ...]) -> _Plan:
    qualifiers = {table.alias_or_name.lower() for table in tree.find_all(exp.Table)}
    items = _items(text, parts, tree, analysed, declared)
    merged = merge_qualified([t for item in items for t in (*item.tokens, _END)] + parts.group + [_END] + parts.having, qualifiers)
    runs = _cut(merged, len(items) + 2)
    items = [replace(item, tokens=run) for item, run in zip(items, runs, strict=False)]
    parts.group, parts.having = runs[-2], runs[-1]
    plan = _Plan(text, parts, items, group_keys(text, parts.group, items))
    problems: list[Problem] = []
    for run in (*(item.tokens for item in items), parts.having):
        try:
            for _, _, call in calls(text, run):
                plan.kept.setdefault(call.key, kept(call))
        except PipelineError as error:
            problems += error.problems
    if problems:
        raise PipelineError(tuple(problems))
    if not plan.kept and not plan.keys.expressions:
        hint = "To keep rows, CREATE STREAMING TABLE; to sum them up, use count, sum, … with GROUP BY."
        raise text.mistake(parts.opening, "a materialized view over a STREAM needs an aggregate", hint)
    return plan


_END = Token("symbol", ";", ";", 0, 0)


def _cut(tokens: list[Token], runs: int) -> list[list[Token]]:
    out: list[list[Token]] = [[]]
    for token in tokens:
        if token is _END:
            out.append([])
        else:
            out[-1].append(token)
    return out + [[] for _ in range(runs - len(out))]


def _items(
    text: Text, parts: Select, tree: exp.Query | exp.Pivot | exp.Values, analysed: Draft, declared: tuple[Column, ...]
) -> list[Item]:
    runs = split(parts.items)
    if not all(runs) or not runs:
        raise text.mistake(parts.opening, "a comma too many in the SELECT list", "Take out the comma before FROM, or double commas.")
    for run in runs:
        if any(t.symbol("*") and (i == 0 or run[i - 1].symbol(".")) for i, t in enumerate(run)) or run[0].word("COLUMNS"):
            raise text.between(
                run, "a running state names its columns", "Write the keys and the aggregates, such as country, count(*) AS orders."
            )
    items = [_item(text, run, found, analysed) for run, found in zip(runs, tree.expressions, strict=True)]
    if declared:
        if len(declared) != len(items):
            message = f"{len(declared)} columns are declared, but the SELECT gives {len(items)}"
            raise text.mistake(parts.opening, message, "Declare one name for each column of the SELECT.")
        items = [replace(item, name=column.name) for item, column in zip(items, declared, strict=True)]
    seen: dict[str, Item] = {}
    for item in items:
        if item.name.lower() in seen:
            raise text.between(item.tokens, f"two columns are named {item.name}", "Name one of them otherwise with AS.")
        seen[item.name.lower()] = item
    return items


def _item(text: Text, run: list[Token], found: exp.Expr, analysed: Draft) -> Item:
    if not isinstance(found, exp.Alias):
        single = run[0].kind == "call" and len(run) == 1
        name = found.name if isinstance(found, exp.Column) else text.shown(run)
        return Item(run, run[0].text.partition("(")[0] if single else name, False)
    alias = analysed.token_at(int(found.args["alias"].meta.get("start", -1)))
    if alias is not None and run[0].start == alias.start:
        return Item(run[2:], found.alias, True)
    run = run[:-1]
    return Item(run[:-1] if run[-1].word("AS") else run, found.alias, True)


def _drafts(plan: _Plan, stream: Stream) -> dict[str, Draft]:
    keys, session = len(plan.keys.expressions), plan.session
    grouped = f" GROUP BY {', '.join(str(i + 1) for i in range(keys))}" if keys else ""
    names = [f"_k{i}" for i in range(keys)]
    parts = [sql.format(*_slots(plan, key)) for key, found in plan.kept.items() for sql in found.combine]
    combined = [f"{sql} AS _p{i}" for i, sql in enumerate(parts)]
    each = _each(plan, grouped)
    if session is None:
        combine = f"SELECT {', '.join([*names, *combined])} FROM {STATE}{grouped}"
        recompute = _recompute(plan, stream)
    else:
        each = _wrapped(each, session.partial("{}", combined))
        combine = session.combine(combined)
        recompute = _read_groups(plan, session.groups(_answers(plan), session.placed(_each(plan, grouped, ROWS).sql)))
    groups = session.groups(_answers(plan)) if session else f"SELECT {', '.join([*names, *_answers(plan)])} FROM {STATE}{grouped}"
    return {"partial": each, "combine": Draft().add(combine), "finish": _read_groups(plan, groups), "recompute": recompute}


def _wrapped(inner: Draft, around: str) -> Draft:
    """A query inside another one, which has `{}` in its place."""
    before, after = around.split("{}")
    return Draft().add(before).extend(inner).add(after)


def _each(plan: _Plan, grouped: str, relation: str = DELTA) -> Draft:
    """The partial aggregates of rows, one row a group; of sessions one row a group, time and `_b`."""
    draft = Draft().add(plan.parts.prefix, " " if plan.parts.prefix else "", "SELECT ")
    columns = [Draft().add(key, f" AS _k{i}") for i, key in enumerate(plan.keys.expressions)]
    stored = [part for found in plan.kept.values() for part in found.partial]
    draft.comma([*columns, *(Draft().extend(part).add(f" AS _p{i}") for i, part in enumerate(stored))])
    s = plan.stream
    if plan.session is not None:
        draft.add(f", {s}._wb_time AS _end, {s}._wb_bound AS _b, {s}._wb_late AS _late, min({s}._wb_place) AS _first")
    sources = plan.parts.sources
    if relation != DELTA:
        sources = [renamed(sources[0], relation, DELTA), *sources[1:]]
    _from(draft, plan.parts, sources).add(grouped)
    return draft.add(f", {s}._wb_time, {s}._wb_bound, {s}._wb_late") if plan.session is not None else draft


def _answers(plan: _Plan) -> list[str]:
    return [f"{found.finish.format(*_slots(plan, key))} AS _a{i}" for i, (key, found) in enumerate(plan.kept.items())]


def _slots(plan: _Plan, key: str) -> list[str]:
    first = plan.slot(key)
    return [f"_p{first + i}" for i in range(len(plan.kept[key].partial))]


def _from(draft: Draft, parts: Select, sources: list[Token]) -> Draft:
    draft.add(" FROM ", sources)
    return draft.add(" WHERE ", parts.where) if parts.where else draft


def _read_groups(plan: _Plan, groups: str) -> Draft:
    """The view's columns, read off one row a group; HAVING applied."""
    draft = Draft().add("SELECT ")
    draft.comma(Draft().add(_read_off(plan, item.tokens), f" AS {quote(item.name)}") for item in plan.items)
    draft.add(f" FROM ({groups}) AS _groups")
    return draft.add(" WHERE ", _read_off(plan, plan.parts.having)) if plan.parts.having else draft


def _read_off(plan: _Plan, tokens: list[Token]) -> list[Token]:
    """An expression over groups: aggregates and keys replaced by the columns that hold them."""
    names = {key: f"_a{i}" for i, key in enumerate(plan.kept)}
    ends = {start: (stop, names[call.key]) for start, stop, call in calls(plan.text, tokens)}
    out: list[Token] = []
    at = 0
    while at < len(tokens):
        found = ends.get(at)
        if found is None and (match := plan.keys.match(tokens, at)):
            found = (match[1], f"_k{match[0]}")
        if found is None:
            out.append(tokens[at])
            at += 1
            continue
        out.append(replace(tokens[at], kind="call", sql=found[1], stop=tokens[found[0] - 1].stop))
        at = found[0]
    return out


def _recompute(plan: _Plan, stream: Stream) -> Draft:
    draft = Draft().add(plan.parts.prefix, " " if plan.parts.prefix else "", "SELECT ")
    draft.comma(Draft().add(item.tokens, f" AS {quote(item.name)}") for item in plan.items)
    _from(draft, plan.parts, [renamed(stream.token, ROWS, DELTA), *plan.parts.sources[1:]])
    if plan.parts.group:
        draft.add(" GROUP BY ", plan.parts.group)
    return draft.add(" HAVING ", plan.parts.having) if plan.parts.having else draft


def _event_window(
    text: Text, keys: Keys, windows: list[WindowCall], stream: Stream, on_late: Token | None
) -> tuple[EventWindow | None, Token | None]:
    different = list({call.token.text: call for call in windows}.values())
    if len(different) > 1:
        raise text.mistake(different[1].token, "a second window in one running state", "Make one view for each window.")
    timed = [_time(text, call.time, stream) for call in different]
    call = different[0] if different else None
    key = keys.index(call.token.key) if call else None
    if call is not None and call.kind != "tumbling" and key is None:
        raise text.mistake(call.token, "windows that hop, and sessions, are keys", "Write the same call in GROUP BY.")
    if stream.watermark is None:
        if on_late is not None:
            hint = f"Write FROM STREAM {stream.name.text} WATERMARK ts DELAY OF INTERVAL 30 SECONDS, or take ON LATE out."
            raise text.mistake(on_late, "nothing is late in a view without a watermark", hint)
        if call is not None and call.kind != "tumbling":
            hint = f"Write FROM STREAM {stream.name.text} WATERMARK {timed[0].sql} DELAY OF INTERVAL 30 SECONDS."
            raise text.mistake(call.token, "windows that hop, and sessions, need a watermark to end", hint)
        return None, timed[0] if timed else None
    time = _time(text, stream.watermark.time, stream)
    if timed and timed[0].key != time.key:
        raise text.mistake(timed[0], f"the window is on {timed[0].text}, the watermark on {time.text}", "Use the same column for both.")
    taken: Literal["list", "update", "drop"] = "list"
    if on_late is not None:
        taken = "update" if on_late.word("UPDATE") else "drop"
    if call is None:
        return EventWindow(time.text, 0, stream.watermark.delay, None, on_late=taken), time
    return EventWindow(time.text, call.size, stream.watermark.delay, key, call.kind, call.slide, taken), time


def _time(text: Text, tokens: list[Token], stream: Stream) -> Token:
    """The column of the stream that an event time names."""
    qualified = len(tokens) == 3 and tokens[1].symbol(".") and tokens[0].key == (stream.alias or "").lower()
    if (len(tokens) == 1 or qualified) and tokens[-1].kind in ("word", "name"):
        return tokens[-1]
    raise text.between(tokens, "an event time is a column of the stream", "Compute it in the streaming table, and name that column here.")
