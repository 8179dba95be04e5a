"""The engine's calls in worker threads, behind limits."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import anyio
import anyio.to_thread
from starlette.responses import Response

from workbench.protocol import to_json
from workbench.server.facade import Engine


class Calls:
    """The engine behind limits: waiting watchers take no thread from commands, and a cancel never queues behind queries."""

    def __init__(self, engine: Engine, stop: Callable[[], None]) -> None:
        self.engine = engine
        self.stop = stop
        self.stopping = False
        self.calls = anyio.CapacityLimiter(16)
        self.waits = anyio.CapacityLimiter(64)
        self.cancels = anyio.CapacityLimiter(8)

    async def call(self, work: Callable[[], Any], limiter: anyio.CapacityLimiter | None = None) -> Any:
        return await anyio.to_thread.run_sync(work, limiter=limiter or self.calls, abandon_on_cancel=True)

    async def answer(self, work: Callable[[], Any], limiter: anyio.CapacityLimiter | None = None) -> Response:
        """Do the work in a thread, and its JSON too: a large page must not hold up the others."""
        return json_response(await self.call(lambda: encoded(work()), limiter))


def encoded(message: Any) -> bytes:
    return json.dumps(message if isinstance(message, dict) else to_json(message), separators=(",", ":"), ensure_ascii=False).encode(
        errors="replace"  # half a surrogate pair in a text that was sent
    )


def json_response(content: bytes | str, status: int = 200) -> Response:
    return Response(content, status, media_type="application/json")
