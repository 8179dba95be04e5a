"""Several flows into one table, one source for several tables, joins and deduplications: on the real engine."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import DEADLINE, wait_until
from tests.integration.bench import Bench
from workbench.batch import ChunkBuffer, RawBatch
from workbench.connectors.files.source import FileSource

TABLE = """
CREATE STREAMING TABLE t (id BIGINT NOT NULL, kind VARCHAR, ts TIMESTAMPTZ,
  CONSTRAINT known EXPECT (id >= 0) ON VIOLATION DROP ROW);
"""
FLOW = """
CREATE FLOW f{0} AS INSERT INTO t BY NAME SELECT id, '{0}' AS kind, ts
FROM STREAM read_files('in/{0}.ndjson', format => 'json', schema => 'id BIGINT, ts TIMESTAMPTZ', idle_timeout => '{1}');
"""
VIEW = """
CREATE MATERIALIZED VIEW w AS SELECT window(ts, '10 seconds') AS begin, count(*) AS n
FROM STREAM t WATERMARK ts DELAY OF INTERVAL 0 SECONDS GROUP BY 1;
"""
CLOSED = "SELECT count(*) FROM workbench.windows WHERE state = 'closed'"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "shop")
    yield made
    made.engine.stop()


def at(id: int, second: int) -> dict[str, object]:
    return {"id": id, "ts": f"2026-01-01T00:{second // 60:02}:{second % 60:02}Z"}


def test_two_flows_fill_one_table_and_each_is_accounted_for(bench: Bench) -> None:
    bench.write(TABLE + FLOW.format("a", "1 hour") + FLOW.format("b", "1 hour"))
    bench.append(at(1, 0), at(-1, 1), "nonsense", file="a.ndjson")
    bench.append(at(2, 0), at(3, 1), file="b.ndjson")
    bench.start()
    bench.until("SELECT kind, count(*)::INT FROM t GROUP BY 1 ORDER BY 1", [("a", "1"), ("b", "2")])
    counted = [("fa", "t", "3", "1", "2"), ("fb", "t", "2", "2", "0")]
    bench.until("SELECT name, stream, rows_in, accepted, rejected FROM workbench.flows ORDER BY 1", counted)
    assert bench.ask("SELECT name, rows_in, accepted, rejected FROM workbench.streams") == [("t", "5", "3", "2")]
    assert bench.engine.check_data() == []
    bench.engine.stop()
    bench.append(at(4, 5), file="b.ndjson")
    bench.start()
    bench.until("SELECT id FROM t ORDER BY 1", [("1",), ("2",), ("3",), ("4",)])
    assert bench.engine.check_data() == []


def test_the_slower_source_holds_the_watermark_until_it_is_idle(bench: Bench) -> None:
    bench.write(TABLE + FLOW.format("a", "1 hour") + FLOW.format("b", "1 second") + VIEW)
    bench.append(*(at(i, i) for i in range(100)), file="a.ndjson")
    bench.append(*(at(i, i) for i in range(35)), file="b.ndjson")
    bench.start()
    bench.until("SELECT count(*)::INT FROM t", [("135",)])
    bench.until(CLOSED, [("9",)])  # 3 at once, the others when b has become idle
    assert bench.ask("SELECT n FROM w ORDER BY begin LIMIT 4") == [("20",), ("20",), ("20",), ("15",)]
    bench.append(at(999, 36), file="b.ndjson")
    bench.until("SELECT count(*)::INT FROM workbench.late", [("1",)])
    assert bench.ask(CLOSED) == [("9",)]
    assert bench.engine.check_data() == []
    bench.engine.stop()
    bench.start()
    assert bench.ask(CLOSED) == [("9",)]
    assert bench.engine.check_data() == []


def test_a_source_that_is_not_idle_holds_windows_open(bench: Bench) -> None:
    bench.write(TABLE + FLOW.format("a", "1 hour") + FLOW.format("b", "1 hour") + VIEW)
    bench.append(*(at(i, i) for i in range(100)), file="a.ndjson")
    bench.append(*(at(i, i) for i in range(35)), file="b.ndjson")
    bench.start()
    bench.until(CLOSED, [("3",)])
    view = next(v for v in bench.engine.snapshot().views if v.name == "w")
    assert (view.kind, view.open_windows, view.closed_windows, view.waits_for) == ("tumbling", 7, 3, ("fb",))


def test_one_file_feeds_several_tables_and_is_read_once(bench: Bench) -> None:
    source = "read_files('in/*.ndjson', format => 'json', schema => 'id BIGINT, ts TIMESTAMPTZ')"
    bench.write(
        f"CREATE STREAMING TABLE even AS SELECT id FROM STREAM {source} WHERE id % 2 = 0;\n"
        f"CREATE STREAMING TABLE odd (id BIGINT, CONSTRAINT small EXPECT (id < 7) ON VIOLATION DROP ROW)"
        f" AS SELECT id FROM STREAM {source} WHERE id % 2 = 1;\n"
    )
    bench.append(*(at(i, i) for i in range(10)), "broken")
    bench.start()
    bench.until("SELECT (SELECT count(*) FROM even)::INT, (SELECT count(*) FROM odd)::INT", [("5", "3")])
    assert len(bench.engine._pump.flows) == 1
    bench.until("SELECT stream, rules::VARCHAR FROM workbench.quarantine ORDER BY ALL", [
        ("even", "[_malformed]"), ("odd", "[_malformed]"), ("odd", "[small]"), ("odd", "[small]")
    ])  # fmt: skip
    assert bench.engine.check_data() == []
    bench.write(f"CREATE STREAMING TABLE every AS SELECT id FROM STREAM {source};", "more.sql")
    bench.engine.reload()
    bench.until("SELECT count(*)::INT FROM every", [("10",)])
    bench.append(at(10, 10), file="b.ndjson")
    bench.until("SELECT (SELECT count(*) FROM even)::INT, (SELECT count(*) FROM every)::INT", [("6", "11")])
    assert bench.engine.check_data() == []
    bench.engine.stop()
    bench.start()
    assert len(bench.engine._pump.flows) == 1, "all stand at the same place now"


def test_a_source_without_a_record_is_looked_at_while_other_files_change_all_the_time(bench: Bench) -> None:
    bench.write("CREATE STREAMING TABLE later AS SELECT * FROM STREAM read_files('in/l*.ndjson', format => 'json');")
    engine = bench.start()
    stop = threading.Event()

    def change() -> None:
        while not stop.wait(0.001):
            engine._wake(frozenset({str(bench.root / "in" / "l.ndjson")}))

    thread = threading.Thread(target=change)
    thread.start()
    try:
        bench.append(at(1, 10), file="l.ndjson")
        bench.until("SELECT count(*) FROM later", [("1",)])
    finally:
        stop.set()
        thread.join()


def test_a_row_sees_a_joined_table_as_of_its_commit(bench: Bench) -> None:
    bench.write(
        "CREATE STREAMING TABLE prices (item VARCHAR, price BIGINT) AS SELECT * FROM STREAM read_files('in/p.ndjson', format => 'json');\n"
        "CREATE STREAMING TABLE sales AS SELECT s.item, p.price FROM STREAM read_files('in/s.ndjson', format => 'json',"
        " schema => 'item VARCHAR') s LEFT JOIN (SELECT item, max(price) AS price FROM prices GROUP BY item) p ON p.item = s.item;\n"
    )
    bench.append({"item": "a", "price": 1}, file="p.ndjson")
    bench.start()
    bench.until("SELECT price FROM prices", [("1",)])
    bench.append({"item": "a"}, file="s.ndjson")
    bench.until("SELECT price FROM sales", [("1",)])
    bench.append({"item": "a", "price": 2}, file="p.ndjson")
    bench.until("SELECT max(price) FROM prices", [("2",)])
    bench.append({"item": "a"}, {"item": "b"}, file="s.ndjson")
    bench.until("SELECT price FROM sales", [("1",), ("2",), (None,)])
    assert bench.engine.check_data() == []


def test_a_fail_rule_after_a_join_says_how_much_it_holds_back(bench: Bench) -> None:
    bench.write(
        "CREATE STREAMING TABLE prices (item VARCHAR, price BIGINT) AS SELECT * FROM STREAM read_files('in/p.ndjson', format => 'json');\n"
        "CREATE STREAMING TABLE sales (CONSTRAINT known EXPECT (price IS NOT NULL) ON VIOLATION FAIL UPDATE)"
        " AS SELECT s.item, p.price FROM STREAM read_files('in/s.ndjson', format => 'json', schema => 'item VARCHAR') s"
        " LEFT JOIN prices p ON p.item = s.item;\n"
    )
    bench.append({"item": "a", "price": 1}, file="p.ndjson")
    bench.start()
    bench.until("SELECT price FROM prices", [("1",)])
    bench.append({"item": "a"}, file="s.ndjson")
    bench.until("SELECT price FROM sales", [("1",)])
    bench.append({"item": "a"}, {"item": "a"}, {"item": "b"}, {"item": "a"}, file="s.ndjson")
    failed = wait_until(lambda: next((s for s in bench.engine.snapshot().streams if s.state == "FAIL"), None), "the failure")
    before = 4 - 1 - int(bench.ask("SELECT count(*) FROM sales")[0][0])
    assert "sales stopped: in/s.ndjson line 4 broke known" in failed.detail
    said = {0: "Everything before that line is stored.", 1: "The record before it is not stored either"}  # by how it was cut into reads
    assert said.get(before, f"The {before} records before it are not stored either") in failed.detail
    bench.append({"item": "b", "price": 2}, file="p.ndjson")
    bench.until("SELECT count(*) FROM prices", [("2",)])
    bench.engine.resume("sales")
    bench.until("SELECT price FROM sales ORDER BY ALL", [("1",), ("1",), ("1",), ("1",), ("2",)])
    assert bench.engine.check_data() == []


def test_streams_are_joined_within_an_interval_over_restarts(bench: Bench) -> None:
    bench.write(
        "CREATE STREAMING TABLE a (id BIGINT, ts TIMESTAMPTZ) AS SELECT * FROM STREAM read_files('in/a.ndjson', format => 'json');\n"
        "CREATE STREAMING TABLE b (id BIGINT, seen TIMESTAMPTZ) AS SELECT * FROM STREAM read_files('in/b.ndjson', format => 'json');\n"
        "CREATE STREAMING TABLE m AS SELECT a.id, b.seen FROM STREAM a WATERMARK ts DELAY OF INTERVAL 5 SECONDS"
        " JOIN STREAM b WATERMARK seen DELAY OF INTERVAL 5 SECONDS ON a.id = b.id AND b.seen BETWEEN a.ts AND a.ts + INTERVAL 10 SECONDS;\n"
    )
    bench.append(at(1, 0), at(2, 1), file="a.ndjson")
    bench.start()
    bench.until("SELECT count(*)::INT FROM a", [("2",)])
    bench.engine.stop()
    bench.append({"id": 1, "seen": "2026-01-01T00:00:04Z"}, {"id": 2, "seen": "2026-01-01T00:00:30Z"}, file="b.ndjson")
    bench.start()
    bench.until("SELECT id FROM m", [("1",)])
    join = next(v for v in bench.engine.snapshot().views if v.kind == "join")
    assert join.name == "m"
    assert join.state_rows > 0
    assert bench.engine.check_data() == []


def test_duplicates_within_an_interval_are_filtered_and_counted(bench: Bench) -> None:
    bench.write(
        "CREATE STREAMING TABLE d AS SELECT DISTINCT ON (id) * FROM STREAM read_files('in/a.ndjson', format => 'json',"
        " schema => 'id BIGINT, ts TIMESTAMPTZ') WATERMARK ts DELAY OF INTERVAL 5 SECONDS WITHIN INTERVAL 1 MINUTE;"
    )
    bench.append(at(1, 0), at(1, 10), at(2, 10))
    bench.start()
    bench.until("SELECT id FROM d ORDER BY 1", [("1",), ("2",)])
    bench.engine.stop()
    bench.append(at(1, 50), at(3, 50), at(1, 70))
    bench.start()
    bench.until("SELECT id FROM d", [("1",), ("2",), ("3",), ("1",)])
    assert bench.ask("SELECT rows_in, accepted, filtered FROM workbench.streams") == [("6", "4", "2")]
    assert bench.engine.check_data() == []


def test_only_rows_that_are_kept_break_rules(bench: Bench) -> None:
    distinct = "SELECT DISTINCT ON (id) * FROM STREAM {} WATERMARK ts DELAY OF INTERVAL 5 SECONDS WITHIN INTERVAL 1 MINUTE;"
    files = "read_files('in/a.ndjson', format => 'json', schema => 'id BIGINT, ts TIMESTAMPTZ')"
    bench.write(
        f"CREATE STREAMING TABLE d (CONSTRAINT small EXPECT (id < 5)) AS {distinct.format(files)}"
        f"CREATE STREAMING TABLE plain AS SELECT * FROM STREAM {files};"
        f"CREATE STREAMING TABLE e (CONSTRAINT small EXPECT (id < 5)) AS {distinct.format('plain')}"
    )
    bench.append(at(9, 0), at(9, 10), at(2, 10), at(9, 11))
    bench.start()
    for name in "de":
        bench.until(f"SELECT id, len(_violations) FROM {name} ORDER BY 1", [("2", "0"), ("9", "1")])
        assert bench.ask(f"SELECT rule, total FROM workbench.rules WHERE stream = '{name}' AND total > 0") == [("small", "1")]


def test_a_source_that_became_idle_later_holds_the_watermark_again_after_a_rewind(bench: Bench) -> None:
    bench.write(TABLE + FLOW.format("a", "1 hour") + FLOW.format("b", "1 hour") + VIEW)
    bench.append(at(1, 95), file="a.ndjson")
    bench.append(at(2, 5), file="b.ndjson")
    bench.start()
    bench.until("SELECT count(*) FROM t", [("2",)])
    commit = int(bench.ask("SELECT max(id) FROM workbench.commits")[0][0])
    bench.append(at(3, 15), file="b.ndjson")
    bench.until(CLOSED, [("1",)])
    bench.engine.stop()
    bench.write(TABLE + FLOW.format("a", "1 hour") + FLOW.format("b", "1 second") + VIEW)
    bench.start()
    bench.until(CLOSED, [("2",)])  # b has become idle
    rows = bench.ask("SELECT * FROM w ORDER BY ALL")
    assert len(rows) == 3
    plan = bench.engine.plan_control("t", "rewind", {"commit": commit})
    bench.engine.control("t", "rewind", plan.token, {"commit": commit})
    bench.until("SELECT count(*) FROM t", [("3",)])
    assert bench.ask("SELECT * FROM w ORDER BY ALL") == rows
    assert bench.ask("SELECT late FROM workbench.watermarks") == [("0",)]
    assert bench.engine.check_data() == []


def test_windows_wait_for_no_source_that_is_stopped(bench: Bench) -> None:
    bench.write(TABLE + FLOW.format("a", "1 hour") + FLOW.format("b", "1 hour") + VIEW)
    bench.append(at(1, 95), file="a.ndjson")
    bench.append(at(2, 5), file="b.ndjson")
    bench.start()
    bench.until("SELECT count(*) FROM t", [("2",)])
    assert bench.ask(CLOSED) == [("0",)]
    plan = bench.engine.plan_control("fb", "stop", {})
    assert "Until then no window waits for it: w." in plan.says
    bench.engine.control("fb", "stop", plan.token, {})
    bench.until(CLOSED, [("1",)])
    assert bench.engine.check_data() == []


def test_a_paused_source_holds_windows_open_until_it_is_resumed(bench: Bench) -> None:
    def idle(name: str) -> bool:
        return next(flow.watermark_idle for flow in bench.engine.snapshot().streams[0].flows if flow.name == name)

    bench.write(TABLE + FLOW.format("a", "100 milliseconds") + FLOW.format("b", "1 hour") + VIEW)
    bench.append(at(1, 15), file="a.ndjson")
    bench.append(at(2, 5), file="b.ndjson")
    bench.start()
    bench.until("SELECT count(*) FROM t", [("2",)])
    plan = bench.engine.plan_control("fb", "pause", {})
    assert "Windows that it could still have rows for stay open until then: w." in plan.says
    bench.engine.control("fb", "pause", plan.token, {})
    bench.write(TABLE + FLOW.format("a", "100 milliseconds") + FLOW.format("b", "100 milliseconds") + VIEW)
    for number in (3, 4):  # over a restart too
        bench.append(at(number, 95), file="a.ndjson")
        bench.until("SELECT count(*) FROM t", [(str(number),)])
        wait_until(lambda: idle("fa"))  # as fb would be by now, which was silent for longer
        assert not idle("fb")
        assert bench.ask(CLOSED) == [("0",)]
        bench.engine.stop()
        bench.start()
    bench.append(at(5, 6), file="b.ndjson")
    bench.engine.resume("fb")
    bench.until("SELECT count(*) FROM t", [("5",)])
    wait_until(lambda: idle("fb"))
    bench.append(at(6, 95), file="a.ndjson")
    bench.until(CLOSED, [("2",)])
    assert bench.ask("SELECT sum(late) FROM workbench.windows") == [("0",)]
    assert bench.engine.check_data() == []


def test_what_came_while_a_source_was_paused_is_not_late(bench: Bench) -> None:
    """Its file was last looked at before the pause: that it was idle then says nothing."""
    bench.write(TABLE + FLOW.format("a", "1 hour") + FLOW.format("b", "100 milliseconds") + VIEW)
    bench.append(at(2, 5), file="b.ndjson")
    bench.start()
    bench.until("SELECT count(*) FROM t", [("1",)])
    silent = time.monotonic()
    plan = bench.engine.plan_control("fb", "pause", {})
    bench.engine.control("fb", "pause", plan.token, {})
    wait_until(lambda: not next(flow for flow in bench.engine._pump.flows if flow.name == "fb").reading, "the last look before the pause")
    bench.append(at(1, 15), file="a.ndjson")  # until then the other source holds the watermark, whatever is idle
    bench.until("SELECT count(*) FROM t", [("2",)])
    wait_until(lambda: time.monotonic() > silent + 0.2)
    bench.append(at(3, 6), file="b.ndjson")
    for number in range(4, 9):
        bench.append(at(number, 95 + number), file="a.ndjson")
        if number == 6:
            bench.engine.resume("fb")
    bench.until("SELECT count(*) FROM t", [("8",)])
    assert bench.ask("SELECT sum(late) FROM workbench.windows") == [("0",)]
    assert bench.engine.check_data() == []


def test_a_read_that_began_before_a_pause_says_nothing_of_what_came_meanwhile(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A source is idle after a resume only once it was looked at."""
    bench.write(TABLE + FLOW.format("b", "100 milliseconds") + VIEW)
    bench.append(at(2, 5), file="b.ndjson")
    engine = bench.start()
    bench.until("SELECT count(*) FROM t", [("1",)])
    hangs, resumed, looks, seen = (threading.Event() for _ in range(4))
    read, rescan = FileSource.read, FileSource.rescan

    def slowly(self: FileSource, buffer: ChunkBuffer, limit: int | None = None) -> RawBatch | None:
        raw = read(self, buffer, limit)
        if raw is None and not resumed.is_set():
            hangs.set()
            assert resumed.wait(DEADLINE)
        return raw

    def late(self: FileSource, at_once: bool = False) -> bool:
        if resumed.is_set():
            looks.set()
            assert seen.wait(DEADLINE)
        return rescan(self, at_once)

    monkeypatch.setattr(FileSource, "read", slowly)
    monkeypatch.setattr(FileSource, "rescan", late)
    assert hangs.wait(DEADLINE)
    plan = engine.plan_control("fb", "pause", {})
    engine.control("fb", "pause", plan.token, {})
    bench.append(at(3, 6), file="b.ndjson")
    engine.resume("fb")
    resumed.set()
    try:
        assert looks.wait(DEADLINE)
        (flow,) = engine._pump.flows
        with engine._pump.lock:
            assert not flow.idle(time.monotonic() + 1e6, was=True)
    finally:
        seen.set()
    bench.until("SELECT count(*) FROM t", [("2",)])


def test_a_flow_that_comes_again_after_it_was_dropped_reads_everything_again(bench: Bench) -> None:
    bench.write(TABLE + FLOW.format("a", "1 hour") + FLOW.format("b", "1 hour"))
    bench.append(at(1, 0), at(2, 0), file="a.ndjson")
    bench.start()
    bench.until("SELECT count(*) FROM t", [("2",)])
    bench.write(TABLE + FLOW.format("b", "1 hour"))
    bench.engine.reload()
    bench.engine.execute("DROP FLOW fa")
    assert bench.engine.check_data() == []
    bench.write(TABLE + FLOW.format("a", "1 hour") + FLOW.format("b", "1 hour"))
    bench.engine.reload()
    bench.until("SELECT count(*) FROM t", [("4",)])
    assert bench.ask("SELECT rows_in FROM workbench.flows WHERE name = 'fa'") == [("4",)]
    assert bench.engine.check_data() == []


def test_versions_that_a_dropped_table_took_back_are_no_matter_to_one_of_its_name(bench: Bench) -> None:
    sql = TABLE + FLOW.format("a", "1 hour")
    bench.write(sql)
    bench.append(at(1, 0), at(2, 0), file="a.ndjson")
    bench.start()
    bench.until("SELECT count(*) FROM t", [("2",)])
    plan = bench.engine.plan_control("t", "rewind", {"beginning": True})
    bench.engine.control("t", "rewind", plan.token, {"beginning": True})
    bench.until("SELECT count(*) FROM t", [("2",)])
    taken = bench.engine.snapshot().commit
    bench.write("")
    bench.engine.reload()
    bench.engine.execute("DROP STREAMING TABLE t; DROP FLOW fa;")
    bench.engine.stop()
    bench.write(sql)
    bench.start()
    bench.until("SELECT count(*) FROM t", [("2",)])
    [(first,)] = bench.ask("SELECT min(id) FROM workbench.commits")
    assert int(first) > taken
    assert bench.ask(f"SELECT count(*) FROM t AT (VERSION => {first})") == [("2",)]


def test_a_clock_counts_to_its_end(bench: Bench) -> None:
    bench.write("CREATE STREAMING TABLE r AS SELECT value FROM STREAM read_rate(rowsPerSecond => 100000, rows => 5000);")
    bench.start()
    bench.until("SELECT count(*)::INT, max(value)::INT FROM r", [("5000", "4999")])
    assert wait_until(lambda: bench.engine.snapshot().streams[0].state == "DONE")
