"""What UDP loses is told while the stream runs, after it was stopped, and after a restart; to the screen and to SQL."""

from __future__ import annotations

import socket
from pathlib import Path

from tests.conftest import wait_until
from tests.integration.bench import Bench


def lost(bench: Bench) -> int:
    return sum(flow.dropped for flow in bench.engine.snapshot().streams[0].flows)


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def test_lost_records_stay_counted(tmp_path: Path) -> None:
    bench, port = Bench(tmp_path / "shop"), free_port()
    bench.write(
        f"CREATE STREAMING TABLE u AS SELECT * FROM STREAM read_socket('udp://127.0.0.1:{port}', schema => 'n BIGINT', spool => '1MB');"
    )
    bench.start()
    try:
        bench.engine.control("u", "pause", bench.engine.plan_control("u", "pause", {}).token, {})
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:

            def floods() -> bool:
                for n in range(50):
                    sender.sendto(b'{"n": %d, "x": "%s"}' % (n, b"x" * 8000), ("127.0.0.1", port))
                return lost(bench) > 0

            wait_until(floods, "its spool is full")
        bench.engine.control("u", "stop", bench.engine.plan_control("u", "stop", {}).token, {})
        known = wait_until(lambda: lost(bench))
        assert bench.engine.snapshot().streams[0].state == "STOP"
        bench.until("SELECT lost FROM workbench.streams", [(str(known),)])
        bench.engine.stop()
        bench.start()
        assert lost(bench) == known
        assert bench.ask("SELECT name, lost FROM workbench.flows") == [("u", str(known))]
    finally:
        bench.engine.stop()
