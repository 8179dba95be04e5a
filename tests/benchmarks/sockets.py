"""What a socket takes into its spool, and what a reader takes out: `python -m tests.benchmarks.sockets [--rows 5000000]`."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import shutil
import socket
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.benchmarks.lab import report
from workbench.batch import ChunkBuffer
from workbench.connectors.sockets.datagrams import DatagramReceiver
from workbench.connectors.sockets.door import ListeningDoor
from workbench.connectors.sockets.opening import open_socket
from workbench.connectors.sockets.streams import StreamReceiver
from workbench.connectors.spool.framing import Framing
from workbench.connectors.spool.intake import Intake
from workbench.connectors.spool.source import SpoolSource

LINE = 119
"""Bytes of a record, without what ends it."""
MOST = 300
"""Seconds."""
CHUNK = 10_000
"""Records in one send."""


def records(framing: Framing) -> bytes:
    record = b'{"order_id":1234567,"country":"DE","amount":10.5,"ts":"2026-01-01T00:00:00Z"}'.ljust(LINE)
    return CHUNK * (b"%d %s" % (LINE, record) if framing == "octet" else record + (b"\0" if framing == "nul" else b"\n"))


def send(where: Any, rows: int, framing: Framing, clients: int) -> None:
    """Send from this process over `clients` connections in turn, a smaller piece at a time the more there are."""
    data = records(framing)
    socks = [socket.create_connection(where) for _ in range(clients)]
    record = len(data) // CHUNK
    piece, left = data[: max(1, CHUNK // clients) * record], rows * record
    while left > 0:
        for sock in socks:
            sock.sendall(piece[: max(0, left)])
            left -= len(piece)
    for sock in socks:
        sock.close()


def send_datagrams(where: Any, rows: int) -> None:
    """One record a datagram, as fast as they go."""
    record = records("newline")[: LINE + 1]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(where)
        for _ in range(rows):
            sock.send(record)


def address(intake: Intake) -> Any:
    receiver = intake.receiver
    while True:
        if isinstance(receiver, DatagramReceiver) and receiver.bound:
            return receiver.bound
        if isinstance(receiver, StreamReceiver) and isinstance(receiver._door, ListeningDoor) and receiver._door.sockets:
            return receiver._door.sockets[0].getsockname()
        time.sleep(0.001)


def measure(url: str, rows: int, framing: Framing = "newline", clients: int = 1) -> dict[str, Any]:
    """Receive all of it, then read all of it."""
    folder = Path(tempfile.mkdtemp(prefix="workbench-sockets-"))
    intake = open_socket(folder, url, framing=framing, limit=8 << 30)
    source = SpoolSource("bench", intake, url)
    try:
        where = address(intake)
        target, given = (send_datagrams, (where, rows)) if url.startswith("udp") else (send, (where, rows, framing, clients))
        sender = multiprocessing.get_context("spawn").Process(target=target, args=given)
        sender.start()
        while not intake.spool.end.line:
            time.sleep(0.001)
        began, cpu = time.perf_counter(), time.process_time()
        while intake.spool.end.line + source.lag().dropped < rows:
            time.sleep(0.005)
            if time.perf_counter() - began > MOST:
                raise SystemExit(f"{url}: {rows:,} rows were sent, not all were received or counted: {intake.spool.take_notices()}")
        received, used = time.perf_counter() - began, time.process_time() - cpu
        sender.join()
        read, taken = drain(source)
        return {
            "rows": rows,
            "clients": clients,
            "rows_per_second_into_spool": round(rows / received),
            "rows_per_cpu_second_into_spool": round(rows / used),
            "dropped": source.lag().dropped,
            "rows_per_second_read": round(taken / read),
        }
    finally:
        source.close()
        shutil.rmtree(folder)


def drain(source: SpoolSource) -> tuple[float, int]:
    """Seconds, and rows read."""
    buffer = ChunkBuffer(16 << 20)
    began, rows = time.perf_counter(), 0
    while (raw := source.read(buffer)) is not None:
        rows = raw.offset.line
        source.committed(raw.offset)
    took = time.perf_counter() - began
    buffer.close()
    return took, rows


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, default=5_000_000)
    rows = arguments.parse_args().rows
    tcp = "tcp://127.0.0.1:0"
    report(
        "sockets",
        {
            "bytes_per_row": LINE + 1,
            "cores": os.cpu_count(),
            "tcp": measure(tcp, rows),
            "tcp_200_clients": measure(tcp, rows, clients=200),
            "tcp_octet": measure(tcp, rows, "octet"),
            "tcp_octet_200_clients": measure(tcp, rows, "octet", clients=200),
            "tcp_nul": measure(tcp, rows, "nul"),
            "udp": measure("udp://127.0.0.1:0", rows // 5),
        },
    )


if __name__ == "__main__":
    main()
