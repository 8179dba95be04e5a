"""Which types can be told to be hopeless before a value comes: what is refused here, DuckDB refuses for every value."""

from __future__ import annotations

import re

import pytest

from workbench.errors import QueryError
from workbench.store.casts import converts
from workbench.store.session import Session, scratch

VALUES = {
    "BOOLEAN": "true", "BIGINT": "1", "DOUBLE": "1.0", "DECIMAL(9,2)": "1.5", "BIGNUM": "'1'", "DATE": "'2020-01-01'",
    "TIMESTAMP": "'2020-01-01'", "TIMESTAMP WITH TIME ZONE": "'2020-01-01'", "INTERVAL": "'1 day'", "BIGINT[]": "[1, 2]",
    "INTEGER[2]": "[1, 2]", "DATE[]": "['2020-01-01', '2020-01-01']", "BIGINT[][]": "[[1], [2]]", "STRUCT(a BIGINT)": "{'a': 1}",
    "STRUCT(A DOUBLE, c DATE)": "{'A': 1.0, 'c': DATE '2020-01-01'}",
    "STRUCT(b DATE)": "{'b': DATE '2020-01-01'}", "STRUCT(a DATE)": "{'a': DATE '2020-01-01'}", "MAP(VARCHAR, BIGINT)": "MAP {'a': 1}",
    "MAP(VARCHAR, DATE)": "MAP {'a': DATE '2020-01-01'}", "UNION(n BIGINT)": "union_value(n := 1)",
    "UNION(i INTERVAL)": "union_value(i := INTERVAL '1 day')", "UNION(l INTEGER[2])": "union_value(l := [1, 2]::INTEGER[2])",
    "ENUM('a')": "'a'", "ENUM('a', 'b')": "'b'", "ENUM('a')[]": "['a', 'a']", "ENUM('a', 'b')[]": "['b', 'b']",
    "STRUCT(a ENUM('a'))": "{'a': 'a'}", "STRUCT(a ENUM('a', 'b'))": "{'a': 'b'}", "MAP(VARCHAR, ENUM('a'))": "MAP {'a': 'a'}",
    "TIME": "'10:00'", "TIME WITH TIME ZONE": "'10:00'", "TIME[]": "['10:00', '11:00']",
    "TIME WITH TIME ZONE[]": "['10:00', '11:00']",
    "MAP(VARCHAR, TIME)": "MAP {'a': TIME '10:00'}",
    "UUID": "uuid()", "UUID[]": "[uuid(), uuid()]", "BIT": "'101'", "BIT[]": "['101', '1']",
    "BLOB": "'0123456789abcdef'", "BLOB[]": "['ab', 'cd']", "JSON": "'1'", "JSON[]": "['1', '2']", "DECIMAL(2,2)": "0.5",
}  # fmt: skip
"""A value of each type."""
HOPELESS = ("Unimplemented type for cast", "to any of the union member types", "at least one matching member")
"""What DuckDB says of types; all else that it says is of the value."""
OTHERS = {("TIMESTAMP", "BIGINT"), ("INTERVAL", "BIGINT"), ("BIGINT[]", "DATE[]"), ("STRUCT(a BIGINT)", "STRUCT(b DATE)")}


def impossible(session: Session, wanted: str) -> bool:
    """Whether DuckDB refuses the cast, and not this one value."""
    try:
        session.execute(f"SELECT count(CAST(x AS {wanted})) FROM one")
    except QueryError as error:
        return any(words in error.message for words in HOPELESS)
    return False


@pytest.mark.parametrize("given", [kind for kind in VALUES if not re.fullmatch(r"ENUM\([^)]*\)", kind)])  # of ENUM none is tried
def test_what_is_let_through_can_be_cast(given: str) -> None:
    session = scratch()
    session.execute(f"CREATE TEMP TABLE one AS SELECT CAST({VALUES[given]} AS {given}) AS x")
    for wanted in VALUES:
        assert not (converts(session, given, wanted) and impossible(session, wanted)), (given, wanted)
    session.close()


@pytest.mark.parametrize("given", VALUES)
def test_what_is_refused_cannot_be_cast(given: str) -> None:
    session = scratch()
    session.execute(f"CREATE TEMP TABLE one AS SELECT CAST({VALUES[given]} AS {given}) AS x")
    for wanted in VALUES:
        assert converts(session, given, wanted) or impossible(session, wanted), (given, wanted)
    session.close()


@pytest.mark.parametrize(("given", "wanted"), sorted(OTHERS))
def test_what_no_value_can_become_is_refused(given: str, wanted: str) -> None:
    session = scratch()
    assert not converts(session, given, wanted)
    assert converts(session, given, "VARCHAR")
    assert converts(session, "VARCHAR", wanted)
    session.close()
