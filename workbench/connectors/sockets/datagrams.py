"""Receives datagrams: fast, and with a count of what was lost on the way."""

from __future__ import annotations

import selectors
import socket
import struct
import time
from codecs import BOM_UTF8
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from workbench.connectors.sockets.address import Address, bind_all, inode, peer_name
from workbench.connectors.sockets.door import GONE, Waits
from workbench.connectors.spool.block import Lengths, Piece
from workbench.connectors.spool.framing import Framing
from workbench.connectors.spool.quoted_framer import Quoting
from workbench.connectors.spool.receiver import PAUSE, ReceiverThread
from workbench.connectors.spool.spool import Spool

ROUND = 4 << 20
"""Bytes received before they are written."""
LARGEST = 64 << 10
"""Bytes of a UDP datagram, at most."""
LARGEST_LOCAL = 2 << 20
"""Bytes of a datagram on a unix socket, at most (net.core.wmem_max is far less)."""
AT_ONCE = 2048
"""Datagrams received before they are written."""
RECEIVE_BUFFER = 8 << 20
"""Bytes that the kernel is asked to keep for us: at the default of 212 kB a stall of 10 ms loses datagrams."""
LOOK = 0.05
"""Seconds between looks at the kernel's counter."""
KNOWN = 4096
"""Names of peers that are kept at once."""
SO_MEMINFO = 55
DROPS = 8
"""Index of the counter in what SO_MEMINFO gives (Linux)."""

NEWLINE, MARK = 0x0A, BOM_UTF8[0]


class DatagramReceiver:
    """One thread that does nothing but receive.

    Framing newline and nul: a datagram is one or more records, the delimiter after the last may be missing; what is quoted ends with
    it. Framing octet: a datagram is one record. A byte order mark that one begins with is taken off. Nothing of UDP waits: what finds
    the spool without room is dropped and counted, like what the kernel had no room for. Senders on a unix socket can wait, so they do.
    """

    def __init__(
        self,
        spool: Spool,
        address: Address,
        framing: Framing,
        longest: int,
        receive_buffer: int = RECEIVE_BUFFER,
        monotonic: Callable[[], float] = time.monotonic,
        quoting: Quoting | None = None,
    ) -> None:
        self.bound: Any = None
        """Where it listens, once it does."""
        self._spool = spool
        self._address = address
        self._framing: Framing = framing
        self._longest = longest
        self._receive_buffer = receive_buffer
        self._monotonic = monotonic
        self._quoting = quoting or Quoting()
        self._thread = ReceiverThread(spool, "receive-datagrams", self._serve)
        self._largest = LARGEST_LOCAL if address.local else LARGEST
        self._names: dict[Any, str] = {}
        self._drops: dict[socket.socket, int] = {}
        self._looked_at = 0.0
        self._inode = -1
        """Of the file of a unix socket."""

    @property
    def peers(self) -> int:
        return 0

    @property
    def waiting(self) -> int:
        return 0

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._thread.stop()

    # -- in its thread

    def _serve(self) -> None:
        waits = Waits()
        while not self._thread.stopping.is_set():
            try:
                socks = bind_all(self._address)
            except OSError as error:
                self._spool.trouble = f"cannot listen: {error.strerror or error}; it is tried again"
                self._spool.notice(self._spool.trouble, "listen", 60.0)
                self._thread.stopping.wait(waits.take())
                continue
            self._spool.trouble, self._inode = "", inode(self._address)
            for sock in socks:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._receive_buffer)
                self._drops[sock] = 0
            try:
                self._receive(socks)
            finally:
                self.bound = None
                for sock in socks:
                    sock.close()
                if self._inode >= 0 and inode(self._address) == self._inode:
                    with suppress(OSError):
                        Path(self._address.path).unlink()

    def _receive(self, socks: list[socket.socket]) -> None:
        buffer = bytearray(ROUND + self._largest + 1)
        with selectors.DefaultSelector() as selector:
            self._thread.watch(selector)
            for sock in socks:
                selector.register(sock, selectors.EVENT_READ, sock)
            self.bound, gone = socks[0].getsockname(), False
            while not self._thread.stopping.is_set() and not gone:
                gone = inode(self._address) != self._inode  # found by nobody any more; what came before is received
                if self._address.local and not self._spool.wait_for_room(PAUSE):
                    continue
                for key, _ in selector.select(10 * LOOK):
                    if key.data is not None:
                        self._keep(self._round(key.data, buffer))
                self._count_drops(socks)
            if gone:
                self._spool.notice(GONE, "gone", 60.0)
            for sock in socks:
                self._keep(self._round(sock, buffer))
            self._count_drops(socks, always=True)

    def _round(self, sock: socket.socket, buffer: bytearray) -> list[Piece]:
        """What has come, up to AT_ONCE datagrams."""
        pieces: list[Piece] = []
        lengths: list[int] = []
        begin = at = 0
        last: Any = None
        with memoryview(buffer) as view:
            for _ in range(AT_ONCE):
                if at >= ROUND:
                    break
                try:
                    count, peer = sock.recvfrom_into(view[at : at + self._largest])
                except (BlockingIOError, InterruptedError):
                    break
                if count and buffer[at] == MARK and buffer.startswith(BOM_UTF8, at, at + count):
                    count -= len(BOM_UTF8)
                    view[at : at + count] = view[at + len(BOM_UTF8) : at + len(BOM_UTF8) + count]
                special = self._framing == "nul" or count > self._longest
                special = special or (self._framing == "newline" and self._quoting.concerns(view[at : at + count]))
                if special or peer != last:
                    self._add(pieces, buffer, begin, at, last, lengths)
                    begin, last, lengths = at, peer, []
                if special:
                    pieces += self._framed(buffer, at, count, peer)
                    continue
                stop = at + count
                if not count or self._framing == "octet" or buffer[stop - 1] != NEWLINE:
                    buffer[stop] = NEWLINE
                    stop += 1
                lengths.append(stop - at)
                at = stop
        self._add(pieces, buffer, begin, at, last, lengths)
        return pieces

    def _add(self, pieces: list[Piece], buffer: bytearray, begin: int, stop: int, peer: Any, lengths: list[int]) -> None:
        """The datagrams of one peer in a row, each of which ends with a newline."""
        if stop == begin:
            return
        newlines = buffer.count(b"\n", begin, stop)
        counted: Lengths | None = None
        records = newlines
        if self._framing == "octet":
            records = len(lengths)
            counted = np.array(lengths, np.uint32) if newlines != records else None
        pieces.append(Piece([memoryview(buffer)[begin:stop]], records, self._name(peer), counted))

    def _framed(self, buffer: bytearray, at: int, count: int, peer: Any) -> list[Piece]:
        """The records of one datagram, found as in a stream that ends with it."""
        name = self._name(peer)
        if self._framing == "octet":
            return [Piece([bytes(buffer[at : at + min(count, self._longest)])], 1, name, overlong=count)]
        one = self._quoting.framer(self._framing, name, self._longest)
        pieces = one.feed(bytearray(buffer[at : at + count]), 0, count) + one.finish()
        return pieces or [Piece([b"\n"], 1, name)]

    def _keep(self, pieces: list[Piece]) -> None:
        if self._address.local:
            while not self._spool.append(pieces):
                if self._thread.stopping.wait(PAUSE):
                    self._spool.drop(sum(piece.records for piece in pieces))
                    return
        elif not (self._spool.has_room and self._spool.append(pieces)):
            self._spool.drop(sum(piece.records for piece in pieces))

    def _name(self, peer: Any) -> str:
        name = self._names.get(peer)
        if name is None:
            if len(self._names) >= KNOWN:
                self._names.clear()
            name = self._names[peer] = peer_name(peer)
        return name

    def _count_drops(self, socks: list[socket.socket], always: bool = False) -> None:
        now = self._monotonic()
        if not always and now - self._looked_at < LOOK:
            return
        self._looked_at = now
        for sock in socks:
            dropped = _dropped(sock)
            self._spool.drop((dropped - self._drops[sock]) & 0xFFFFFFFF, kernel=True)
            self._drops[sock] = dropped


def _dropped(sock: socket.socket) -> int:
    """Datagrams that the kernel had no room for since the socket was made; 0 where it does not tell."""
    try:
        values = struct.unpack("9I", sock.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, 36))
    except (OSError, struct.error):
        return 0
    return int(values[DROPS])
