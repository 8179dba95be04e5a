"""A SELECT cut into its clauses, at token level."""

from __future__ import annotations

from dataclasses import dataclass, field

from workbench.language.tokens import Text, Token, bare, depths

_LATER = {"SELECT": 0, "FROM": 1, "WHERE": 2, "GROUP": 3, "HAVING": 4, "WINDOW": 5, "QUALIFY": 6, "ORDER": 7, "LIMIT": 8, "OFFSET": 9}
_SETS = ("UNION", "INTERSECT", "EXCEPT")


@dataclass(slots=True)
class Select:
    """The clauses of one SELECT without their keywords; `extra` are those that only a stored query may have."""

    opening: Token
    prefix: list[Token] = field(default_factory=list)
    """WITH … up to SELECT."""
    items: list[Token] = field(default_factory=list)
    sources: list[Token] = field(default_factory=list)
    where: list[Token] = field(default_factory=list)
    group: list[Token] = field(default_factory=list)
    having: list[Token] = field(default_factory=list)
    extra: dict[str, list[Token]] = field(default_factory=dict)
    """Keyword (DISTINCT, ORDER, LIMIT, UNION, …) → its tokens, keyword included."""


def clause(tokens: list[Token], at: int) -> str | None:
    """The clause that begins at a token, None when none does."""
    token = tokens[at]
    before = tokens[at - 1] if at else None
    after = tokens[at + 1] if at + 1 < len(tokens) else None
    word = token.text.upper()
    if token.kind != "word" or (before and before.symbol(".")):
        return None
    if word in ("GROUP", "ORDER"):
        return word if after and after.word("BY") else None
    if word == "FROM":
        return None if before and before.word("DISTINCT") else word
    if word == "WINDOW":
        return None if after and after.symbol("(") else word
    if word == "EXCEPT" and before and before.symbol("*"):
        return None
    if word == "USING":
        return "SAMPLE" if after and after.word("SAMPLE") else None
    return word if word in _LATER or word in _SETS else None


def select(text: Text, tokens: list[Token]) -> Select:
    """Cut a query into clauses.

    Raises:
        PipelineError: it is not one plain SELECT … FROM ….
    """
    tokens = bare(tokens)
    levels = depths(tokens)
    marks = [(i, name) for i in range(len(tokens)) if levels[i] == 0 and (name := clause(tokens, i))]
    first = next((i for i, name in marks if name == "SELECT"), None)
    if first is None or (first > 0 and not tokens[0].word("WITH")):
        raise text.mistake(tokens[0], "a query over a STREAM begins with SELECT", "Write SELECT … FROM STREAM ….")
    out = Select(tokens[first], prefix=tokens[:first])
    marks = [mark for mark in marks if mark[0] >= first]
    for (at, name), (end, _) in zip(marks, [*marks[1:], (len(tokens), "")], strict=True):
        _put(text, out, name, tokens[at:end])
        if name in _SETS:
            out.extra[name] = tokens[at:]
            break
    return out


def _put(text: Text, out: Select, name: str, part: list[Token]) -> None:
    words = 2 if name in ("GROUP", "ORDER") else 1
    inner = part[words:]
    if name == "SELECT" and inner and inner[0].word("DISTINCT", "ALL"):
        if inner[0].word("DISTINCT"):
            out.extra["DISTINCT"] = inner[:1]
        inner = inner[1:]
    slot = {"SELECT": "items", "FROM": "sources", "WHERE": "where", "GROUP": "group", "HAVING": "having"}.get(name)
    if slot is None:
        out.extra[name] = part
        return
    if not inner:
        raise text.mistake(part[-1], f"nothing stands after {part[-1].text.upper()}", "Complete the clause, or take the word out.")
    if getattr(out, slot):
        raise text.mistake(part[0], f"a second {name}", "A semicolon may be missing before it.")
    setattr(out, slot, inner)
