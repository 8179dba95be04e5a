"""The engine on real files: what arrives is stored once, definitions change under it, and nothing is lost on the way."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import wait_until
from tests.integration.bench import Bench
from workbench.config import Settings, open_files
from workbench.engine.catalog import Catalog
from workbench.engine.engine import Engine
from workbench.errors import DiskFull, PipelineError, StoreError, UsageError
from workbench.store.commit import Commit, Probe
from workbench.store.commit import write as durable
from workbench.store.inserts import Inserts
from workbench.store.session import Session

ORDERS = """
CREATE STREAMING TABLE orders (order_id BIGINT NOT NULL, country VARCHAR, amount DOUBLE,
  CONSTRAINT positive EXPECT (amount > 0) ON VIOLATION DROP ROW)
AS SELECT * FROM STREAM read_files('in/*.ndjson', format => 'json');
"""
BY_COUNTRY = """
CREATE MATERIALIZED VIEW by_country AS SELECT country, count(*) AS n, sum(amount) AS total FROM STREAM orders GROUP BY country;
"""


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "shop")
    yield made
    if hasattr(made, "engine"):
        made.engine.stop()


def order(number: int, country: str | None = "DE", amount: float = 1.0) -> dict[str, Any]:
    return {"order_id": number, "country": country, "amount": amount}


def test_rows_are_judged_summed_and_stored(bench: Bench) -> None:
    bench.write(ORDERS + BY_COUNTRY)
    bench.append(order(1), order(2, None, 2.5), order(3, "DE", -1), "{oops", "")
    bench.start()
    bench.until("SELECT country, n, total FROM by_country ORDER BY ALL NULLS LAST", [("DE", "1", "1.0"), (None, "1", "2.5")])
    bench.append(order(4, "DE", 9))
    bench.until("SELECT n, total FROM by_country WHERE country = 'DE'", [("2", "10.0")])
    bench.until("SELECT rows_in, accepted, rejected, blank FROM workbench.streams", [("6", "3", "2", "1")])
    assert bench.ask("SELECT rules, line FROM workbench.quarantine ORDER BY line") == [("['positive']", "3"), ("['_malformed']", "4")]
    assert bench.engine.check_data() == []


def test_a_run_counts_what_was_committed_before_it_was_asked(bench: Bench) -> None:
    bench.write(ORDERS)
    bench.append(order(1), order(2))
    bench.start()
    bench.until("SELECT count(*) FROM orders", [("2",)])
    assert bench.engine.run_once().counts["orders"].accepted == 2
    bench.append(order(3))
    bench.until("SELECT count(*) FROM orders", [("3",)])
    assert bench.engine.run_once().counts["orders"].accepted == 1


def test_pipelines_that_change_are_seen_without_events_of_the_filesystem(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_paths: Path, **_options: object) -> None:
        raise OSError("no space left for watches")

    monkeypatch.setattr("watchfiles.watch", refuse)
    bench.write(ORDERS)
    bench.append(order(1))
    bench.start()
    bench.until("SELECT count(*) FROM orders", [("1",)])
    bench.write(BY_COUNTRY, "views.sql")
    bench.until("SELECT n FROM by_country", [("1",)])


def test_a_start_that_fails_gives_its_addresses_back(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    path = bench.root / "in.sock"
    bench.write(f"CREATE STREAMING TABLE t (n BIGINT) AS SELECT * FROM STREAM read_socket('unix://{path}', schema => 'n BIGINT');")
    reload = Catalog.reload

    def break_down(self: Catalog, session: Session, extra: str = "", anew: frozenset[str] = frozenset()) -> Any:
        reload(self, session, extra, anew)
        wait_until(path.exists, "the socket")
        raise DiskFull("there is no room")

    with monkeypatch.context() as patch:
        patch.setattr(Catalog, "reload", break_down)
        with pytest.raises(DiskFull):
            bench.start()
    del bench.engine
    assert not path.exists()
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith(("receive", "spool"))]
    bench.start()
    wait_until(path.exists, "the socket")


def test_a_stop_and_a_start_read_on_where_they_were(bench: Bench) -> None:
    bench.write(ORDERS + BY_COUNTRY)
    bench.append(*(order(i) for i in range(100)))
    bench.start()
    bench.until("SELECT n FROM by_country", [("100",)])
    bench.engine.stop()
    bench.append(*(order(i) for i in range(100, 150)))
    bench.start()
    bench.until("SELECT n FROM by_country", [("150",)])
    assert bench.ask("SELECT count(*), count(DISTINCT order_id) FROM orders") == [("150", "150")]
    assert "changed" not in bench.notices()


def test_a_broken_edit_keeps_the_old_definition(bench: Bench) -> None:
    bench.write(ORDERS + BY_COUNTRY)
    bench.append(order(1))
    bench.start()
    bench.until("SELECT n FROM by_country", [("1",)])
    bench.write(ORDERS + BY_COUNTRY.replace("country,", "contry,"))
    problems = wait_until(lambda: bench.engine.snapshot().problems, "the problem")
    assert problems[0].file == "pipelines/main.sql"
    assert "contry" in problems[0].message
    bench.append(order(2))
    bench.until("SELECT n FROM by_country", [("2",)])
    bench.write(ORDERS + BY_COUNTRY)
    wait_until(lambda: not bench.engine.snapshot().problems, "the problem to go")


def test_a_changed_running_state_is_rebuilt_from_stored_rows(bench: Bench) -> None:
    bench.write(ORDERS + BY_COUNTRY)
    bench.append(order(1, "DE", 1), order(2, "FR", 3))
    bench.start()
    bench.until("SELECT count(*) FROM by_country", [("2",)])
    bench.write(ORDERS + BY_COUNTRY.replace("sum(amount)", "max(amount * 10)"))
    bench.until("SELECT country, total FROM by_country ORDER BY country", [("DE", "10.0"), ("FR", "30.0")])
    assert "will be rebuilt from the stored rows of orders" in bench.notices()
    bench.append(order(3, "FR", 5))
    bench.until("SELECT total FROM by_country WHERE country = 'FR'", [("50.0",)])
    assert bench.engine.check_data() == []


def test_stored_rows_stay_as_they_were_judged(bench: Bench) -> None:
    bench.write(ORDERS)
    bench.append(order(1, amount=-5), order(2, amount=5))
    bench.start()
    bench.until("SELECT order_id FROM orders", [("2",)])
    bench.write(ORDERS.replace("amount > 0", "amount < 0"))
    wait_until(lambda: "stay as they were judged" in bench.notices(), "the notice")
    bench.append(order(3, amount=-5), order(4, amount=5))
    bench.until("SELECT order_id FROM orders ORDER BY 1", [("2",), ("3",)])
    assert bench.engine.check_data() == []


def test_a_column_can_be_added_and_a_type_cannot_change(bench: Bench) -> None:
    bench.write(ORDERS)
    bench.append(order(1))
    bench.start()
    bench.until("SELECT count(*) FROM orders", [("1",)])
    bench.write(ORDERS.replace("amount DOUBLE,", "amount DOUBLE, coupon VARCHAR,"))
    wait_until(lambda: "New columns (coupon)" in bench.notices(), "the notice")
    bench.append(order(2) | {"coupon": "X"})
    bench.until("SELECT coupon FROM orders ORDER BY order_id", [(None,), ("X",)])
    bench.write(ORDERS.replace("amount DOUBLE,", "amount VARCHAR,").replace("amount > 0", "amount <> ''"))
    problems = wait_until(lambda: bench.engine.snapshot().problems, "the problem")
    assert "stored as DOUBLE" in problems[0].message


def test_a_fail_rule_stops_at_its_row_and_resumes_there(bench: Bench) -> None:
    bench.write(ORDERS.replace("DROP ROW", "FAIL UPDATE"))
    bench.append(order(1), order(2), order(3, amount=-1), order(4))
    bench.start()
    status = wait_until(lambda: next((s for s in bench.engine.snapshot().streams if s.state == "FAIL"), None), "the failure")
    assert "line 3" in status.detail
    assert "positive" in status.detail
    assert bench.ask("SELECT order_id FROM orders ORDER BY 1") == [("1",), ("2",)]
    bench.write(ORDERS)
    bench.until("SELECT order_id FROM orders ORDER BY 1", [("1",), ("2",), ("4",)])
    assert bench.ask("SELECT count(*) FROM workbench.quarantine") == [("1",)]


def test_only_the_culprit_stops(bench: Bench) -> None:
    other = ORDERS.replace("TABLE orders", "TABLE others").replace("in/", "other/").replace("amount > 0", "country::INTEGER > 0")
    (bench.root / "other").mkdir()
    (bench.root / "other" / "b.ndjson").write_text(json.dumps(order(1)) + "\n")
    bench.write(ORDERS + other)
    bench.append(order(1))
    bench.start()
    bench.until("SELECT count(*) FROM orders", [("1",)])
    wait_until(lambda: {s.name: s.state for s in bench.engine.snapshot().streams}["others"] == "FAIL", "others to fail")
    bench.append(order(2))
    bench.until("SELECT count(*) FROM orders", [("2",)])


def test_a_stream_over_a_stream_takes_what_is_stored_and_what_comes(bench: Bench) -> None:
    bench.write(ORDERS)
    bench.append(*(order(i, "DE" if i % 2 else "FR", i) for i in range(1, 9)))
    bench.start()
    bench.until("SELECT count(*) FROM orders", [("8",)])
    bench.write(
        "CREATE STREAMING TABLE german (CONSTRAINT small EXPECT (amount < 7) ON VIOLATION DROP ROW)"
        " AS SELECT order_id, amount FROM STREAM orders WHERE country = 'DE';"
        "CREATE MATERIALIZED VIEW sums AS SELECT count(*) AS n, sum(amount) AS total FROM STREAM german;",
        "german.sql",
    )
    bench.until("SELECT n, total FROM sums", [("3", "9.0")])
    bench.append(order(9, "DE", 2))
    bench.until("SELECT n, total FROM sums", [("4", "11.0")])
    assert bench.ask("SELECT rows_in, accepted, rejected, filtered FROM workbench.streams WHERE name = 'german'") == [("9", "4", "1", "4")]
    assert bench.engine.check_data() == []


def test_a_view_that_left_and_came_back_has_missed_nothing(bench: Bench) -> None:
    bench.write(ORDERS)
    bench.write(BY_COUNTRY, "view.sql")
    bench.append(order(1))
    bench.start()
    bench.until("SELECT n FROM by_country", [("1",)])
    (bench.root / "pipelines" / "view.sql").unlink()
    wait_until(lambda: all(not s.views for s in bench.engine.snapshot().streams), "the view to go")
    bench.append(order(2))
    bench.until("SELECT count(*) FROM orders", [("2",)])
    bench.write(BY_COUNTRY, "view.sql")
    bench.until("SELECT n FROM by_country", [("2",)])


def test_what_leaves_the_pipelines_is_told_of(bench: Bench) -> None:
    bench.write(ORDERS)
    bench.write(BY_COUNTRY, "view.sql")
    bench.append(order(1))
    bench.start()
    bench.until("SELECT n FROM by_country", [("1",)])
    stays = "what is stored stays until it is dropped"
    (bench.root / "pipelines" / "view.sql").unlink()
    wait_until(lambda: any("view.sql" in n.text for n in bench.engine.snapshot().notices), "the view's notice")
    bench.write(ORDERS.replace("orders", "others"))
    wait_until(lambda: any("orders is no" in n.text for n in bench.engine.snapshot().notices), "the table's notice")
    assert [n.text for n in bench.engine.snapshot().notices if n.kind == "warning"] == [
        f"pipelines/view.sql is gone: by_country is no longer kept up to date; {stays}",
        f"pipelines/main.sql has changed: orders is no longer fed; {stays}",
    ]
    bench.engine.stop()
    bench.start()
    assert not [n for n in bench.engine.snapshot().notices if "orders is no" in n.text]


def test_pause_lasts_over_a_restart(bench: Bench) -> None:
    bench.write(ORDERS)
    bench.start()
    bench.engine.pause("orders")
    bench.until_unread()
    bench.append(order(1))
    bench.engine.stop()
    bench.start()
    assert bench.engine.snapshot().streams[0].state == "PAUSE"
    assert bench.ask("SELECT count(*) FROM orders") == [("0",)]
    bench.engine.resume("ORDERS")
    bench.until("SELECT count(*) FROM orders", [("1",)])


def test_views_over_tables_are_refreshed_as_runs(bench: Bench) -> None:
    (bench.root / "countries.csv").write_text("code,name\nDE,Germany\n")
    bench.write(
        ORDERS
        + "CREATE MATERIALIZED VIEW countries AS SELECT * FROM read_csv('countries.csv');"
        + "CREATE MATERIALIZED VIEW named TRIGGER ON UPDATE AS"
        + " SELECT name, count(*) AS n FROM orders JOIN countries ON code = country GROUP BY name;"
    )
    bench.append(order(1))
    bench.start()
    bench.until("SELECT name, n FROM named", [("Germany", "1")])
    bench.append(order(2))
    bench.until("SELECT name, n FROM named", [("Germany", "2")])
    runs = {run.job: run for run in bench.engine.snapshot().runs}
    assert runs["countries"].state == "done"
    (bench.root / "countries.csv").unlink()
    bench.engine.execute("REFRESH countries")
    failed = wait_until(lambda: next((r for r in bench.engine.snapshot().runs if r.state == "failed"), None), "the failed run")
    assert "countries.csv" in failed.error
    assert bench.ask("SELECT name FROM countries") == [("Germany",)]
    assert bench.ask("SELECT count(*) FROM workbench.job_runs WHERE state = 'failed'") == [("1",)]


def test_statements_typed_into_the_console_stay(bench: Bench) -> None:
    bench.write(ORDERS)
    bench.append(order(1))
    bench.start()
    bench.until("SELECT count(*) FROM orders", [("1",)])
    assert "was created" in str(bench.engine.execute(BY_COUNTRY))
    bench.until("SELECT n FROM by_country", [("1",)])
    bench.engine.stop()
    bench.append(order(2))
    bench.start()
    bench.until("SELECT n FROM by_country", [("2",)])
    with pytest.raises(UsageError, match=r"read by by_country|defined in"):
        bench.engine.execute("DROP STREAMING TABLE orders")
    assert "was dropped" in str(bench.engine.execute("DROP MATERIALIZED VIEW by_country"))
    assert bench.ask("SELECT count(*) FROM workbench.catalog") == [("1",)]
    with pytest.raises(PipelineError):
        bench.engine.execute("CREATE MATERIALIZED VIEW v AS SELECT median(amount) FROM STREAM orders")
    assert bench.engine.execute("SELECT 1") is None


def test_a_schema_is_inferred_once_a_record_is_there(bench: Bench) -> None:
    bench.write("CREATE STREAMING TABLE events AS SELECT * FROM STREAM read_files('in/*.ndjson', format => 'json');")
    bench.start()
    assert bench.engine.snapshot().streams[0].state == "WAIT"
    bench.append({"id": 1, "name": "a"})
    wait_until(lambda: bench.engine.snapshot().streams[0].rows_in == 1, "the first record")
    bench.append({"id": 2, "name": "b", "extra": True})
    bench.until("SELECT id, name, _rescued_data FROM events ORDER BY id", [("1", "a", None), ("2", "b", '{"extra":true}')])
    wait_until(lambda: "extra" in bench.notices(), "the notice of a new field")


def test_files_without_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "people.csv").write_text("id;name\n1;Ada\n2;Bob\n")
    (tmp_path / "app.log").write_text("first\nsecond\n")
    settings = Settings(poll=0.02, tick=0.0)
    engine = Engine(open_files((str(tmp_path / "people.csv"), str(tmp_path / "app.log")), settings), settings)
    engine.start()
    try:
        summary = engine.run_once()
        assert {name: counts.accepted for name, counts in summary.counts.items()} == {"people": 2, "app": 2}
        assert not (tmp_path / ".workbench").exists()
    finally:
        engine.stop()


def test_the_tail_shows_rejected_rows_in_place_and_can_be_searched(bench: Bench) -> None:
    bench.write(ORDERS)
    bench.append(order(1), order(2, "FR", -1), "broken", order(4, "KR"))
    bench.start()
    tail = wait_until(lambda: found if len((found := bench.engine.tail("orders")).rows) == 4 else None, "the tail")
    assert [(row.line, row.rules) for row in tail.rows] == [(1, ()), (2, ("positive",)), (3, ("_malformed",)), (4, ())]
    assert tail.rows[1].cells == ("2", "FR", "-1.0")
    assert tail.rows[2].raw == "broken"
    found = bench.engine.tail("orders", 50, "kr")
    assert [row.cells for row in found.rows] == [("4", "KR", "1.0")]
    assert (found.matched, found.searched) == (1, 4)
    assert bench.engine.tail("orders", 50, "lower(").matched == 0
    rejected = bench.engine.tail("orders", 50, "broken")
    detail = bench.engine.quarantine_detail(rejected.rows[0].quarantine_id or 0)
    session = bench.engine._works.inspector()._session
    left = "SELECT (SELECT count(*) FROM duckdb_prepared_statements()), (SELECT count(*) FROM duckdb_views() WHERE temporary)"
    before = session.execute(left)
    assert all(bench.engine.quarantine_detail(rejected.rows[0].quarantine_id or 0) == detail for _ in range(3))
    assert session.execute(left) == before, "a screen asks for each new one, all day"
    assert (detail.row.line, detail.raw) == (3, "broken")


def test_the_state_page_counts_growth_for_each_client(bench: Bench) -> None:
    bench.write(ORDERS + BY_COUNTRY)
    bench.append(order(1), order(2, "FR", 2))
    bench.start()
    bench.until("SELECT count(*) FROM by_country", [("2",)])
    first = bench.engine.state("by_country", 10, "me")
    assert first.keys == 1
    assert [(row.cells[0], row.changed) for row in first.rows] == [("FR", 0.0), ("DE", 0.0)]
    bench.append(order(3, "DE", 5))
    bench.until("SELECT total FROM by_country WHERE country = 'DE'", [("6.0",)])
    second = bench.engine.state("by_country", 10, "me")
    assert [(row.cells[0], row.changed) for row in second.rows] == [("DE", 5.0), ("FR", 0.0)]


def test_a_state_that_is_compacted_answers_the_same(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbench.stream.running.FREE_PARTIALS", 0)
    bench.write(ORDERS + BY_COUNTRY)
    bench.start()
    for i in range(12):
        bench.append(order(i))
        bench.until("SELECT n FROM by_country", [(str(i + 1),)])
    assert bench.engine.check_data() == []
    bench.engine.stop()
    bench.start()
    bench.until("SELECT n, total FROM by_country", [("12", "12.0")])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_read_once_it_is_given(bench: Bench) -> None:
    bench.write(ORDERS)
    bench.append(order(1))
    (bench.root / "in" / "a.ndjson").chmod(0)
    bench.start()
    wait_until(lambda: "a.ndjson" in bench.notices(), "the notice")
    (bench.root / "in" / "a.ndjson").chmod(0o600)
    bench.until("SELECT count(*) FROM orders", [("1",)])


def test_a_view_that_missed_an_update_is_refreshed_at_the_next_start(bench: Bench) -> None:
    bench.write(ORDERS + "CREATE MATERIALIZED VIEW n TRIGGER ON UPDATE AT MOST EVERY INTERVAL 1 HOUR AS SELECT count(*) AS n FROM orders;")
    bench.append(order(1))
    engine = bench.start()
    bench.until("SELECT count(*) FROM orders", [("1",)])

    def refreshed() -> bool:
        with engine._works.triggers._lock:
            return not engine._works.triggers._due and engine._jobs.idle

    wait_until(refreshed, "the refresh that this made due, the last one for an hour")
    assert bench.ask("SELECT n FROM n") == [("1",)]
    bench.append(order(2))
    bench.until("SELECT count(*) FROM orders", [("2",)])
    assert bench.ask("SELECT n FROM n") == [("1",)]
    bench.engine.stop()
    bench.start()
    bench.until("SELECT n FROM n", [("2",)])


def test_letter_case_tells_no_names_apart(bench: Bench) -> None:
    bench.write(ORDERS.replace("TABLE orders", "TABLE Orders") + BY_COUNTRY.replace("STREAM orders", "STREAM ORDERS"))
    bench.append({"order_id": 1, "country": "DE", "amount": 1})
    bench.start()
    bench.until("SELECT n FROM by_country", [("1",)])
    bench.engine.stop()
    bench.write(ORDERS + BY_COUNTRY.replace("by_country", "By_Country"))
    bench.append({"order_id": 1, "country": "DE", "amount": 1})
    bench.start()
    bench.until("SELECT n, (SELECT count(*) FROM orders) FROM by_country", [("2", "2")])
    assert bench.engine.check_data() == []


def test_event_times_at_the_ends_of_time_are_judged_as_a_recomputation_judges_them(bench: Bench) -> None:
    bench.write(
        "CREATE STREAMING TABLE t (ts TIMESTAMPTZ) AS SELECT * FROM STREAM read_files('in/*.ndjson', format => 'json');"
        "CREATE MATERIALIZED VIEW m AS SELECT window(ts, '1 minute') AS w, count(*) AS n"
        " FROM STREAM t WATERMARK ts DELAY OF INTERVAL 30 SECONDS GROUP BY 1;"
    )
    bench.append(
        {"ts": "1950-01-01T00:00:30Z"}, {"ts": "-290000-01-01"}, {"ts": "290000-01-01"}, {"ts": "1951-01-01"}, {"ts": "1950-01-01"}
    )
    bench.append(
        {"ts": "290309-12-22 (BC)"}, {"ts": "294247-01-10T04:00:54Z"}, {"ts": None}, {"ts": "9999-12-31T23:59:59Z"}, {"ts": "2026-01-01"}
    )
    bench.start()
    bench.until("SELECT sum(n) FROM m", [("8",)])
    assert bench.engine.check_data() == []


def test_event_times_at_the_ends_of_time_are_in_the_window_null_of_every_kind(bench: Bench) -> None:
    windows = ("window(ts, '1 minute')", "window(ts, '1 minute', '30 seconds')", "session_window(ts, '1 minute')")
    bench.write(
        "CREATE STREAMING TABLE t (ts TIMESTAMPTZ) AS SELECT * FROM STREAM read_files('in/*.ndjson', format => 'json');"
        + "".join(
            f"CREATE MATERIALIZED VIEW v{i} AS SELECT {window} AS w, count(*) AS n FROM STREAM t"
            " WATERMARK ts DELAY OF INTERVAL 10000000 DAYS GROUP BY 1;"
            for i, window in enumerate(windows)
        )
        + "CREATE MATERIALIZED VIEW plain AS SELECT window(ts, '1 minute') AS w, count(*) AS n FROM STREAM t GROUP BY 1;"
    )
    bench.append(*({"ts": time} for time in ("290000-01-01", "-290000-01-01", "80000-01-01", None)))
    bench.append(*({"ts": time} for time in ("20000-01-01", "-5000-01-01", "9999-12-31T23:59:59Z", "2026-01-01", "70000-01-01")))
    bench.start()
    bench.until("SELECT count(*) FROM t", [("9",)])
    for view in ("v0", "v1", "v2", "plain"):
        assert bench.ask(f"SELECT n FROM {view} WHERE w IS NULL") == [("4",)]
        assert bench.ask(f"SELECT count(*) FROM {view} WHERE w IS NOT NULL") == [("10" if view == "v1" else "5",)]
    assert bench.engine.check_data() == []


def test_a_commit_that_only_closed_windows_is_a_version_too(bench: Bench) -> None:
    bench.write(
        "CREATE STREAMING TABLE t (n BIGINT, ts TIMESTAMPTZ);"
        + "".join(
            f"CREATE FLOW {name} AS INSERT INTO t BY NAME SELECT * FROM STREAM read_files('in/{name}.ndjson',"
            " schema => 'n BIGINT, ts TIMESTAMPTZ', idle_timeout => '1 hour');"
            for name in ("slow", "fast")
        )
        + "CREATE MATERIALIZED VIEW m AS SELECT window(ts, '1 minute') AS w, sum(n) AS n"
        " FROM STREAM t WATERMARK ts DELAY OF INTERVAL 1 SECOND GROUP BY 1;"
    )
    bench.append({"n": 1, "ts": "2026-01-01T00:00:00Z"}, file="slow.ndjson")
    bench.append({"n": 2, "ts": "2026-01-01T00:00:30Z"}, {"n": 4, "ts": "2026-01-01T01:00:00Z"}, file="fast.ndjson")
    bench.start()
    bench.until("SELECT count(*) FROM t", [("3",)])
    plan = bench.engine.plan_control("slow", "stop", {})  # its watermark holds the window open no more
    bench.engine.control("slow", "stop", plan.token, {})
    bench.until("SELECT state, rows FROM workbench.windows ORDER BY window_start", [("closed", "2"), ("open", "1")])
    closed = bench.engine.snapshot().commit
    assert int(bench.ask("SELECT max(id) FROM workbench.commits")[0][0]) < closed
    shown = [("2026-01-01 00:00:00+00", "3"), ("2026-01-01 01:00:00+00", "4")]
    assert bench.ask(f"SELECT * FROM m AT (VERSION => {closed}) ORDER BY w") == shown
    bench.append({"n": 8, "ts": "2026-01-01T01:00:01Z"}, file="fast.ndjson")
    bench.until("SELECT max(n) FROM m", [("12",)])
    assert bench.ask(f"SELECT * FROM m AT (VERSION => {closed}) ORDER BY w") == shown
    assert bench.ask(f"SELECT count(*) FROM t AT (VERSION => {closed})") == [("3",)]


def test_a_column_that_is_defined_no_more_stays_readable(bench: Bench) -> None:
    bench.write(ORDERS + BY_COUNTRY)
    bench.append(order(1) | {"coupon": "X"})
    bench.write(ORDERS.replace("amount DOUBLE,", "amount DOUBLE, coupon VARCHAR,") + BY_COUNTRY)
    bench.start()
    bench.until("SELECT coupon FROM orders", [("X",)])
    bench.write(ORDERS + BY_COUNTRY)
    wait_until(lambda: "orders changed" in bench.notices(), "the new definition")
    bench.append(order(2) | {"coupon": "Y"})
    bench.until("SELECT order_id, coupon FROM orders ORDER BY order_id", [("1", "X"), ("2", None)])
    bench.until("SELECT n FROM by_country", [("2",)])
    assert bench.engine.check_data() == []


def test_a_full_disk_stops_nothing_but_commits(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.write(ORDERS + BY_COUNTRY)
    bench.append(order(1))
    bench.start()
    bench.until("SELECT n FROM by_country", [("1",)])
    full = True

    def write(inserts: Inserts, commit: Commit, probe: Probe) -> float:
        if full:
            raise DiskFull("The disk is full")
        return durable(inserts, commit, probe)

    monkeypatch.setattr("workbench.stream.pump.write", write)
    bench.append(*(order(i) for i in range(2, 50)))
    status = wait_until(lambda: found if (found := bench.engine.snapshot().streams[0]).state == "WAIT" else None, "the stall")
    assert "disk is full" in status.detail
    bench.engine.pause("orders")
    bench.engine.resume("orders")
    assert bench.ask("SELECT n FROM by_country") == [("1",)]
    with pytest.raises(StoreError, match="disk is full"):
        bench.engine.run_once()
    full = False
    bench.until("SELECT n FROM by_country", [("49",)])
    assert bench.engine.check_data() == []


def test_what_a_source_said_last_is_an_event_after_the_engine_ended(bench: Bench) -> None:
    bench.write(ORDERS)
    bench.start()
    flow = bench.engine._pump.flows[0]
    bench.engine._housekeeper.stop()
    with bench.engine._pump.lock:
        flow.notices.append("in/a.gz ends in the middle")
    bench.engine.stop()
    bench.start()
    assert bench.ask("SELECT count(*) FROM workbench.events WHERE text = 'in/a.gz ends in the middle'") == [("1",)]


def test_a_csv_file_with_another_delimiter_is_told(bench: Bench) -> None:
    bench.write(
        "CREATE STREAMING TABLE people (id BIGINT NOT NULL, name VARCHAR) AS SELECT * FROM STREAM read_files('in/*.csv', format => 'csv');"
    )
    (bench.root / "in" / "a.csv").write_text("id;name\n1;Ada\n")
    bench.start()
    wait_until(lambda: "no column of the header `id;name`" in bench.notices(), "the notice")
