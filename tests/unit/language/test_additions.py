"""A column is added to a statement's text, and nothing else changes."""

from __future__ import annotations

import pytest

from workbench.language.additions import spelled, with_column


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("CREATE STREAMING TABLE t (a BIGINT) AS SELECT 1", "CREATE STREAMING TABLE t (a BIGINT, b DOUBLE) AS SELECT 1"),
        (
            "CREATE STREAMING TABLE t (\n  a BIGINT,\n  c VARCHAR COMMENT 'x, (y)'\n)\nAS SELECT 1",
            "CREATE STREAMING TABLE t (\n  a BIGINT,\n  c VARCHAR COMMENT 'x, (y)',\n  b DOUBLE\n)\nAS SELECT 1",
        ),
        (
            "CREATE STREAMING TABLE t (\n\ta DECIMAL(9, 2) NOT NULL,  -- e\n\tCONSTRAINT c EXPECT (a > 0)\n)\nAS SELECT 1",
            "CREATE STREAMING TABLE t (\n\ta DECIMAL(9, 2) NOT NULL,  -- e\n\tb DOUBLE,\n\tCONSTRAINT c EXPECT (a > 0)\n)\nAS SELECT 1",
        ),
        (
            "CREATE STREAMING TABLE t (\n  a BIGINT -- the first\n) AS SELECT 1",
            "CREATE STREAMING TABLE t (\n  a BIGINT, -- the first\n  b DOUBLE\n) AS SELECT 1",
        ),
        (
            "CREATE STREAMING TABLE t (a BIGINT, CONSTRAINT c EXPECT (a > 0)) AS SELECT 1",
            "CREATE STREAMING TABLE t (a BIGINT, b DOUBLE, CONSTRAINT c EXPECT (a > 0)) AS SELECT 1",
        ),
        (
            "CREATE STREAMING TABLE t (a BIGINT,\n  c DATE) AS SELECT 1",
            "CREATE STREAMING TABLE t (a BIGINT,\n  c DATE, b DOUBLE) AS SELECT 1",
        ),
        (
            "CREATE STREAMING TABLE t (a BIGINT,\n  c DATE, -- when\n  CONSTRAINT k EXPECT (a > 0)) AS SELECT 1",
            "CREATE STREAMING TABLE t (a BIGINT,\n  c DATE, -- when\n  b DOUBLE,\n  CONSTRAINT k EXPECT (a > 0)) AS SELECT 1",
        ),
        ("CREATE STREAMING TABLE t AS SELECT f(1)", None),
        ("CREATE STREAMING TABLE t (CONSTRAINT c EXPECT (a > 0)) AS SELECT 1", None),
    ],
)
def test_the_text_with_a_column(before: str, after: str | None) -> None:
    assert with_column(before, "b DOUBLE") == after


@pytest.mark.parametrize(
    ("name", "written"), [("coupon", "coupon"), ("Coupon_2", "Coupon_2"), ("2nd", '"2nd"'), ("a b", '"a b"'), ("select", '"select"')]
)
def test_a_name_is_quoted_only_where_it_must(name: str, written: str) -> None:
    assert spelled(name) == written
