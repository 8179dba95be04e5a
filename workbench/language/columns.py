"""Column lists with their constraints: of tables, and of a source's schema."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.errors import PipelineError, Problem
from workbench.language.definitions import Action, Column, Expectation
from workbench.language.draft import written
from workbench.language.tokens import Text, Token, closing, split
from workbench.language.types import type_name
from workbench.language.words import VOLATILE, reserved_column

MAX_EXPECTATIONS = 59
"""Bits that a rule mask has left beside the reserved rules: of 64, and all of them together mean "not judged yet"."""
_AFTER_TYPE = (
    "NOT",
    "NULL",
    "COMMENT",
    "CONSTRAINT",
    "PRIMARY",
    "UNIQUE",
    "DEFAULT",
    "CHECK",
    "REFERENCES",
    "GENERATED",
    "MASK",
    "COLLATE",
)
_UNKEPT = {
    "PRIMARY": "Take it out: rows are stored once by their place in the source, not by a key.",
    "UNIQUE": "Take it out: rows are stored once by their place in the source, not by a key.",
    "FOREIGN": "Take it out, or write a CONSTRAINT … EXPECT (…).",
    "REFERENCES": "Take it out, or write a CONSTRAINT … EXPECT (…).",
    "CHECK": "Write CONSTRAINT name EXPECT (…) ON VIOLATION DROP ROW.",
    "DEFAULT": "Take it out, and write coalesce(x, value) AS x in the SELECT.",
    "GENERATED": "Take it out, and compute the column in the SELECT.",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """An expectation with the tokens of its predicate."""

    expectation: Expectation
    predicate: list[Token]


@dataclass(frozen=True, slots=True)
class ColumnList:
    """What stands in the brackets after a table's name."""

    columns: tuple[Column, ...]
    rules: tuple[Rule, ...]
    tokens: dict[str, Token]
    """Lower-case column name → where it was declared."""


def columns(text: Text, tokens: list[Token]) -> tuple[Column, ...]:
    """The columns of a source's schema: `order_id BIGINT, ts TIMESTAMPTZ`."""
    if not tokens:
        raise PipelineError((text.problem(0, 1, "the schema is empty", "Write schema => 'order_id BIGINT, ts TIMESTAMPTZ'."),))
    return column_list(text, tokens, tokens[-1]).columns


def column_list(text: Text, tokens: list[Token], end: Token, typed: bool = True) -> ColumnList:
    """Columns and constraints; `end` is the closing bracket, `typed` whether a column must have a type.

    Raises:
        PipelineError: every mistake in the list at once.
    """
    found: list[Column] = []
    rules: list[Rule] = []
    places: dict[str, Token] = {}
    problems: list[Problem] = []
    for part in split(tokens):
        try:
            if not part:
                raise text.mistake(
                    end, "a comma too many in the column list", "Take out the comma before the closing bracket, or double commas."
                )
            if part[0].word("CONSTRAINT"):
                _add_rule(text, rules, part)
            else:
                column = _column(text, part, typed)
                if column.name.lower() in places:
                    raise text.mistake(
                        part[0], f"two columns are named {column.name}", "Rename one of them; letter case does not tell names apart."
                    )
                places[column.name.lower()] = part[0]
                found.append(column)
        except PipelineError as error:
            problems += error.problems
    if not tokens:
        problems.append(text.problem(end.start, end.stop, "the column list is empty", "Write columns, or leave out the brackets."))
    if problems:
        raise PipelineError(tuple(problems))
    return ColumnList(tuple(found), tuple(rules), places)


def _column(text: Text, part: list[Token], typed: bool) -> Column:
    name = part[0]
    if name.word(*_UNKEPT):
        raise text.mistake(name, f"{name.text.upper()} is not kept here", _UNKEPT[name.text.upper()])
    if name.word("EXPECT") and part[1:] and part[1].symbol("("):
        raise text.mistake(name, "an expectation needs a name", "Write CONSTRAINT amount_is_positive EXPECT (amount > 0).")
    if not name.names:
        raise text.mistake(name, f"{name.sql} cannot be a column's name", f'Write "{name.text}" in double quotes.')
    if reserved_column(name.text):
        raise text.mistake(
            name, f"the column name {name.text} is reserved", "Choose another name; _metadata, _row and their like are given out here."
        )
    end = next((i for i in range(1, len(part)) if part[i].word(*_AFTER_TYPE)), len(part))
    if end == 1 and typed:
        raise text.mistake(name, f"the column {name.text} has no type", f"Write {name.text} BIGINT (or VARCHAR, DOUBLE, TIMESTAMPTZ, …).")
    kind = type_name(text, part[1:end]) if end > 1 else ""
    not_null, comment = _column_options(text, part[end:])
    return Column(name.text, kind, not_null, comment)


def _column_options(text: Text, rest: list[Token]) -> tuple[bool, str]:
    not_null, comment = False, ""
    while rest:
        if rest[0].word("NOT") and len(rest) > 1 and rest[1].word("NULL"):
            not_null, rest = True, rest[2:]
        elif rest[0].word("NULL"):
            rest = rest[1:]
        elif rest[0].word("COMMENT") and len(rest) > 1 and rest[1].kind == "string":
            comment, rest = rest[1].text, rest[2:]
        elif rest[0].word("CONSTRAINT"):
            raise text.mistake(rest[0], "a comma is missing before CONSTRAINT", "Constraints are items of the list of their own.")
        else:
            word = rest[0].text.upper()
            raise text.mistake(
                rest[0], f"{rest[0].sql} is not kept here", _UNKEPT.get(word, "A column has a type, NOT NULL and COMMENT '…'.")
            )
    return not_null, comment


def _add_rule(text: Text, rules: list[Rule], part: list[Token]) -> None:
    rule = _rule(text, part)
    if any(r.expectation.name.lower() == rule.expectation.name.lower() for r in rules):
        raise text.mistake(part[1], f"two expectations are named {part[1].text}", "Rename one of them.")
    if len(rules) == MAX_EXPECTATIONS:
        raise text.mistake(part[0], f"a table has at most {MAX_EXPECTATIONS} expectations", "Join some of them with AND.")
    rules.append(rule)


def _rule(text: Text, part: list[Token]) -> Rule:
    if len(part) < 2 or not part[1].names:
        raise text.mistake(part[0], "CONSTRAINT needs a name", "Write CONSTRAINT amount_is_positive EXPECT (amount > 0).")
    name = part[1]
    if name.text.startswith("_"):
        raise text.mistake(name, "names of expectations do not begin with _", "The workbench's own rules do: _type, _not_null, _malformed.")
    if len(part) < 3 or not part[2].word("EXPECT"):
        wrong = part[2] if len(part) > 2 else name
        hint = _UNKEPT.get(wrong.text.upper(), "Write CONSTRAINT name EXPECT (predicate).")
        raise text.mistake(wrong, "only EXPECT constraints are kept here", hint)
    if len(part) < 4 or not part[3].symbol("("):
        raise text.mistake(part[2], "EXPECT needs its predicate in brackets", "Write EXPECT (amount > 0).")
    end = closing(part, 3)
    predicate = part[4:end]
    if not predicate:
        raise text.mistake(part[3], "the predicate is empty", "Write EXPECT (amount > 0).")
    _plain(text, predicate)
    action = _action(text, part[end + 1 :])
    span = text.span(predicate[0].start, predicate[-1].stop)
    return Rule(Expectation(name.text, written(predicate), action, span), predicate)


def _plain(text: Text, predicate: list[Token]) -> None:
    """A predicate looks at one row and nothing else."""
    for i, token in enumerate(predicate):
        called = i + 1 < len(predicate) and predicate[i + 1].symbol("(")
        if token.word("SELECT", "FROM") and (token.word("SELECT") or not predicate[i - 1].word("DISTINCT")) and not _extracts(predicate, i):
            raise text.mistake(
                token, "an expectation looks at its own row only", "Join the other table in the SELECT of the streaming table."
            )
        if called and token.text.lower() in VOLATILE and token.kind == "word":
            raise text.mistake(
                token, f"{token.text}() differs from run to run", "Compare with a column, such as _metadata.arrived_at AS arrived_at."
            )


def _extracts(predicate: list[Token], at: int) -> bool:
    """Whether a FROM belongs to extract(… FROM …), substring, trim or overlay."""
    return predicate[at].word("FROM") and any(t.word("EXTRACT", "SUBSTRING", "TRIM", "OVERLAY", "POSITION") for t in predicate[:at])


def _action(text: Text, rest: list[Token]) -> Action:
    if not rest:
        return "mark"
    words = [t.text.upper() for t in rest]
    if words[:2] == ["ON", "VIOLATION"]:
        if words[2:] == ["DROP", "ROW"]:
            return "drop"
        if words[2:] == ["FAIL", "UPDATE"]:
            return "fail"
        if words[2:3] == ["SET"]:
            raise text.between(
                rest, "ON VIOLATION SET is not kept yet", "Mend the value in the SELECT, such as greatest(amount, 0) AS amount."
            )
    raise text.between(
        rest, "this is no action of an expectation", "Write ON VIOLATION DROP ROW, ON VIOLATION FAIL UPDATE, or nothing to mark rows."
    )
