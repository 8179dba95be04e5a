"""Text into tokens that know their place, and back into SQL that does too."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from typing import ClassVar, Literal

from sqlglot.dialects.duckdb import DuckDB
from sqlglot.errors import TokenError
from sqlglot.tokenizer_core import TokenType

from workbench.errors import PipelineError, Problem
from workbench.language.definitions import Span
from workbench.language.words import RESERVED

# Its warnings about statements that it keeps as opaque text; those are refused here and by the gate, with a better message.
logging.getLogger("sqlglot").setLevel(logging.ERROR)

Kind = Literal["word", "name", "string", "number", "symbol", "call", "stream"]

_WORD = re.compile(r"[^\W\d][\w$]*")
_STRINGS = {
    TokenType.STRING,
    TokenType.HEREDOC_STRING,
    TokenType.RAW_STRING,
    TokenType.NATIONAL_STRING,
    TokenType.BYTE_STRING,
    TokenType.HEX_STRING,
    TokenType.BIT_STRING,
    TokenType.UNICODE_STRING,
}


class _Tokenizer(DuckDB.Tokenizer):
    """Without commands: CALL and EXECUTE would swallow the rest of a statement as one string."""

    COMMANDS: ClassVar[set[TokenType]] = set()


@dataclass(frozen=True, slots=True)
class Token:
    """A token: `text` is its value (unquoted, unescaped), `sql` its spelling, `start` and `stop` its place.

    `word` is a keyword or a plain identifier, `name` a quoted identifier. `call` and `stream` are what the language
    puts in the place of `window(…)` and `STREAM …`; their `text` tells equal ones from different ones.
    """

    kind: Kind
    text: str
    sql: str
    start: int
    stop: int
    gap: bool = False

    def word(self, *words: str) -> bool:
        """Whether it is one of these words (upper case), unquoted."""
        return self.kind == "word" and self.text.upper() in words

    def symbol(self, *symbols: str) -> bool:
        return self.kind == "symbol" and self.text in symbols

    @property
    def names(self) -> bool:
        """Whether it can stand for a table or a column."""
        return self.kind == "name" or (self.kind == "word" and self.text.upper() not in RESERVED)

    @property
    def key(self) -> str:
        """Equal for tokens that mean the same: letter case counts only inside quotes of strings."""
        if self.kind in ("word", "name"):
            return self.text.lower()
        return f"{self.kind}:{self.text}" if self.kind == "string" else self.text


class Text:
    """One source text: gives places and problems in it. A leading byte order mark does not count."""

    def __init__(self, file: str, content: str) -> None:
        self.file = file
        self.content = content.removeprefix("\ufeff")

    def span(self, start: int, stop: int) -> Span:
        line_start = self.content.rfind("\n", 0, start) + 1
        return Span(self.file, self.content.count("\n", 0, start) + 1, start - line_start + 1, start, stop)

    def problem(self, start: int, stop: int, message: str, hint: str = "") -> Problem:
        span = self.span(start, stop)
        first = start - span.column + 1
        end = self.content.find("\n", first)
        line = self.content[first : end if end >= 0 else None].rstrip("\r").encode("utf-8", "replace").decode()
        width = max(1, min(stop - start, len(line) - span.column + 1))
        return Problem(self.file, span.line, span.column, message, hint, line, width)

    def mistake(self, token: Token, message: str, hint: str = "") -> PipelineError:
        return PipelineError((self.problem(token.start, token.stop, message, hint),))

    def between(self, tokens: list[Token], message: str, hint: str = "") -> PipelineError:
        """A mistake that spans these tokens."""
        return PipelineError((self.problem(tokens[0].start, tokens[-1].stop, message, hint),))

    def shown(self, tokens: list[Token]) -> str:
        """These tokens on one line, as messages quote them."""
        return " ".join(self.content[tokens[0].start : tokens[-1].stop].split())


def tokenize(text: Text) -> list[Token]:
    """All tokens of a text, comments left out.

    Raises:
        PipelineError: an unclosed quote or comment, or a character that no SQL has.
    """
    wrong = [i for i, c in enumerate(text.content) if "\ud800" <= c <= "\udfff"] if not text.content.isascii() else []
    if wrong:
        raise PipelineError((text.problem(wrong[0], wrong[0] + 1, "the text is not UTF-8", "Save the file as UTF-8."),))
    try:
        found = _Tokenizer(dialect=DuckDB()).tokenize(text.content)
    except TokenError:
        start, what, closing = _unclosed(text.content)
        problem = text.problem(start, start + len(closing), f"this {what} is never closed", f"Close it with {closing}")
        raise PipelineError((problem,)) from None
    out: list[Token] = []
    problems: list[Problem] = []
    for token in found:
        start, stop = token.start, token.end + 1
        sql = text.content[start:stop]
        kind = _kind(token.token_type, sql)
        if token.token_type == TokenType.UNKNOWN or (kind == "symbol" and token.token_type == TokenType.VAR):
            problems.append(text.problem(start, stop, f"{sql!r} cannot stand here", "Quote an unusual name with \"…\", a text with '…'."))
            continue
        if kind in ("name", "string"):
            out.append(Token(kind, token.text, sql, start, stop, bool(out) and start > out[-1].stop))
            continue
        for part in re.finditer(r"\S+", sql):  # sqlglot takes GROUP BY and its like as one token
            at = start + part.start()
            out.append(Token(_kind(token.token_type, part[0]), part[0], part[0], at, at + len(part[0]), bool(out) and at > out[-1].stop))
    if problems:
        raise PipelineError(tuple(problems))
    return out


def _kind(token_type: TokenType, sql: str) -> Kind:
    if token_type == TokenType.IDENTIFIER:
        return "name"
    if token_type in _STRINGS:
        return "string"
    if token_type == TokenType.NUMBER:
        return "number"
    return "word" if _WORD.fullmatch(sql) else "symbol"


_OPENINGS = re.compile(r"--[^\n]*|/\*|'|\"|\$(?:[^\W\d]\w*)?\$")


def _unclosed(content: str) -> tuple[int, str, str]:
    """Where the quote or comment begins that never ends, what it is, and what would close it."""
    at = 0
    while found := _OPENINGS.search(content, at):
        opening = found[0]
        if opening.startswith("--"):
            at = found.end()
            continue
        closing = "*/" if opening == "/*" else opening
        stop = _closing(content, found.end(), closing)
        if stop is None:
            what = {"/*": "comment", "'": "text", '"': "name"}.get(opening, "text")
            return found.start(), what, closing
        at = stop
    return max(0, len(content) - 1), "text", "'"


def _closing(content: str, at: int, closing: str) -> int | None:
    """Index after what closes a quote or comment; comments nest, a doubled quote stands for itself."""
    depth = 1
    while (end := content.find(closing, at)) >= 0:
        opened = content.find("/*", at, end) if closing == "*/" else -1
        if opened >= 0:
            depth, at = depth + 1, opened + 2
            continue
        if len(closing) == 1 and content[end + 1 : end + 2] == closing:
            at = end + 2
            continue
        depth, at = depth - 1, end + len(closing)
        if depth == 0:
            return at
    return None


def quote(name: str) -> str:
    """An identifier, quoted."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A string literal."""
    return "'" + text.replace("'", "''") + "'"


def depths(tokens: list[Token]) -> list[int]:
    """How deep in brackets each token stands; a bracket stands outside itself."""
    out: list[int] = []
    depth = 0
    for token in tokens:
        if token.symbol(")", "]", "}"):
            depth -= 1
        out.append(depth)
        if token.symbol("(", "[", "{"):
            depth += 1
    return out


def closing(tokens: list[Token], opening: int) -> int:
    """Index of the bracket that closes the one at `opening`; the length when none does."""
    depth = 0
    for i in range(opening, len(tokens)):
        if tokens[i].symbol("(", "[", "{"):
            depth += 1
        elif tokens[i].symbol(")", "]", "}"):
            depth -= 1
            if depth == 0:
                return i
    return len(tokens)


def split(tokens: list[Token], separator: str = ",") -> list[list[Token]]:
    """The parts between separators outside brackets; no tokens, no parts."""
    if not tokens:
        return []
    out: list[list[Token]] = [[]]
    for token, depth in zip(tokens, depths(tokens), strict=True):
        if depth == 0 and token.symbol(separator):
            out.append([])
        else:
            out[-1].append(token)
    return out


def bare(tokens: list[Token]) -> list[Token]:
    """The tokens without brackets around all of them."""
    while tokens and tokens[0].symbol("(") and closing(tokens, 0) == len(tokens) - 1 and len(split(tokens[1:-1])) == 1:
        tokens = tokens[1:-1]
    return tokens
