"""A receiver and the spool that it fills, shared by all the sources that read it."""

from __future__ import annotations

import threading

from workbench.connectors.spool.receiver import Receiver
from workbench.connectors.spool.spool import Spool
from workbench.errors import SourceError


class Intake:
    """Receives while at least one source is open over it; the records that it got stay in the spool when none is.

    Keep one Intake for an address (a port can be listened on once), whatever the number of tables.
    """

    def __init__(self, spool: Spool, receiver: Receiver) -> None:
        self.spool = spool
        self.receiver = receiver
        self._users = 0
        self._lock = threading.Lock()

    def enter(self) -> None:
        """One more source is open.

        Raises:
            SourceError: the spool's folder cannot be made or read, or there is no handle or thread left to receive with.
        """
        with self._lock:
            if not self._users:
                try:
                    self.spool.open()
                    self.receiver.start()
                except (OSError, RuntimeError) as error:  # the latter: no more threads
                    self.spool.close()
                    why = getattr(error, "strerror", None) or error
                    raise SourceError(f"{self.spool.folder}: {why}", "What was received is kept there.") from error
            self._users += 1

    def leave(self) -> None:
        """One source less; the last one stops the receiver and closes the spool's files."""
        with self._lock:
            self._users -= 1
            if self._users == 0:
                self.receiver.stop()
                self.spool.close()
