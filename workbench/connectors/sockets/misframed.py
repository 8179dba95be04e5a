"""Senders that do not speak the framing: each one is told of, those of one host together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

EVERY = 10.0
"""Seconds between two notices of one host, which may connect anew after each disconnection."""
KEPT = "what came then is rejected as _malformed"


@dataclass(slots=True)
class Host:
    """Connections from one host that were closed: `untold` of `all`, since `told_at`."""

    told_at: float
    all: int = 1
    untold: int = 0
    last: str = ""


class Misframed:
    """Counts connections that were closed for their framing. The first of a host is told at once, those after it once in EVERY
    seconds with their number: no connection is left out of the notices.

    Args:
        tell: takes notices.
    """

    def __init__(self, framing: str, tell: Callable[[str], None], monotonic: Callable[[], float]) -> None:
        self._framing = framing
        self._tell = tell
        self._monotonic = monotonic
        self._hosts: dict[str, Host] = {}

    def add(self, peer: str, why: str) -> None:
        """One more, which sent what `why` says."""
        name = host_of(peer)
        if host := self._hosts.get(name):
            host.all, host.untold, host.last = host.all + 1, host.untold + 1, why
            return
        self._hosts[name] = Host(self._monotonic())
        self._tell(f"{peer or 'a peer'} does not speak the framing '{self._framing}' and was disconnected: {why}; {KEPT}")

    def due(self) -> float:
        """Tell what has waited long enough; the seconds until that is to be seen again."""
        now, left = self._monotonic(), EVERY
        for name, host in list(self._hosts.items()):
            wait = host.told_at + EVERY - now
            if wait > 0:
                left = min(left, wait)
            elif host.untold:
                self._tell_of(name, host)
                host.told_at = now
            else:
                del self._hosts[name]
        return left

    def finish(self) -> None:
        """Tell all that waits: no more come."""
        for name, host in self._hosts.items():
            if host.untold:
                self._tell_of(name, host)
        self._hosts.clear()

    def _tell_of(self, name: str, host: Host) -> None:
        many = f"{host.all:,} connections from {name or 'peers without a name'}"
        self._tell(f"{many} did not speak the framing '{self._framing}' and were disconnected, the last: {host.last}; {KEPT}")
        host.untold = 0


def host_of(peer: str) -> str:
    """A peer's name without its port, which is another one for each connection."""
    host, colon, port = peer.rpartition(":")
    return host if colon and port.isdigit() else peer
