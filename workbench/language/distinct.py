"""SELECT DISTINCT ON (…) … WITHIN INTERVAL: taken out of a query at token level."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.language.sources import interval
from workbench.language.tokens import Text, Token, closing, depths, split

WRITE = "Write SELECT DISTINCT ON (order_id) … FROM STREAM orders WATERMARK ts DELAY OF INTERVAL 1 MINUTE … WITHIN INTERVAL 10 MINUTES."


@dataclass(frozen=True, slots=True)
class DistinctOn:
    """The keys of DISTINCT ON, each its tokens, and how long one is remembered, in microseconds."""

    token: Token
    keys: tuple[list[Token], ...]
    within: int


def take_distinct(text: Text, tokens: list[Token]) -> tuple[list[Token], DistinctOn | None]:
    """The tokens of a query without DISTINCT ON (…) and WITHIN INTERVAL, and what these say.

    Raises:
        PipelineError: one of them without the other, or incomplete.
    """
    levels = depths(tokens)
    starts = [i for i in range(len(tokens)) if levels[i] == 0 and tokens[i].word("SELECT")]
    at = starts[0] + 1 if starts else len(tokens)
    on = at if [t.text.upper() for t in tokens[at : at + 2]] == ["DISTINCT", "ON"] else None
    ends = [i for i in range(at, len(tokens) - 1) if levels[i] == 0 and tokens[i].word("WITHIN") and tokens[i + 1].word("INTERVAL")]
    if on is None:
        if ends:
            raise text.mistake(tokens[ends[0]], "WITHIN belongs to DISTINCT ON", WRITE)
        return tokens, None
    if not ends:
        message = "DISTINCT ON would have to remember every key: WITHIN INTERVAL is missing"
        raise text.between(tokens[on : on + 2], message, f"{WRITE} It stands at the end.")
    if ends[-1] + 2 >= len(tokens):
        raise text.mistake(tokens[-1], "WITHIN INTERVAL needs a length of time", "Write WITHIN INTERVAL 10 MINUTES.")
    within, used = interval(text, tokens[ends[-1] + 1 : ends[-1] + 4])
    if not within:
        wrong = tokens[ends[-1] : ends[-1] + 1 + used]
        raise text.between(
            wrong, "WITHIN no time at all, every row is a first one", "Write WITHIN INTERVAL 10 MINUTES, or leave out DISTINCT ON."
        )
    stop = closing(tokens, on + 2)
    keys = split(tokens[on + 3 : stop])
    if not tokens[on + 2].symbol("(") or not keys or not all(keys):
        raise text.between(tokens[on : on + 2], "DISTINCT ON needs its keys in brackets", WRITE)
    for key in keys:
        if len(key) == 1 and key[0].kind in ("number", "string"):
            raise text.mistake(key[0], "a key is a column, not its number", "Write DISTINCT ON (order_id).")
    rest = tokens[:on] + tokens[stop + 1 : ends[-1]] + tokens[ends[-1] + 1 + used :]
    return rest, DistinctOn(tokens[on], tuple(keys), within)
