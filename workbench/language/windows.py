"""window(time, size, slide) and session_window(time, gap): from the call to what DuckDB runs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from workbench.language.draft import written
from workbench.language.durations import duration
from workbench.language.tokens import Text, Token, closing, quote, split

Shape = Literal["tumbling", "hopping", "session"]

ENDLESS = 1 << 61
"""Microseconds; an event time beyond, in a year before -71,000 or after 75,000 such as DuckDB's 'infinity', is as none: it is never late,
moves no watermark, and its row is in the window NULL, of whatever kind of window."""
MOST_WINDOWS = 10_000
"""That one row may be in: each of them is a row of the running state."""


@dataclass(frozen=True, slots=True)
class WindowCall:
    """One window of a query; `time` are its tokens, `size` and `slide` are in microseconds. Of sessions, `size` is the gap."""

    token: Token
    time: list[Token]
    size: int
    kind: Shape = "tumbling"
    slide: int = 0


def replace_windows(text: Text, tokens: list[Token], stream: str | None = None) -> tuple[list[Token], list[WindowCall]]:
    """The tokens with every window as one token whose SQL is the window's start.

    Args:
        stream: the name by which a running state knows its stream; without one, windows that hop and sessions are refused.
    """
    out: list[Token] = []
    calls: list[WindowCall] = []
    at = 0
    while at < len(tokens):
        token = tokens[at]
        called = at + 1 < len(tokens) and tokens[at + 1].symbol("(")
        if not (token.word("WINDOW", "SESSION_WINDOW") and called) or (at and tokens[at - 1].symbol(".")):
            out.append(token)
            at += 1
            continue
        end = closing(tokens, at + 1)
        call = _call(text, tokens[at : end + 1], stream)
        if end + 1 < len(tokens) and tokens[end + 1].symbol("."):
            name = token.text.lower()
            raise text.mistake(
                tokens[end + 1], f"{name}(…) is the window's start itself", "Leave out .start; the end is the start plus the size."
            )
        calls.append(call)
        out.append(call.token)
        at = end + 1
    return out, calls


def _call(text: Text, tokens: list[Token], stream: str | None) -> WindowCall:
    session = tokens[0].word("SESSION_WINDOW")
    inner, _ = replace_windows(text, tokens[2:-1])
    parts = split(inner)
    lengths = parts[1:]
    if not 1 <= len(lengths) <= (1 if session else 2) or not parts[0] or any(len(p) != 1 or p[0].kind != "string" for p in lengths):
        if session:
            raise text.between(tokens, "session_window needs a column and a gap", "Write session_window(ts, '5 minutes').")
        raise text.between(
            tokens, "window needs a column and a size", "Write window(ts, '1 minute'), or window(ts, '1 minute', '15 seconds')."
        )
    micros = [_length(text, part[0]) for part in lengths]
    if len(micros) == 2 and micros[1] > micros[0]:
        hint = f"Write a slide of at most {parts[1][0].sql}."
        raise text.between(parts[2], "windows that slide by more than their size leave rows out", hint)
    if not session and micros[0] > MOST_WINDOWS * micros[-1]:
        hint = f"Write a longer slide or a smaller window: at most {MOST_WINDOWS:,} of them overlap."
        raise text.between(parts[2], f"every row would be in {-(-micros[0] // micros[-1]):,} windows", hint)
    kind: Shape = "session" if session else "hopping" if len(micros) == 2 and micros[1] < micros[0] else "tumbling"
    if kind != "tumbling" and stream is None:
        called = "a session window" if session else "a window that hops"
        hint = "Write CREATE MATERIALIZED VIEW … FROM STREAM s WATERMARK ts DELAY OF INTERVAL 30 SECONDS GROUP BY …."
        raise text.between(tokens, f"{called} is kept by a view over a STREAM", hint)
    return _made(tokens, parts[0], kind, micros[0], micros[-1] if not session else 0, stream or "")


def _length(text: Text, token: Token) -> int:
    length = duration(token.text)
    if not length:
        raise text.mistake(token, f"{token.sql} is no size for a window", "Write a fixed length: '15 seconds', '1 minute', '1 day'.")
    return length


def _made(tokens: list[Token], time: list[Token], kind: Shape, size: int, slide: int, stream: str) -> WindowCall:
    plain = time[-1:] if len(time) == 3 and time[1].symbol(".") else time
    name = " ".join(t.key for t in plain)
    if kind == "session":
        sql, key = f"make_timestamptz({quote(stream)}._wb_time)", f"session_window({name}, {size})"
    elif kind == "hopping":
        sql, key = f"{quote(stream)}._wb_window", f"window({name}, {size}, {slide})"
    else:
        micros = f"epoch_us({written(time)})"
        known = f"CASE WHEN {micros} BETWEEN {-ENDLESS} AND {ENDLESS} THEN {micros} - (({micros} % {size}) + {size}) % {size} END"
        sql, key = f"make_timestamptz({known})", f"window({name}, {size})"
    token = replace(tokens[0], kind="call", text=key, sql=sql, stop=tokens[-1].stop)
    return WindowCall(token, time, size, kind, slide)
