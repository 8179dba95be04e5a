"""A text of several statements: a file of a project, or what was typed into the console."""

from __future__ import annotations

import re

from workbench.errors import PipelineError, Problem
from workbench.language.compiler import compile_statement
from workbench.language.definitions import Statement
from workbench.language.statements import Parsed
from workbench.language.tokens import Text, Token, tokenize

_BEGIN = re.compile(r"(?:\s|;|--[^\n]*(?:\n|$)|/\*.*?\*/)*(create|refresh|drop)\b", re.IGNORECASE | re.DOTALL)


def is_statement(text: str) -> bool:
    """Whether a text begins like a statement of the language rather than a query; never raises."""
    return _BEGIN.match(text.removeprefix("\ufeff")) is not None


def parse_script(text: str, file: str = "console") -> list[Statement]:
    """The statements of a text.

    Raises:
        PipelineError: with every mistake in it.
    """
    found = compile_script(Text(file, text))
    problems = tuple(problem for parsed in found for problem in parsed.problems)
    if problems:
        raise PipelineError(problems)
    return [parsed.statement for parsed in found if parsed.statement is not None]


def compile_script(text: Text) -> list[Parsed]:
    """Every statement of a text, compiled; mistakes are in their `problems`."""
    try:
        tokens = tokenize(text)
    except PipelineError as error:
        return [Parsed(text, [], problems=error.problems)]
    found: list[Parsed] = []
    for part, missing in _split(tokens):
        parsed = compile_statement(text, part)
        if missing is not None:
            parsed.problems += (_no_semicolon(text, part, missing),)
            parsed.statement = None
        found.append(parsed)
    return found


def _split(tokens: list[Token]) -> list[tuple[list[Token], Token | None]]:
    """Statements without their semicolons; with the CREATE before which one is missing."""
    out: list[tuple[list[Token], Token | None]] = []
    part: list[Token] = []
    for i, token in enumerate(tokens):
        begins = token.word("CREATE") and not (i and tokens[i - 1].symbol("."))
        if token.symbol(";") or (begins and part):
            if part:
                out.append((part, None if token.symbol(";") else token))
            part = [] if token.symbol(";") else [token]
        else:
            part.append(token)
    return [*out, (part, None)] if part else out


def _no_semicolon(text: Text, part: list[Token], following: Token) -> Problem:
    stop = part[-1].stop
    line = text.span(following.start, following.stop).line
    return text.problem(stop, stop + 1, f"a semicolon is missing before CREATE in line {line}", "End each statement with ;")
