"""What a query over a STREAM may not have, each with what to write instead."""

from __future__ import annotations

from workbench.errors import PipelineError, Problem
from workbench.language.select import Select
from workbench.language.sources import Stream
from workbench.language.tokens import Text, Token, depths
from workbench.language.words import CLOCK, VOLATILE


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
            streams[1].token, "a second STREAM in one query", "Join it as a table (without STREAM), or make two streaming tables."
        )
    stream = streams[0]
    if not select.sources or select.sources[0] is not stream.token:
        raise text.mistake(stream.token, "STREAM stands first in the FROM of the outer query", "Write SELECT … FROM STREAM s JOIN t ….")
    return stream


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
