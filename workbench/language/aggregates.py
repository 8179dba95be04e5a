"""Aggregates that can be kept: what is stored of each delta, how two of them combine, how the answer is read off."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from workbench.errors import PipelineError
from workbench.language.draft import Draft
from workbench.language.tokens import Text, Token, closing, split
from workbench.language.words import AGGREGATES

TRIGGER = "Write the view over the table, without STREAM and with TRIGGER ON UPDATE: it is computed anew after each change."
_NAMES = {
    "count": "count",
    "count_star": "count",
    "count_if": "count_if",
    "countif": "count_if",
    "sum": "sum",
    "avg": "avg",
    "mean": "avg",
    "min": "min",
    "max": "max",
    "bool_and": "bool_and",
    "bool_or": "bool_or",
    "arg_max": "arg_max",
    "argmax": "arg_max",
    "max_by": "arg_max",
    "arg_min": "arg_min",
    "argmin": "arg_min",
    "min_by": "arg_min",
}
_ARGUMENTS = {"arg_max": (2,), "arg_min": (2,), "count": (0, 1)}


@dataclass(frozen=True, slots=True)
class Call:
    """An aggregate in a query: the tokens `start` to `stop` of a run, taken apart."""

    tokens: list[Token]
    function: str
    arguments: list[list[Token]]
    condition: list[Token]
    """Of its FILTER, without WHERE; empty when it has none."""

    @property
    def key(self) -> str:
        return " ".join(token.key for token in self.tokens)


@dataclass(frozen=True, slots=True)
class Kept:
    """How a call is kept: `partial` columns over the delta, `combine` and `finish` over `{0}`, `{1}`, their names."""

    partial: tuple[Draft, ...]
    combine: tuple[str, ...]
    finish: str


def calls(text: Text, tokens: list[Token]) -> Iterator[tuple[int, int, Call]]:
    """(start, stop, call) of each aggregate in a run of tokens, the outermost ones.

    Raises:
        PipelineError: one that cannot be kept; names the expression.
    """
    at = 0
    while at < len(tokens):
        if not is_aggregate(tokens, at):
            at += 1
            continue
        stop = _stop(text, tokens, at)
        yield at, stop, _call(text, tokens[at:stop])
        at = stop


def is_aggregate(tokens: list[Token], at: int) -> bool:
    called = at + 1 < len(tokens) and tokens[at + 1].symbol("(")
    dotted = at > 0 and tokens[at - 1].symbol(".")
    return called and not dotted and tokens[at].kind in ("word", "name") and tokens[at].text.lower() in AGGREGATES


def _stop(text: Text, tokens: list[Token], at: int) -> int:
    """Index after the call with its FILTER."""
    stop = closing(tokens, at + 1) + 1
    while stop < len(tokens) and tokens[stop].word("FILTER", "OVER", "WITHIN", "IGNORE", "RESPECT"):
        if not tokens[stop].word("FILTER"):
            raise _refused(text, tokens[at : stop + 1], f"{tokens[stop].text.upper()} cannot be kept")
        stop = closing(tokens, stop + 1) + 1
    return stop


def _call(text: Text, tokens: list[Token]) -> Call:
    end = closing(tokens, 1)
    inside = tokens[2:end]
    arguments = [] if len(inside) == 1 and inside[0].symbol("*") else split(inside)
    rest = tokens[end + 3 : -1]
    condition = rest[1:] if rest and rest[0].word("WHERE") else rest
    function = _NAMES.get(tokens[0].text.lower())
    if function is None:
        raise _refused(text, tokens, "it needs all rows at once")
    if inside and inside[0].word("DISTINCT"):
        raise _refused(text, tokens, "DISTINCT needs all rows at once")
    for i, token in enumerate(inside):
        if token.word("ORDER") and i + 1 < len(inside) and inside[i + 1].word("BY"):
            raise _refused(text, tokens, "its ORDER BY needs all rows at once")
        if is_aggregate(inside, i) or token.word("SELECT"):
            raise _refused(text, tokens, "its argument is no expression of one row")
    if len(arguments) not in _ARGUMENTS.get(function, (1,)) or not all(arguments):
        raise _refused(text, tokens, f"{tokens[0].text} takes another number of arguments here")
    return Call(tokens, function, arguments, condition)


def _refused(text: Text, tokens: list[Token], why: str) -> PipelineError:
    return text.between(tokens, f"{text.shown(tokens)} cannot be kept as a running state: {why}", TRIGGER)


def kept(call: Call) -> Kept:
    """How to keep a call; results have the types that the plain query gives."""
    own = Draft().add(call.tokens)
    match call.function:
        case "count":
            return Kept((own,), ("coalesce(sum({0}), 0)::BIGINT",), "coalesce(sum({0}), 0)::BIGINT")
        case "count_if":  # DuckDB's own is a sum: NULL where every condition is NULL
            return Kept((own,), ("sum({0})",), "sum({0})")
        case "avg":
            sums = (_filtered("sum", call), _filtered("count", call))
            return Kept(sums, ("sum({0})", "coalesce(sum({1}), 0)::BIGINT"), "sum({0}) / nullif(sum({1}), 0)::DOUBLE")
        case "arg_max" | "arg_min":
            extreme = "max" if call.function == "arg_max" else "min"
            first = f"{call.function}({{0}}, {{1}} ORDER BY _commit)"
            return Kept((own, _extreme(extreme, call)), (first, f"{extreme}({{1}})"), first)
        case function:
            return Kept((own,), (f"{function}({{0}})",), f"{function}({{0}})")


def _filtered(function: str, call: Call) -> Draft:
    draft = Draft().add(replace(call.tokens[0], sql=function), "(", call.arguments[0], ")")
    return draft.add(" FILTER (WHERE ", call.condition, ")") if call.condition else draft


def _extreme(function: str, call: Call) -> Draft:
    """The value that decides; arg_max passes over rows whose argument is NULL, so this must as well."""
    draft = Draft().add(
        replace(call.tokens[0], sql=function), "(", call.arguments[1], ") FILTER (WHERE (", call.arguments[0], ") IS NOT NULL"
    )
    if call.condition:
        draft.add(" AND (", call.condition, ")")
    return draft.add(")")
