"""Masks of broken rules."""

from __future__ import annotations

import pytest

from tests.unit.stream.raws import NOWHERE, RULES, names_of
from workbench.errors import FlowError
from workbench.language.columns import MAX_EXPECTATIONS
from workbench.language.definitions import Expectation
from workbench.store.session import scratch
from workbench.stream.validate import reject_bits, rule_bit, rule_mask_sql


@pytest.mark.parametrize(
    ("amount", "country", "id", "names"),
    [
        ("1", "'DE'", "1", ()),
        ("0", "'DE'", "1", ("positive",)),
        ("NULL", "NULL", "1", ("positive", "german")),
        ("1", "'FR'", "NULL", ("_not_null", "german")),
    ],
)
def test_a_predicate_that_is_null_is_broken(amount: str, country: str, id: str, names: tuple[str, ...]) -> None:
    session = scratch()
    row = f"(SELECT {amount}::DOUBLE AS amount, {country}::VARCHAR AS country, {id} AS id)"
    mask = session.execute(f"SELECT {rule_mask_sql(RULES, ['id'])} FROM {row}")[0][0]
    session.close()
    assert names_of(mask, RULES) == names
    assert bool(mask & reject_bits(RULES)) == bool({"positive", "_not_null"} & set(names))


def test_a_mask_has_room_for_so_many_rules() -> None:
    rules = [Expectation(f"r{i}", "false", "drop", NOWHERE) for i in range(MAX_EXPECTATIONS)]
    session = scratch()
    mask = session.execute(f"SELECT {rule_mask_sql(rules)}")[0][0]
    session.close()
    assert mask == sum(rule_bit(i) for i in range(MAX_EXPECTATIONS))
    assert rule_bit(MAX_EXPECTATIONS - 1) == 1 << 62
    with pytest.raises(FlowError, match="too many"):
        rule_mask_sql([*rules, rules[0]])
