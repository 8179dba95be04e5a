"""read_files(glob, format => …, …): its options, checked."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import PurePosixPath
from typing import Literal, get_args

from workbench.errors import PipelineError, Problem
from workbench.language.columns import columns
from workbench.language.definitions import Column, Format, ReadFiles
from workbench.language.tokens import Text, Token, split, tokenize

_CSV = {
    "delimiter": "delimiter",
    "delim": "delimiter",
    "sep": "delimiter",
    "header": "header",
    "quote": "quote",
    "nullstr": "nullstr",
    "nullvalue": "nullstr",
}
_COMMON = ("format", "follow", "start", "schema")
_ENDINGS: dict[str, Format] = {
    ".json": "json",
    ".ndjson": "json",
    ".jsonl": "json",
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "text",
    ".log": "text",
    ".parquet": "parquet",
}


def read_files(text: Text, name: Token, inside: list[Token]) -> ReadFiles:
    """The source that the arguments describe.

    Raises:
        PipelineError: every wrong argument at once.
    """
    parts = split(inside)
    if not parts or len(parts[0]) != 1 or parts[0][0].kind != "string":
        raise text.mistake(name, "read_files needs a path first", "Write read_files('in/*.ndjson', format => 'json').")
    problems: list[Problem] = []
    given: dict[str, Token] = {}
    for part in parts[1:]:
        try:
            option, value = _argument(text, name, part)
            if option in given:
                raise text.mistake(part[0], f"{option} is given twice", "Keep one of them.")
            given[option] = value
        except PipelineError as error:
            problems += error.problems
    options = _Options(text, parts[0][0], given, problems)
    source = ReadFiles(parts[0][0].text, options.format(), options.follow(), options.start(), options.schema(), options.csv())
    if problems:
        raise PipelineError(tuple(problems))
    return source


def _argument(text: Text, name: Token, part: list[Token]) -> tuple[str, Token]:
    if len(part) < 3 or not part[1].symbol("=>", ":="):
        raise text.between(part or [name], "expected an option", "Write name => value, such as format => 'json'.")
    option = part[0].text.lower()
    option = _CSV.get(option, option)
    if option not in (*_COMMON, *_CSV.values()):
        near = get_close_matches(option, [*_COMMON, *_CSV], 1)
        hint = f"Did you mean {near[0]}?" if near else f"Options are {', '.join((*_COMMON, *dict.fromkeys(_CSV.values())))}."
        raise text.mistake(part[0], f"read_files has no option {part[0].text}", hint)
    if len(part) != 3:
        raise text.between(part[2:], f"{option} takes one value", f"Write {option} => 'value'.")
    return option, part[2]


class _Options:
    """The given options, each read once and checked; mistakes go to `problems`."""

    def __init__(self, text: Text, glob: Token, given: dict[str, Token], problems: list[Problem]) -> None:
        self.text, self.glob, self.given, self.problems = text, glob, given, problems
        if not glob.text.strip():
            self._wrong(glob, "the path is empty", "Write a path or a pattern, such as 'in/*.ndjson'.")

    def format(self) -> Format:
        kind = self._one_of("format", get_args(Format), {"ndjson": "json", "jsonl": "json", "tsv": "csv", "line": "text", "lines": "text"})
        if kind is None:
            kind = self._by_ending()
        found: Format = next((f for f in get_args(Format) if f == kind), "json")
        for option in self.given:
            if option in _CSV.values() and found != "csv":
                self._wrong(
                    self.given[option], f"{option} belongs to format => 'csv'", f"Leave it out, or write format => 'csv' (now {found!r})."
                )
        return found

    def _by_ending(self) -> str:
        path = PurePosixPath(self.glob.text.lower())
        if path.suffix in (".gz", ".zst"):
            path = path.with_suffix("")
        if path.suffix not in _ENDINGS:
            if "format" not in self.given:
                self._wrong(self.glob, "the path does not tell the format", "Write format => 'json' (or 'csv', 'text', 'parquet').")
            return "json"
        return _ENDINGS[path.suffix]

    def follow(self) -> bool:
        token = self.given.get("follow")
        if token is not None and not (token.kind in ("word", "string") and token.text.lower() in ("true", "false")):
            self._wrong(token, f"follow is true or false, not {token.sql}", "Write follow => false to read what is there and end.")
        return token is None or token.text.lower() != "false"

    def start(self) -> Literal["beginning", "end"]:
        return "end" if self._one_of("start", ("beginning", "end"), {"earliest": "beginning", "latest": "end"}) == "end" else "beginning"

    def schema(self) -> tuple[Column, ...] | None:
        token = self.given.get("schema")
        if token is None:
            return None
        try:
            return columns(Text(self.text.file, token.text), tokenize(Text(self.text.file, token.text)))
        except PipelineError as error:
            at = token.start + 1 if len(token.sql) == len(token.text) + 2 else None
            for problem in error.problems:
                start = at + problem.column - 1 if at is not None and problem.line == 1 else token.start
                stop = start + problem.width if at is not None else token.stop
                self.problems.append(self.text.problem(start, stop, f"in the schema: {problem.message}", problem.hint))
            return None

    def csv(self) -> tuple[tuple[str, str], ...]:
        out = {}
        for option in dict.fromkeys(_CSV.values()):
            if token := self.given.get(option):
                out[option] = self._header(token) if option == "header" else self._character(option, token)
        if self.glob.text.lower().removesuffix(".gz").removesuffix(".zst").endswith(".tsv"):
            out.setdefault("delimiter", "\t")
        return tuple(out.items())

    def _header(self, token: Token) -> str:
        if token.text.lower() not in ("true", "false"):
            self._wrong(token, f"header is true or false, not {token.sql}", "Write header => true.")
        return token.text.lower()

    def _character(self, option: str, token: Token) -> str:
        value = "\t" if token.text == "\\t" else token.text
        if token.kind != "string" or (option == "delimiter" and not value) or (option != "nullstr" and len(value) > 1):
            self._wrong(token, f"{option} is one character in quotes, not {token.sql}", f"Write {option} => ';'.")
        return value

    def _one_of(self, option: str, allowed: Sequence[str], near: dict[str, str]) -> str | None:
        token = self.given.get(option)
        if token is None:
            return None
        value = token.text.lower()
        if token.kind == "string" and value in allowed:
            return value
        guess = near.get(value) or next(iter(get_close_matches(value, allowed, 1)), "")
        hint = f"Did you mean {guess!r}?" if guess else f"Write one of {', '.join(map(repr, allowed))}."
        self._wrong(token, f"{option} cannot be {token.sql}", hint)
        return guess or None

    def _wrong(self, token: Token, message: str, hint: str) -> None:
        self.problems.append(self.text.problem(token.start, token.stop, message, hint))
