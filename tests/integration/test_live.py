"""Live sources in a running engine: inferred from their first records, shared by tables, the same after a restart."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import wait_until
from workbench.config import Settings, open_project
from workbench.engine.engine import Engine

SETTINGS = Settings(poll=0.02, tick=0.0)


class Bench:
    """A project of one pipeline, and the engines that run it one after the other."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.engine: Engine | None = None

    def start(self, sql: str, input: int | None = None, flows: bool = True) -> Engine:
        self.stop()
        (self.root / "pipelines").mkdir(parents=True, exist_ok=True)
        (self.root / "pipelines" / "p.sql").write_text(sql, "utf-8")
        self.engine = Engine(open_project(self.root, SETTINGS), SETTINGS, flows, input=input)
        self.engine.start()
        return self.engine

    def stop(self) -> None:
        if self.engine is not None:
            self.engine.stop()
            self.engine = None

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows, numbers as numbers."""
        assert self.engine is not None
        queries = self.engine.queries
        status = queries.submit(sql)
        status = wait_until(lambda: found if (found := queries.status(status.id)).state != "running" else None)
        assert status.state == "done", status.error
        rows = queries.page(status.id, 0, 200).rows
        return [tuple(float(v) if v is not None and v.replace(".", "", 1).isdigit() else v for v in row) for row in rows]

    def until(self, sql: str, expected: list[tuple[Any, ...]]) -> None:
        answers: list[Any] = [None]

        def right() -> bool:
            answers[0] = self.ask(sql)
            return bool(answers[0] == expected)

        try:
            wait_until(right)
        except BaseException as error:
            raise AssertionError(f"{sql}: {answers[0]}") from error


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path / "p")
    yield bench
    bench.stop()


@pytest.fixture
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("s") / "s"


def send(path: Path, data: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as sender:
        wait_until(lambda: not sender.connect_ex(str(path)), "who listens there")
        sender.sendall(data)


def test_a_socket_without_a_schema_waits_for_its_first_record(bench: Bench, path: Path) -> None:
    sql = f"CREATE STREAMING TABLE t AS SELECT * FROM STREAM read_socket('unix://{path}');"
    engine = bench.start(sql)
    assert "t" in engine.catalog.waiting
    send(path, b'{"a": 1}\n{"a": 2.5, "b": "x"}\n')
    wait_until(lambda: "t" not in engine.catalog.waiting, "the table")
    bench.until("SELECT a, b FROM t ORDER BY a", [(1.0, None), (2.5, "x")])
    bench.start(sql)
    send(path, b'{"a": 3}\n')
    bench.until("SELECT a FROM t ORDER BY a", [(1.0,), (2.5,), (3.0,)])
    assert engine.catalog.waiting == {}


def test_what_tells_no_columns_is_told_of_once(bench: Bench, path: Path) -> None:
    engine = bench.start(f"CREATE STREAMING TABLE t AS SELECT * FROM STREAM read_socket('unix://{path}');")
    send(path, b"no json\n" * 3)
    wait_until(lambda: "(3 lines)" in engine.catalog.waiting["t"], "the look")
    send(path, b"none yet\n")
    wait_until(lambda: "(4 lines)" in engine.catalog.waiting["t"], "the second look")
    assert "declare them" in engine.catalog.waiting["t"]
    assert [n.kind for n in engine.snapshot().notices if "no JSON object" in n.text] == ["warning"]
    send(path, b'{"a": 1}\n')
    wait_until(lambda: "t" not in engine.catalog.waiting, "the table")
    bench.until("SELECT accepted, rejected FROM workbench.streams", [(1, 4)])


def test_two_tables_over_one_socket_are_both_complete_though_one_reads_otherwise(bench: Bench, path: Path) -> None:
    sql = f"""
    CREATE STREAMING TABLE lines AS SELECT value AS line FROM STREAM read_socket('unix://{path}', format => 'text');
    CREATE STREAMING TABLE t (a BIGINT) AS SELECT * FROM STREAM read_socket('unix://{path}');
    CREATE STREAMING TABLE odd AS SELECT a AS odd FROM STREAM read_socket('unix://{path}', schema => 'a BIGINT') WHERE a % 2 = 1;"""
    engine = bench.start(sql)
    assert engine.catalog.waiting == {}
    send(path, b'{"a": 1}\n{"a": 2}\nbroken\n')
    bench.until("SELECT (SELECT count(*) FROM lines), (SELECT sum(a) FROM t), (SELECT sum(odd) FROM odd)", [(3, 3, 1)])
    bench.start(sql)
    send(path, b'{"a": 5}\n')
    bench.until("SELECT (SELECT count(*) FROM lines), (SELECT sum(a) FROM t), (SELECT sum(odd) FROM odd)", [(4, 8, 6)])
    assert bench.engine is not None
    assert bench.engine.check_data() == []


def test_with_flows_off_no_socket_is_opened(bench: Bench, path: Path) -> None:
    bench.start(f"CREATE STREAMING TABLE t (a BIGINT) AS SELECT * FROM STREAM read_socket('unix://{path}');", flows=False)
    assert not path.exists()


def test_what_was_piped_in_is_read_by_the_next_engine_if_this_one_stops(bench: Bench) -> None:
    sql = "CREATE STREAMING TABLE t (a BIGINT) AS SELECT * FROM STREAM read_stdin();"
    reading, writing = os.pipe()
    engine = bench.start(sql, reading)
    os.write(writing, b'{"a": 1}\n')
    bench.until("SELECT a FROM t", [(1,)])
    engine.pause("t")
    wait_until(lambda: not any(flow.reading for flow in engine._pump.flows), "the last read, which would take in what comes now")
    os.write(writing, b'{"a": 2}\n{"a": 3}')
    os.close(writing)
    flow = engine.snapshot().streams[0].flows[0]
    wait_until(lambda: engine.snapshot().streams[0].flows[0].held > flow.held or engine.snapshot().streams[0].flows[0].lag_rows == 2)
    bench.start(sql)
    assert bench.engine is not None
    bench.engine.resume("t")
    bench.until("SELECT a FROM t ORDER BY a", [(1,), (2,), (3,)])
    assert bench.engine.check_data() == []
    os.close(reading)
    received = bench.root / ".workbench" / "received" / "stdin"
    bench.stop()
    assert list(received.iterdir()) == []


def test_the_clock_counts_each_row_once_over_restarts(bench: Bench) -> None:
    sql = """CREATE STREAMING TABLE ticks AS SELECT * FROM STREAM read_rate(rowsPerSecond => 2000, rows => 3000);
    CREATE MATERIALIZED VIEW parity AS SELECT value % 2 AS odd, count(*) AS n FROM STREAM ticks GROUP BY ALL;"""
    bench.start(sql)
    wait_until(lambda: bench.ask("SELECT count(*) > 100 FROM ticks") == [("true",)], "some ticks")
    bench.start(sql)
    bench.until("SELECT count(*), count(DISTINCT value), min(value), max(value) FROM ticks", [(3000, 3000, 0, 2999)])
    assert bench.ask("SELECT n FROM parity") == [(1500,), (1500,)]
    assert bench.ask("SELECT max(timestamp) - min(timestamp) = INTERVAL 1499500 MICROSECONDS FROM ticks") == [("true",)]
    assert bench.engine is not None
    assert bench.engine.check_data() == []
    wait_until(lambda: bench.engine is not None and bench.engine.snapshot().streams[0].state == "DONE", "a look that finds the end")


def test_peers_and_places_of_a_socket_s_records_can_be_kept(bench: Bench, path: Path) -> None:
    bench.start(
        f"""CREATE STREAMING TABLE t AS SELECT a, _metadata.source AS source, _metadata.line AS line
        FROM STREAM read_socket('unix://{path}', schema => 'a BIGINT');"""
    )
    send(path, b'{"a": 1}\n{"a": 2}\n')
    bench.until("SELECT a, line FROM t ORDER BY a", [(1, 1), (2, 2)])
    assert bench.ask("SELECT DISTINCT source FROM t") == [(f"read_socket unix://{path}",)]
