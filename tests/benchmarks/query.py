"""The first page of a large result, and the end of a cancelled query: `python -m tests.benchmarks.query`."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

from tests.benchmarks.lab import client_of, project, report, running, spread
from workbench.client import EngineClient

LARGE = "select * from range(10000000)"
ENDLESS = "select count(*) from range(1000000) a, range(1000000) b where (a.range * b.range) % 7 = 3"
ROUNDS = 20


async def first_page(client: EngineClient) -> tuple[float, float]:
    """Seconds from asking to a page of rows, and to the whole result."""
    begin = time.perf_counter()
    query = await client.submit(LARGE)
    while not query.rows:
        query = await client.query(query.id, 0.05)
    await client.page(query.id, 0, 50)
    first = time.perf_counter() - begin
    while query.state == "running":
        query = await client.query(query.id, 1.0)
    whole = time.perf_counter() - begin
    await client.close_query(query.id)
    return first, whole


async def cancelled(client: EngineClient) -> float:
    """Seconds from the cancel to the query's end."""
    query = await client.submit(ENDLESS)
    await asyncio.sleep(0.2)
    begin = time.perf_counter()
    await client.cancel(query.id)
    while (await client.query(query.id, 1.0)).state == "running":
        pass
    ended = time.perf_counter() - begin
    await client.close_query(query.id)
    return ended


async def measure(folder: Path) -> dict[str, Any]:
    client = client_of(folder)
    try:
        pages = [await first_page(client) for _ in range(ROUNDS)]
        cancels = [await cancelled(client) for _ in range(ROUNDS)]
    finally:
        await client.aclose()
    return {
        "first_page_seconds": spread([first for first, _ in pages]),
        "whole_seconds": spread([whole for _, whole in pages]),
        "cancel_seconds": spread(cancels),
    }


if __name__ == "__main__":
    with project() as root, running(root):
        report("query", {"sql": LARGE, **asyncio.run(measure(root))})
