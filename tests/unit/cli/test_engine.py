from __future__ import annotations

import errno
import logging
import os
import threading
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import pytest

from workbench.cli import engine as command
from workbench.cli import garbage
from workbench.errors import DiskFull, QueryError


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What happens while an engine is served, which ends once the garbage collector is set."""
    steps: list[str] = []
    begun = threading.Event()

    def serve_one(*_: object) -> bool:
        steps.append("serve")
        go.set()
        assert begun.wait(300)
        return False

    def begin() -> None:
        steps.append("begin")
        begun.set()

    go = threading.Event()

    def open_all() -> None:
        assert go.wait(300)
        steps.append("open")

    monkeypatch.setattr(command, "SETTLED", 0.0)
    monkeypatch.setattr(command, "_serve_one", serve_one)
    monkeypatch.setattr(command, "open_all", open_all)
    monkeypatch.setattr(garbage, "begin", begin)
    return steps


def serve() -> None:
    never = cast("Any", partial(pytest.fail, "nothing is to be started"))
    command._serve(never, cast("Callable[[], Any]", never))


def test_every_room_is_opened_while_it_serves_before_what_there_is_is_frozen(steps: list[str]) -> None:
    serve()
    assert steps == ["serve", "open", "begin"]


def test_a_room_that_cannot_be_opened_is_logged_and_it_serves_on(
    steps: list[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> None:
        raise ImportError("cannot import name 'Control'")

    monkeypatch.setattr(command, "open_all", broken)
    with caplog.at_level(logging.WARNING, "workbench"):
        serve()
    assert "cannot import name 'Control'" in caplog.text
    assert sorted(steps) == ["begin", "serve"]


def test_an_engine_that_has_run_is_started_again_however_often_that_fails(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    errors: list[Exception] = [full, full, DiskFull("the disk is full"), QueryError("not now")]

    class Started:
        def start(self) -> None:
            if errors:
                raise errors.pop(0)

    monkeypatch.setattr(command, "RETRY", 0.0)
    with caplog.at_level(logging.WARNING, "workbench"):
        assert isinstance(command._started_again(cast("Callable[[], Any]", Started)), Started)
    said = [record.getMessage() for record in caplog.records]
    assert [text.startswith("it cannot start") for text in said] == [True, True, True, False]
