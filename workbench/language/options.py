"""The options of a source function: name => value, each checked where it stands."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import get_args

from workbench.errors import PipelineError, Problem
from workbench.language.columns import columns
from workbench.language.definitions import Column, Format
from workbench.language.durations import duration
from workbench.language.lines import mistake, strange
from workbench.language.tokens import Text, Token, tokenize

CSV = {
    "delimiter": "delimiter",
    "delim": "delimiter",
    "sep": "delimiter",
    "header": "header",
    "quote": "quote",
    "nullstr": "nullstr",
    "nullvalue": "nullstr",
}
"""Spellings of the options of format => 'csv'."""

_EXAMPLES = {"delimiter": ";", "quote": '"', "nullstr": "NULL"}
_FORMATS = {"ndjson": "json", "jsonl": "json", "tsv": "csv", "line": "text", "lines": "text"}
_SIZES = {"": 1, "B": 1, "KB": 1000, "MB": 1000**2, "GB": 1000**3, "KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30}


class Options:
    """The given options of one source function, each read once and checked; mistakes go to `problems`."""

    def __init__(self, text: Text, name: Token, parts: list[list[Token]], known: Sequence[str]) -> None:
        """Args: known: names as they are spelled to users; 'csv' stands for the options of that format."""
        self.text = text
        self.problems: list[Problem] = []
        self.given: dict[str, Token] = {}
        self._name = name
        self._format: Format | None = None
        self._known = [*(k for k in known if k != "csv"), *(dict.fromkeys(CSV.values()) if "csv" in known else ())]
        self._spellings = {k.lower(): k for k in self._known} | (CSV if "csv" in known else {})
        for part in parts:
            try:
                self._take(part)
            except PipelineError as error:
                self.problems += error.problems

    def _take(self, part: list[Token]) -> None:
        function = self._name.text.lower()
        if len(part) < 3 or not part[1].symbol("=>", ":="):
            example = {"read_rate": "rowsPerSecond => 100"}.get(function, "format => 'json'")
            raise self.text.between(part or [self._name], "expected an option", f"Write name => value, such as {example}.")
        option = self._spellings.get(part[0].text.lower())
        if option is None:
            near = get_close_matches(part[0].text.lower(), self._spellings, 1)
            hint = f"Did you mean {self._spellings[near[0]]}?" if near else f"Options are {', '.join(self._known)}."
            raise self.text.mistake(part[0], f"{function} has no option {part[0].text}", hint)
        if len(part) == 4 and part[2].symbol("-"):
            raise self.text.between(part[2:], f"{option} cannot be negative", f"Write {option} => 100.")
        if len(part) != 3:
            raise self.text.between(part[2:], f"{option} takes one value", f"Write {option} => 'value'.")
        if option in self.given:
            raise self.text.mistake(part[0], f"{option} is given twice", "Keep one of them.")
        self.given[option] = part[2]

    def wrong(self, token: Token, message: str, hint: str) -> None:
        self.problems.append(self.text.problem(token.start, token.stop, message, hint))

    def finish(self) -> None:
        """Raises: PipelineError: with all mistakes, when there are any."""
        if self.problems:
            raise PipelineError(tuple(self.problems))

    def format(self, default: Format, streamed: bool = False) -> Format:
        """The format, and whether the other options go with it. Args: streamed: records that come one by one; no Parquet."""
        kind = self.one_of("format", [f for f in get_args(Format) if not (streamed and f == "parquet")], _FORMATS)
        found: Format = next((f for f in get_args(Format) if f == kind), default)
        self._format = found
        for option in self.given:
            if option in CSV.values() and found != "csv":
                hint = f"Leave it out, or write format => 'csv' (now {found!r})."
                self.wrong(self.given[option], f"{option} belongs to format => 'csv'", hint)
        return found

    def schema(self) -> tuple[Column, ...] | None:
        """The declared columns; the format must have been asked for before."""
        token = self.given.get("schema")
        if token is None:
            return None
        try:
            found = columns(Text(self.text.file, token.text), tokenize(Text(self.text.file, token.text)))
            name = strange(found) if self._format == "text" else None
            if name is not None:
                self.wrong(token, *mistake(name))
            return found
        except PipelineError as error:
            at = token.start + 1 if len(token.sql) == len(token.text) + 2 else None
            for problem in error.problems:
                start = at + problem.column - 1 if at is not None and problem.line == 1 else token.start
                stop = start + problem.width if at is not None else token.stop
                self.problems.append(self.text.problem(start, stop, f"in the schema: {problem.message}", problem.hint))
            return None

    def csv(self) -> tuple[tuple[str, str], ...]:
        """The format's own options as given."""
        out = {}
        for option in dict.fromkeys(CSV.values()):
            if token := self.given.get(option):
                out[option] = str(self.truth(option, True)).lower() if option == "header" else self._character(option, token)
        return tuple(out.items())

    def _character(self, option: str, token: Token) -> str:
        value = "\t" if token.text == "\\t" else token.text
        if token.kind != "string" or (option == "delimiter" and not value) or (option != "nullstr" and len(value) > 1):
            self.wrong(token, f"{option} is one character in quotes, not {token.sql}", f"Write {option} => '{_EXAMPLES[option]}'.")
        return value

    def truth(self, option: str, default: bool, hint: str = "") -> bool:
        token = self.given.get(option)
        if token is None:
            return default
        value = token.text.lower()
        if token.kind not in ("word", "string") or value not in ("true", "false"):
            self.wrong(token, f"{option} is true or false, not {token.sql}", hint or f"Write {option} => true.")
        return value != "false"

    def number(self, option: str, most: int) -> int | None:
        """A whole number from 1 on."""
        token = self.given.get(option)
        if token is None:
            return None
        plain = token.text.replace("_", "")
        if token.kind not in ("number", "string") or not plain.isascii() or not plain.isdigit() or not 0 < int(plain[:20]) <= most:
            self.wrong(token, f"{option} is a whole number from 1 to {most:,}, not {token.sql}", f"Write {option} => 100.")
            return None
        return int(plain)

    def seconds(self, option: str) -> float | None:
        """A length of time."""
        token = self.given.get(option)
        if token is None:
            return None
        micros = duration(token.text) if token.kind == "string" else None
        if not micros:
            self.wrong(token, f"{option} is a length of time in quotes, not {token.sql}", f"Write {option} => '30 seconds'.")
            return None
        return micros / 1_000_000

    def size(self, option: str, example: str, least: int = 1, most: int = 1 << 50) -> int | None:
        """A size in bytes: `'256MB'`, `'64 KiB'` or a plain number."""
        token = self.given.get(option)
        if token is None:
            return None
        found = re.fullmatch(r"(\d{1,15})\s*([A-Za-z]*)", token.text.strip()) if token.kind in ("string", "number") else None
        if found is None or found[2].upper() not in _SIZES:
            self.wrong(token, f"{option} is a size, not {token.sql}", f"Write {option} => '{example}'.")
            return None
        value = int(found[1]) * _SIZES[found[2].upper()]
        if not least <= value <= most:
            kind, bound = ("little", f"{least:,} bytes at least") if value < least else ("much", f"{most:,} bytes at most")
            self.wrong(token, f"{token.sql} is too {kind} for {option}", f"It takes {bound}.")
            return None
        return value

    def one_of(self, option: str, allowed: Sequence[str], near: dict[str, str]) -> str | None:
        token = self.given.get(option)
        if token is None:
            return None
        value = token.text.lower()
        if token.kind == "string" and value in allowed:
            return value
        guess = near.get(value) or next(iter(get_close_matches(value, allowed, 1)), "")
        hint = f"Did you mean {guess!r}?" if guess else f"Write one of {', '.join(map(repr, allowed))}."
        self.wrong(token, f"{option} cannot be {token.sql}", hint)
        return guess or None
