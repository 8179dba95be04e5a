"""What the plan of a rewind says: where it goes and why, and what may be otherwise afterwards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.bench import Bench

TABLE = "CREATE STREAMING TABLE a (ts TIMESTAMPTZ, n BIGINT) AS SELECT * FROM STREAM read_files('d/*.ndjson', format => 'json');\n"
BY_MINUTE = (
    "CREATE MATERIALIZED VIEW by_minute AS SELECT window(ts, '1 minute') AS minute, count(*) AS rows FROM STREAM a"
    " WATERMARK ts DELAY OF INTERVAL 1 SECOND GROUP BY window(ts, '1 minute');\n"
)
TOTAL = "CREATE MATERIALIZED VIEW total AS SELECT count(*) AS rows FROM STREAM a;\n"
TWICE = "CREATE STREAMING TABLE b AS SELECT n FROM STREAM a;\nCREATE FLOW b2 AS INSERT INTO b BY NAME SELECT n + 1 AS n FROM STREAM a;\n"
SIDE_BY_SIDE = "2 of them were read side by side"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "shop")
    (made.root / "d").mkdir()
    yield made
    made.engine.stop()


def append(bench: Bench, file: str, rows: int) -> None:
    with (bench.root / "d" / file).open("a") as out:
        out.writelines(json.dumps({"ts": "2026-01-01T00:00:00Z", "n": n}) + "\n" for n in range(rows))


def turns(bench: Bench, *files: str, rows: int = 10) -> None:
    """A commit, at least, for each of them in turn."""
    arrived = int(bench.ask("SELECT coalesce(sum(rows_in), 0) FROM workbench.flows WHERE name = 'a'")[0][0])
    for file in files:
        append(bench, file, rows)
        arrived += rows
        bench.until("SELECT rows_in FROM workbench.flows WHERE name = 'a'", [(str(arrived),)])


def says(bench: Bench, **arguments: Any) -> tuple[str, ...]:
    plan = bench.engine.plan_control("a", "rewind", arguments)
    assert plan.possible, plan.says
    return plan.says


def started(bench: Bench, sql: str) -> None:
    append(bench, "x.ndjson", 1)  # columns are declared, but a glob has to match
    bench.write(sql)
    bench.start()
    bench.until("SELECT rows_in FROM workbench.flows WHERE name = 'a'", [("1",)])


def test_a_place_within_what_a_commit_read_is_explained(bench: Bench) -> None:
    started(bench, TABLE)
    turns(bench, "x.ndjson", "x.ndjson")
    commit = int(bench.ask("SELECT max(id) FROM workbench.commits WHERE stream = 'a'")[0][0])
    first = says(bench, row="d/x.ndjson:15")[0]
    assert first == f"A rewind goes to where a commit ended: commit {commit:,} read lines 12 to 21 of d/x.ndjson, line 15 among them."
    assert says(bench, row="x.ndjson:12")[0].startswith("a goes back to"), "that is where it began"
    begin, end = bench.ask(f'SELECT s."from", s."to" FROM (SELECT unnest(spans) AS s FROM workbench.commits WHERE id = {commit})')[0]
    assert (
        f"read bytes {int(begin):,} to {int(end):,} of d/x.ndjson, byte {int(end) - 1:,} among them."
        in says(bench, offset=f"d/x.ndjson:{int(end) - 1}")[0]
    )


def test_two_flows_that_come_the_same_way_are_said_once(bench: Bench) -> None:
    started(bench, TABLE + TWICE)
    turns(bench, "x.ndjson")
    bench.until("SELECT rows_in FROM workbench.streams WHERE name = 'b'", [("22",)])
    said = says(bench, beginning=True)
    assert said.count("b is derived again from a, as its rows come again.") == 1
    assert len(set(said)) == len(said)


def test_files_that_came_side_by_side_may_give_other_late_rows(bench: Bench) -> None:
    started(bench, TABLE + BY_MINUTE + TOTAL)
    turns(bench, "x.ndjson", "y.ndjson", "x.ndjson", "y.ndjson")
    (said,) = [one for one in says(bench, beginning=True) if SIDE_BY_SIDE in one]
    assert said.endswith("by event time other rows may be late than before, and by_minute may differ.")


def test_files_that_came_one_after_the_other_do_so_again(bench: Bench) -> None:
    started(bench, TABLE + BY_MINUTE)
    turns(bench, "x.ndjson", "x.ndjson", "y.ndjson", "y.ndjson")
    assert not [one for one in says(bench, beginning=True) if SIDE_BY_SIDE in one]


def test_without_event_time_the_order_matters_to_nobody(bench: Bench) -> None:
    started(bench, TABLE + TOTAL)
    turns(bench, "x.ndjson", "y.ndjson", "x.ndjson", "y.ndjson")
    assert not [one for one in says(bench, beginning=True) if SIDE_BY_SIDE in one]
