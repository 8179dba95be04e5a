"""The public Nexmark queries 0 to 8: kept while the events arrive, they equal plain SQL over what is stored, however they were cut."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.bench import Bench
from tests.nexmark.generator import lines

QUERIES = (Path(__file__).parents[1] / "nexmark" / "nexmark.sql").read_text()
EVENTS = 6000
WINNING = (
    "SELECT a.id, a.category, a.seller, a.expires, max(b.price) AS final FROM auction a JOIN bid b"
    " ON a.id = b.auction AND b.ts BETWEEN a.ts AND a.expires GROUP BY ALL"
)
SLOT = "make_timestamptz(epoch_us({0}) - epoch_us({0}) % 10000000)"
EXPECTED = {
    "q0": "SELECT auction, bidder, price, ts, extra FROM bid",
    "q1": "SELECT auction, bidder, 0.908 * price AS price, ts, extra FROM bid",
    "q2": "SELECT auction, price FROM bid WHERE auction % 123 = 0",
    "q3": "SELECT p.name, p.city, p.state, a.id FROM auction a JOIN person p ON a.seller = p.id"
    " WHERE a.category = 10 AND p.state IN ('OR', 'ID', 'CA')",
    "q4": f"SELECT category, avg(final) AS mean FROM ({WINNING}) GROUP BY category",
    "q5": "WITH n AS (SELECT begin, auction, count(*) AS bids FROM (SELECT auction, unnest(range("
    " (epoch_us(ts) // 2000000 - 4) * 2000000, (epoch_us(ts) // 2000000 + 1) * 2000000, 2000000)) AS begin FROM bid) GROUP BY ALL)"
    " SELECT make_timestamptz(begin) AS begin, auction, bids FROM n QUALIFY rank() OVER (PARTITION BY begin ORDER BY bids DESC) = 1",
    "q6": "SELECT seller, id, avg(final) OVER (PARTITION BY seller ORDER BY expires, id ROWS BETWEEN 9 PRECEDING AND CURRENT ROW) AS mean"
    f" FROM ({WINNING})",
    "q7": f"SELECT auction, price, bidder, ts FROM bid QUALIFY rank() OVER (PARTITION BY {SLOT.format('ts')} ORDER BY price DESC) = 1",
    "q8": f"SELECT p.id, p.name, {SLOT.format('p.ts')} AS begin, count(*) AS auctions FROM person p JOIN auction a"
    f" ON p.id = a.seller AND {SLOT.format('p.ts')} = {SLOT.format('a.ts')} GROUP BY ALL",
}


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    bench = Bench(tmp_path_factory.mktemp("nexmark") / "market", chunk=200_000)
    bench.write(QUERIES)
    (bench.root / "events").mkdir()
    events = lines(EVENTS)
    for first in range(0, EVENTS, EVENTS // 4):  # the engine starts anew for each quarter
        with (bench.root / "events" / "all.ndjson").open("a") as file:
            file.writelines(events[first : first + EVENTS // 4])
        bench.start()
        assert not bench.engine.problems
        read = "SELECT sum(rows_in)::BIGINT FROM workbench.flows WHERE name IN ('person', 'auction', 'bid')"
        bench.until(read, [(str(3 * (first + EVENTS // 4)),)])
        bench.engine.stop()
    bench.start()
    yield bench
    bench.engine.stop()


def test_the_events_are_read_once_for_all_three_tables(market: Bench) -> None:
    (flow,) = market.engine._pump.flows
    assert flow.names == ("person", "auction", "bid")
    counts = " + ".join(f"(SELECT count(*) FROM {table})" for table in flow.names)
    assert market.ask(f"SELECT {counts}") == [(str(EVENTS),)]
    assert market.engine.check_data() == []


@pytest.mark.parametrize("query", EXPECTED)
def test_a_query_equals_plain_sql_over_the_stored_rows(market: Bench, query: str) -> None:
    names = {"q8": "id, name, begin, auctions"}.get(query, "*")
    count = market.ask(f"SELECT count(*)::INT FROM ({EXPECTED[query]})")
    assert int(count[0][0]) > 0, "an empty answer proves nothing"
    assert market.ask(f"SELECT count(*)::INT FROM {query}") == count
    for one, other in ((f"SELECT {names} FROM {query}", EXPECTED[query]), (EXPECTED[query], f"SELECT {names} FROM {query}")):
        assert market.ask(f"FROM ({one}) EXCEPT ALL FROM ({other}) LIMIT 3") == []


def test_nothing_came_late(market: Bench) -> None:
    assert market.ask("SELECT count(*)::INT FROM workbench.late") == [("0",)]
