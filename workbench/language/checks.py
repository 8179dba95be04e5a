"""What a query over a STREAM may not have, each with what to write instead."""

from __future__ import annotations

from workbench.errors import PipelineError, Problem
from workbench.language.definitions import StreamRef
from workbench.language.select import Select
from workbench.language.sources import Stream
from workbench.language.tokens import Text, Token, depths
from workbench.language.words import CLOCK, VOLATILE


def refuse_versions(text: Text, body: list[Token]) -> None:
    """Raises PipelineError: a definition reads a table AT a version; only a query of the moment can."""
    for at, opening, kind in zip(body, body[1:], body[2:], strict=False):
        if at.word("AT", "BEFORE") and opening.symbol("(") and kind.word("VERSION", "TIMESTAMP"):
            hint = "Ask for it in the SQL pane, or with `workbench sql`: SELECT … FROM orders AT (VERSION => 41)."
            raise text.between([at, opening, kind], "a definition reads its tables as they are, not AT a version", hint)


def refuse_clauses(text: Text, select: Select, hints: dict[str, tuple[str, str]]) -> list[Problem]:
    """A problem for every clause that this kind of query has no use for."""
    out = []
    for word, tokens in select.extra.items():
        message, hint = hints.get(
            word, (f"{word} has no meaning over an endless stream", "Take it out, and use it when you query the result.")
        )
        out.append(text.problem(tokens[0].start, tokens[0].stop, message, hint))
    return out


def one_stream(text: Text, select: Select, streams: list[Stream]) -> Stream:
    """The only stream of a query, first in its FROM.

    Raises:
        PipelineError: there are several, or it stands elsewhere.
    """
    if len(streams) > 1:
        raise text.mistake(
            streams[-1].token, "a second STREAM in one query", "Join it as a table (without STREAM), or make two streaming tables."
        )
    stream = streams[0]
    if not select.sources or select.sources[0] is not stream.token:
        raise text.mistake(stream.token, "STREAM stands first in the FROM of the outer query", "Write SELECT … FROM STREAM s JOIN t ….")
    return stream


_INNER = "Write … FROM STREAM a WATERMARK … JOIN STREAM b WATERMARK … ON …; a row without a partner is told by neither stream."


def check_pair(text: Text, select: Select, left: Stream, right: Stream) -> None:
    """Two streams of a query can be joined.

    Raises:
        PipelineError: they stand elsewhere, are no streaming tables, have one name or no watermark, or it is no inner join.
    """
    one_stream(text, select, [left])
    levels = depths(select.sources)
    at = next((i for i, token in enumerate(select.sources) if token is right.token and levels[i] == 0), None)
    if at is None:
        raise text.mistake(right.token, "the second STREAM stands in the FROM of the outer query", _INNER)
    before = select.sources[at - 2] if select.sources[at - 1].word("JOIN") else select.sources[at - 1]
    if before.word("LEFT", "RIGHT", "FULL", "OUTER", "SEMI", "ANTI", "ASOF", "NATURAL", "POSITIONAL"):
        raise text.mistake(before, f"two streams are joined with JOIN, not with {before.text.upper()} JOIN", _INNER)
    for stream in (left, right):
        if not isinstance(stream.source, StreamRef):
            hint = "CREATE STREAMING TABLE … AS SELECT * FROM STREAM read_files(…), and join STREAM of that table."
            raise text.mistake(stream.name, "a join of two streams reads streaming tables", hint)
    if (left.alias or "").lower() == (right.alias or "").lower():
        raise text.mistake(right.token, f"both streams are called {right.alias}", "Give one another name: STREAM orders WATERMARK … AS o.")


def event_time(text: Text, stream: Stream) -> Token:
    """The column of the stream that its watermark names.

    Raises:
        PipelineError: there is no watermark, or it names no column.
    """
    if stream.watermark is None:
        named = stream.alias or stream.name.text
        hint = f"Write STREAM {named} WATERMARK ts DELAY OF INTERVAL 1 MINUTE: how late a row may come before its partners are let go."
        raise text.mistake(stream.token, f"{named} needs a WATERMARK here: what waits for its rows would be kept for ever", hint)
    tokens = stream.watermark.time
    qualified = len(tokens) == 3 and tokens[1].symbol(".") and tokens[0].key == (stream.alias or "").lower()
    if (len(tokens) == 1 or qualified) and tokens[-1].kind in ("word", "name"):
        return tokens[-1]
    raise text.between(tokens, "an event time is a column of the stream", "Compute it in the streaming table, and name that column here.")


def check_joins(text: Text, sources: list[Token]) -> list[Problem]:
    """Joins that would give rows which no record of the stream brought."""
    out = []
    for token, depth in zip(sources, depths(sources), strict=True):
        if depth:
            continue
        if token.word("RIGHT", "FULL", "POSITIONAL"):
            hint = "Put the stream on the left and write JOIN or LEFT JOIN."
            out.append(text.problem(token.start, token.stop, f"a {token.text.upper()} JOIN gives rows that no record brought", hint))
        if token.word("TABLESAMPLE"):
            out.append(text.problem(token.start, token.stop, "a stream is not sampled", "Sample when you query the result."))
    return out


def volatile(text: Text, tokens: list[Token], hint: str) -> PipelineError | None:
    """A problem that names the first expression whose answer differs from run to run."""
    for i, token in enumerate(tokens):
        called = i + 1 < len(tokens) and tokens[i + 1].symbol("(")
        dotted = i > 0 and tokens[i - 1].symbol(".")
        if token.kind != "word" or dotted:
            continue
        if (called and token.text.lower() in VOLATILE) or (token.word(*CLOCK) and not (i and tokens[i - 1].word("AS"))):
            shown = f"{token.text}()" if called else token.text
            return text.mistake(token, f"{shown} differs from run to run: it cannot be kept as a running state", hint)
    return None
