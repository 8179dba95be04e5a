"""The digest: changes with everything that can change an answer, and with nothing else."""

from __future__ import annotations

import pytest

from tests.language import parse_statement
from workbench.language.definitions import MaterializedView, StreamingTable

TABLE = """CREATE STREAMING TABLE orders (
  id BIGINT, country VARCHAR COMMENT 'c', CONSTRAINT ok EXPECT (id > 0) ON VIOLATION DROP ROW
) COMMENT 'x' AS SELECT id, upper(country) AS country FROM STREAM read_files('x.json') WHERE country <> 'a'"""
VIEW = (
    "CREATE MATERIALIZED VIEW v AS SELECT country, count(*) AS n"
    " FROM STREAM orders WATERMARK ts DELAY OF INTERVAL 5 MINUTES GROUP BY country"
)


def digest(text: str) -> str:
    statement = parse_statement(text)
    assert isinstance(statement, (StreamingTable, MaterializedView))
    return statement.digest


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("COMMENT 'x'", "COMMENT 'y' TBLPROPERTIES ('a' = 'b')"),
        ("COMMENT 'c'", ""),
        ("CREATE STREAMING", "create or refresh streaming"),
        ("SELECT id,", "select /* the key */ id -- of the shop\n  ,"),
        ("upper(", "UPPER ("),
        ("BIGINT", "int8"),
        ("id > 0", "id  >\n0"),
        ("FROM STREAM read_files", "from stream read_files"),
    ],
)
def test_words_for_people_change_nothing(old: str, new: str) -> None:
    assert old in TABLE
    assert digest(TABLE.replace(old, new, 1)) == digest(TABLE)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("BIGINT", "INTEGER"),
        ("BIGINT", "BIGINT NOT NULL"),
        ("id > 0", "id >= 0"),
        ("DROP ROW", "FAIL UPDATE"),
        ("CONSTRAINT ok", "CONSTRAINT fine"),
        ("<> 'a'", "<> 'A'"),
        ("country VARCHAR", "Country VARCHAR"),
        ("upper(country)", "upper(Country)"),
        ("'x.json'", "'y.json'"),
        ("'x.json'", "'x.json', start => 'end'"),
        ("orders", "orders2"),
        (" WHERE country <> 'a'", ""),
    ],
)
def test_what_can_change_an_answer_changes_it(old: str, new: str) -> None:
    assert old in TABLE
    assert digest(TABLE.replace(old, new, 1)) != digest(TABLE)


def test_views() -> None:
    assert digest(VIEW.lower().replace("interval 5 minutes", "INTERVAL 5 minutes")) != digest(VIEW.replace("5", "6"))
    assert digest(VIEW.replace("FROM", "from").replace("count(", "COUNT(").replace("GROUP BY", "group  by")) == digest(VIEW)
    assert digest(VIEW.replace("v AS", "v COMMENT 'n' AS")) == digest(VIEW)
