"""The housekeeper's thread: a chore that fails does not end it."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import CancelledError

import pytest

from workbench.engine.housekeeper import Housekeeper
from workbench.errors import DiskFull


@pytest.mark.parametrize(("error", "told"), [(CancelledError(), "was broken off"), (KeyError("x"), "housekeeping failed")])
def test_a_chore_that_fails_is_told_and_the_next_round_comes(error: Exception, told: str, caplog: pytest.LogCaptureFixture) -> None:
    rounds, again = [error], threading.Event()

    def chores() -> None:
        if rounds:
            raise rounds.pop()
        again.set()

    keeper = Housekeeper(chores)
    with caplog.at_level(logging.INFO):
        keeper.start()
        keeper.wake()
        assert again.wait(300)
        keeper.stop()
    (record,) = caplog.records
    assert told in record.message
    assert (record.exc_info is None) == isinstance(error, CancelledError)


@pytest.mark.parametrize("error", [DiskFull("The disk is full: no room for 10 bytes", "Free some room."), OSError(28, "No space left")])
def test_a_hindrance_is_said_once_in_one_line_until_a_round_works(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    rounds = iter([True, True, True, False, True])
    over = threading.Event()

    def chores() -> None:
        hindered = next(rounds, None)
        if hindered is None:
            over.set()
        keeper.wake()
        if hindered:
            raise error

    keeper = Housekeeper(chores)
    with caplog.at_level(logging.INFO):
        keeper.start()
        keeper.wake()
        assert over.wait(300)
        keeper.stop()
    assert len(caplog.records) == 2
    assert all("wait, and are tried again: " in record.message and "\n" not in record.message for record in caplog.records)
    assert all(record.exc_info is None for record in caplog.records)
