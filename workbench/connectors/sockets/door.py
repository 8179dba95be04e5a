"""How streams come about: others connect to us, or we connect and try again."""

from __future__ import annotations

import errno
import os
import random
import resource
import selectors
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from workbench.connectors.sockets.address import Address, bind_all, inode, local_peer, peer_name
from workbench.connectors.spool.spool import Spool

FIRST_WAIT, LONGEST_WAIT = 0.1, 30.0
"""Seconds before the second try, and at most; doubled from one to the other."""
CONNECT_WITHIN = 10.0
"""Seconds."""
MOST_CLIENTS = 1000
SPARED = 64
"""Handles, or a quarter of them where there are few, that clients leave for all else: without one the spool cannot be written, nothing
is received, and the clients keep theirs."""
BREATHER = 1.0
"""Seconds without new clients after there was no handle for one."""

GONE = "the file of the socket was deleted or replaced: it is made again"


class Door(Protocol):
    """Gives new connections; `selector` is the receiver's, and what is registered by a door has the door as its data."""

    def open(self, selector: selectors.BaseSelector) -> float:
        """Do what is due; the seconds until something is due again."""

    def come(self, selector: selectors.BaseSelector, sock: socket.socket) -> list[tuple[socket.socket, str]]:
        """New connections with their peers, after `sock` had an event."""

    def heard(self) -> None:
        """A connection gave something."""

    def left(self, connections: int) -> None:
        """A connection has ended; so many are left."""

    def close(self) -> None: ...


class Waits:
    """Exponential backoff with jitter."""

    def __init__(self, dice: Callable[[], float] = random.random) -> None:
        self._dice = dice
        self._next = FIRST_WAIT

    def take(self) -> float:
        """Seconds until the next try."""
        wait, self._next = self._next, min(2 * self._next, LONGEST_WAIT)
        return wait * (0.5 + self._dice())

    def reset(self) -> None:
        self._next = FIRST_WAIT


class ListeningDoor:
    """Takes in who connects, at most MOST_CLIENTS at once; the others wait outside."""

    def __init__(self, address: Address, spool: Spool, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._address = address
        self._spool = spool
        self._monotonic = monotonic
        self._waits = Waits()
        self.sockets: list[socket.socket] = []
        self._due = 0.0
        self._closed_until = 0.0
        self._shut = False
        self._clients = 0
        self._inode = -1
        """Of the file of a unix socket."""
        self._gone = False
        """It was not there at the last look."""
        self._look_at = 0.0

    def open(self, selector: selectors.BaseSelector) -> float:
        now = self._monotonic()
        if self._inode >= 0 and not self._shut and now >= self._look_at:
            self._look(selector, now)
        if not self.sockets and now >= self._due:
            self._listen(selector, now)
        if self._shut and now >= self._closed_until and self._clients < MOST_CLIENTS:
            self._shut = False
            for sock in self.sockets:
                selector.register(sock, selectors.EVENT_READ, self)
        return BREATHER if self.sockets else max(0.0, self._due - now)

    def _listen(self, selector: selectors.BaseSelector, now: float) -> None:
        try:
            self.sockets = bind_all(self._address)
        except OSError as error:
            self._due = now + self._waits.take()
            self._spool.trouble = f"cannot listen: {error.strerror or error}; it is tried again"
            self._spool.notice(self._spool.trouble, "listen", 60.0)
            return
        self._waits.reset()
        self._spool.trouble = ""
        self._spool.notices.forget("listen")
        self._inode = inode(self._address)
        self._gone, self._look_at = False, now + BREATHER
        for sock in self.sockets:
            selector.register(sock, selectors.EVENT_READ, self)

    def _look(self, selector: selectors.BaseSelector, now: float) -> None:
        """A unix socket whose file is gone is found by nobody: it is given up, after who had found it before was let in."""
        self._look_at = now + BREATHER
        gone, self._gone = self._gone, inode(self._address) != self._inode
        if gone and self._gone:
            for sock in self.sockets:
                selector.unregister(sock)
                sock.close()
            self.sockets, self._due, self._inode = [], now, -1
            self._spool.notice(GONE, "gone", 60.0)

    def come(self, selector: selectors.BaseSelector, sock: socket.socket) -> list[tuple[socket.socket, str]]:
        found: list[tuple[socket.socket, str]] = []
        if self._shut:
            return found  # by another of its sockets, in the same round
        while self._clients < MOST_CLIENTS:
            try:
                _spare(sock)
            except OSError as error:  # only who is told of by the selector surely waits
                self._shut_for(selector, "" if found else f"a client had to wait: {error.strerror}")
                return found
            try:
                client, where = sock.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return found
            except OSError as error:
                self._shut_for(selector, f"a client had to wait: {error.strerror or error}")
                return found
            client.setblocking(False)
            self._clients += 1
            found.append((client, local_peer(client) if self._address.local else peer_name(where)))
        self._shut_for(selector, f"{MOST_CLIENTS:,} clients are connected: others wait until one leaves")
        return found

    def _shut_for(self, selector: selectors.BaseSelector, why: str) -> None:
        if why:
            self._spool.notice(why, "shut", 60.0)
        self._shut, self._closed_until = True, self._monotonic() + BREATHER
        for sock in self.sockets:
            selector.unregister(sock)

    def heard(self) -> None:
        """Others decide when they come."""

    def left(self, connections: int) -> None:
        self._clients = connections

    def close(self) -> None:
        for sock in self.sockets:
            sock.close()
        self.sockets = []
        self._clients, self._shut, self._due = 0, False, 0.0
        self._spool.trouble = ""
        if self._inode >= 0 and inode(self._address) == self._inode:
            with suppress(OSError):
                Path(self._address.path).unlink()
        self._inode = -1


def _spare(sock: socket.socket) -> None:
    """Raise OSError where another client would leave too few handles: the lowest free one is what the next has."""
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    handle = os.dup(sock.fileno())
    os.close(handle)
    if most != resource.RLIM_INFINITY and handle >= most - min(SPARED, most // 4):
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


class DiallingDoor:
    """Keeps one connection to a server, and comes back to it when it is lost."""

    def __init__(
        self,
        address: Address,
        spool: Spool,
        monotonic: Callable[[], float] = time.monotonic,
        dice: Callable[[], float] = random.random,
    ) -> None:
        self._address = address
        self._spool = spool
        self._monotonic = monotonic
        self._waits = Waits(dice)
        self._due = 0.0
        self._connected = False
        self._lost = False
        self._silent = False
        """It was connected again, and has given nothing since."""
        self._trying: socket.socket | None = None
        self._began = 0.0
        self._places: list[tuple[socket.AddressFamily, Any]] = []

    def open(self, selector: selectors.BaseSelector) -> float:
        now = self._monotonic()
        if self._connected:
            return CONNECT_WITHIN
        if self._trying is not None:
            if now - self._began >= CONNECT_WITHIN:
                self._failed(selector, f"no answer in {CONNECT_WITHIN:g} s")
            return max(0.0, self._began + CONNECT_WITHIN - now)
        if now < self._due:
            return self._due - now
        self._dial(selector, now)
        return 0.0

    def _dial(self, selector: selectors.BaseSelector, now: float) -> None:
        """Begin to connect to the next of the addresses that the name has."""
        self._began = now
        try:
            if not self._places:
                self._places = self._address.resolve(passive=False)
            family, where = self._places.pop(0)
            sock = self._trying = socket.socket(family, socket.SOCK_STREAM)
            sock.setblocking(False)
            selector.register(sock, selectors.EVENT_WRITE, self)
            code = sock.connect_ex(where)
        except OSError as error:
            self._failed(selector, error.strerror or str(error))
            return
        if code not in (0, errno.EINPROGRESS):
            self._failed(selector, os.strerror(code))

    def _failed(self, selector: selectors.BaseSelector, why: str) -> None:
        self._drop(selector)
        if self._places:
            self._due = 0.0
            return
        self._due = self._monotonic() + self._waits.take()
        self._spool.trouble = f"cannot connect: {why}; it is tried again"
        self._spool.notice(self._spool.trouble, "dial", 600.0)
        self._lost = True

    def _drop(self, selector: selectors.BaseSelector) -> None:
        if self._trying is not None:
            with suppress(KeyError, ValueError):
                selector.unregister(self._trying)
            self._trying.close()
            self._trying = None

    def come(self, selector: selectors.BaseSelector, sock: socket.socket) -> list[tuple[socket.socket, str]]:
        try:
            if code := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                raise OSError(code, os.strerror(code))
            peer = self._address.path if self._address.local else peer_name(sock.getpeername())
        except OSError as error:  # ENOTCONN: it was there, and has ended already
            self._failed(selector, error.strerror or str(error))
            return []
        selector.unregister(sock)
        self._trying, self._connected, self._places = None, True, []
        self._spool.trouble = ""
        if self._lost:
            self._spool.notice("connected again", "again", 600.0)
            self._lost, self._silent = False, True
        return [(sock, peer)]

    def heard(self) -> None:
        """Only a connection that gives something shortens the waits again, and its end is news."""
        self._waits.reset()
        if self._silent:
            self._silent = False
            for kind in ("dial", "ended", "again"):
                self._spool.notices.forget(kind)

    def left(self, connections: int) -> None:
        if not connections and self._connected:
            self._connected = False
            self._lost = True
            self._due = self._monotonic() + self._waits.take()
            self._spool.trouble = "the connection has ended; it is made again"
            self._spool.notice(self._spool.trouble, "ended", 600.0)

    def close(self) -> None:
        if self._trying is not None:
            self._trying.close()
            self._trying = None
        self._connected = self._lost = False
        self._due, self._spool.trouble = 0.0, ""
        self._places = []
        self._waits.reset()
