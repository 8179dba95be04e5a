"""A process to be killed: `python -m tests.crash.half_kept FD (kept|received)` takes all that one peer sends over a listening socket."""

from __future__ import annotations

import socket
import sys

from workbench.connectors.sockets.connection import Connection
from workbench.connectors.spool.framing import framer


def main() -> None:
    listening = socket.socket(fileno=int(sys.argv[1]))
    sock, _ = listening.accept()
    connection = Connection(sock, "peer", framer("newline", "peer", 1 << 20))
    buffer = bytearray(1 << 20)
    with memoryview(buffer) as view:
        while count := connection.receive(view):
            connection.framer.feed(buffer, 0, count)
    if sys.argv[2] == "kept":
        connection.keep()
        connection.close(kept=True)
    sys.stdout.write("received\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
