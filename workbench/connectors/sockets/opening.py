"""Opens what receives for an address."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from workbench.batch import MAX_LINE
from workbench.connectors.sockets.address import Address
from workbench.connectors.sockets.datagrams import DatagramReceiver
from workbench.connectors.sockets.door import DiallingDoor, ListeningDoor
from workbench.connectors.sockets.streams import StreamReceiver
from workbench.connectors.spool.framing import Framing
from workbench.connectors.spool.intake import Intake
from workbench.connectors.spool.quoted_framer import Quoting
from workbench.connectors.spool.receiver import Receiver
from workbench.connectors.spool.spool import LIMIT, Spool
from workbench.errors import SourceError


def open_socket(
    folder: Path,
    url: str,
    *,
    mode: Literal["listen", "connect"] = "listen",
    framing: Framing = "newline",
    max_line: int = MAX_LINE,
    limit: int = LIMIT,
    quoting: Quoting | None = None,
) -> Intake:
    """The intake of tcp://host:port, udp://host:port, unix:///path or unixgram:///path; `folder` is its spool's own.

    Nothing is received before a source is opened over it. `quoting`: how lines are CSV records, where they are.

    Raises:
        SourceError: the URL makes no sense.
    """
    address = Address.parse(url)
    spool = Spool(folder, limit)
    return Intake(spool, _receiver(address, spool, mode, framing, max_line, quoting))


def _receiver(address: Address, spool: Spool, mode: str, framing: Framing, max_line: int, quoting: Quoting | None) -> Receiver:
    if address.scheme in ("tcp", "unix"):
        door = DiallingDoor(address, spool) if mode == "connect" else ListeningDoor(address, spool)
        return StreamReceiver(spool, door, framing, max_line, quoting=quoting)
    if mode == "connect":
        raise SourceError(f"{address.url}: datagrams have no connection", "Leave mode => 'connect' out.")
    return DatagramReceiver(spool, address, framing, max_line, quoting=quoting)
