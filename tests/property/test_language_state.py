"""Running states: partial aggregates of any cut of the rows, compacted at any time, equal the query over all rows.

Invariants of a running state, S being the stored partials of deltas d1 … dn in the order of their commits:
1. finish(S) = recompute(d1 ∪ … ∪ dn): integers, decimals and keys exactly, floats within 1e-9, ties by arrival.
2. combine changes no answer: finish(combine(S)) = finish(S), and combine(S) has at most one row a key.
3. finish and recompute give columns of the same names and types; combine gives the columns of partial.
4. NULL keys are a group; a state without keys has exactly one group, also before the first row.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.language import graph_of
from workbench.language.definitions import Graph, MaterializedView, RunningState
from workbench.store.binder import bind
from workbench.store.session import Session, scratch

PROJECT = """
CREATE STREAMING TABLE orders (
  id BIGINT, country VARCHAR, n INTEGER, amount DOUBLE, price DECIMAL(9,2), paid BOOLEAN, ts TIMESTAMPTZ, "Odd ""name" VARCHAR
) AS SELECT * FROM STREAM read_files('orders/*.ndjson', format => 'json');
CREATE MATERIALIZED VIEW countries AS SELECT 'KR' AS code, 'Asia' AS continent, 0.1 AS vat;
CREATE MATERIALIZED VIEW v AS
"""

QUERIES = """
SELECT count(*) AS orders, count(n), sum(n), sum(amount) AS revenue, avg(amount)
  FROM STREAM orders

SELECT country, count(*), sum(price), avg(price), min(price), max(price)
  FROM STREAM orders GROUP BY country

SELECT country AS c, n % 2 AS odd, sum(id), avg(n), min(country), max(ts)
  FROM STREAM orders GROUP BY c, n % 2

SELECT n + 1 AS next, bool_and(paid), bool_or(paid), count_if(n > 1), count(*) FILTER (WHERE paid) AS paid
  FROM STREAM orders GROUP BY ALL

SELECT sum(n) FILTER (WHERE paid), avg(amount) FILTER (n > 1), max(price) FILTER (WHERE NOT paid)
  FROM STREAM orders HAVING count(*) > 2

SELECT country, sum(n) * 2 + count(*) AS score, score > 3 AS good
  FROM STREAM orders GROUP BY 1 HAVING sum(n) > 0 OR country IS NULL

SELECT arg_max(id, n), arg_min(country, amount), max_by(id, price) FILTER (WHERE paid), min_by(id, ts)
  FROM STREAM orders

SELECT o.country, arg_max(id, n) AS last, arg_min(id, n)
  FROM STREAM orders o GROUP BY o.country

SELECT window(ts, '1 minute') AS minute, country, count(*) AS orders, sum(amount)
  FROM STREAM orders WATERMARK ts DELAY OF INTERVAL 30 SECONDS GROUP BY window(ts, '1 minute'), country

SELECT c.continent, sum(o.amount * c.vat) AS vat, count(*)
  FROM STREAM orders AS o LEFT JOIN countries AS c ON o.country = c.code GROUP BY ALL

SELECT upper(country) || '!' AS loud, count(*)
  FROM STREAM orders JOIN countries ON country = code WHERE n > 0 GROUP BY upper(country)

SELECT country
  FROM STREAM orders GROUP BY country

SELECT "Odd ""name" AS "a.b", count(DISTINCT_) AS n
  FROM STREAM orders, (SELECT 1 AS DISTINCT_) GROUP BY "Odd ""name"

SELECT CASE WHEN n > 1 THEN 'many' ELSE 'few' END AS kind, max(n) - min(n) AS spread, list_sum([max(n), 1])
  FROM STREAM orders GROUP BY kind
""".strip().split("\n\n")


@cache
def state_of(query: str) -> tuple[RunningState, Graph]:
    graph = graph_of({"p.sql": PROJECT + query})
    view = graph.get("v")
    assert isinstance(view, MaterializedView)
    assert view.running is not None
    return view.running, graph


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    opened = scratch()
    opened.execute("CREATE TABLE countries AS SELECT * FROM (VALUES ('KR', 'Asia', 0.1), ('US', 'America', 0.05)) t(code, continent, vat)")
    yield opened
    opened.close()


TYPES = pa.schema(
    [
        ("id", pa.int64()),
        ("country", pa.string()),
        ("n", pa.int32()),
        ("amount", pa.float64()),
        ("price", pa.decimal128(9, 2)),
        ("paid", pa.bool_()),
        ("ts", pa.timestamp("us", "UTC")),
        ('Odd "name', pa.string()),
    ]
)

BLANK: dict[str, Any] = {name: None for name in TYPES.names if name != "id"}

maybe = st.none
rows = st.lists(
    st.fixed_dictionaries(
        {
            "country": maybe() | st.sampled_from(["KR", "US", "de", ""]),
            "n": maybe() | st.integers(-2, 3) | st.sampled_from([2**30, -(2**30)]),
            "amount": maybe() | st.floats(0, 1e6, width=32),
            "price": maybe() | st.decimals(-9999, 9999, places=2),
            "paid": maybe() | st.booleans(),
            "ts": maybe() | st.integers(-200_000_000, 200_000_000),
            'Odd "name': maybe() | st.sampled_from(["x", "y"]),
        }
    ),
    max_size=30,
)


def table(found: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist([{"id": i, **row} for i, row in enumerate(found)], schema=TYPES)


def answer(session: Session, sql: str) -> list[tuple[Any, ...]]:
    """The rows, in an order that does not depend on the last digits of a float."""
    return sorted((tuple(row.values()) for row in session.arrow(sql).to_pylist()), key=_order)


def _order(row: tuple[Any, ...]) -> str:
    return repr([v for v in row if not isinstance(v, float)])


def same(left: list[tuple[Any, ...]], right: list[tuple[Any, ...]]) -> bool:
    return len(left) == len(right) and all(_equal(a, b) for x, y in zip(left, right, strict=True) for a, b in zip(x, y, strict=True))


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9)
    return bool(type(a) is type(b) and a == b)


class Kept:
    """The partial aggregates of one running state, stored as the database stores them."""

    def __init__(self, session: Session, state: RunningState) -> None:
        self.session, self.state = session, state
        with session.relation("_delta", table([])):
            columns = ", ".join(f"{name} {kind}" for name, kind in session.describe(state.partial))
        session.execute(f"CREATE OR REPLACE TEMP TABLE _state ({columns}, _commit BIGINT)")

    def append(self, delta: pa.Table, commit: int) -> None:
        with self.session.relation("_delta", delta):
            self.session.execute(f"INSERT INTO _state SELECT *, {commit} FROM ({self.state.partial})")

    def compact(self, commit: int) -> None:
        described = self.session.describe("FROM _state")[:-1]
        assert self.session.describe(self.state.combine) == described
        self.session.execute(f"CREATE OR REPLACE TEMP TABLE _combined AS {self.state.combine}")
        self.session.execute(f"DELETE FROM _state; INSERT INTO _state SELECT *, {commit} FROM _combined")

    def finish(self) -> list[tuple[Any, ...]]:
        return answer(self.session, self.state.finish)


@pytest.mark.parametrize("query", QUERIES)
@settings(max_examples=12, deadline=None)
@given(found=rows, cuts=st.lists(st.integers(0, 30), max_size=5), compactions=st.sets(st.integers(0, 6), max_size=3))
def test_any_cut_and_any_compaction_give_the_answer_of_the_whole(
    session: Session, query: str, found: list[dict[str, Any]], cuts: list[int], compactions: set[int]
) -> None:
    state, _ = state_of(query)
    everything = table(found)
    kept = Kept(session, state)
    bounds = [0, *sorted(min(cut, len(found)) for cut in cuts), len(found)]
    for commit, (start, stop) in enumerate(pairwise(bounds)):
        kept.append(everything.slice(start, stop - start), commit)
        if commit in compactions:
            before = kept.finish()
            kept.compact(commit)
            assert same(kept.finish(), before)
    with session.relation("_rows", everything):
        finished, recomputed = kept.finish(), answer(session, state.recompute)
        assert session.describe(state.finish) == session.describe(state.recompute)
    assert same(finished, recomputed), (finished, recomputed)


@pytest.mark.parametrize("query", QUERIES)
def test_every_query_binds_with_the_types_of_the_plain_query(query: str) -> None:
    _, graph = state_of(query)
    bound = bind(graph, scratch, lambda source, name: None)
    assert bound.problems == []
    assert "v" in bound.schemas


def test_a_state_without_keys_has_one_group_before_the_first_row(session: Session) -> None:
    state, _ = state_of("SELECT count(*) AS n, sum(price) AS s, avg(n) AS a FROM STREAM orders")
    assert Kept(session, state).finish() == [(0, None, None)]


def test_ties_go_to_the_row_that_arrived_first_whatever_the_cut(session: Session) -> None:
    state, _ = state_of("SELECT arg_max(id, n) AS top FROM STREAM orders")
    everything = table([{**BLANK, "n": 5}, {**BLANK, "n": 5}, {**BLANK, "n": None}])
    kept = Kept(session, state)
    for commit in (2, 1, 0):
        kept.append(everything.slice(commit, 1), commit)
    assert kept.finish() == [(0,)]


@given(micros=st.integers(-(10**15), 10**15), seconds=st.sampled_from([1, 7, 60, 86_400]))
@settings(max_examples=40, deadline=None)
def test_a_window_begins_at_or_before_its_time_also_before_1970(session: Session, micros: int, seconds: int) -> None:
    state, _ = state_of(f"SELECT window(ts, '{seconds} seconds') AS w, count(*) AS n FROM STREAM orders GROUP BY w")
    with session.relation("_delta", table([{**BLANK, "ts": micros}])):
        [[start]] = [list(row.values()) for row in session.arrow(f"SELECT epoch_us(_k0) AS e FROM ({state.partial})").to_pylist()]
    size = seconds * 1_000_000
    assert start == micros // size * size


def test_decimals_and_large_sums_are_exact(session: Session) -> None:
    state, _ = state_of("SELECT sum(price) AS s, sum(id * 9000000000000000) AS big FROM STREAM orders")
    everything = table([{**BLANK, "price": Decimal("0.10")} for _ in range(900)])
    kept = Kept(session, state)
    for commit in range(9):
        kept.append(everything.slice(commit * 100, 100), commit)
    with session.relation("_rows", everything):
        assert kept.finish() == answer(session, state.recompute)
    assert session.execute(f"SELECT s = 90.00 FROM ({state.finish})") == [(True,)]
