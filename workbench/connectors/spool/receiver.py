"""What brings records into a spool: one thread of its own for each address."""

from __future__ import annotations

import logging
import selectors
import socket
import threading
from collections.abc import Callable
from typing import Protocol

from workbench.connectors.spool.spool import Spool

log = logging.getLogger(__name__)

PAUSE = 0.05
"""Seconds that a receiver waits for room at once."""


class Receiver(Protocol):
    """Fills one Spool from the outside world in a thread of its own, from `start` to `stop`.

    It takes nothing more while the spool has no room (or, where nobody can be held up, counts what it drops), and gives
    what a user should know to `Spool.notice`. When nothing will ever come again it calls `Spool.finish`.
    """

    @property
    def peers(self) -> int:
        """Senders that are connected now."""

    @property
    def waiting(self) -> int:
        """Bytes of unfinished records that wait for their rest."""

    def start(self) -> None:
        """Begin to receive; what stands in the way (an address in use) is a notice, and tried again.

        Raises:
            OSError, RuntimeError: there is no handle or no thread left for it; nothing has begun.
        """

    def stop(self) -> None:
        """Receive no more, give back every handle; what is whole is in the spool. It can be started again."""


class ReceiverThread:
    """The thread of a receiver: `serve` runs in it until `stopping`; `doorbell` becomes readable then."""

    def __init__(self, spool: Spool, name: str, serve: Callable[[], None]) -> None:
        self._spool = spool
        self._name = name
        self._serve = serve
        self._ring: socket.socket | None = None
        self.doorbell: socket.socket | None = None
        self.stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self.stopping.clear()
        self._ring, self.doorbell = socket.socketpair()
        thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        try:
            thread.start()
        except RuntimeError:
            self._ring.close()
            self.doorbell.close()
            raise
        self._thread = thread

    def stop(self) -> None:
        self.stopping.set()
        if self._thread is None or self._ring is None or self.doorbell is None:
            return
        self._ring.send(b".")
        self._thread.join()
        self._ring.close()
        self.doorbell.close()
        self._thread = self._ring = None

    def watch(self, selector: selectors.BaseSelector) -> None:
        """Let a stop end the waits of `selector`."""
        assert self.doorbell is not None
        selector.register(self.doorbell, selectors.EVENT_READ)

    def _run(self) -> None:
        while not self.stopping.is_set():
            try:
                self._serve()
                return
            except Exception as error:
                log.exception("%s failed", self._name)
                self._spool.notice(f"receiving was interrupted by a defect ({error!r}; see the log), and begins anew", "defect", 60.0)
                self.stopping.wait(1.0)
