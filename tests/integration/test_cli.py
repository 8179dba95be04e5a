"""The command line as a shell sees it: real processes, exit codes, data on standard output and nothing else."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pytest

from tests.conftest import wait_until, write_project
from tests.integration.test_demo import alive
from workbench.config import Settings, open_project
from workbench.launch import answering

WORKBENCH = (sys.executable, "-m", "workbench")
REVENUE = "SELECT country, orders, revenue FROM revenue ORDER BY country NULLS LAST"
BY_DAY = "CREATE MATERIALIZED VIEW by_day AS SELECT ts::DATE AS day, count(*) AS orders FROM orders GROUP BY 1;\n"
ENDLESS = "select count(*) from range(1000000) a, range(1000000) b where (a.range * b.range) % 7 = 3"
STRICT = "CONSTRAINT amount_is_positive EXPECT (amount > 0) ON VIOLATION FAIL UPDATE"


@pytest.fixture(autouse=True, scope="module")
def alone() -> Iterator[None]:
    """This checkout, and no settings from outside."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [n for n in os.environ if n.startswith("WORKBENCH_")]:
            patch.delenv(name)
        patch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[2]))
        yield


def workbench(folder: Path, *arguments: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    """One command, run to its end."""
    return subprocess.run((*WORKBENCH, *arguments), cwd=folder, input=text, capture_output=True, text=True, timeout=600)


def right(done: subprocess.CompletedProcess[str]) -> str:
    """The standard output of a command that went well."""
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def engine(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """`workbench run` in a folder, from its first answer on; interrupted at the end, if it is still there."""
    said = folder.parent / "run.log"
    with said.open("wb") as log:
        child = subprocess.Popen((*WORKBENCH, *(arguments or ("run",))), cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    project = open_project(folder, Settings())

    def answers() -> bool:
        assert child.poll() is None, said.read_text("utf-8")
        return answering(project) is not None

    try:
        wait_until(answers, "the engine")
        yield child
    finally:
        if child.poll() is None:
            child.send_signal(signal.SIGINT)
        child.wait(300)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The small project with its engine running, for tests that change nothing."""
    root = tmp_path_factory.mktemp("served") / "shop"
    write_project(root)
    with engine(root):
        wait_until(lambda: rows(root, "select count(*) as n from orders") == [{"n": 3}], "three orders")
        yield root


def runs(folder: Path) -> bool:
    return answering(open_project(folder, Settings())) is not None


def rows(folder: Path, query: str) -> list[dict[str, object]]:
    return list(json.loads(right(workbench(folder, "sql", query, "--format", "json"))))


def test_run_once_takes_each_record_once(folder: Path) -> None:
    first = workbench(folder, "run", "--once")
    assert right(first) == ""
    assert "orders: 5 in, 3 accepted, 2 rejected" in first.stderr
    assert "orders: 0 in" in workbench(folder, "run", "--once").stderr
    with (folder / "data" / "orders.ndjson").open("a", encoding="utf-8") as file:
        file.write('{"order_id":6,"country":"FR","amount":1,"ts":"2026-01-01T00:00:05Z"}\n')
    assert "orders: 1 in, 1 accepted, 0 rejected" in workbench(folder, "run", "--once").stderr
    assert rows(folder, REVENUE) == [
        {"country": "DE", "orders": 1, "revenue": 10.5},
        {"country": "FR", "orders": 2, "revenue": 8.0},
        {"country": None, "orders": 1, "revenue": 2.25},
    ]
    assert not runs(folder)


def test_sql_prints_a_plain_table_and_nothing_else(served: Path) -> None:
    done = workbench(served, "sql", REVENUE)
    assert right(done) == "country  orders  revenue\nDE            1     10.5\nFR            1      7.0\nNULL          1     2.25\n"
    assert done.stderr == ""


def test_sql_reads_standard_input(served: Path) -> None:
    assert right(workbench(served, "sql", "--format", "csv", text="select 42 as answer")) == "answer\n42\n"
    described = right(workbench(served, "sql", "DESCRIBE workbench.windows", "--format", "csv")).splitlines()
    assert [line.split(",")[:2] for line in described[1:3]] == [["view", "VARCHAR"], ["key", "VARCHAR"]]
    assert "windows" in right(workbench(served, "sql", "SHOW TABLES FROM workbench", "--format", "csv")).splitlines()


def test_sql_writes_files_by_their_ending(folder: Path) -> None:
    right(workbench(folder, "run", "--once"))
    done = workbench(folder, "sql", REVENUE, "--output", "revenue.parquet")
    assert right(done) == ""
    assert done.stderr.startswith("3 rows in revenue.parquet")
    assert pl.read_parquet(folder / "revenue.parquet")["orders"].to_list() == [1, 1, 1]
    right(workbench(folder, "sql", REVENUE, "--output", "revenue.csv"))
    assert (folder / "revenue.csv").read_text("utf-8").splitlines()[0] == "country,orders,revenue"


def test_sql_gives_the_arrow_stream_itself(served: Path) -> None:
    done = subprocess.run((*WORKBENCH, "sql", "select range as n from range(3000)", "--format", "arrow"), cwd=served, capture_output=True)
    assert pl.read_ipc_stream(done.stdout)["n"].sum() == 3000 * 2999 // 2


def test_a_large_result_is_whole(served: Path) -> None:
    lines = right(workbench(served, "sql", "select range as n from range(300000)", "--format", "csv")).splitlines()
    assert (lines[0], lines[1], lines[-1], len(lines)) == ("n", "0", "299999", 300_001)


def test_a_wrong_query_shows_its_place(served: Path) -> None:
    done = workbench(served, "sql", "select contry from orders")
    assert (done.returncode, done.stdout) == (1, "")
    assert "\n  select contry from orders\n         ^\n" in done.stderr


@pytest.mark.parametrize("query", ["drop table orders", "with d as (delete from orders returning *) select * from d", "select 1; select 2"])
def test_the_console_only_reads(served: Path, query: str) -> None:
    done = workbench(served, "sql", query)
    assert (done.returncode, done.stdout) == (1, "")
    assert rows(served, "select count(*) as n from orders") == [{"n": 3}]


def test_a_reader_that_leaves_is_no_error(served: Path) -> None:
    command = " ".join(f"'{part}'" for part in (*WORKBENCH, "sql", "select * from range(2000000)", "--format", "csv"))
    script = f"set -o pipefail; {command} | head -n 2"
    done = subprocess.run(["bash", "-c", script], cwd=served, capture_output=True, text=True, timeout=600)
    assert (done.returncode, done.stdout, done.stderr) == (0, "range\n0\n", "")


def test_check_says_everything_that_is_wrong(folder: Path) -> None:
    assert right(workbench(folder, "check")) == ""
    (folder / "pipelines" / "more.sql").write_text("CREATE MATERIALIZED VIEW a AS SELECT * FROM nowhere;\nCREATE TABEL b;\n", "utf-8")
    done = workbench(folder, "check")
    assert done.returncode == 1
    assert "pipelines/more.sql:1:" in done.stdout
    assert "pipelines/more.sql:2:" in done.stdout
    assert "2 problems" in done.stderr
    assert workbench(folder, "run", "--once").returncode == 1


def test_check_says_what_the_stored_rows_forbid(folder: Path) -> None:
    right(workbench(folder, "run", "--once"))
    assert right(workbench(folder, "check")) == ""
    pipeline = folder / "pipelines" / "shop.sql"
    sound = pipeline.read_text("utf-8")
    with engine(folder):
        pipeline.write_text(sound.replace("order_id BIGINT", "order_id VARCHAR"), "utf-8")
        done = workbench(folder, "check")
        assert done.returncode == 1
        assert "orders.order_id is stored as BIGINT, it cannot become VARCHAR\n" in done.stdout
        assert done.stdout.count("is stored as") == 1
        told = rows(folder, "select text from workbench.events where text like '%is stored as%'")
        assert [str(row["text"]).endswith("and let it be read again.") for row in told] == [True]
        pipeline.write_text(sound, "utf-8")
        assert right(workbench(folder, "check")) == ""
    files = sorted((folder / ".workbench").iterdir())
    pipeline.write_text(sound.replace("order_id BIGINT", "order_id VARCHAR"), "utf-8")
    done = workbench(folder, "check")
    assert (done.returncode, done.stdout.count("is stored as")) == (1, 1)
    assert sorted((folder / ".workbench").iterdir()) == files
    (folder / ".workbench" / "data.duckdb").write_text("nonsense")
    done = workbench(folder, "check")
    assert done.returncode == 0
    assert done.stderr.startswith("Checked without what is stored: ")


def test_check_data_proves_what_is_stored(folder: Path) -> None:
    right(workbench(folder, "run", "--once"))
    done = workbench(folder, "check", "--data")
    assert right(done) == ""
    assert done.stderr == "Every record is accounted for, once.\n"


def test_a_new_project_runs(tmp_path: Path) -> None:
    right(workbench(tmp_path, "init", "new"))
    assert "readings: 7 in, 4 accepted, 3 rejected" in workbench(tmp_path / "new", "run", "--once").stderr


def test_quarantine_is_listed_and_shown(served: Path) -> None:
    listed = right(workbench(served, "quarantine", "list")).splitlines()
    assert listed[0].split() == ["id", "stream", "rules", "file", "line", "byte", "record"]
    assert [line.split()[1:3] for line in listed[1:]] == [["orders", "_malformed"], ["orders", "amount_is_positive"]]
    found = json.loads(right(workbench(served, "quarantine", "list", "--rule", "amount_is_positive", "--json")))
    shown = right(workbench(served, "quarantine", "show", str(found["id"])))
    assert '{"order_id":2,"country":"DE","amount":-1.0,"ts":"2026-01-01T00:00:01Z"}' in shown
    assert [line.split()[:3] for line in shown.splitlines() if line.startswith("amount_is_positive")] == [
        ["amount_is_positive", "broken", "drop"]
    ]
    assert workbench(served, "quarantine", "show", "999").returncode == 2


def test_commands_attach_to_a_running_engine(folder: Path) -> None:
    with engine(folder) as child:
        wait_until(lambda: rows(folder, "select count(*) as n from orders") == [{"n": 3}], "three orders")
        status = json.loads(right(workbench(folder, "status", "--json")))
        assert (status["running"], status["pid"]) == (True, child.pid)
        assert [(s["name"], s["accepted"], s["rejected"]) for s in status["streams"]] == [("orders", 3, 2)]
        assert "orders" in right(workbench(folder, "pause", "orders")) + workbench(folder, "status").stdout
        assert json.loads(right(workbench(folder, "status", "--json")))["streams"][0]["state"] == "PAUSE"
        right(workbench(folder, "resume", "orders"))
        assert workbench(folder, "check", "--data").stderr == "Every record is accounted for, once.\n"
        assert workbench(folder, "run", "--once").returncode == 3
        wait_until(lambda: runs(folder), "an answer")
        right(workbench(folder, "stop"))
        assert child.wait(300) == 0
    assert not runs(folder)


def test_refresh_waits_for_the_run(folder: Path) -> None:
    (folder / "pipelines" / "days.sql").write_text(BY_DAY, "utf-8")
    right(workbench(folder, "run", "--once"))
    done = workbench(folder, "refresh", "by_day")
    assert right(done) == ""
    assert "by_day: done" in done.stderr
    assert rows(folder, "select orders from by_day") == [{"orders": 3}]
    assert workbench(folder, "refresh", "nothing").returncode != 0
    assert not runs(folder)


def test_a_flow_that_fails_ends_with_code_3(folder: Path) -> None:
    pipeline = folder / "pipelines" / "shop.sql"
    text = pipeline.read_text("utf-8")
    start = text.index("CONSTRAINT amount_is_positive")
    pipeline.write_text(text[:start] + STRICT + text[text.index(",\n", start) :], "utf-8")
    done = workbench(folder, "run", "--once")
    assert done.returncode == 3
    assert "amount_is_positive" in done.stderr
    assert rows(folder, "select order_id from orders") == [{"order_id": 1}]


def test_ctrl_c_cancels_the_query(folder: Path) -> None:
    child = subprocess.Popen((*WORKBENCH, "sql", ENDLESS), cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_until(lambda: runs(folder), "the short-lived engine")
    child.send_signal(signal.SIGINT)
    assert child.communicate(timeout=600) == (b"", b"")
    assert child.returncode == 130
    assert not runs(folder)


def test_a_short_lived_engine_ends_with_the_command_that_was_killed(folder: Path) -> None:
    child = subprocess.Popen((*WORKBENCH, "sql", ENDLESS), cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    project = open_project(folder, Settings())
    found = wait_until(lambda: answering(project), "the short-lived engine")
    pid = found.pid
    child.kill()
    child.wait()
    wait_until(lambda: not alive(pid), "the engine's end")


def test_the_demo_runs_without_a_screen_and_leaves_nothing_running(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    folder.mkdir()
    with engine(folder, "demo", str(folder), "--no-screen", "--rate", "500"):
        first = wait_until(lambda: rows(folder, "select count(*) as n from orders where ts > now() - interval 1 hour"), "live orders")
        wait_until(
            lambda: rows(folder, "select count(*) as n from orders where ts > now() - interval 1 hour")[0]["n"] != first[0]["n"],
            "more of them",
        )
    assert not runs(folder)
    assert "Traceback" not in (tmp_path / "run.log").read_text("utf-8")
