"""Skipping what a socket received: what is told to be passed over is what is passed over, after a restart of the machine, too."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import wait_until
from tests.integration.bench import Bench

TABLE = "CREATE STREAMING TABLE t AS SELECT value FROM STREAM read_socket('unix://{}', format => 'text');"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "shop")
    yield made
    made.engine.stop()


def send(path: Path, data: bytes) -> None:
    def connected() -> bool:
        try:
            sender.connect(str(path))
        except OSError:
            return False
        return True

    with socket.socket(socket.AF_UNIX) as sender:
        wait_until(connected, "the socket")
        sender.sendall(data)


def restart_machine(bench: Bench) -> None:
    """As far as a spool can tell."""
    bench.engine.stop()
    (book,) = (bench.root / ".workbench" / "received").glob("*/spool.json")
    book.write_text(json.dumps(json.loads(book.read_text("utf-8")) | {"boot": "another"}))
    bench.start()


def test_only_what_came_since_is_told(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("s") / "s"
    bench.write(TABLE.format(path))
    bench.start()
    send(path, b"a\n" * 1000)
    bench.until("SELECT count(*) FROM t", [("1000",)])
    restart_machine(bench)
    bench.engine.control("t", "pause", bench.engine.plan_control("t", "pause", {}).token, {})
    bench.until_unread()
    send(path, b"b\nc\n")
    wait_until(lambda: bench.engine.plan_control("t", "end", {}).possible, "something unread")
    plan = bench.engine.plan_control("t", "end", {})
    assert plan.says[0].startswith("t reads on from the end: at least 4 bytes, 2 rows, unread so far,")
    assert plan.says[1] == f"unix://{path}: 4 bytes are skipped."
    done = bench.engine.control("t", "end", plan.token, {})
    assert ": 4 bytes, 2 rows, were skipped" in done
    bench.engine.control("t", "resume", bench.engine.plan_control("t", "resume", {}).token, {})
    send(path, b"d\n")
    bench.until("SELECT count(*), max(value) FROM t", [("1001", "d")])
    assert bench.engine.check_data() == []
