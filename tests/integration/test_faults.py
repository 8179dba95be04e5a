"""What the world does to a running engine: floods, hanging clients, clocks that step, files in thousands, slow disks."""

from __future__ import annotations

import os
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import DEADLINE, wait_until
from tests.crash.world import asked, free_port
from tests.integration.bench import Bench
from workbench.batch import ChunkBuffer, RawBatch
from workbench.config import Settings, open_project
from workbench.connectors.files import FileSource
from workbench.engine.engine import Engine
from workbench.engine.summary import Summary
from workbench.protocol import FlowStatus

FILES = "CREATE STREAMING TABLE t (n BIGINT NOT NULL) AS SELECT * FROM STREAM read_files('in/*.ndjson', format => 'json');"
SOCKET = "CREATE STREAMING TABLE s (client BIGINT, n BIGINT) AS SELECT * FROM STREAM read_socket('{}'{});"
TOTALS = "CREATE MATERIALIZED VIEW v AS SELECT count(*) AS n, max(n) AS top FROM STREAM t;"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "p")
    yield made
    if hasattr(made, "engine"):
        made.engine.stop()


@contextmanager
def meanwhile(work: Callable[[], None], pause: float = 0.0) -> Iterator[None]:
    """Something is done again and again while the body runs."""
    over = threading.Event()

    def go() -> None:
        while not over.wait(pause):
            with suppress(OSError):  # nobody listens any more
                work()

    thread = threading.Thread(target=go)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def flow_of(bench: Bench, table: str) -> FlowStatus:
    return next(stream.flows[0] for stream in bench.engine.snapshot().streams if stream.name == table)


def dial(where: tuple[str, int]) -> socket.socket:
    """Connected, as soon as somebody listens."""

    def connect() -> socket.socket | None:
        try:
            return socket.create_connection(where)
        except OSError:
            return None

    return wait_until(connect, "a listener")


# -- a run over what is there


def test_a_run_over_what_is_there_ends_though_news_come_all_the_time(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port(socket.SOCK_STREAM)
    bench.write(FILES + SOCKET.format(f"tcp://127.0.0.1:{port}", ", schema => 'client BIGINT, n BIGINT'"))
    bench.write("CREATE MATERIALIZED VIEW fresh TRIGGER ON UPDATE AS SELECT count(*) AS n FROM t;", "view.sql")
    path = bench.root / "in" / "a.ndjson"
    path.write_bytes(b"".join(b'{"n": %d}\n' % i for i in range(20_000)))
    read = FileSource.read

    def read_with_news(self: FileSource, buffer: ChunkBuffer, limit: int | None = None) -> RawBatch | None:
        with path.open("ab") as file:
            file.write(b'{"n": 1}\n' * 100)
        return read(self, buffer, limit)

    monkeypatch.setattr(FileSource, "read", read_with_news)
    monkeypatch.setattr("workbench.stream.pump.ENOUGH_AFTER", 500.0)
    records = b"".join(b'{"client": 1, "n": %d}\n' % i for i in range(500))
    engine = bench.start()
    with dial(("127.0.0.1", port)) as sock, meanwhile(lambda: sock.sendall(records), 0.001):
        wait_until(lambda: asked(engine, "SELECT count(*) FROM s")[0][0], "the first records")
        there = path.stat().st_size
        summaries: list[Summary] = []
        running = threading.Thread(target=lambda: summaries.append(engine.run_once()))
        running.start()
        running.join(DEADLINE)
        ended = not running.is_alive()
        engine.stop()
        running.join()
    assert ended
    assert not summaries[0].failed
    bench.engine = Engine(open_project(bench.root, Settings()), Settings(), flows=False)
    bench.engine.start()
    assert asked(bench.engine, "SELECT byte FROM workbench.offsets WHERE flow = 't'")[0][0] >= there
    assert bench.engine.check_data() == []
