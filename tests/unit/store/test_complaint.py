"""Where DuckDB's errors are in a person's text."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.errors import QueryError
from workbench.store.complaint import advised, position, replanned
from workbench.store.database import open_database
from workbench.store.session import scratch


@pytest.mark.parametrize(
    ("sql", "wrong"),
    [
        ("select nope", "nope"),
        ("select 1,\n  2, nope\nfrom range(3)", "nope"),
        ("select '中中', 'é', nope", "nope"),
        ("select 'e\u0301', nope", "nope"),
        ("select\r\n  nope from range(1)", "nope"),
        ("from no_such_table", "no_such_table"),
        ("select no_such_function(1)", "no_such_function"),
        ("select " + "1 as a, " * 40 + "nope, " + ", ".join("2 as b" for _ in range(40)), "nope"),
    ],
)
def test_the_place_of_an_error(sql: str, wrong: str) -> None:
    assert replanned(scratch(), sql) == sql.index(wrong)


def test_a_statement_that_plans_has_no_place() -> None:
    assert replanned(scratch(), "select error('only when it runs') from range(3)") is None


def test_the_session_is_free_afterwards() -> None:
    session = scratch()
    replanned(session, "select nope")

    assert session.execute("select 1") == [(1,)]


@pytest.mark.parametrize(
    "message",
    ["no drawing", "Error\nLINE 9: select\n        ^", "Error\nLINE 1: another text\n        ^", "Error\nLINE 1: select 1\n  ^"],
)
def test_a_drawing_that_does_not_fit_is_not_believed(message: str) -> None:
    assert position("select 1", message) is None


def test_advice_becomes_the_hint() -> None:
    assert advised('No table "ordres"!\nDid you mean "orders"?') == ('No table "ordres"!', 'Did you mean "orders"?')
    assert advised('No column!\nCandidate bindings: "a",\n  "b"') == ("No column!", 'Candidate bindings: "a", "b"')
    assert advised("All plain") == ("All plain", "")


@pytest.mark.parametrize("name", ["pg_depend", "duckdb_tables", "_store.orders", "_system.commits"])
def test_internal_tables_are_not_advised(name: str) -> None:
    assert advised(f'No table!\nDid you mean "{name}"?') == ("No table!", "")


@pytest.mark.parametrize("path", ["/etc/passwd", "https://example.com/x.csv", "~/x.csv", "../x.csv"])
def test_a_file_elsewhere_is_not_read_and_the_hint_says_what_is(path: str, tmp_path: Path) -> None:
    database = open_database(tmp_path / "data.duckdb", "256MB", "64MB", (tmp_path,))
    with pytest.raises(QueryError) as caught:
        database.writer.execute(f"SELECT * FROM read_csv('{path}')")
    message, hint = advised(caught.value.message)
    assert message.endswith(f"{path.removeprefix('..')} is not below the project's folder")
    assert "below the project's folder" in hint
    database.close()
