"""Expectations as SQL: one bit of a mask for every broken rule."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from workbench.batch import MALFORMED, NOT_NULL, RESERVED_RULES, TOO_LONG, TYPE
from workbench.errors import FlowError, QueryError
from workbench.language.columns import MAX_EXPECTATIONS
from workbench.language.definitions import Expectation
from workbench.store.names import quote
from workbench.store.session import Session

RESERVED = {name: 1 << index for index, name in enumerate(RESERVED_RULES)}
MALFORMED_BIT, TYPE_BIT, NOT_NULL_BIT, TOO_LONG_BIT = (RESERVED[name] for name in (MALFORMED, TYPE, NOT_NULL, TOO_LONG))


def rule_bit(index: int) -> int:
    """The mask bit of the table's expectation number `index`."""
    return 1 << (len(RESERVED_RULES) + index)


def reject_bits(rules: Sequence[Expectation]) -> int:
    """The bits that send a row to quarantine; the others only mark it."""
    bits = (1 << len(RESERVED_RULES)) - 1
    for index, rule in enumerate(rules):
        bits |= rule_bit(index) if rule.action != "mark" else 0
    return bits


def broken_sql(rule: Expectation) -> str:
    """TRUE where a rule is broken, NULL among it; the newline ends a comment in the predicate."""
    return f"NOT coalesce(({rule.predicate}\n)::BOOLEAN, false)"


def not_null_sql(names: Sequence[str]) -> str:
    """The mask of the NOT NULL columns, as an UBIGINT."""
    if not names:
        return "0::UBIGINT"
    missing = " OR ".join(f"{quote(name)} IS NULL" for name in names)
    return f"(CASE WHEN {missing} THEN {NOT_NULL_BIT} ELSE 0 END)::UBIGINT"


def rule_mask_sql(rules: Sequence[Expectation], not_null: Sequence[str] = ()) -> str:
    """The mask of one output row, as an UBIGINT over its columns.

    Raises:
        FlowError: more rules than a mask has bits.
    """
    if len(rules) > MAX_EXPECTATIONS:
        raise FlowError(
            f"{len(rules)} expectations on one table are too many.", f"A table can have {MAX_EXPECTATIONS}; join some with AND."
        )
    bits = [not_null_sql(not_null)] if not_null else []
    bits += [f"(CASE WHEN {broken_sql(rule)} THEN {rule_bit(index)} ELSE 0 END)::UBIGINT" for index, rule in enumerate(rules)]
    return "(" + " | ".join(bits) + ")" if bits else "0::UBIGINT"


def held_sqls(rules: Sequence[Expectation], not_null: Sequence[str] = ()) -> list[tuple[int, str]]:
    """For each rule its bit, and SQL that is TRUE where it is not broken; the NOT NULL columns count as one rule."""
    present = " AND ".join(f"{quote(name)} IS NOT NULL" for name in not_null)
    held = [(rule_bit(index), f"({rule.predicate}\n)::BOOLEAN") for index, rule in enumerate(rules)]
    return [(NOT_NULL_BIT, f"({present})"), *held] if not_null else held


def blame(session: Session, rows: pa.Table, rules: Sequence[Expectation], stream: str, error: QueryError) -> Exception:
    """The FlowError that names the rule which cannot be judged on `rows`; `error` itself when none of them fails alone."""
    for rule in rules:
        try:
            with session.relation("_judged", rows):
                session.arrow(f"SELECT count(*) FROM _judged WHERE {broken_sql(rule)}")
        except QueryError as cause:
            return FlowError(
                f"{stream or 'the stream'}: the expectation {rule.name} cannot be judged: {cause.message}",
                f"EXPECT ({rule.predicate}) must not fail on any row: TRY(…) or TRY_CAST gives NULL instead, which breaks the rule.",
            )
    return error
