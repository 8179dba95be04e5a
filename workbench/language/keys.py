"""Keys of a running state: the expressions it groups by, and where a query repeats them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from workbench.language.aggregates import calls
from workbench.language.tokens import Text, Token, bare, closing, split

_OPENS = ("(", "[", "{", ",")
_CLOSES = (")", "]", "}", ",")
_OPENING_WORDS = ("CASE", "WHEN", "THEN", "ELSE")
_CLOSING_WORDS = ("WHEN", "THEN", "ELSE", "END")


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a SELECT list: its expression, the name of its column, and whether that was written as an alias."""

    tokens: list[Token]
    name: str
    alias: bool


def merge_qualified(tokens: list[Token], qualifiers: set[str]) -> list[Token]:
    """The tokens with `q.x` as one token that equals a plain `x`, unless several tables have an `x` here."""
    pairs = [i for i in range(len(tokens) - 2) if _qualified(tokens, i, qualifiers)]
    owners: dict[str, set[str]] = {}
    for i in pairs:
        owners.setdefault(tokens[i + 2].key, set()).add(tokens[i].key)
    out: list[Token] = []
    at = 0
    while at < len(tokens):
        token = tokens[at]
        if at in pairs:
            column = tokens[at + 2]
            text = column.text if len(owners[column.key]) == 1 else f"{token.text}.{column.text}"
            sql = f"{token.sql}.{column.sql}"
            out.append(replace(token, kind="name", text=text, sql=sql, stop=column.stop))
            at += 3
        else:
            out.append(token)
            at += 1
    return out


def _qualified(tokens: list[Token], at: int, qualifiers: set[str]) -> bool:
    table, dot, column = tokens[at : at + 3]
    if at and tokens[at - 1].symbol("."):
        return False
    return table.kind in ("word", "name") and table.key in qualifiers and dot.symbol(".") and column.kind in ("word", "name")


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of a state in order; `aliases` are names in GROUP BY that were taken as names of items."""

    expressions: tuple[list[Token], ...]
    aliases: tuple[Token, ...] = ()

    def match(self, tokens: list[Token], at: int) -> tuple[int, int] | None:
        """(key, stop) of the longest key that stands at a place of a run, None when none does."""
        found = [(len(key), i) for i, key in enumerate(self.expressions) if _stands(tokens, at, key)]
        if not found:
            return None
        length, index = max(found)
        return index, at + length

    def index(self, key: str) -> int | None:
        """The key that is this one token."""
        return next((i for i, tokens in enumerate(self.expressions) if len(tokens) == 1 and tokens[0].key == key), None)


def group_keys(text: Text, group: list[Token], items: list[Item]) -> Keys:
    """The keys that GROUP BY names: expressions, aliases, ordinals or ALL.

    Raises:
        PipelineError: a key that no state can have.
    """
    aliases: list[Token] = []
    found: list[list[Token]] = []
    if len(group) == 1 and group[0].word("ALL"):
        found = _all(text, items)
    else:
        for part in split(group):
            found += _key(text, part, items, aliases, group)
    unique: dict[str, list[Token]] = {}
    for key in found:
        for start, stop, _ in calls(text, key):
            raise text.between(key[start:stop], "an aggregate cannot be a key", "Group by expressions of one row.")
        unique.setdefault(" ".join(t.key for t in key), key)
    return Keys(tuple(unique.values()), tuple(aliases))


def _all(text: Text, items: list[Item]) -> list[list[Token]]:
    """Items without aggregates, and without names of items that have some."""
    summed: set[str] = set()
    out = []
    for item in items:
        if any(True for _ in calls(text, item.tokens)) or any(t.names and t.key in summed for t in item.tokens):
            summed |= {item.name.lower()} if item.alias else set()
        else:
            out.append(item.tokens)
    return out


def _key(text: Text, part: list[Token], items: list[Item], aliases: list[Token], group: list[Token]) -> list[list[Token]]:
    if not part:
        raise text.between(group, "a comma too many in GROUP BY", "Take it out.")
    if part[0].word("ROLLUP", "CUBE", "GROUPING"):
        raise text.between(part, f"{part[0].text.upper()} cannot be kept as a running state", "Make one view for each grouping.")
    if len(part) == 2 and part[0].symbol("("):
        return []
    part = bare(part)
    if len(part) > 1 or part[0].kind not in ("number", "word", "name"):
        return [part]
    token = part[0]
    if token.kind == "number":
        if not token.text.isdigit() or not 1 <= int(token.text) <= len(items):
            raise text.mistake(
                token, f"GROUP BY {token.text}: the SELECT has {len(items)} columns", "Group by a column's number or its name."
            )
        return [items[int(token.text) - 1].tokens]
    item = next((i for i in items if i.alias and i.name.lower() == token.key), None)
    if item is None or any(t.kind in ("word", "name") and t.key == token.key for t in item.tokens):
        return [part]
    aliases.append(token)
    return [item.tokens]


def _stands(tokens: list[Token], at: int, key: list[Token]) -> bool:
    stop = at + len(key)
    if stop > len(tokens) or any(a.key != b.key for a, b in zip(tokens[at:stop], key, strict=True)):
        return False
    before = tokens[at - 1] if at else None
    after = tokens[stop] if stop < len(tokens) else None
    if len(key) == 1:
        return _single(tokens, at, before, after)
    if all(t.symbol(".") or t.kind in ("word", "name") for t in key) and key[1].symbol("."):
        return (before is None or not before.symbol(".")) and (after is None or not after.symbol("("))
    if key[0].names and key[1].symbol("(") and closing(key, 1) == len(key) - 1:
        return before is None or not before.symbol(".")
    opened = before is None or before.symbol(*_OPENS) or before.word(*_OPENING_WORDS)
    return opened and (after is None or after.symbol(*_CLOSES) or after.word(*_CLOSING_WORDS))


def _single(tokens: list[Token], at: int, before: Token | None, after: Token | None) -> bool:
    """Whether a single token is that column here, and not a field, a function, a type, a unit or an argument's name."""
    if tokens[at].kind == "call":
        return True
    if before is not None and (before.symbol(".", "::") or before.word("AS")):
        return False
    if at > 1 and tokens[at - 2].word("INTERVAL"):
        return False
    if at > 1 and before is not None and before.symbol("(") and tokens[at - 2].word("EXTRACT"):
        return after is None or not after.word("FROM")
    return after is None or not (after.symbol("(", ":", ":=", "=>") or after.kind == "string")
