"""One peer of a stream socket, whose end tells it the truth."""

from __future__ import annotations

import socket
import struct
import sys
from contextlib import suppress

from workbench.connectors.spool.framing import Framer

SO_PEEK_OFF = 42 if sys.platform == "linux" else 0
"""Linux: each MSG_PEEK goes on after the one before. Python has no name for it."""
RESET, END = struct.pack("ii", 1, 0), struct.pack("ii", 0, 0)
"""Of SO_LINGER: what a TCP peer sees when its socket is closed here."""
DISCARDED = 64 << 10
"""Bytes taken out of a queue at once."""


class Connection:
    """A peer, its socket and what is unfinished of it.

    Promises: the peer sees a clean end only when all that it sent is kept: after its own end and `keep`, with nothing unfinished. At
    any other end, that of the process by `kill -9` included, it sees a reset: TCP is told so from the start (SO_LINGER), and what came
    over a unix socket stays in the kernel's queue until `keep`; there a peer that sends more later learns of the end by that. A unix
    socket cannot promise it of an unfinished record, nor of anything where there is no SO_PEEK_OFF (not Linux).
    """

    __slots__ = ("_ended", "_peeked", "_peeks", "framer", "held", "peer", "sock")

    def __init__(self, sock: socket.socket, peer: str, framer: Framer) -> None:
        self.sock = sock
        self.peer = peer
        self.framer = framer
        self.held = False
        """Its unfinished record must wait until others are finished."""
        self._ended = False
        """The peer has ended its side: nothing of it can be on its way."""
        self._peeks = False
        self._peeked = 0
        """Bytes that were received and are still in the kernel's queue."""
        with suppress(OSError):  # it has ended already, or the system has no such option
            # An urgent byte is one like all others; over a unix socket one that stays apart is news for ever, and cannot be peeked.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
            if sock.family != socket.AF_UNIX:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            elif SO_PEEK_OFF:
                sock.setsockopt(socket.SOL_SOCKET, SO_PEEK_OFF, 0)
                self._peeks = True

    def receive(self, part: memoryview) -> int:
        """Bytes that were received into `part`; 0 at the end.

        Raises:
            BlockingIOError: there are none now.
            OSError: the peer was cut off.
        """
        count = self.sock.recv_into(part, 0, socket.MSG_PEEK if self._peeks else 0)
        self._peeked += count if self._peeks else 0
        self._ended = not count
        return count

    def keep(self) -> None:
        """What was received is where a kill cannot take it, but for the unfinished record."""
        scratch = bytearray(min(DISCARDED, self._peeked))
        while self._peeked:
            with memoryview(scratch) as view, view[: self._peeked] as part:
                try:
                    count = self.sock.recv_into(part)
                except OSError:  # nothing is left of it
                    count = 0
            self._peeked = self._peeked - count if count else 0

    def close(self, kept: bool) -> None:
        """End it. Args: kept: `keep` was called, and nothing was received since."""
        if kept and self._ended and not self.framer.waiting and self.sock.family != socket.AF_UNIX:
            with suppress(OSError):  # it has ended already
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, END)
        self.sock.close()
