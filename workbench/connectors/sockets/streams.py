"""Receives from stream sockets: any number of peers, none of which can hold up another."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable

from workbench.connectors.sockets.connection import Connection
from workbench.connectors.sockets.door import Door
from workbench.connectors.sockets.misframed import Misframed
from workbench.connectors.spool.block import Piece
from workbench.connectors.spool.framing import Framing
from workbench.connectors.spool.marked_framer import MarkedFramer
from workbench.connectors.spool.quoted_framer import Quoting
from workbench.connectors.spool.receiver import PAUSE, ReceiverThread
from workbench.connectors.spool.spool import Spool

ROUND = 4 << 20
"""Bytes received before they are written."""
TURN = 1 << 20
"""Bytes received from one peer before it is the next one's turn."""
LEAST = 64 << 10
"""Bytes that must be free for a turn; also of an unfinished record that any peer may have."""
RESTS = 64 << 20
"""Bytes that the unfinished records of all peers may have together, beyond LEAST of each."""
PATIENCE = 10.0
"""Seconds in which unfinished records may fill RESTS while the largest does not get finished; then it is given up."""
LITTLE = 64 << 10
"""Bytes in one round that are not worth the next one at once."""
GATHERING = 0.001
"""Seconds in which more may come together; hundreds of trickling peers cost a tenth of the time so."""


class StreamReceiver:
    """One thread for all connections: it receives a round, appends it to the spool in one write, and goes on.

    Promises: what came whole before the end of a connection is kept; the unfinished rest is a record at a clean end and at
    a reset; a byte order mark at its beginning is taken off. A connection is closed from here only when all that came over it is in
    the spool: a peer that has ended its side and waits for a clean end knows then that nothing of it is lost, whatever happens to this
    process. Memory is bounded by ROUND + RESTS + TURN + LEAST a peer + one longest record: a peer whose unfinished record has no room
    is not read until others have finished theirs. The largest is read on; if it does not get finished while others wait, it is cut off
    with a notice.
    """

    def __init__(
        self,
        spool: Spool,
        door: Door,
        framing: Framing,
        longest: int,
        monotonic: Callable[[], float] = time.monotonic,
        rests: int = RESTS,
        quoting: Quoting | None = None,
    ) -> None:
        self._spool = spool
        self._door = door
        self._framing: Framing = framing
        self._longest = longest
        self._monotonic = monotonic
        self._most_rests = rests
        self._quoting = quoting or Quoting()
        self._misframed = Misframed(framing, spool.notice, monotonic)
        self._thread = ReceiverThread(spool, "receive-stream", self._serve)
        self._connections: set[Connection] = set()
        self._rests = 0
        self._favoured: Connection | None = None
        """Where unfinished records fill RESTS: the one peer that goes on, until its record is finished."""
        self._favoured_since = 0.0
        self._buffer = bytearray()
        self._filled = 0
        self._pieces: list[Piece] = []
        self._ended: list[Connection] = []
        """Those that are over, and whose last records may not be in the spool yet."""
        self._heard: set[Connection] = set()
        """Those of which something may not be in the spool yet."""

    @property
    def peers(self) -> int:
        return len(self._connections)

    @property
    def waiting(self) -> int:
        return self._rests

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._thread.stop()

    # -- in its thread

    def _serve(self) -> None:
        self._buffer = bytearray(ROUND)
        with selectors.DefaultSelector() as selector:
            self._thread.watch(selector)
            try:
                while not self._thread.stopping.is_set():
                    if self._spool.wait_for_room(PAUSE) and self._flush():
                        self._round(selector)
                    else:
                        self._favoured = None  # it was not read, so it is not to blame
                self._last_round(selector)
            finally:
                self._misframed.finish()
                self._door.close()
                for connection in (*self._ended, *self._connections):
                    connection.close(kept=connection not in self._heard)
                self._ended.clear()
                self._connections.clear()
                self._favoured = None
                self._heard.clear()
                self._rests = 0
                self._buffer = bytearray()

    def _round(self, selector: selectors.BaseSelector) -> None:
        due = min(self._door.open(selector), self._relieve(selector), self._misframed.due())
        for key, _ in selector.select(due):
            if isinstance(key.data, Connection):
                if not self._take_turn(selector, key.data):
                    return
            elif key.data is self._door and isinstance(key.fileobj, socket.socket):
                self._welcome(selector, key.fileobj)
        gathered = self._filled
        if self._flush() and 0 < gathered < LITTLE:
            self._thread.stopping.wait(GATHERING)

    def _welcome(self, selector: selectors.BaseSelector, sock: socket.socket) -> None:
        for client, peer in self._door.come(selector, sock):
            connection = Connection(client, peer, MarkedFramer(self._quoting.framer(self._framing, peer, self._longest)))
            self._connections.add(connection)
            selector.register(client, selectors.EVENT_READ, connection)

    def _take_turn(self, selector: selectors.BaseSelector, connection: Connection) -> bool:
        """Receive once from a peer; False when what was received before cannot be written, and nothing was received."""
        if ROUND - self._filled < LEAST and not self._flush():
            return False
        start, before = self._filled, connection.framer.waiting
        favoured = connection is self._favoured or self._rests <= self._most_rests
        most = TURN if favoured else max(1, LEAST + 1 - before)
        try:
            with memoryview(self._buffer) as view, view[start : start + most] as part:
                count = connection.receive(part)
        except (BlockingIOError, InterruptedError):
            return True
        except OSError as error:
            self._end(selector, connection, f"was cut off ({error.strerror or error})")
            return True
        if not count:
            self._end(selector, connection, "")
            return True
        self._door.heard()
        self._heard.add(connection)
        self._filled += count
        pieces = connection.framer.feed(self._buffer, start, start + count)
        self._pieces += pieces
        self._rests += connection.framer.waiting - before
        if pieces and connection is self._favoured:
            self._favoured = None
        if connection.framer.broken:
            self._misframed.add(connection.peer, connection.framer.broken)
            self._end(selector, connection, "")
        elif self._rests > self._most_rests and connection.framer.waiting > LEAST and connection is not self._favoured:
            connection.held = True
            selector.unregister(connection.sock)
        return True

    def _end(self, selector: selectors.BaseSelector, connection: Connection, why: str) -> None:
        """The connection is over; its unfinished rest is a record, or is rejected where the framing tells that it is not whole."""
        waiting, rest, last = connection.framer.waiting, "", connection.framer.finish()
        if cut := sum(piece.overlong for piece in last if piece.cut):
            rest = f"its last {cut:,} bytes are no whole record and are rejected as _malformed"
        elif why and waiting:
            rest = f"its last {waiting:,} bytes are no whole record and are judged as one"
        if why or rest:
            told = f"{why}; {rest}" if why and rest else why or f"has ended within a record; {rest}"
            self._spool.notice(f"{connection.peer or 'a peer'} {told}", "cut off", 1.0)
        self._rests -= waiting
        self._pieces += last
        if not connection.held:
            selector.unregister(connection.sock)
        self._ended.append(connection)
        self._heard.add(connection)
        self._connections.discard(connection)
        if connection is self._favoured:
            self._favoured = None
        self._door.left(len(self._connections))

    def _relieve(self, selector: selectors.BaseSelector) -> float:
        """Let peers that were held go on when there is room, or one of them; the seconds until that is to be seen again."""
        held = [connection for connection in self._connections if connection.held]
        if self._rests <= self._most_rests:
            self._favoured = None
            for connection in held:
                self._go_on(selector, connection)
            return PATIENCE
        now = self._monotonic()
        if not held:
            self._favoured_since = now  # it is in nobody's way
            return PATIENCE
        if self._favoured is None:
            self._favoured = max(self._connections, key=lambda connection: connection.framer.waiting)
            self._favoured_since = now
            if self._favoured.held:
                self._go_on(selector, self._favoured)
        elif now - self._favoured_since >= PATIENCE:
            self._end(selector, self._favoured, "was disconnected, since the unfinished records of all peers take too much memory")
            return 0.0
        return max(0.0, self._favoured_since + PATIENCE - now)

    def _go_on(self, selector: selectors.BaseSelector, connection: Connection) -> None:
        connection.held = False
        selector.register(connection.sock, selectors.EVENT_READ, connection)

    def _flush(self) -> bool:
        """Append what was received to the spool; False when that is not possible now."""
        if not self._spool.append(self._pieces):
            return False
        self._pieces = []
        self._filled = 0
        for connection in self._heard:
            connection.keep()
        self._heard.clear()
        for connection in self._ended:
            connection.close(kept=True)
        self._ended.clear()
        return True

    def _last_round(self, selector: selectors.BaseSelector) -> None:
        """What has come before the stop is kept; what is unfinished is not."""
        if self._spool.has_room:
            for key in list(selector.get_map().values()):
                if isinstance(key.data, Connection) and key.data in self._connections and not self._take_turn(selector, key.data):
                    break
        if not self._flush():
            lost = sum(piece.records for piece in self._pieces)
            self._pieces, self._filled = [], 0
            self._spool.drop(lost)
        unfinished = [connection for connection in self._connections if connection.framer.waiting]
        if unfinished:
            self._spool.notice(
                f"receiving has stopped while {len(unfinished):,} peers were within a record: {self._rests:,} bytes of such are thrown away"
            )
