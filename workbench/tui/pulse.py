"""The app's own heartbeat: once a second, and how late it came."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

BEAT = 1.0


async def pulse(beat: Callable[[float], None]) -> None:
    """Calls `beat(milliseconds late)` each second, until cancelled: the event loop's delay, measured by what waits in it."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + BEAT - time.time() % BEAT
        await asyncio.sleep(due - loop.time())
        beat(max(0.0, (loop.time() - due) * 1000))
