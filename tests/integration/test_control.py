"""Commands on streams: said before they are done, done as they were said, and the counts balance afterwards."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import wait_until
from tests.integration.bench import Bench
from tests.integration.test_engine import BY_COUNTRY, ORDERS
from workbench.engine.planner import Planner
from workbench.errors import DiskFull, NotFound, PlanOutdated, UsageError
from workbench.protocol import Action, ControlPlan

LARGE = """
CREATE STREAMING TABLE large (CONSTRAINT known EXPECT (country IS NOT NULL) ON VIOLATION DROP ROW)
AS SELECT order_id, country FROM STREAM orders WHERE amount > 10;
"""


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "shop")
    yield made
    made.engine.stop()


def orders(first: int, stop: int) -> list[dict[str, Any]]:
    """Every fourth breaks the rule of orders, every third that of large."""
    return [
        {"order_id": i, "country": None if i % 3 == 0 else "DE", "amount": -1.0 if i % 4 == 0 else float(i)} for i in range(first, stop)
    ]


def filled(bench: Bench, *parts: int, sql: str = ORDERS + LARGE + BY_COUNTRY) -> None:
    """One commit (at least) for each part."""
    bench.write(sql)
    bench.start()
    first = 0
    for part in parts:
        bench.append(*orders(first, first + part))
        first += part
        arrived(bench, first)


def arrived(bench: Bench, records: int, stream: str = "orders") -> None:
    bench.until(f"SELECT rows_in FROM workbench.streams WHERE name = '{stream}'", [(str(records),)])


def number(bench: Bench, sql: str) -> int:
    return int(bench.ask(sql)[0][0])


def last_commit(bench: Bench) -> int:
    return number(bench, "SELECT max(id) FROM workbench.commits")


def do(bench: Bench, name: str, action: Action, **arguments: Any) -> str:
    plan = bench.engine.plan_control(name, action, arguments)
    assert plan.possible, plan.says
    return bench.engine.control(name, action, plan.token, arguments)


def planned(bench: Bench, name: str, action: Action, **arguments: Any) -> ControlPlan:
    return bench.engine.plan_control(name, action, arguments)


def everything(bench: Bench) -> dict[str, Any]:
    """What is stored, but for when and by which commit."""
    return {
        "orders": bench.ask("SELECT * FROM orders ORDER BY ALL"),
        "large": bench.ask("SELECT * FROM large ORDER BY ALL"),
        "state": bench.ask("SELECT * FROM by_country ORDER BY ALL"),
        "quarantine": bench.ask("SELECT stream, rules, raw, file, line, byte FROM workbench.quarantine ORDER BY ALL"),
        "rules": bench.ask("SELECT stream, rule, total FROM workbench.rules ORDER BY ALL"),
        "counts": bench.ask(
            "SELECT name, rows_in, accepted, rejected, filtered, blank, multiplied, bytes FROM workbench.streams ORDER BY ALL"
        ),
        "offsets": bench.ask("SELECT stream, file, byte, line FROM workbench.offsets ORDER BY ALL"),
    }


def test_a_rewind_takes_back_what_came_later_and_reads_it_again(bench: Bench) -> None:
    filled(bench, 10, 20, 30)
    before, newest = everything(bench), last_commit(bench)
    commit = number(bench, "SELECT min(id) FROM workbench.commits WHERE stream = 'orders' AND rows_in > 0")
    kept = number(bench, f"SELECT count(*) FROM orders AT (VERSION => {commit})")
    plan = planned(bench, "orders", "rewind", commit=commit)
    assert plan.possible
    text = " ".join(plan.says)
    assert f"orders goes back to commit {commit}" in text
    assert "large derives from it" in text
    assert "Rebuilt from stored rows: by_country." in text
    assert "Read again: " in text
    done = bench.engine.control("orders", "rewind", plan.token, {"commit": commit})
    assert f"went back to commit {commit} in commit {newest + 1}" in done
    arrived(bench, 60)
    bench.until("SELECT count(*) FROM orders", [(str(len(before["orders"])),)])
    assert everything(bench) == before
    assert bench.engine.check_data() == []
    assert last_commit(bench) > newest + 1
    assert number(bench, f"SELECT count(*) FROM orders AT (VERSION => {newest + 1})") == kept
    assert done in bench.notices()
    assert number(bench, "SELECT count(*) FROM workbench.events WHERE text LIKE '%went back to commit%'") == 1


def test_what_a_paused_table_was_is_there_after_a_rewind(bench: Bench) -> None:
    filled(bench, 10)
    then, commit = everything(bench), last_commit(bench)
    bench.append(*orders(10, 40))
    arrived(bench, 40)
    do(bench, "orders", "pause")
    do(bench, "orders", "rewind", commit=commit)
    assert everything(bench) == then
    assert bench.engine.check_data() == []
    bench.engine.stop()
    bench.start()
    assert everything(bench) == then
    assert bench.engine.snapshot().streams[0].state == "PAUSE"
    do(bench, "orders", "resume")
    arrived(bench, 40)
    assert bench.engine.check_data() == []


@pytest.mark.parametrize("place", ["beginning", "time", "offset", "row"])
def test_every_way_to_name_a_place(bench: Bench, place: str) -> None:
    filled(bench, 10, 20)
    before = everything(bench)
    size = (bench.root / "in" / "a.ndjson").read_text().index('{"order_id": 12,')
    arguments: dict[str, Any] = {
        "beginning": {"beginning": True},
        "time": {"time": bench.ask("SELECT min(committed_at)::VARCHAR FROM workbench.commits")[0][0]},
        "offset": {"offset": f"in/a.ndjson:{size}"},
        "row": {"row": "a.ndjson:13"},
    }[place]
    done = do(bench, "orders", "rewind", **arguments)
    assert ("30 records" if place == "beginning" else "20 records") in done
    arrived(bench, 30)
    arrived(bench, len(before["orders"]), "large")
    assert everything(bench) == before
    assert bench.engine.check_data() == []


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({}, "goes to one place"),
        ({"commit": 1, "beginning": True}, "goes to one place"),
        ({"commit": 999}, "999 is no commit"),
        ({"commit": -1}, "-1 is no commit"),
        ({"commit": "1"}, "'1' is no commit"),
        ({"time": "soon"}, "'soon' is no time"),
        ({"time": "2999-01-01"}, "'2999-01-01' is yet to come"),
        ({"offset": "a.ndjson"}, "is no place in a file"),
        ({"offset": "b.ndjson:1"}, "has not read byte 1 of b.ndjson"),
        ({"offset": "a.ndjson:99999"}, "has not read byte 99,999"),
        ({"where": 1}, "where has no meaning here"),
    ],
)
def test_a_place_that_is_none(bench: Bench, arguments: dict[str, Any], error: str) -> None:
    filled(bench, 3, sql=ORDERS)
    with pytest.raises(UsageError, match=error):
        planned(bench, "orders", "rewind", **arguments)


def test_a_rewind_that_would_lose_records_is_refused(bench: Bench) -> None:
    filled(bench, 10)
    commit = last_commit(bench)
    bench.append(*orders(10, 15), file="b.ndjson")
    arrived(bench, 15)
    bench.append(*orders(15, 20))
    arrived(bench, 20)
    (bench.root / "in" / "b.ndjson").unlink()
    before = everything(bench)
    plan = planned(bench, "orders", "rewind", commit=commit)
    assert not plan.possible
    assert plan.token == ""
    assert plan.says[0] == "It cannot be done: 5 records could not be read again."
    assert plan.says[1] == "in/b.ndjson is no longer there from byte 0 on (lines 1 to 5)."
    with pytest.raises(UsageError, match="5 records could not be read again"):
        bench.engine.control("orders", "rewind", "", {"commit": commit})
    assert everything(bench) == before
    later = number(bench, "SELECT max(id) FROM workbench.commits c WHERE list_contains([s.file FOR s IN spans], 'in/b.ndjson')")
    do(bench, "orders", "rewind", commit=later)
    arrived(bench, 20)
    assert everything(bench) == before


def test_a_table_over_a_stream_is_derived_again_alone(bench: Bench) -> None:
    filled(bench, 20, 20)
    before = everything(bench)
    plan = planned(bench, "large", "rewind", beginning=True)
    taken = next(s.rows_in for s in bench.engine.snapshot().streams if s.name == "large")
    assert f"large is derived again from stored rows: {taken} rows of orders." in plan.says
    done = bench.engine.control("large", "rewind", plan.token, {"beginning": True})
    assert f"derived again: {taken} rows of the streams that it reads" in done
    assert "large is derived again from orders, as its rows come again." in planned(bench, "orders", "rewind", beginning=True).says
    assert everything(bench) == before
    assert bench.engine.check_data() == []


def test_only_the_table_that_is_named_goes_back_when_another_reads_the_same_source(bench: Bench) -> None:
    audit = "CREATE STREAMING TABLE audit AS SELECT order_id FROM STREAM read_files('in/*.ndjson', format => 'json');"
    filled(bench, 10, 10, sql=ORDERS + LARGE + BY_COUNTRY + audit)
    arrived(bench, 20, "audit")
    commits = bench.ask("SELECT id FROM workbench.commits WHERE stream = 'audit' ORDER BY id")
    before = everything(bench)
    do(bench, "orders", "rewind", beginning=True)
    arrived(bench, 20)
    arrived(bench, len(before["orders"]), "large")
    assert everything(bench) == before
    assert bench.ask("SELECT id FROM workbench.commits WHERE stream = 'audit' ORDER BY id") == commits
    assert bench.engine.check_data() == []
    bench.append(*orders(20, 25))
    arrived(bench, 25)
    arrived(bench, 25, "audit")


def test_all_flows_of_a_table_go_back_together(bench: Bench) -> None:
    mixed = """
    CREATE STREAMING TABLE mixed (order_id BIGINT, country VARCHAR);
    CREATE FLOW a AS INSERT INTO mixed BY NAME SELECT order_id, country FROM STREAM read_files('in/a*.ndjson', format => 'json');
    CREATE FLOW b AS INSERT INTO mixed BY NAME SELECT order_id, country FROM STREAM read_files('in/b*.ndjson', format => 'json');
    """
    bench.write(mixed)
    bench.start()
    bench.append(*orders(0, 5))
    arrived(bench, 5, "mixed")
    commit = last_commit(bench)
    bench.append(*orders(5, 9), file="b.ndjson")
    arrived(bench, 9, "mixed")
    bench.append(*orders(9, 12))
    arrived(bench, 12, "mixed")
    rows = bench.ask("SELECT * FROM mixed ORDER BY ALL")
    assert "7 records" in do(bench, "mixed", "rewind", commit=commit)
    arrived(bench, 12, "mixed")
    assert bench.ask("SELECT * FROM mixed ORDER BY ALL") == rows
    assert bench.engine.check_data() == []
    bench.write(mixed.replace("CREATE FLOW b", "-- CREATE FLOW b"))
    bench.engine.reload()
    plan = planned(bench, "mixed", "rewind", beginning=True)
    assert not plan.possible
    assert "b, which read 4 records of them, does not run any more." in plan.says


def test_a_plan_is_done_only_as_it_was_shown(bench: Bench) -> None:
    filled(bench, 10, 10)
    plan = planned(bench, "orders", "rewind", beginning=True)
    with pytest.raises(PlanOutdated, match="nothing was done"):
        bench.engine.control("orders", "rewind", plan.token, {"commit": 1})
    bench.append(*orders(20, 30))
    arrived(bench, 30)
    bench.engine.control("orders", "rewind", plan.token, {"beginning": True})  # what came meanwhile is part of it
    arrived(bench, 30)
    with pytest.raises(PlanOutdated):
        bench.engine.control("orders", "rewind", plan.token, {"beginning": True})  # it is done
    pause = planned(bench, "orders", "pause")
    do(bench, "orders", "pause")
    assert "paused already" in bench.engine.control("orders", "pause", pause.token, {})  # somebody else did it: all is as it was to be


def test_what_is_so_already_is_no_error_and_changes_nothing(bench: Bench) -> None:
    filled(bench, 3)
    assert bench.engine.resume("orders") == "orders runs already."
    assert planned(bench, "orders", "limit", rows=None).already
    assert planned(bench, "orders", "end").already
    do(bench, "orders", "pause")
    plan = planned(bench, "orders", "pause")
    assert (plan.possible, plan.already, plan.says[0]) == (False, True, "orders is paused already.")
    assert bench.engine.pause("orders") == "orders is paused already. Resume lets it go on."
    assert "It is paused, and stays so until it is resumed." in planned(bench, "orders", "limit", rows=7).says
    do(bench, "orders", "stop")
    assert planned(bench, "orders", "stop").already
    assert bench.engine.pause("orders").startswith("orders is stopped already.")
    assert "It is stopped, and stays so until it is resumed." in planned(bench, "orders", "limit", rows=0.5).says
    assert "at most 0.5 rows/s" in do(bench, "orders", "limit", rows=0.5)
    assert [n.text for n in bench.engine.snapshot().notices if "already" in n.text] == []
    assert bench.engine.snapshot().streams[0].state == "STOP"


def test_versions_that_a_rewind_took_back_can_no_longer_be_asked_for(bench: Bench) -> None:
    filled(bench, 10, 10)
    first, newest = 1, last_commit(bench)
    do(bench, "orders", "pause")
    do(bench, "orders", "rewind", commit=first)
    assert not planned(bench, "orders", "rewind", commit=newest).possible
    status = bench.engine.queries.submit(f"SELECT * FROM orders AT (VERSION => {newest})")
    ended = wait_until(lambda: s if (s := bench.engine.queries.status(status.id)).state != "running" else None)
    assert f"orders no longer has version {newest}" in ended.error


def test_reading_from_the_end_says_what_it_passes_over(bench: Bench) -> None:
    filled(bench, 10)
    commit = last_commit(bench)
    do(bench, "orders", "pause")
    bench.until_unread()
    bench.append(*orders(10, 30))
    bench.append(*orders(30, 35), file="b.ndjson")
    size = sum(path.stat().st_size for path in (bench.root / "in").iterdir()) - number(bench, "SELECT sum(byte) FROM workbench.offsets")
    plan = planned(bench, "orders", "end")
    assert f"{size:,} bytes" in plan.says[0]
    assert "25 rows" in plan.says[0]
    done = bench.engine.control("orders", "end", plan.token, {})
    assert f"{size:,} bytes" in done
    assert done in bench.notices()
    do(bench, "orders", "resume")
    bench.append(*orders(40, 42))
    arrived(bench, 12)
    assert bench.ask("SELECT max(order_id) FROM orders") == [("41",)]
    assert bench.engine.check_data() == []
    do(bench, "orders", "rewind", commit=commit)
    arrived(bench, 37)
    assert bench.engine.check_data() == []


def test_what_comes_and_what_is_read_after_a_plan_to_skip_does_not_outdate_it(bench: Bench) -> None:
    filled(bench, 10, sql=ORDERS)
    do(bench, "orders", "pause")
    bench.until_unread()
    bench.append(*orders(10, 30))
    plan = planned(bench, "orders", "end")
    assert plan.says[0].startswith("orders reads on from the end: at least ")
    bench.append(*orders(30, 35))
    bench.append(*orders(35, 40), file="b.ndjson")
    assert "30 rows, were skipped" in bench.engine.control("orders", "end", plan.token, {})
    bench.append(*orders(40, 42))
    plan = planned(bench, "orders", "end")
    do(bench, "orders", "resume")
    arrived(bench, 12)
    do(bench, "orders", "pause")
    bench.until_unread()
    bench.append(*orders(42, 45))
    assert "3 rows, were skipped" in bench.engine.control("orders", "end", plan.token, {})
    assert bench.engine.check_data() == []


def test_a_rewind_or_another_definition_outdates_a_plan_to_skip(bench: Bench) -> None:
    filled(bench, 10, sql=ORDERS)
    do(bench, "orders", "pause")
    bench.until_unread()
    bench.append(*orders(10, 30))
    plan = planned(bench, "orders", "end")
    do(bench, "orders", "rewind", beginning=True)
    with pytest.raises(PlanOutdated):
        bench.engine.control("orders", "end", plan.token, {})
    plan = planned(bench, "orders", "end")
    bench.write(ORDERS.replace("> 0", "> 1"))
    bench.engine.reload()
    with pytest.raises(PlanOutdated):
        bench.engine.control("orders", "end", plan.token, {})


def test_nothing_unread_is_nothing_to_skip(bench: Bench) -> None:
    filled(bench, 3, sql=ORDERS)
    plan = planned(bench, "orders", "end")
    assert not plan.possible
    assert "nothing unread" in plan.says[0]


def test_a_stopped_stream_holds_no_file_and_stays_stopped(bench: Bench) -> None:
    filled(bench, 3, sql=ORDERS)
    assert open_files(bench)
    plan = planned(bench, "orders", "stop")
    assert "stays stopped, over restarts too" in plan.says[0]
    bench.engine.control("orders", "stop", plan.token, {})
    wait_until(lambda: not open_files(bench), "the file to be closed, after a read that was under way")
    bench.append(*orders(3, 5))
    bench.engine.stop()
    bench.start()
    assert bench.engine.snapshot().streams[0].state == "STOP"
    assert not open_files(bench)
    assert not planned(bench, "orders", "stop").possible
    assert not planned(bench, "orders", "rewind", beginning=True).possible
    do(bench, "orders", "resume")
    arrived(bench, 5)
    assert bench.engine.snapshot().streams[0].state != "STOP"


def open_files(bench: Bench) -> list[str]:
    found = []
    for link in Path("/proc/self/fd").iterdir():
        try:
            found.append(str(link.readlink()))
        except FileNotFoundError:
            continue
    return [name for name in found if name.startswith(str(bench.root / "in"))]


def test_a_stop_says_who_goes_on_receiving(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> None:
    url = f"unix://{tmp_path_factory.mktemp('s')}/s"
    table = "CREATE STREAMING TABLE {} AS SELECT value FROM STREAM read_socket('{}', format => 'text');"
    bench.write(table.format("one", url) + table.format("two", url))
    bench.start()
    assert any(f"{url} is received on for two: " in said for said in planned(bench, "one", "stop").says)
    do(bench, "one", "stop")
    assert any(f"{url} is freed: senders are disconnected." in said for said in planned(bench, "two", "stop").says)


def test_a_limit_is_kept_over_restarts_and_can_be_lifted(bench: Bench) -> None:
    filled(bench, 3, sql=ORDERS)
    assert "at most 50 rows/s" in do(bench, "orders", "limit", rows=50)
    assert bench.engine.snapshot().streams[0].flows[0].limit == 50.0
    bench.engine.stop()
    bench.start()
    assert bench.engine.snapshot().streams[0].flows[0].limit == 50.0
    assert not planned(bench, "orders", "limit", rows=50).possible
    assert planned(bench, "orders", "limit", rows=50).already
    assert "(until now at most 50 rows/s)" in " ".join(planned(bench, "orders", "limit", rows=None).says)
    do(bench, "orders", "limit", rows=None)
    assert bench.engine.snapshot().streams[0].flows[0].limit is None
    for wrong in (0, -1, "many", True):
        with pytest.raises(UsageError, match="is no limit"):
            planned(bench, "orders", "limit", rows=wrong)
    with pytest.raises(UsageError, match="needs its rows a second"):  # it would lift the limit
        planned(bench, "orders", "limit")


def test_who_holds_a_full_spool_is_said_with_whom_it_holds_up(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    bench = Bench(tmp_path / "shop", spool_limit="100KB")
    url = f"{tmp_path_factory.mktemp('s')}/s"
    table = "CREATE STREAMING TABLE {} AS SELECT value FROM STREAM read_socket('unix://" + url + "', format => 'text');"
    bench.write(table.format("one") + table.format("two"))
    bench.start()
    try:
        do(bench, "one", "pause")

        def details() -> dict[str, tuple[str, str]]:
            return {s.name: (s.state, s.detail) for s in bench.engine.snapshot().streams}

        with socket.socket(socket.AF_UNIX) as sender:
            sender.settimeout(0.2)
            wait_until(lambda: _connects(sender, url), "the socket")
            full = ("WAIT", "the spool is full: senders wait until one (paused) reads on")
            wait_until(lambda: not _sent(sender, b"x" * 99 + b"\n") and details()["two"] == full, "the spool to be full, and to be read")
            assert details()["one"][1].endswith("senders wait until some of it is committed; two gets nothing more either")
            do(bench, "one", "stop")
            assert details()["one"][1].endswith("what is kept for it fills the spool: two gets nothing more")
            assert details()["two"][1].endswith("until one (stopped) reads on")
            do(bench, "one", "resume")
            wait_until(lambda: details()["two"] == ("RUN", ""), "room")
    finally:
        bench.engine.stop()


def _connects(sender: socket.socket, path: str) -> bool:
    try:
        sender.connect(path)
    except OSError:
        return False
    return True


def _sent(sender: socket.socket, line: bytes) -> bool:
    try:
        sender.sendall(line * 100)
    except TimeoutError:
        return False
    return True


def test_what_has_no_source_or_no_name(bench: Bench) -> None:
    filled(bench, 3)
    with pytest.raises(NotFound, match="no streaming table nothing"):
        planned(bench, "nothing", "pause")
    with pytest.raises(UsageError, match="large has no source of its own"):
        planned(bench, "large", "pause")
    with pytest.raises(UsageError, match="by_country is a running state"):
        planned(bench, "by_country", "pause")
    bench.write("CREATE STREAMING TABLE later AS SELECT * FROM STREAM read_files('in/none*.ndjson', format => 'json');", "later.sql")
    bench.engine.reload()
    with pytest.raises(UsageError, match="later does not run yet"):
        planned(bench, "later", "pause")


def test_a_query_sees_two_tables_as_of_one_commit(bench: Bench) -> None:
    """Every row of audit comes from a row of orders in the same commit: under load no query may see one without the other."""
    audit = "CREATE STREAMING TABLE audit AS SELECT order_id FROM STREAM orders;"
    filled(bench, 1, sql=ORDERS + audit)
    stop = threading.Event()

    def load() -> None:
        n = 1
        while not stop.is_set():
            bench.append({"order_id": n, "country": "DE", "amount": 1.0})
            n += 1
            stop.wait(0.001)

    thread = threading.Thread(target=load)
    thread.start()
    try:
        seen = set[str]()

        def look() -> bool:
            ((one, other, by_view),) = bench.ask(
                "SELECT (SELECT count(*) FROM orders), (SELECT count(*) FROM audit),"
                " (SELECT accepted FROM workbench.streams WHERE name = 'orders')"
            )
            assert one == other == by_view
            seen.add(one)
            return len(seen) > 20

        wait_until(look, "commits")
    finally:
        stop.set()
        thread.join()


def test_what_remembers_rows_is_built_anew_from_its_beginning(bench: Bench) -> None:
    """A join and two deduplications, one over a stream and one over files."""
    sql = """
    CREATE STREAMING TABLE clicks (id BIGINT, ts TIMESTAMPTZ) AS SELECT * FROM STREAM read_files('in/a*.ndjson', format => 'json');
    CREATE STREAMING TABLE views (id BIGINT, seen TIMESTAMPTZ) AS SELECT * FROM STREAM read_files('in/b*.ndjson', format => 'json');
    CREATE STREAMING TABLE pairs AS SELECT a.id, a.ts, b.seen
      FROM STREAM clicks WATERMARK ts DELAY OF INTERVAL 5 SECONDS AS a
      JOIN STREAM views WATERMARK seen DELAY OF INTERVAL 5 SECONDS AS b
        ON a.id = b.id AND b.seen BETWEEN a.ts AND a.ts + INTERVAL 10 SECONDS;
    CREATE STREAMING TABLE firsts AS SELECT DISTINCT ON (id) * FROM STREAM clicks WATERMARK ts DELAY OF INTERVAL 5 SECONDS
      WITHIN INTERVAL 1 MINUTE;
    CREATE STREAMING TABLE direct AS SELECT DISTINCT ON (id) * FROM STREAM read_files('in/a*.ndjson', format => 'json',
      schema => 'id BIGINT, ts TIMESTAMPTZ') WATERMARK ts DELAY OF INTERVAL 5 SECONDS WITHIN INTERVAL 1 MINUTE;
    """
    bench.write(sql)
    bench.start()
    for second in range(0, 30, 10):
        bench.append(*({"id": n, "ts": f"2026-01-01T00:00:{second + n:02}Z"} for n in range(5)))
        bench.append(*({"id": n, "seen": f"2026-01-01T00:00:{second + n + 2:02}Z"} for n in range(4)), file="b.ndjson")
        arrived(bench, 5 * (second // 10 + 1), "clicks")
        arrived(bench, 4 * (second // 10 + 1), "views")
        arrived(bench, 5 * (second // 10 + 1), "direct")
    names = ("clicks", "views", "pairs", "firsts", "direct")
    before = {name: sorted(bench.ask(f"SELECT * FROM {name}")) for name in names}
    assert all(before.values())
    commit = number(bench, "SELECT min(id) FROM workbench.commits WHERE stream = 'clicks'")
    plan = planned(bench, "clicks", "rewind", commit=commit)
    assert "pairs rests on rows that were remembered (a join, DISTINCT ON): it is built anew from its beginning." in plan.says
    do(bench, "clicks", "rewind", commit=commit)
    arrived(bench, 15, "clicks")
    do(bench, "direct", "rewind", commit=commit)
    arrived(bench, 15, "direct")
    assert {name: sorted(bench.ask(f"SELECT * FROM {name}")) for name in names} == before
    assert bench.engine.check_data() == []
    do(bench, "pairs", "rewind", beginning=True)
    assert {name: sorted(bench.ask(f"SELECT * FROM {name}")) for name in names} == before
    assert bench.engine.check_data() == []


def test_a_rewind_whose_flows_cannot_be_built_leaves_nothing_running_until_they_can(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(bench, 10, 20)
    before, commit = everything(bench), last_commit(bench)
    first = number(bench, "SELECT min(id) FROM workbench.commits WHERE stream = 'orders' AND rows_in > 0")
    plan = planned(bench, "orders", "rewind", commit=first)
    full = threading.Event()
    applied = Planner.apply

    def apply(*arguments: Any, **named: Any) -> Any:
        if full.is_set():
            raise DiskFull("no room")
        return applied(*arguments, **named)

    monkeypatch.setattr(Planner, "apply", apply)
    full.set()
    with pytest.raises(DiskFull):
        bench.engine.control("orders", "rewind", plan.token, {"commit": first})
    bench.append(*orders(30, 40))
    assert {stream.state for stream in bench.engine.snapshot().streams} == {"WAIT"}
    assert last_commit(bench) == commit + 1
    full.clear()
    arrived(bench, 40)
    assert bench.engine.check_data() == []
    rows = {row[0]: row for row in bench.ask("SELECT order_id, country, amount FROM orders")}
    assert len(rows) == number(bench, "SELECT count(*) FROM orders") == 30
    assert all(tuple(row[:3]) == tuple(rows[row[0]]) for row in before["orders"])


def test_what_a_source_said_is_told_though_its_flow_is_built_anew(bench: Bench) -> None:
    filled(bench, 3, sql=ORDERS)
    bench.engine._housekeeper.stop()
    with bench.engine._pump.lock:
        (before,) = bench.engine._pump.flows
        before.notices.append("in/a.gz ends in the middle")
    do(bench, "orders", "rewind", beginning=True)
    assert not before.notices, "or who was about to take them would tell them twice"
    bench.engine._do_chores()
    assert "in/a.gz ends in the middle" in bench.notices()


def test_what_a_running_state_showed_stays_known_over_a_rewind(bench: Bench) -> None:
    filled(bench, 10, 20, 30)
    first, newest = 1, last_commit(bench)
    commits = [int(c) for (c,) in bench.ask("SELECT DISTINCT id FROM workbench.commits WHERE stream = 'orders' AND rows_in > 0 ORDER BY 1")]

    def shown(commit: int) -> list[tuple[Any, ...]]:
        return bench.ask(f"SELECT * FROM by_country AT (VERSION => {commit}) ORDER BY ALL")

    def recomputed(commit: int) -> list[tuple[Any, ...]]:
        return bench.ask(
            f"SELECT country, count(*) AS n, sum(amount) AS total FROM orders AT (VERSION => {commit}) GROUP BY 1 ORDER BY ALL"
        )

    before = {commit: shown(commit) for commit in commits}
    assert before == {commit: recomputed(commit) for commit in commits}
    assert len({str(answer) for answer in before.values()}) == len(commits)
    do(bench, "orders", "pause")
    do(bench, "orders", "rewind", commit=first)
    for commit in (first, newest + 1):
        assert shown(commit) == before[first]
    bench.engine.refresh("by_country", full=True)
    assert shown(first) == before[first]
