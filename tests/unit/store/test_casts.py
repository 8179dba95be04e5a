"""Which types can be told to be hopeless before a value comes: what is refused here, DuckDB refuses for every value."""

from __future__ import annotations

import pytest

from workbench.errors import QueryError
from workbench.store.casts import converts
from workbench.store.session import Session, scratch

VALUES = {
    "BOOLEAN": "true", "BIGINT": "1", "DOUBLE": "1.0", "DECIMAL(9,2)": "1.5", "BIGNUM": "'1'", "DATE": "'2020-01-01'",
    "TIMESTAMP": "'2020-01-01'", "TIMESTAMP WITH TIME ZONE": "'2020-01-01'", "INTERVAL": "'1 day'", "BIGINT[]": "[1, 2]",
    "INTEGER[2]": "[1, 2]", "DATE[]": "['2020-01-01', '2020-01-01']", "BIGINT[][]": "[[1], [2]]", "STRUCT(a BIGINT)": "{'a': 1}",
    "STRUCT(A DOUBLE, c DATE)": "{'A': 1.0, 'c': NULL}",
    "STRUCT(b DATE)": "{'b': DATE '2020-01-01'}", "STRUCT(a DATE)": "{'a': DATE '2020-01-01'}", "MAP(VARCHAR, BIGINT)": "MAP {'a': 1}",
    "MAP(VARCHAR, DATE)": "MAP {'a': DATE '2020-01-01'}", "UNION(n BIGINT)": "union_value(n := 1)",
}  # fmt: skip
"""A value of each type."""
OTHERS = {("TIMESTAMP", "BIGINT"), ("INTERVAL", "BIGINT"), ("BIGINT[]", "DATE[]"), ("STRUCT(a BIGINT)", "STRUCT(b DATE)")}


def impossible(session: Session, wanted: str) -> bool:
    """Whether DuckDB refuses the cast, and not this one value."""
    try:
        session.execute(f"SELECT count(CAST(x AS {wanted})) FROM one")
    except QueryError as error:
        return "converted to" not in error.message and "out of range" not in error.message
    return False


@pytest.mark.parametrize("given", VALUES)
def test_what_is_let_through_can_be_cast(given: str) -> None:
    session = scratch()
    session.execute(f"CREATE TEMP TABLE one AS SELECT CAST({VALUES[given]} AS {given}) AS x")
    for wanted in VALUES:
        assert not (converts(session, given, wanted) and impossible(session, wanted)), (given, wanted)
    session.close()


@pytest.mark.parametrize(("given", "wanted"), sorted(OTHERS))
def test_what_no_value_can_become_is_refused(given: str, wanted: str) -> None:
    session = scratch()
    assert not converts(session, given, wanted)
    assert converts(session, given, "VARCHAR")
    assert converts(session, "VARCHAR", wanted)
    session.close()
