"""What stands after STREAM: taken out of a query, with its watermark, at token level."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from difflib import get_close_matches

from workbench.language.definitions import SourceSpec, StreamRef
from workbench.language.durations import duration, fixed, unit
from workbench.language.files import read_files
from workbench.language.rate import read_rate
from workbench.language.select import clause
from workbench.language.sockets import read_socket
from workbench.language.stdin import read_stdin
from workbench.language.tokens import Text, Token, closing, quote
from workbench.language.words import JOINING

_READERS: dict[str, Callable[[Text, Token, list[Token]], SourceSpec]] = {
    "READ_FILES": read_files,
    "READ_SOCKET": read_socket,
    "READ_STDIN": read_stdin,
    "READ_RATE": read_rate,
}
_NOT_YET = {"READ_KAFKA": "Let a consumer write lines to a socket and read that: read_socket('tcp://localhost:5140')."}


@dataclass(frozen=True, slots=True)
class Watermark:
    """WATERMARK time DELAY OF …; `delay` in microseconds."""

    time: list[Token]
    delay: int


@dataclass(frozen=True, slots=True)
class Stream:
    """One STREAM of a query; `alias` is the name by which the query knows it, None for an unnamed source of the outside world."""

    token: Token
    source: SourceSpec | StreamRef
    alias: str | None
    watermark: Watermark | None
    name: Token


def take_streams(text: Text, tokens: list[Token], relation: str) -> tuple[list[Token], list[Stream]]:
    """The tokens with every STREAM … as one token that reads `relation`."""
    out: list[Token] = []
    streams: list[Stream] = []
    places = _stream_words(tokens)
    at = 0
    while at < len(tokens):
        if at not in places:
            out.append(tokens[at])
            at += 1
            continue
        stream, at = _Reader(text, tokens, at, relation).read()
        out.append(stream.token)
        streams.append(stream)
    return out, streams


def _stream_words(tokens: list[Token]) -> set[int]:
    """Where `stream` is the keyword: after FROM, JOIN or a comma between tables, and before a name."""
    found: set[int] = set()
    clauses: list[str | None] = [None]
    for i, token in enumerate(tokens):
        if token.symbol("(", "[", "{"):
            clauses.append(None)
        elif token.symbol(")", "]", "}"):
            clauses = clauses[:-1] or [None]
        elif name := clause(tokens, i):
            clauses[-1] = name
        elif token.word("STREAM") and i and i + 1 < len(tokens):
            before, after = tokens[i - 1], tokens[i + 1]
            opened = before.word("FROM", "JOIN") or (before.symbol(",") and clauses[-1] == "FROM")
            if opened and (after.symbol("(") or (after.names and not after.word(*JOINING))):
                found.add(i)
    return found


class _Reader:
    """Reads one STREAM … from its keyword on."""

    def __init__(self, text: Text, tokens: list[Token], at: int, relation: str) -> None:
        self.text, self.tokens, self.first, self.at, self.relation = text, tokens, at, at + 1, relation

    def read(self) -> tuple[Stream, int]:
        bracketed = self.tokens[self.at].symbol("(")
        if bracketed:
            self.at += 1
        name = self.tokens[self.at] if self.at < len(self.tokens) else self.tokens[self.first]
        source = self._source(name)
        if bracketed:
            if not self._is(")"):
                raise self.text.mistake(self.tokens[self.at - 1], "STREAM (…) is not closed after the name", "Write STREAM orders.")
            self.at += 1
        alias = self._alias()
        watermark = self._watermark()
        alias = alias or self._alias() or (source.name if isinstance(source, StreamRef) else None)
        known = f"{self.relation} AS {quote(alias)}" if alias else self.relation
        token = Token(
            "stream",
            f"stream {alias}".lower(),
            known,
            self.tokens[self.first].start,
            self.tokens[self.at - 1].stop,
            self.tokens[self.first].gap,
        )
        return Stream(token, source, alias, watermark, name), self.at

    def _source(self, name: Token) -> SourceSpec | StreamRef:
        if not name.names:
            raise self.text.mistake(name, "STREAM needs a source", "Write STREAM orders, or STREAM read_files('in/*.ndjson').")
        self.at += 1
        if self._is("("):
            return self._function(name)
        if self._is(".") and name.text.lower() == "main" and self.at + 1 < len(self.tokens):
            name = self.tokens[self.at + 1]
            self.at += 2
        if self._is("."):
            raise self.text.mistake(name, "a streaming table has a name of one part", "Write STREAM orders.")
        return StreamRef(name.text)

    def _function(self, name: Token) -> SourceSpec:
        end = closing(self.tokens, self.at)
        inside, self.at = self.tokens[self.at + 1 : end], end + 1
        word = name.text.upper()
        if name.kind == "word" and word in _READERS:
            return _READERS[word](self.text, name, inside)
        near = get_close_matches(word, _READERS, 1)
        names = ", ".join(f"{reader.lower()}(…)" for reader in _READERS)
        hint = f"Did you mean {near[0].lower()}?" if near else f"A stream is read from {names}, or from a streaming table."
        raise self.text.mistake(name, f"{name.text}() is not a source of this version", _NOT_YET.get(word, hint))

    def _alias(self) -> str | None:
        if self.at < len(self.tokens) and self.tokens[self.at].word("AS") and self.at + 1 < len(self.tokens):
            self.at += 2
            return self.tokens[self.at - 1].text
        if self.at >= len(self.tokens):
            return None
        token = self.tokens[self.at]
        if not token.names or token.word(*JOINING) or self._watermark_here():
            return None
        self.at += 1
        return token.text

    def _watermark_here(self) -> bool:
        rest = self.tokens[self.at : self.at + 6]
        return bool(rest) and rest[0].word("WATERMARK") and any(t.word("DELAY") for t in rest[1:])

    def _watermark(self) -> Watermark | None:
        if self.at >= len(self.tokens) or not self._watermark_here():
            return None
        word = self.tokens[self.at]
        begin = self.at + 1
        self.at = next(i for i in range(begin, len(self.tokens)) if self.tokens[i].word("DELAY"))
        time = self.tokens[begin : self.at]
        rest = self.tokens[self.at + 1 : self.at + 5]
        if not time or len(rest) < 3 or not rest[0].word("OF") or not rest[1].word("INTERVAL"):
            raise self.text.mistake(word, "the watermark is not complete", "Write WATERMARK ts DELAY OF INTERVAL 30 SECONDS.")
        delay, used = interval(self.text, rest[1:])
        self.at += 2 + used
        return Watermark(time, delay)

    def _is(self, symbol: str) -> bool:
        return self.at < len(self.tokens) and self.tokens[self.at].symbol(symbol)


def interval(text: Text, tokens: list[Token]) -> tuple[int, int]:
    """Microseconds of `INTERVAL 30 SECONDS` or `INTERVAL '30 seconds'` at the head of tokens, and how many it took."""
    value = tokens[1]
    after = tokens[2] if len(tokens) > 2 else None
    micros = unit(after.text) if after and after.kind == "word" else None
    if micros is not None and value.kind in ("number", "string") and value.text.replace(".", "", 1).isdigit():
        length, used = fixed(float(value.text) * micros), 3
    else:
        length, used = duration(value.text) if value.kind == "string" else None, 2
    if length is None:
        stop = after or value
        raise text.between(
            [tokens[0], stop], "this is no fixed length of time", "Write INTERVAL 30 SECONDS; units are microseconds to weeks."
        )
    return length, used


def renamed(token: Token, relation: str, old: str) -> Token:
    """A stream's token that reads another relation."""
    return replace(token, sql=relation + token.sql.removeprefix(old))
