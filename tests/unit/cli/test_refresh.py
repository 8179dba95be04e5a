"""What `refresh` waits for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from io import StringIO
from types import SimpleNamespace
from typing import Any, cast

import pytest

from workbench.cli import ask
from workbench.cli.arguments import Arguments
from workbench.cli.output import Output
from workbench.protocol import Reply, RunStatus, Snapshot

EMPTY = Snapshot(0.0, 1, (), (), (), (), (), (), 0.0, 0.0)
OLD = RunStatus(6, "by_day", "running", None, 1.0, 1.0)
RUN = RunStatus(7, "by_day", "waiting", None, 0.0, 0.0)
DONE = replace(RUN, state="done", seconds=2.0, rows=3)


class Client:
    """Shows one picture of the runs after the other."""

    def __init__(self, *pictures: tuple[RunStatus, ...]) -> None:
        self.pictures = list(pictures)

    async def snapshot(self) -> Snapshot:
        return replace(EMPTY, runs=self.pictures.pop(0))

    async def refresh(self, name: str, full: bool) -> Reply:
        return Reply(f"{name}: refresh is run #7")


@pytest.mark.parametrize("asked", [(OLD,), (OLD, RUN)], ids=["a run of its own", "one that waits already"])
def test_it_waits_for_the_run_that_serves_it_and_for_none_before(asked: tuple[RunStatus, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    ended = replace(OLD, state="done")
    client = Client(asked, (OLD, RUN), (RUN, ended), (replace(RUN, state="running"), ended), (DONE, ended))

    @asynccontextmanager
    async def attached(arguments: Any) -> AsyncIterator[Client]:
        yield client

    monkeypatch.setattr(ask, "attached", attached)
    monkeypatch.setattr(ask, "LOOK_AGAIN", 0.0)
    out = Output(StringIO(), StringIO())
    assert ask.refresh(cast("Arguments", SimpleNamespace(name="by_day", full=False)), out) == 0
    assert isinstance(out.stderr, StringIO)
    assert out.stderr.getvalue().splitlines()[1] == "#7 by_day: done in 2.0 s, 3 rows"
    assert not client.pictures
