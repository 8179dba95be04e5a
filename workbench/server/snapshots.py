"""The newest snapshot for everybody who watches."""

from __future__ import annotations

from collections.abc import AsyncIterator

import anyio

from workbench.server.calls import Calls, encoded

HEARTBEAT = 1.0
"""Seconds after which a frame comes even when nothing changed, so that a dead connection is noticed."""

FRAME = 0.1
"""Seconds between two frames, at least."""


class Snapshots:
    """The newest snapshot as JSON for any number of watchers; the engine is asked once for all, and only while one watches."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._watchers = 0
        self._asking = False
        self._at = 0.0
        self._due = 0.0
        self._frame = b""
        self._number = 0
        self._news = anyio.Event()

    async def frames(self) -> AsyncIterator[bytes]:
        """Each frame is the newest when it is asked for; those in between are skipped."""
        if not self._watchers:
            self._at = 0.0
        self._watchers += 1
        seen = self._number if not self._asking else max(0, self._number - 1)
        try:
            while not self._calls.stopping:
                if seen == self._number:
                    await self._next()
                    continue
                seen = self._number
                yield self._frame
        finally:
            self._watchers -= 1

    async def _next(self) -> None:
        """One of the watchers asks the engine, the others wait for it; when that one leaves, another takes over."""
        if self._asking:
            with anyio.move_on_after(HEARTBEAT):
                await self._news.wait()
            return
        self._asking = True
        try:
            await anyio.sleep(max(0.0, self._due - anyio.current_time()))
            after = self._at
            self._at, self._frame = await self._calls.call(lambda: self._ask(after), self._calls.waits)
            self._due = anyio.current_time() + FRAME
            self._number += 1
        finally:
            self._asking = False
            self._news.set()
            self._news = anyio.Event()

    def _ask(self, after: float) -> tuple[float, bytes]:
        """In a thread, which may still be at it when whoever waited has left: what it found then is nobody's."""
        snapshot = self._calls.engine.wait_snapshot(after, HEARTBEAT)
        return snapshot.at, encoded(snapshot) + b"\n"
