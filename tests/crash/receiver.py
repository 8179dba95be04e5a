"""Receives on a port into a spool until it is killed: `python -m tests.crash.receiver FOLDER FRAMING`.

It prints its port, then again and again how many records are in the spool.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from workbench.connectors.sockets.door import ListeningDoor
from workbench.connectors.sockets.opening import open_socket
from workbench.connectors.sockets.streams import StreamReceiver


def main(folder: str, framing: str) -> None:
    intake = open_socket(Path(folder), "tcp://127.0.0.1:0", framing="octet" if framing == "octet" else "newline")
    intake.enter()
    receiver = intake.receiver
    assert isinstance(receiver, StreamReceiver)
    door = receiver._door
    assert isinstance(door, ListeningDoor)
    while not door.sockets:
        time.sleep(0.001)
    sys.stdout.write(f"{door.sockets[0].getsockname()[1]}\n")
    while True:
        sys.stdout.write(f"{intake.spool.end.line}\n")
        sys.stdout.flush()
        time.sleep(0.001)


if __name__ == "__main__":
    main(*sys.argv[1:])
