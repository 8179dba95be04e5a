"""Small work that is done now and then: notices, triggers, pipelines that changed, events to be stored."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError

from workbench.errors import WorkbenchError

log = logging.getLogger(__name__)

ROUND = 0.5
"""Seconds between two rounds; `wake` starts one at once."""


class Housekeeper:
    """A thread that calls `chores` every now and then; one that fails is logged, and the next round comes all the same."""

    def __init__(self, chores: Callable[[], None]) -> None:
        self._chores = chores
        self._due = threading.Event()
        self._stopped = False
        self._said = ""
        """What hindered the last round."""
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
                self._said = ""
            except CancelledError:
                if not self._stopped:
                    log.info("housekeeping was broken off: the engine stops")
            except (WorkbenchError, OSError) as error:
                self._say(error.message if isinstance(error, WorkbenchError) else str(error))
            except Exception as error:
                if repr(error) != self._said:
                    self._said = repr(error)
                    log.exception("housekeeping failed; the next round comes")

    def _say(self, why: str) -> None:
        """Once, until it is something else or it has worked again: a round comes twice a second."""
        alike = re.sub(r"\d+", "", why)
        if alike != self._said:
            self._said = alike
            log.warning("events, jobs that are due and changed pipelines wait, and are tried again: %s", why.split("\n", 1)[0])
