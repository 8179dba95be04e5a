"""SQL under construction, which remembers where each part of it was written."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field

from workbench.language.tokens import Token


@dataclass(slots=True)
class Draft:
    """SQL put together from tokens and from our own words; an offset into it leads back to the source.

    Promise: for every token that was added, `place` of any of its characters lies inside that token's source.
    """

    parts: list[str] = field(default_factory=list)
    length: int = 0
    _marks: list[tuple[int, Token]] = field(default_factory=list)

    @property
    def sql(self) -> str:
        return "".join(self.parts)

    def add(self, *items: str | Token | Iterable[Token]) -> Draft:
        """Append words of ours, a token, or a run of tokens with the blanks between them that they had."""
        for item in items:
            if isinstance(item, str):
                self._put(item)
            elif isinstance(item, Token):
                self._token(item)
            else:
                for i, token in enumerate(item):
                    if token.gap and i:
                        self._put(" ")
                    self._token(token)
        return self

    def comma(self, parts: Iterable[Draft]) -> Draft:
        """Append drafts with commas between them."""
        for i, part in enumerate(parts):
            if i:
                self._put(", ")
            self.extend(part)
        return self

    def extend(self, other: Draft) -> Draft:
        self._marks += [(at + self.length, token) for at, token in other._marks]
        self.parts += other.parts
        self.length += other.length
        return self

    def token_at(self, offset: int) -> Token | None:
        """The token that stands at an offset of the SQL, or the last one before it."""
        i = bisect_right(self._marks, offset, key=lambda mark: mark[0])
        return self._marks[i - 1][1] if i else None

    def _put(self, sql: str) -> None:
        self.parts.append(sql)
        self.length += len(sql)

    def _token(self, token: Token) -> None:
        self._marks.append((self.length, token))
        self._put(token.sql)


def written(tokens: Iterable[Token]) -> str:
    """A run of tokens as one line of SQL."""
    return Draft().add(list(tokens)).sql
