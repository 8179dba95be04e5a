"""Flows typed into the console, and joins on the real engine, against plain SQL over the stored rows."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.bench import Bench
from workbench.errors import PipelineError, UsageError

SOURCE = "CREATE STREAMING TABLE orders (id BIGINT, ts TIMESTAMPTZ, n BIGINT) AS SELECT * FROM STREAM read_files('in/a.ndjson');\n"
OTHER = "CREATE STREAMING TABLE pays (id BIGINT, ts TIMESTAMPTZ, n BIGINT) AS SELECT * FROM STREAM read_files('in/b.ndjson');\n"
JOINED = """CREATE STREAMING TABLE paid AS SELECT o.n AS o, p.n AS p
FROM STREAM orders WATERMARK ts DELAY OF INTERVAL 20 SECONDS AS o JOIN STREAM pays WATERMARK ts DELAY OF INTERVAL 5 SECONDS AS p
ON o.id = p.id AND p.ts BETWEEN o.ts - INTERVAL 10 SECONDS AND o.ts + INTERVAL 30 SECONDS;
"""
FIRST = """CREATE STREAMING TABLE firsts AS SELECT DISTINCT ON (id) * FROM STREAM orders WATERMARK ts DELAY OF INTERVAL 20 SECONDS
WITHIN INTERVAL 15 SECONDS;
"""


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "shop")
    yield made
    if hasattr(made, "engine"):
        made.engine.stop()


def row(id: int, second: int, n: int) -> dict[str, object]:
    return {"id": id, "ts": f"2026-11-22T10:{second // 60:02}:{second % 60:02}Z", "n": n}


def on_time(table: str, delay: int) -> str:
    before = f"max(ts) OVER (ORDER BY n ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) - INTERVAL {delay} SECONDS"
    return f"(SELECT * FROM (SELECT *, {before} AS seen FROM {table}) WHERE seen IS NULL OR ts >= seen)"


def test_flows_come_and_go_in_the_console(bench: Bench) -> None:
    bench.write(SOURCE)
    bench.append(row(1, 0, 0), row(2, 1, 1))
    engine = bench.start()
    bench.until("SELECT count(*) FROM orders", [("2",)])
    engine.execute("CREATE STREAMING TABLE t (id BIGINT, x VARCHAR);")
    with pytest.raises(PipelineError, match="t has no column n"):
        engine.execute("CREATE FLOW f AS INSERT INTO t BY NAME SELECT id, n FROM STREAM orders")
    assert "f was created" in (engine.execute("CREATE FLOW f AS INSERT INTO t BY NAME SELECT id FROM STREAM orders") or "")
    bench.until("SELECT id, x FROM t ORDER BY id", [("1", None), ("2", None)])
    with pytest.raises(UsageError, match="t is needed by f"):
        engine.execute("DROP STREAMING TABLE t")
    with pytest.raises(UsageError, match="f is a flow"):
        engine.execute("DROP STREAMING TABLE f")
    assert engine.execute("DROP FLOW f") == "f was dropped; its rows stay in t"
    bench.append(row(3, 2, 2))
    bench.until("SELECT count(*) FROM orders", [("3",)])
    assert bench.ask("SELECT count(*) FROM t") == [("2",)]
    assert engine.check_data() == []
    assert "t was dropped" in (engine.execute("DROP STREAMING TABLE t") or "")


def test_joins_and_deduplications_equal_plain_sql_however_they_were_cut(bench: Bench) -> None:
    bench.write(SOURCE + OTHER + JOINED + FIRST)
    chance = random.Random(7)
    made = {"a.ndjson": 0, "b.ndjson": 0}
    for start in range(4):
        for file in ("a.ndjson", "b.ndjson"):
            rows = [row(chance.randrange(4), max(0, i // 2 + chance.randrange(-25, 3)), i) for i in range(made[file], made[file] + 60)]
            made[file] += len(rows)
            bench.append(*rows, file=file)
        bench.start()
        for table, file in (("orders", "a.ndjson"), ("pays", "b.ndjson")):
            bench.until(f"SELECT count(*) FROM {table}", [(str(made[file]),)])
        assert bench.engine.check_data() == []
        if start < 3:
            bench.engine.stop()
    near = "o.id = p.id AND p.ts BETWEEN o.ts - INTERVAL 10 SECONDS AND o.ts + INTERVAL 30 SECONDS"
    wanted = f"SELECT o.n, p.n FROM {on_time('orders', 20)} o JOIN {on_time('pays', 5)} p ON {near}"
    assert bench.ask(f"SELECT count(*) FROM (({wanted}) EXCEPT ALL FROM paid)") == [("0",)]
    assert bench.ask(f"SELECT count(*) FROM (FROM paid EXCEPT ALL ({wanted}))") == [("0",)]
    assert bench.ask("SELECT count(*) > 100 FROM paid") == [("true",)]
    missed = "SELECT count(*) FROM (SELECT 1 FROM {} EXCEPT ALL SELECT 1 FROM {})"
    late = [int(bench.ask(missed.format(table, on_time(table, delay)))[0][0]) for table, delay in (("orders", 20), ("pays", 5))]
    listed = bench.ask("SELECT stream, count(*) FROM workbench.late WHERE view = 'paid' GROUP BY stream ORDER BY stream")
    assert listed == [("orders", str(late[0])), ("pays", str(late[1]))]
    close = "EXISTS (FROM firsts k WHERE k.id = f.id AND k.n < f.n AND abs(epoch(k.ts) - epoch(f.ts)) <= 15)"
    assert bench.ask(f"SELECT count(*) FROM firsts f WHERE {close}") == [("0",)]
    left_out = (
        "SELECT *, max(ts) OVER (ORDER BY n ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) - INTERVAL 35 SECONDS AS seen FROM orders"
    )
    lost = f"SELECT count(*) FROM ({left_out}) f WHERE f.n NOT IN (SELECT n FROM firsts) AND f.ts >= f.seen AND NOT {close}"
    assert bench.ask(lost) == [("0",)]


def test_a_stream_joined_with_tables_that_change(bench: Bench) -> None:
    bench.write(
        SOURCE
        + OTHER
        + """CREATE MATERIALIZED VIEW sums AS SELECT id, count(*) AS c FROM STREAM pays GROUP BY id;
    CREATE TEMPORARY VIEW known AS SELECT id FROM sums WHERE c > 0;
    CREATE STREAMING TABLE outer_ AS SELECT o.id, s.c FROM STREAM orders o LEFT JOIN sums s USING (id);
    CREATE STREAMING TABLE matched AS SELECT o.id FROM STREAM orders o SEMI JOIN known USING (id);
    CREATE STREAMING TABLE unmatched AS SELECT o.id FROM STREAM orders o ANTI JOIN known USING (id);
    CREATE STREAMING TABLE rows_ AS SELECT o.id, p.n FROM STREAM orders o JOIN pays p USING (id);"""
    )
    bench.append(row(1, 0, 10), row(1, 0, 11), file="b.ndjson")
    bench.start()
    bench.until("SELECT c FROM sums", [("2",)])
    bench.append(row(1, 0, 0), row(2, 0, 1))
    bench.until("SELECT id, c FROM outer_ ORDER BY id", [("1", "2"), ("2", None)])
    assert bench.ask("SELECT id FROM matched") == [("1",)]
    assert bench.ask("SELECT id FROM unmatched") == [("2",)]
    assert bench.ask("SELECT n FROM rows_ ORDER BY n") == [("10",), ("11",)]
    bench.append(row(2, 0, 12), file="b.ndjson")
    bench.until("SELECT id, c FROM sums ORDER BY id", [("1", "2"), ("2", "1")])
    bench.append(row(2, 0, 2))
    bench.until("SELECT id, c FROM outer_ ORDER BY ALL NULLS LAST", [("1", "2"), ("2", "1"), ("2", None)])
    assert bench.ask("SELECT count(*) FROM matched") == [("2",)]
    assert bench.engine.check_data() == []
