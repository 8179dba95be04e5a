"""What every test may use: waiting with a deadline, and a project in a folder of its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal, TypeVar

import pytest
from hypothesis import HealthCheck, settings

from workbench.config import Project, Settings, open_project

T = TypeVar("T")

PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
# A change is judged by the same examples each time; `--hypothesis-profile=search` looks for new ones.
settings.register_profile("search", PATIENT)
settings.register_profile("same", PATIENT, derandomize=True)
settings.load_profile("same")

DEADLINE = 120.0
"""Seconds; far more than anything takes, so that a machine ten times slower does not fail and a hang does."""

ORDERS_SQL = """\
CREATE STREAMING TABLE orders (
  order_id BIGINT NOT NULL,
  country  VARCHAR,
  amount   DOUBLE,
  ts       TIMESTAMPTZ NOT NULL,
  CONSTRAINT amount_is_positive EXPECT (amount > 0) ON VIOLATION DROP ROW,
  CONSTRAINT country_is_known   EXPECT (country IS NOT NULL)
)
AS SELECT * FROM STREAM read_files('data/*.ndjson', format => 'json');

CREATE MATERIALIZED VIEW revenue AS
SELECT country, count(*) AS orders, sum(amount) AS revenue FROM STREAM orders GROUP BY country;
"""

ORDERS_NDJSON = """\
{"order_id":1,"country":"DE","amount":10.5,"ts":"2026-01-01T00:00:00Z"}
{"order_id":2,"country":"DE","amount":-1.0,"ts":"2026-01-01T00:00:01Z"}
{"order_id":3,"country":null,"amount":2.25,"ts":"2026-01-01T00:00:02Z"}
### not json
{"order_id":5,"country":"FR","amount":7,"ts":"2026-01-01T00:00:04Z"}
"""
"""Five records: three accepted (one of them marked), two rejected."""


def wait_until(look: Callable[[], T | Literal[False, 0, ""] | None], what: str = "", deadline: float = DEADLINE) -> T:
    """The first true answer of `look`; fails the test, naming `what`, when none comes in time."""
    end = time.monotonic() + deadline
    while True:
        answer = look()
        if answer:
            return answer
        if time.monotonic() > end:
            pytest.fail(f"waited {deadline:g} s for {what or look}")
        time.sleep(0.01)


def write_project(root: Path) -> Path:
    """A small project in a new folder: one stream of five orders, one running state."""
    (root / "pipelines").mkdir(parents=True)
    (root / "data").mkdir()
    (root / "pipelines" / "shop.sql").write_text(ORDERS_SQL, "utf-8")
    (root / "data" / "orders.ndjson").write_text(ORDERS_NDJSON, "utf-8")
    return root


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small project of one's own."""
    return write_project(tmp_path / "shop")


@pytest.fixture
def project(folder: Path) -> Project:
    """The same, opened."""
    return open_project(folder, Settings())
