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

import pytest

from tests.commits import STEPS
from tests.conftest import DEADLINE, wait_until
from tests.crash.world import asked, free_port
from tests.integration.bench import Bench
from workbench.batch import ChunkBuffer, RawBatch
from workbench.config import Settings, open_project
from workbench.connectors.files.source import FileSource
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
    monkeypatch.setattr("workbench.stream.pump.ENOUGH_AFTER", 0.5)
    records = b"".join(b'{"client": 1, "n": %d}\n' % i for i in range(500))
    engine = bench.start()
    with dial(("127.0.0.1", port)) as sock, meanwhile(lambda: sock.sendall(records), 0.001):
        wait_until(lambda: asked(engine, "SELECT count(*) FROM s")[0][0], "the first records")
        there = path.stat().st_size
        summaries: list[Summary] = []
        running = threading.Thread(target=lambda: summaries.append(engine.run_once()), daemon=True)
        running.start()
        running.join(DEADLINE)
        ended = not running.is_alive()
        engine.stop()
        running.join(DEADLINE)
    assert ended
    assert not running.is_alive()
    assert not summaries[0].failed
    bench.engine = Engine(open_project(bench.root, Settings()), Settings(), flows=False)
    bench.engine.start()
    assert asked(bench.engine, "SELECT byte FROM workbench.offsets WHERE flow = 't'")[0][0] >= there
    assert bench.engine.check_data() == []


# -- clients


def test_one_client_hangs_within_a_line_while_others_go_on(bench: Bench) -> None:
    port = free_port(socket.SOCK_STREAM)
    bench.write(SOCKET.format(f"tcp://127.0.0.1:{port}", ", schema => 'client BIGINT, n BIGINT'"))
    bench.start()
    with dial(("127.0.0.1", port)) as hanging, dial(("127.0.0.1", port)) as other:
        hanging.sendall(b'{"client": 0, ')
        wait_until(lambda: "14 bytes of an unfinished last line" in flow_of(bench, "s").detail, "the half line to be shown")
        for i in range(3):
            other.sendall(b'{"client": 1, "n": %d}\n' % i)
            bench.until("SELECT max(n)::INT FROM s", [(str(i),)])
        hanging.sendall(b'"n": 99}\n')
        bench.until("SELECT max(n)::INT, count(*)::INT FROM s", [("99", "4")])
    assert bench.engine.check_data() == []


def test_a_flood_from_200_clients_is_stored_to_the_last_record(bench: Bench) -> None:
    port, clients, count = free_port(socket.SOCK_STREAM), 200, 300
    bench.write(SOCKET.format(f"tcp://127.0.0.1:{port}", ", schema => 'client BIGINT, n BIGINT', spool => '1MB'"))
    bench.start()
    dial(("127.0.0.1", port)).close()

    def flood(client: int) -> None:
        dice = random.Random(client)
        data = b"".join(b'{"client": %d, "n": %d}\n' % (client, i) if i % 10 else b"oh no\n" for i in range(count))
        with socket.create_connection(("127.0.0.1", port)) as sock:
            while data:
                cut = dice.randint(1, 2000)
                sock.sendall(data[:cut])
                data = data[cut:]

    senders = [threading.Thread(target=flood, args=(client,)) for client in range(clients)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    rows, bad = clients * count, clients * count // 10
    bench.until("SELECT rows_in, accepted, rejected FROM workbench.streams", [(str(rows), str(rows - bad), str(bad))])
    rows_of = "SELECT client, n FROM _store.s ORDER BY rowid"
    ordered = f"SELECT list(n) = list_sort(list(n)) AND count(DISTINCT n) = count(*) AS well FROM ({rows_of}) GROUP BY client"
    assert asked(bench.engine, f"SELECT bool_and(well), count(*) FROM ({ordered})") == [(True, clients)]
    assert flow_of(bench, "s").dropped == 0
    assert bench.engine.check_data() == []


def test_datagrams_that_find_no_room_are_counted_to_the_last(bench: Bench) -> None:
    port = free_port(socket.SOCK_DGRAM)
    bench.write(SOCKET.format(f"udp://127.0.0.1:{port}", ", schema => 'client BIGINT, n BIGINT', spool => '1MB'"))
    bench.start()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sent = 0

        def send(count: int) -> None:
            nonlocal sent
            for _ in range(count):
                sock.sendto(b'{"client": 1, "n": %d, "pad": "%s"}\n' % (sent, b"x" * 900), ("127.0.0.1", port))
                sent += 1

        wait_until(lambda: Path("/proc/net/udp").read_text("ascii").find(f":{port:04X} ") > 0, "the receiver")
        send(1)
        wait_until(lambda: flow_of(bench, "s").rows_in == 1, "it to receive: what came before that is in no count")
        bench.engine.pause("s")

        def dropped() -> bool:
            send(50)
            return flow_of(bench, "s").dropped > 100

        wait_until(dropped, "drops")
        bench.engine.resume("s")
        wait_until(lambda: flow_of(bench, "s").rows_in + flow_of(bench, "s").dropped == sent, "stored + dropped = sent")
    assert bench.engine.check_data() == []


def test_a_server_that_vanishes_and_returns(bench: Bench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        bench.write(SOCKET.format(f"tcp://127.0.0.1:{port}", ", schema => 'client BIGINT, n BIGINT', mode => 'connect'"))
        bench.start()
        with server.accept()[0] as peer:
            peer.sendall(b'{"client": 1, "n": 1}\n')
            bench.until("SELECT n FROM s", [("1",)])
    wait_until(lambda: "it is made again" in bench.notices(), "the notice")
    with socket.create_server(("127.0.0.1", port)) as server, server.accept()[0] as peer:
        peer.sendall(b'{"client": 1, "n": 2}\n')
        bench.until("SELECT n FROM s ORDER BY n", [("1",), ("2",)])
    assert bench.engine.check_data() == []


# -- files, clocks and disks


def test_ten_thousand_tiny_files(bench: Bench) -> None:
    count = 10_000
    for i in range(count):
        (bench.root / "in" / f"{i:05}.ndjson").write_bytes(b'{"n": %d}\n' % i if i % 100 else b"oh no\n")
    bench.write(FILES + TOTALS)
    engine = bench.start()
    (counts,) = engine.run_once().counts.values()
    assert (counts.rows_in, counts.accepted, counts.rejected) == (count, count - 100, 100)
    assert len(os.listdir("/proc/self/fd")) < 600
    bench.append({"n": 1_000_000}, file="04711.ndjson")
    bench.until("SELECT n::INT, top::INT FROM v", [(str(count - 99), "1000000")])
    assert engine.check_data() == []
    engine.stop()
    bench.append({"n": 1_000_001}, file="00815.ndjson")
    bench.start()
    bench.until("SELECT n::INT, top::INT FROM v", [(str(count - 98), "1000001")])
    assert bench.engine.check_data() == []


def test_a_clock_that_steps_loses_nothing_and_closes_no_window_too_early(bench: Bench) -> None:
    """The wall clock is jumped back and forth; idle timeouts and pauses go by the monotonic one."""
    source = "CREATE FLOW {0} AS INSERT INTO e BY NAME SELECT ts FROM STREAM read_files('in/{0}.ndjson', format => 'json',"
    source += " schema => 'ts TIMESTAMPTZ', idle_timeout => '1 hour');\n"
    bench.write(
        FILES.replace("/*", "/t") + TOTALS + "CREATE STREAMING TABLE e (ts TIMESTAMPTZ);\n" + source.format("a") + source.format("b") +
        "CREATE MATERIALIZED VIEW w AS SELECT window(ts, '10 seconds') AS begin, count(*) AS n"
        " FROM STREAM e WATERMARK ts DELAY OF INTERVAL 0 SECONDS GROUP BY 1;"
    )  # fmt: skip
    step = 0.0
    settings = Settings(poll=0.02, tick=0.0)
    engine = bench.engine = Engine(open_project(bench.root, settings), settings, clock=lambda: time.time() + step)
    engine.start()
    for i, step in enumerate((0.0, -86_400.0, 10 * 86_400.0, -3e8, 0.0)):  # noqa: B007  `step` is what the clock reads
        bench.append({"n": i}, file="t.ndjson")
        bench.append({"ts": f"2026-01-01T00:01:{i * 10:02}Z"}, file="a.ndjson")
        bench.append({"ts": f"2026-01-01T00:00:{i * 10:02}Z"}, file="b.ndjson")
        bench.until("SELECT n::INT, top::INT, (SELECT count(*) FROM e)::INT FROM v", [(str(i + 1), str(i), str(2 * i + 2))])
        bench.until("SELECT count(*)::INT FROM workbench.windows WHERE state = 'closed'", [(str(i),)])
        assert engine.snapshot().streams[0].state == "RUN"
    assert asked(engine, "SELECT count(*) FROM workbench.late") == [(0,)]
    assert engine.check_data() == []


def test_a_slow_disk_is_named_and_holds_up_only_what_is_bounded(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbench.stream.schedule.SMALLEST_QUEUE", 1 << 20)
    lines, quick, waits = 200_000, threading.Event(), [0.5]
    text = b"".join(b'{"n": %d, "pad": "%s"}\n' % (i, b"x" * 80) for i in range(lines))
    (bench.root / "in" / "a.ndjson").write_bytes(text)
    bench.write(FILES + TOTALS)
    settings = Settings(poll=0.02, tick=0.0, chunk=1 << 20)

    def probe(step: int) -> None:
        if step == STEPS:
            waits.append(2 * waits[-1])  # whatever else is slow here, or not looked at: in the end it is the disk
            quick.wait(waits[-2])

    engine = bench.engine = Engine(open_project(bench.root, settings), settings, probe=probe)
    engine.start()
    seen = [engine.snapshot().streams[0]]

    def look() -> bool:
        seen.append(engine.snapshot().streams[0])
        return seen[-1].slow == "disk"

    wait_until(look, "the disk to be named")
    assert seen[-1].lag_rows > 0
    quick.set()
    wait_until(lambda: (look(), seen[-1].rows_in == lines)[1], "all lines")
    limit = seen[-1].queue_limit
    assert limit < len(text) / 2
    assert max(stream.queue_bytes for stream in seen) <= limit + 2 * settings.chunk
    assert asked(engine, "SELECT n, top FROM v") == [(lines, lines - 1)]
    assert engine.check_data() == []
