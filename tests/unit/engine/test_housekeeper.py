"""The housekeeper's thread: a chore that fails does not end it."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import CancelledError

import pytest

from workbench.engine.housekeeper import Housekeeper


@pytest.mark.parametrize(("error", "told"), [(CancelledError(), "was broken off"), (OSError("disk"), "housekeeping failed")])
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
