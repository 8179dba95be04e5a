"""Who watches gets the newest snapshot, whatever became of those who watched before."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any, cast

import anyio
import anyio.to_thread
import pytest

from tests.conftest import DEADLINE, wait_until
from workbench.protocol import Snapshot
from workbench.server.calls import Calls
from workbench.server.snapshots import Snapshots


class Engine:
    """The second question is answered when it is told to."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self.answers, self.answered = threading.Event(), threading.Event()

    def wait_snapshot(self, after: float, timeout: float) -> Snapshot:
        self.asked.append(after)
        if len(self.asked) == 2:
            self.answers.wait(DEADLINE)
            self.answered.set()
        return Snapshot(float(len(self.asked)), 0, (), (), (), (), (), (), 0.0, 0.0)


async def until(look: Callable[[], object]) -> None:
    await anyio.to_thread.run_sync(lambda: wait_until(look))


async def test_an_answer_that_comes_when_its_watcher_has_left_keeps_no_news_from_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    engine, due = Engine(), asyncio.Event()
    snapshots = Snapshots(Calls(cast(Any, engine), lambda: None))
    first = snapshots.frames()
    await anext(first)
    waiting = asyncio.ensure_future(anext(first))
    await until(lambda: len(engine.asked) == 2)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await cast(Any, first).aclose()

    monkeypatch.setattr(anyio, "sleep", lambda seconds: due.wait())
    second = snapshots.frames()
    waiting = asyncio.ensure_future(anext(second))
    await until(lambda: snapshots._asking)
    engine.answers.set()
    await until(engine.answered.is_set)
    due.set()
    await waiting
    assert engine.asked == [0.0, 1.0, 0.0], "it waits for no change"
    await cast(Any, second).aclose()
