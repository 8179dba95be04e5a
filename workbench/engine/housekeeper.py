"""Small work that is done now and then: notices, triggers, pipelines that changed, events to be stored."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError

log = logging.getLogger(__name__)

ROUND = 0.5
"""Seconds between two rounds; `wake` starts one at once."""


class Housekeeper:
    """A thread that calls `chores` every now and then; one that fails is logged, and the next round comes all the same."""

    def __init__(self, chores: Callable[[], None]) -> None:
        self._chores = chores
        self._due = threading.Event()
        self._stopped = False
        self._thread = threading.Thread(target=self._work, name="housekeeper", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        self._due.set()

    def stop(self) -> None:
        self._stopped = True
        self._due.set()
        if self._thread.is_alive():
            self._thread.join()

    def _work(self) -> None:
        while True:
            self._due.wait(ROUND)
            self._due.clear()
            if self._stopped:
                return
            try:
                self._chores()
            except CancelledError:
                if not self._stopped:
                    log.info("housekeeping was broken off: the engine stops")
            except Exception:
                log.exception("housekeeping failed; the next round comes")
