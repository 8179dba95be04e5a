"""What is counted and what it is called: numbers that only grow, names that belong to one thing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.bench import Bench
from workbench.engine.engine import Engine

A = "CREATE STREAMING TABLE a (n BIGINT) AS SELECT * FROM STREAM read_files('in/a.ndjson', format => 'json');\n"
B = (
    "CREATE STREAMING TABLE b (n BIGINT, CONSTRAINT p EXPECT (n > 0) ON VIOLATION DROP ROW)"
    " AS SELECT * FROM STREAM read_files('in/b.ndjson', format => 'json');\n"
)
HASH = "CREATE STREAMING TABLE \"a#b\" (n BIGINT) AS SELECT * FROM STREAM read_files('in/b.ndjson', format => 'json');\n"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "shop")
    yield made
    made.engine.stop()


def again(bench: Bench) -> Engine:
    bench.engine.stop()
    return bench.start()


def rewind(bench: Bench, table: str) -> None:
    planned = bench.engine.plan_control(table, "rewind", {"beginning": True})
    bench.engine.control(table, "rewind", planned.token, {"beginning": True})


def test_a_commit_keeps_its_number_for_good(bench: Bench) -> None:
    bench.write(A + B)
    bench.append({"n": 1}, file="a.ndjson")
    bench.start()
    bench.until("SELECT count(*) FROM a", [("1",)])
    for n in range(1, 4):
        bench.append({"n": n}, file="b.ndjson")
        bench.until("SELECT count(*) FROM b", [(str(n),)])
    newest = bench.engine.snapshot().commit
    bench.write(A)
    bench.engine.reload()
    bench.engine.drop("b")
    again(bench)
    assert bench.engine.snapshot().commit >= newest
    assert bench.ask(f"SELECT count(*) FROM a AT (VERSION => {newest})") == [("1",)]
    bench.append({"n": 2}, file="a.ndjson")
    bench.until("SELECT count(*) FROM a", [("2",)])
    assert bench.ask(f"SELECT count(*) FROM a AT (VERSION => {newest})") == [("1",)]
    assert bench.ask("SELECT count(*) FROM workbench.commits WHERE stream = 'a' AND id > 1 AND id <= " + str(newest)) == [("0",)]


def test_a_rejected_record_keeps_its_number_for_good(bench: Bench) -> None:
    bench.write(B)
    bench.append({"n": -1}, {"n": -2}, file="b.ndjson")
    bench.start()
    bench.until("SELECT id, line FROM workbench.quarantine ORDER BY id", [("1", "1"), ("2", "2")])
    bench.engine.pause("b")
    rewind(bench, "b")
    assert bench.ask("SELECT count(*) FROM workbench.quarantine") == [("0",)]
    again(bench)
    bench.engine.resume("b")
    bench.until("SELECT id, line FROM workbench.quarantine ORDER BY id", [("3", "1"), ("4", "2")])


def test_a_table_of_an_older_database_with_a_name_of_ours_is_no_ones_own(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as older:
        older.setattr("workbench.language.statements.OWN_TABLE", "\0")
        bench.write(A + HASH)
        bench.append({"n": 1}, file="a.ndjson")
        bench.append({"n": 2}, {"n": 3}, file="b.ndjson")
        bench.start()
        bench.until('SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM "a#b")', [("1", "2")])
    again(bench)
    (problem,) = bench.engine.problems
    assert (problem.line, problem.message) == (2, "names with # belong to the workbench")
    rewind(bench, "a")
    bench.until('SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM "a#b")', [("1", "2")])
    assert bench.engine.check_data() == []
    bench.write(A)
    bench.engine.reload()
    assert bench.engine.problems == ()
    assert bench.ask('SELECT count(*) FROM "a#b"') == [("2",)]
    bench.engine.execute('DROP STREAMING TABLE "a#b"')
    assert bench.ask("SELECT count(*) FROM a") == [("1",)]
    assert bench.ask("SELECT name FROM workbench.catalog") == [("a",)]
