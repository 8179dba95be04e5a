"""Records that were sent and could not be kept (UDP): counted for each flow, over stops and restarts."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from workbench.store.session import Session
from workbench.stream.flow import Flow


@dataclass(frozen=True, slots=True)
class Loss:
    """`records` in all, `kernel` of them where the kernel had no room."""

    records: int = 0
    kernel: int = 0


class Losses:
    """What was lost of each flow since it was made. The counts never go down: a source that is closed tells of none, and a spool
    that is made anew begins at 0. Safe from any thread.

    Args:
        session: the writer's.
    """

    def __init__(self, session: Session) -> None:
        rows = session.execute("SELECT name, coalesce(lost, 0), coalesce(lost_by_kernel, 0) FROM _system.flows WHERE lost > 0")
        self._known = {name: Loss(records, kernel) for name, records, kernel in rows}
        self._stored = dict(self._known)
        self._seen: dict[str, Loss] = {}
        self._lock = threading.Lock()

    def look(self, flows: Sequence[Flow]) -> None:
        """Take over what the sources count. Only sockets are asked: a file on a mount that hangs would hold up whoever asks."""
        sockets = [flow for flow in flows if flow.outputs[0].source.startswith("read_socket") and not flow.stopped]
        with self._lock:
            for flow in sockets:
                lag = flow.source.lag()  # one after the other: an older answer than the last would look like a spool made anew
                if not (lag.dropped or flow.name in self._seen):
                    continue
                for name in flow.names:
                    self._grow(name, Loss(lag.dropped, lag.dropped_by_kernel))

    def _grow(self, name: str, counted: Loss) -> None:
        known = self._known.get(name, Loss())
        before = self._seen.get(name, known)  # a spool goes on with its count after a restart
        if counted.records < before.records:
            before = Loss() if name in self._seen else counted
        more = Loss(counted.records - before.records, max(0, counted.kernel - before.kernel))
        self._seen[name] = counted
        if more.records:
            self._known[name] = Loss(known.records + more.records, known.kernel + more.kernel)

    def of(self, flow: str) -> Loss:
        return self._known.get(flow, Loss())

    @property
    def unsaved(self) -> bool:
        with self._lock:
            return self._known != self._stored

    def save(self, session: Session) -> None:
        """Store what has grown. Runs in the writer's turn."""
        with self._lock:
            grown = {name: loss for name, loss in self._known.items() if self._stored.get(name) != loss}
        for name, loss in grown.items():
            session.execute("UPDATE _system.flows SET lost = ?, lost_by_kernel = ? WHERE name = ?", [loss.records, loss.kernel, name])
        self._stored.update(grown)
