"""Orders from a file and from a TCP socket to the committed row, by the same engine: `python -m tests.benchmarks.ends [--rows 5000000]`.

Both are timed alike: from the first byte that is there to the answer of `workbench.streams` that counts every line.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import shutil
import socket
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.benchmarks.lab import Cost, client_of, orders_file, project, report, running, warm
from workbench.client import EngineClient

MOST = 600
"""Seconds."""
BETWEEN_LOOKS = 0.02
"""Seconds."""
PORT_WAIT = 30
"""Seconds until the engine listens."""


def send(port: int, source: Path) -> None:
    """The whole file over one connection, from this process."""
    end = time.monotonic() + PORT_WAIT
    while True:
        try:
            sock = socket.create_connection(("127.0.0.1", port))
            break
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.005)
    with sock, source.open("rb") as file:
        sock.sendfile(file)


def appear(folder: Path) -> None:
    """The file is there at once, under its name."""
    (folder / "orders.part").rename(folder / "data" / "orders.ndjson")


def from_socket(source: Path, port: int) -> Callable[[Path], None]:
    sender = multiprocessing.get_context("spawn").Process(target=send, args=(port, source))
    return lambda folder: sender.start()


async def until_all(client: EngineClient, rows: int) -> float:
    """Returns the moment when that many lines are committed."""
    end = time.perf_counter() + MOST
    while time.perf_counter() < end:
        snapshot = await client.snapshot()
        if snapshot.streams and snapshot.streams[0].rows_in >= rows:
            await client.aclose()
            return time.perf_counter()
        await asyncio.sleep(BETWEEN_LOOKS)
    raise SystemExit(f"not all of {rows:,} rows came within {MOST} s")


def cost(begin: Callable[[Path], None], folder: Path, engine: subprocess.Popen[bytes], rows: int) -> Cost:
    """From the beginning to the last row, whole engine."""
    client = client_of(folder)
    used, began = cpu_of(engine.pid), time.perf_counter()
    begin(folder)
    end = asyncio.run(until_all(client, rows))
    return Cost(round(end - began, 3), round(cpu_of(engine.pid) - used, 3), 0.0)


def cpu_of(pid: int) -> float:
    """Seconds of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def measured(kind: str, source: Path, rows: int) -> Cost:
    with project() as folder:
        begin: Callable[[Path], None] = appear
        if kind == "tcp":
            port = free_port()
            pipeline = folder / "pipelines" / "orders.sql"
            text = pipeline.read_text().replace(
                "STREAM read_files('data/*.ndjson', format => 'json')",
                f"STREAM read_socket('tcp://127.0.0.1:{port}', format => 'json', schema => 'order_id BIGINT, user_id BIGINT,"
                " country VARCHAR, amount DOUBLE, status VARCHAR, ts TIMESTAMPTZ')",
            )
            pipeline.write_text(text)
            begin = from_socket(source, port)
        else:
            shutil.copyfile(source, folder / "orders.part")
            warm(folder / "orders.part")
        with running(folder) as engine:
            return cost(begin, folder, engine, rows)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, default=5_000_000)
    arguments.add_argument("--rounds", type=int, default=3)
    given = arguments.parse_args()
    source = orders_file(given.rows)
    found: dict[str, list[Cost]] = {"file": [], "tcp": []}
    for _ in range(given.rounds):
        for kind, costs in found.items():
            costs.append(measured(kind, source, given.rows))
    walls = {kind: statistics.median(cost.wall for cost in costs) for kind, costs in found.items()}
    speeds: dict[str, Any] = {f"{kind}_rows_per_second": round(given.rows / wall) for kind, wall in walls.items()}
    report("ends", {"rows": given.rows, **found, **speeds, "tcp_to_file": round(walls["file"] / walls["tcp"], 3)})


if __name__ == "__main__":
    main()
