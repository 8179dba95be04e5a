"""window(time, size): from the call to arithmetic that DuckDB runs."""

from __future__ import annotations

from dataclasses import dataclass, replace

from workbench.language.draft import written
from workbench.language.durations import duration
from workbench.language.tokens import Text, Token, closing, split


@dataclass(frozen=True, slots=True)
class WindowCall:
    """One window(…) of a query; `time` are its tokens, `size` is in microseconds."""

    token: Token
    time: list[Token]
    size: int


def replace_windows(text: Text, tokens: list[Token]) -> tuple[list[Token], list[WindowCall]]:
    """The tokens with every window(…) as one token whose SQL is the window's start."""
    out: list[Token] = []
    calls: list[WindowCall] = []
    at = 0
    while at < len(tokens):
        token = tokens[at]
        called = at + 1 < len(tokens) and tokens[at + 1].symbol("(")
        if token.word("SESSION_WINDOW") and called:
            raise text.mistake(token, "session windows are not kept yet", "Write window(ts, '5 minutes').")
        if not (token.word("WINDOW") and called) or (at and tokens[at - 1].symbol(".")):
            out.append(token)
            at += 1
            continue
        end = closing(tokens, at + 1)
        call = _call(text, tokens[at : end + 1])
        if end + 1 < len(tokens) and tokens[end + 1].symbol("."):
            raise text.mistake(
                tokens[end + 1], "window(…) is the window's start itself", "Leave out .start; the end is the start plus the size."
            )
        calls.append(call)
        out.append(call.token)
        at = end + 1
    return out, calls


def _call(text: Text, tokens: list[Token]) -> WindowCall:
    inner, _ = replace_windows(text, tokens[2:-1])
    parts = split(inner)
    if len(parts) == 3:
        raise text.between(parts[2], "windows that hop are not kept yet", "Leave out the third argument: window(ts, '1 minute').")
    if len(parts) != 2 or not parts[0] or len(parts[1]) != 1 or parts[1][0].kind != "string":
        raise text.between(tokens, "window needs a column and a size", "Write window(ts, '1 minute').")
    size = duration(parts[1][0].text)
    if not size:
        raise text.mistake(
            parts[1][0], f"{parts[1][0].sql} is no size for a window", "Write a fixed length: '15 seconds', '1 minute', '1 day'."
        )
    time = parts[0]
    micros = f"epoch_us({written(time)})"
    sql = f"make_timestamptz({micros} - (({micros} % {size}) + {size}) % {size})"
    plain = time[-1:] if len(time) == 3 and time[1].symbol(".") else time
    key = f"window({' '.join(t.key for t in plain)}, {size})"
    token = replace(tokens[0], kind="call", text=key, sql=sql, stop=tokens[-1].stop)
    return WindowCall(token, time, size)
