"""Commands on a stream as a shell sees them: the plan is printed, and nothing is done that was not agreed to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import wait_until, write_project
from tests.integration.test_cli import alone, engine, right, rows, workbench

__all__ = ["alone"]

COUNT = "select count(*) as n from orders"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_project(tmp_path / "shop")


def until_rows(folder: Path, number: int) -> None:
    wait_until(lambda: rows(folder, COUNT) == [{"n": number}], f"{number} orders")


def test_a_rewind_is_shown_first_and_done_when_agreed_to(folder: Path) -> None:
    with engine(folder):
        until_rows(folder, 3)
        before = rows(folder, "select * from orders order by order_id")
        shown = workbench(folder, "rewind", "orders", "--to-beginning")
        assert shown.returncode == 3
        assert "orders goes back to its beginning: 3 rows and 2 rejections stored since then are removed." in shown.stderr
        assert "Read again: 5 records" in shown.stderr
        assert shown.stderr.endswith("Nothing was done: --yes does it.\n")
        assert rows(folder, "select max(id) as id from workbench.commits where rows_in = 0") == [{"id": None}]
        done = workbench(folder, "rewind", "orders", "--to-beginning", "--yes")
        assert done.returncode == 0
        assert "orders went back to its beginning in commit" in done.stderr
        assert done.stdout == ""
        until_rows(folder, 3)
        assert rows(folder, "select * from orders order by order_id") == before
        right(workbench(folder, "check", "--data"))
        wrong = workbench(folder, "rewind", "orders", "--to-commit", "1", "--to-beginning", "--yes")
        assert (wrong.returncode, "A rewind goes to one place" in wrong.stderr) == (2, True)
        nothing = workbench(folder, "skip", "orders", "--yes")
        assert (nothing.returncode, "nothing unread" in nothing.stderr) == (0, True)
        ago = workbench(folder, "rewind", "orders", "--to-time", "0 s ago")
        assert (ago.returncode, "orders has stored nothing after commit" in ago.stderr) == (3, True)
        early = workbench(folder, "rewind", "orders", "--to-time", "1 d ago")
        assert (early.returncode, "orders goes back to its beginning" in early.stderr) == (3, True)
        assert workbench(folder, "rewind", "orders", "--to-time", "soon").returncode == 2


def test_pause_limit_stop_and_resume(folder: Path) -> None:
    with engine(folder):
        until_rows(folder, 3)
        assert "is paused" in workbench(folder, "pause", "orders").stderr
        head, row = workbench(folder, "status").stdout.splitlines()
        assert (head.split()[-2:], row.split()[-2:]) == (["blank", "lost"], ["0", "0"])
        again = workbench(folder, "pause", "orders")
        assert (again.returncode, again.stderr) == (0, "orders is paused already.\nResume lets it go on.\n")
        assert "at most 20,000 rows/s" in workbench(folder, "limit", "orders", "20k").stderr
        assert workbench(folder, "limit", "orders", "many").returncode == 2
        assert workbench(folder, "limit", "orders", "none").returncode == 0
        assert workbench(folder, "stop", "orders").returncode == 3
        assert "its source is closed" in workbench(folder, "stop", "orders", "--yes").stderr
        (stream,) = json.loads(right(workbench(folder, "status", "--json")))["streams"]
        assert stream["state"] == "STOP"
        assert "goes on" in workbench(folder, "resume", "orders").stderr
        again = workbench(folder, "resume", "orders")
        assert (again.returncode, again.stderr) == (0, "orders runs already.\n")
        with (folder / "data" / "orders.ndjson").open("a") as file:
            file.write('{"order_id":9,"country":"FR","amount":1,"ts":"2026-01-01T00:00:09Z","coupon":"X"}\n')
        until_rows(folder, 4)
        assert workbench(folder, "pause", "nothing").returncode == 2


def test_a_drift_is_listed_and_its_column_added(folder: Path) -> None:
    with engine(folder):
        until_rows(folder, 3)
        assert "Every field fits." in workbench(folder, "drift").stderr
        with (folder / "data" / "orders.ndjson").open("a") as file:
            file.write('{"order_id":9,"country":"FR","amount":1,"ts":"2026-01-01T00:00:09Z","coupon":"X"}\n')
        until_rows(folder, 4)
        (found,) = [json.loads(line) for line in right(workbench(folder, "drift", "orders", "--json")).splitlines()]
        assert (found["field"], found["kind"], found["type"]) == ("coupon", "new", "VARCHAR")
        assert "coupon" in right(workbench(folder, "drift"))
        shown = workbench(folder, "add-column", "orders", "coupon")
        assert shown.returncode == 3
        assert "coupon VARCHAR" not in (folder / "pipelines" / "shop.sql").read_text()
        assert workbench(folder, "add-column", "orders", "coupon", "--yes").returncode == 0
        assert "  coupon VARCHAR,\n" in (folder / "pipelines" / "shop.sql").read_text()
        assert rows(folder, "select count(*) as n from orders where coupon is null") == [{"n": 4}]


def test_a_rewind_needs_no_engine_that_runs(folder: Path) -> None:
    right(workbench(folder, "run", "--once"))
    assert workbench(folder, "rewind", "orders", "--to-beginning", "--yes").returncode == 0
    assert rows(folder, COUNT) == [{"n": 0}]
    right(workbench(folder, "run", "--once"))
    assert rows(folder, COUNT) == [{"n": 3}]
    right(workbench(folder, "check", "--data"))
