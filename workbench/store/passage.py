"""A definition's own text, to which DuckDB's errors are led back."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from workbench.errors import Problem, QueryError
from workbench.language.definitions import Column, Definition, Expectation
from workbench.language.draft import Draft
from workbench.language.script import compile_script
from workbench.language.statements import Parsed
from workbench.language.tokens import Text, Token


class Wrong(Exception):
    """A definition that does not bind; carries its problems."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__()
        self.problems = problems


class Passage:
    """A definition's own text, compiled once more to lead DuckDB's positions back to it."""

    def __init__(self, definition: Definition) -> None:
        span = definition.span
        lead = "\n" * (span.line - 1) + " " * (span.column - 1)
        self.text = Text(span.file, lead + definition.text)
        self.parsed: Parsed = compile_script(self.text)[0]

    def rules(self) -> list[tuple[Expectation, list[Token]]]:
        return [(rule.expectation, rule.predicate) for rule in self.parsed.rules]

    def at_body(self, message: str, hint: str) -> Problem:
        body = self.parsed.body or self.parsed.tokens
        return self.text.problem(body[0].start, body[-1].stop, message, hint)

    def at_column(self, name: str, message: str, hint: str) -> Problem:
        token = self.parsed.columns.get(name.lower(), (self.parsed.body or self.parsed.tokens)[0])
        return self.text.problem(token.start, token.stop, message, hint)

    def at_item(self, name: str, message: str, hint: str) -> Problem:
        """At the last mention of a column in the SELECT list, where there is one."""
        list_end = next((i for i, t in enumerate(self.parsed.body) if t.word("FROM")), len(self.parsed.body))
        token = next((t for t in reversed(self.parsed.body[:list_end]) if t.key == name.lower()), None)
        return self._at(token, message, hint) if token else self.at_body(message, hint)

    def check_times(self, sides: Sequence[tuple[Column, ...]]) -> None:
        """Event times of the streams of a flow are columns of theirs, and times."""
        problems = [p for time, columns in zip(self.parsed.times, sides, strict=False) for p in self._timed(time, columns)]
        if problems:
            raise Wrong(problems)

    def _timed(self, time: Token, columns: tuple[Column, ...]) -> list[Problem]:
        column = next((c for c in columns if c.name.lower() == time.key), None)
        if column is None:
            hint = f"Its columns are {', '.join(c.name for c in columns)}."
            return [self._at(time, f"the stream has no column {time.text}", hint)]
        if not column.type.startswith("TIMESTAMP"):
            return [self._at(time, f"{time.text} is {column.type}, not a time", "An event time is a TIMESTAMPTZ or a TIMESTAMP.")]
        return []

    def check_names(self, stream: dict[str, Column]) -> None:
        """The event time must be a time, and a name in GROUP BY must not be a column as well as an item."""
        problems = []
        for alias in self.parsed.aliases:
            if alias.key in stream:
                hint = "Write out the expression in GROUP BY, or choose another name after AS."
                problems.append(self._at(alias, f"{alias.text} is a column of the stream as well as a name in the SELECT", hint))
        if self.parsed.time:
            problems += self._timed(self.parsed.time, tuple(stream.values()))
        if problems:
            raise Wrong(problems)

    def problem(self, error: QueryError, draft: Draft, whole: list[Token]) -> Problem:
        """DuckDB's error in the words of a Problem, at the token that it points at."""
        said = _said(error)
        message, hint = _worded(said)
        position = said.get("position", "")
        if position.isdigit():
            offset = len(f"DESCRIBE {draft.sql}".encode()[: int(position)].decode("utf-8", "ignore")) - len("DESCRIBE ")
            if token := draft.token_at(max(0, offset)):
                return self._at(token, message, hint)
        named = message.rpartition(" ")[2].lower()
        if token := next((t for t in whole if t.key == named), None):
            return self._at(token, message, hint)
        return self.text.problem(whole[0].start, whole[-1].stop, message, hint)

    @staticmethod
    def kind(error: QueryError) -> str:
        """DuckDB's kind of an error: Binder, Conversion, …"""
        return _said(error).get("exception_type", "")

    @staticmethod
    def worded(error: QueryError) -> str:
        """What DuckDB says, without a place."""
        return _worded(_said(error))[0]

    def _at(self, token: Token, message: str, hint: str) -> Problem:
        return self.text.problem(token.start, token.stop, message, hint)


def _said(error: QueryError) -> dict[str, str]:
    """What DuckDB's error says, field by field."""
    start = error.message.find("{")
    try:
        found = json.loads(error.message[start:]) if start >= 0 else {}
    except ValueError:
        found = {}
    return {str(k): str(v) for k, v in found.items()} or {"exception_message": error.message}


_AS_ALIAS = re.compile(r'Alias with name "+([^"]+)"+ exists|Column "([^"]+)" referenced that exists in the SELECT')
"""What DuckDB says of an unknown column that is also an item of the SELECT, since an item without AS is named by its column."""


def _worded(said: dict[str, str]) -> tuple[str, str]:
    """DuckDB's error as a message and a hint, without its lists of functions and its own names."""
    lines = [line.strip() for line in said["exception_message"].split("\n") if line.strip()]
    message, _, advice = lines[0].partition(". You might need to ")
    if said.get("error_subtype") == "COLUMN_NOT_FOUND" and "name" in said:
        message = f"there is no column {said['name']}"
    if missing := _AS_ALIAS.match(message):
        return f"there is no column {missing[1] or missing[2]}", "A key is a column of what is read, or an expression over its columns."
    if advice:
        return message, f"You might need to {advice}"
    if "must appear in the GROUP BY" in message:
        return message.rstrip("."), "Group by it too, or sum it up: max(…), arg_max(…, ts)."
    if message.startswith("No files found"):
        return message, "Paths begin at the project's folder."
    listed = said.get("candidates", "")
    candidates = [c.strip() for c in listed.split(",") if c.strip() and not c.strip().startswith("_")] if "(" not in listed else []
    return message, f"Did you mean {' or '.join(candidates[:3])}?" if candidates else " ".join(lines[1:3])[:200]
