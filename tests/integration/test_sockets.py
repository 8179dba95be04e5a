"""Real sockets: every way in which senders come, hang, break off and flood; what was sent is received or counted."""

from __future__ import annotations

import errno
import os
import random
import selectors
import socket
import struct
import threading
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal

import pytest

from tests.conftest import wait_until
from workbench.batch import ChunkBuffer
from workbench.connectors.records import Records
from workbench.connectors.sockets import address as address_module
from workbench.connectors.sockets import door as door_module
from workbench.connectors.sockets import streams as streams_module
from workbench.connectors.sockets.address import Address, bind
from workbench.connectors.sockets.connection import SO_PEEK_OFF, Connection
from workbench.connectors.sockets.datagrams import DatagramReceiver
from workbench.connectors.sockets.door import DiallingDoor, ListeningDoor
from workbench.connectors.sockets.opening import open_socket
from workbench.connectors.sockets.streams import StreamReceiver
from workbench.connectors.spool.framing import Framing, framer
from workbench.connectors.spool.intake import Intake
from workbench.connectors.spool.quoted_framer import Quoting
from workbench.connectors.spool.source import SpoolSource
from workbench.connectors.spool.spool import Spool
from workbench.errors import SourceError


class Received:
    """A source over a socket, read and committed as a flow would."""

    def __init__(self, intake: Intake, offsets: Any = ()) -> None:
        self.source = SpoolSource("t", intake, "socket", offsets=offsets)
        self.intake = intake
        self.records: list[bytes] = []
        self.peers: list[str] = []
        self.overlong: list[tuple[int, bytes]] = []
        self.cut: list[bool] = []
        self.told: list[str] = []
        self.offset: Any = None
        self._buffer = ChunkBuffer(16 << 20)

    def take(self, commit: bool = True) -> list[bytes]:
        """All records so far."""
        while (raw := self.source.read(self._buffer)) is not None:
            data = self._buffer.memory[: raw.length]
            if raw.starts is None:
                found = data.split(b"\n")[:-1]
            else:
                found = [data[a : b - 1] for a, b in zip(raw.starts, raw.starts[1:], strict=False)]
            ends = [first for first, _ in raw.peers[1:]] + [len(found)]
            for (first, peer), stop in zip(raw.peers, ends, strict=True) if raw.peers else [((0, ""), len(found))]:
                self.peers += [peer] * (stop - first)
            self.records += found
            self.overlong += [(one.length, one.head) for one in raw.overlong]
            self.cut += [one.cut for one in raw.overlong]
            self.offset = raw.offset
            if commit:
                self.source.committed(raw.offset)
        return self.records

    def wait_for(self, count: int) -> list[bytes]:
        wait_until(lambda: len(self.take()) >= count, f"{count} records")
        return self.records

    def notices(self) -> list[str]:
        self.told += self.source.notices()
        return self.told

    def address(self) -> Any:
        """Where it listens."""
        receiver = self.intake.receiver
        if isinstance(receiver, DatagramReceiver):
            return wait_until(lambda: receiver.bound)
        assert isinstance(receiver, StreamReceiver)
        door = receiver._door
        assert isinstance(door, ListeningDoor)
        return wait_until(lambda: door.sockets and door.sockets[0].getsockname())

    def client(self) -> socket.socket:
        where = self.address()
        sock = socket.socket(socket.AF_UNIX if isinstance(where, str) else socket.AF_INET6 if len(where) == 4 else socket.AF_INET)
        sock.connect(where)
        return sock

    def close(self) -> None:
        self.source.close()
        self._buffer.close()


Open = Callable[..., Received]


@pytest.fixture
def receive(tmp_path: Path) -> Iterator[Open]:
    made: list[Received] = []

    def open_(url: str = "tcp://127.0.0.1:0", *, offsets: Any = (), **more: Any) -> Received:
        received = Received(open_socket(tmp_path / "spool", url, **more), offsets)
        made.append(received)
        return received

    yield open_
    for received in made:
        received.close()


def reset(sock: socket.socket) -> None:
    """Break a connection off."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


# -- streams


@pytest.mark.parametrize("url", ["tcp://127.0.0.1:0", "tcp://[::1]:0", "tcp://*:0", "unix://{}/in.sock"])
def test_lines_of_several_clients(receive: Open, tmp_path: Path, url: str) -> None:
    received = receive(url.format(tmp_path))
    with received.client() as one, received.client() as other:
        one.sendall(b"a1\na2\r\na3")
        received.wait_for(2)
        other.sendall(b"b1\nb2\n")
        received.wait_for(4)
        one.sendall(b"\n")
        received.wait_for(5)
        assert received.source.lag().peers == 2
        names = [one.getsockname(), other.getsockname()]
    assert received.records == [b"a1", b"a2\r", b"b1", b"b2", b"a3"]
    assert len(set(received.peers)) == (1 if "unix" in url else 2)
    if "unix" in url:
        assert received.peers[0] == f"pid={os.getpid()} uid={os.getuid()}"
    else:
        assert received.peers[0].endswith(f":{names[0][1]}")
        assert received.peers[2].endswith(f":{names[1][1]}")
    wait_until(lambda: received.source.lag().peers == 0)


@pytest.mark.parametrize(
    ("framing", "sent", "records"),
    [
        ("newline", b"one\ntwo", [b"one", b"two"]),
        ("nul", b"one\0tw\no\0three", [b"one", b"tw\no", b"three"]),
    ],
)
def test_an_unfinished_record_counts_at_a_clean_end(receive: Open, framing: Framing, sent: bytes, records: list[bytes]) -> None:
    received = receive(framing=framing)
    with received.client() as client:
        client.sendall(sent)
    assert received.wait_for(len(records)) == records
    assert received.notices() == []


@pytest.mark.parametrize("rest", [b"10 three", b"10 ", b"1"])
def test_a_counted_record_that_is_not_whole_is_none_at_a_clean_end(receive: Open, rest: bytes) -> None:
    received = receive(framing="octet")
    with received.client() as client:
        client.sendall(b"3 one4 tw\no" + rest)
    wait_until(lambda: received.take() and received.overlong, "the rest")
    assert (received.records, received.overlong) == ([b"one", b"tw\no"], [(len(rest), rest)])
    (notice,) = received.notices()
    assert f"has ended within a record; its last {len(rest)} bytes are no whole record and are rejected as _malformed" in notice


def test_an_unfinished_record_counts_at_a_reset_with_a_notice(receive: Open) -> None:
    received = receive()
    client = received.client()
    client.sendall(b"one\nhal")
    received.wait_for(1)
    reset(client)
    assert received.wait_for(2) == [b"one", b"hal"]
    assert any("3 bytes are no whole record" in text for text in received.notices())


def test_a_stop_within_a_record_is_told(receive: Open) -> None:
    received = receive()
    with received.client() as client:
        client.sendall(b"one\nhal")
        received.wait_for(1)
        wait_until(lambda: received.source.lag().waiting == 3)
        received.close()
        assert any("3 bytes" in text for text in received.notices())


def test_a_stop_on_a_full_disk_is_no_end_that_a_peer_could_trust(receive: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    received, refused = receive(), threading.Event()

    def refuse(spool: Spool, pieces: Any) -> bool:
        if pieces:
            refused.set()
        return not pieces

    monkeypatch.setattr(Spool, "append", refuse)
    client = received.client()
    client.sendall(b"one\n")
    client.shutdown(socket.SHUT_WR)
    wait_until(refused.is_set, "the record")
    received.intake.receiver.stop()
    with pytest.raises(ConnectionResetError):
        client.recv(1)
    client.close()
    assert received.intake.spool.book.dropped == 1


def test_wrong_counts_close_the_connection_and_keep_what_came(receive: Open) -> None:
    received = receive(framing="octet")
    with received.client() as client:
        client.sendall(b"3 one{no count}")
        with pytest.raises(ConnectionResetError):  # what follows is not taken
            client.recv(1)
    wait_until(lambda: received.take() and received.overlong, "the rest")
    assert (received.records, received.overlong, received.cut) == ([b"one"], [(10, b"{no count}")], [True])
    (notice,) = received.notices()
    assert "does not speak the framing 'octet' and was disconnected" in notice
    assert "rejected as _malformed" in notice
    with received.client() as client:
        client.sendall(b"3 two")
        received.wait_for(2)


def test_each_connection_with_wrong_counts_is_in_a_notice(receive: Open) -> None:
    received = receive(framing="octet")
    for _ in range(3):
        with received.client() as client:
            client.sendall(b"<13>no count")
            with pytest.raises(ConnectionResetError):
                client.recv(1)
    received.take()
    received.close()
    first, others = received.notices()
    assert "does not speak the framing 'octet'" in first
    assert "3 connections from 127.0.0.1 did not speak the framing 'octet'" in others
    assert "<13>no count" in others


def test_who_hangs_within_a_line_holds_up_nobody(receive: Open) -> None:
    received = receive()
    with received.client() as hanging, received.client() as other:
        hanging.sendall(b"half a li")
        wait_until(lambda: received.source.lag().waiting == 9)
        for i in range(5):
            other.sendall(b"%d\n" % i)
            assert received.wait_for(i + 1)[-1] == b"%d" % i


def test_lines_that_are_too_long(receive: Open) -> None:
    received = receive(max_line=100_000)
    with received.client() as client:
        client.sendall(b"a\n" + b"x" * 100_000 + b"\n" + b"y" * 3_000_000 + b"\n" + b"b\n")
        received.wait_for(3)
    assert received.records == [b"a", b"x" * 100_000, b"b"]
    assert received.overlong == [(3_000_000, b"y" * (64 << 10))]


def test_many_unfinished_lines_are_bounded(tmp_path: Path) -> None:
    """Peers beyond the bound are not read until others have finished; nothing is lost."""
    spool = Spool(tmp_path / "spool")
    receiver = StreamReceiver(spool, ListeningDoor(Address.parse("tcp://127.0.0.1:0"), spool), "newline", 16 << 20, rests=1 << 20)
    received = Received(Intake(spool, receiver))
    line = b"x" * 400_000
    clients = [received.client() for _ in range(8)]
    senders = [threading.Thread(target=client.sendall, args=(line,)) for client in clients]
    for sender in senders:
        sender.start()
    wait_until(lambda: received.source.lag().waiting > 1 << 20)
    with received.client() as small:
        small.sendall(b"small\n")
        received.wait_for(1)
    for client, sender in zip(clients, senders, strict=True):
        assert received.source.lag().waiting <= (2 << 20) + 8 * (64 << 10)
        sender.join(300)
        client.sendall(b"\n")
        client.close()
    received.wait_for(9)
    assert sorted(received.records) == [b"small"] + [line] * 8
    received.close()


def test_peers_that_come_with_much_at_once_are_bounded(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    receiver = StreamReceiver(spool, ListeningDoor(Address.parse("tcp://127.0.0.1:0"), spool), "newline", 16 << 20, rests=1 << 20)
    receiver._buffer = bytearray(streams_module.ROUND)
    pairs = [socket.socketpair() for _ in range(40)]
    sent = 0
    with selectors.DefaultSelector() as selector:
        for ours, theirs in pairs:
            theirs.setblocking(False)
            sent += theirs.send(b"x" * 100_000)
            connection = Connection(ours, "", framer("newline", "", 16 << 20))
            receiver._connections.add(connection)
            selector.register(ours, selectors.EVENT_READ, connection)
        for key in list(selector.get_map().values()):
            assert receiver._take_turn(selector, key.data)
    bound = (1 << 20) + 100_000 + len(pairs) * streams_module.LEAST
    assert sent > bound >= receiver.waiting > 1 << 20
    for pair in pairs:
        for sock in pair:
            sock.close()


def test_unfinished_lines_that_stay_are_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbench.connectors.sockets.streams.PATIENCE", 0.2)
    spool = Spool(tmp_path / "spool")
    receiver = StreamReceiver(spool, ListeningDoor(Address.parse("tcp://127.0.0.1:0"), spool), "newline", 16 << 20, rests=200_000)
    received = Received(Intake(spool, receiver))
    with received.client() as hanging, received.client() as other:
        hanging.sendall(b"x" * 150_000)
        wait_until(lambda: received.source.lag().waiting == 150_000)
        other.sendall(b"y" * 140_000)
        received.wait_for(1)
        assert received.records == [b"x" * 150_000]
        other.sendall(b"y\n")
        received.wait_for(2)
    assert any("too much memory" in text for text in received.notices())
    received.close()


def test_who_could_not_be_read_is_not_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool, now, looks = Spool(tmp_path / "spool"), [0.0], [0]
    door = ListeningDoor(Address.parse("tcp://127.0.0.1:0"), spool)
    receiver = StreamReceiver(spool, door, "newline", 16 << 20, rests=200_000, monotonic=lambda: now[0])
    received = Received(Intake(spool, receiver))

    def no_room(_seconds: float) -> bool:
        looks[0] += 1
        return False

    with received.client() as one, received.client() as other:
        for client in (one, other):
            client.sendall(b"x" * 150_000)
        wait_until(lambda: receiver._favoured)
        with monkeypatch.context() as patch:
            patch.setattr(spool, "wait_for_room", no_room)
            wait_until(lambda: looks[0] > 1)
            now[0] += 2 * streams_module.PATIENCE
        for client in (one, other):
            client.sendall(b"\n")
        assert received.wait_for(2) == [b"x" * 150_000] * 2
    assert received.notices() == []
    received.close()


def test_who_finishes_records_is_not_cut_off(tmp_path: Path) -> None:
    spool, now = Spool(tmp_path / "spool"), [0.0]
    door = ListeningDoor(Address.parse("tcp://127.0.0.1:0"), spool)
    receiver = StreamReceiver(spool, door, "newline", 16 << 20, rests=300_000, monotonic=lambda: now[0])
    received = Received(Intake(spool, receiver))
    with received.client() as large, received.client() as other:
        large.sendall(b"x" * 200_000)
        wait_until(lambda: receiver.waiting == 200_000)
        other.sendall(b"y" * 150_000)
        wait_until(lambda: receiver._favoured)
        for turn in range(3):
            now[0] += 0.6 * streams_module.PATIENCE
            large.sendall(b"x\n" + b"x" * 200_001)
            received.wait_for(turn + 1)
            wait_until(lambda: receiver._favoured)
        large.sendall(b"\n")
        other.sendall(b"\n")
        assert len(received.wait_for(5)) == 5
    assert received.notices() == []
    received.close()


def test_the_largest_goes_on_while_little_ones_fill_the_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool, now, resumed = Spool(tmp_path / "spool"), [0.0], list[Connection]()
    go_on = StreamReceiver._go_on

    def count(receiver: StreamReceiver, selector: selectors.BaseSelector, connection: Connection) -> None:
        resumed.append(connection)
        go_on(receiver, selector, connection)

    monkeypatch.setattr(StreamReceiver, "_go_on", count)
    door = ListeningDoor(Address.parse("tcp://127.0.0.1:0"), spool)
    receiver = StreamReceiver(spool, door, "newline", 16 << 20, rests=100_000, monotonic=lambda: now[0])
    received = Received(Intake(spool, receiver))
    with received.client() as one, received.client() as two, received.client() as large:
        for little in (one, two):
            little.sendall(b"y" * 60_000)
        wait_until(lambda: receiver.waiting == 120_000)
        for sent in (100_000, 200_000, 300_000, 400_000):
            large.sendall(b"x" * 100_000)
            wait_until(lambda sent=sent: receiver.waiting == 120_000 + sent)  # type: ignore[misc]
            now[0] += 2 * streams_module.PATIENCE
        large.sendall(b"\n")
        assert received.wait_for(1) == [b"x" * 400_000]
    assert received.notices() == []
    assert len(resumed) == 1, "it is held once, and then read to its end"
    received.close()


def flood(where: Any, client: int, lines: int) -> None:
    """Send numbered lines in pieces that end anywhere."""
    dice = random.Random(client)
    data = b"".join(b"%d %d\n" % (client, i) for i in range(lines))
    with socket.create_connection(where) as sock:
        at = 0
        while at < len(data):
            size = dice.randint(1, 4000)
            sock.sendall(data[at : at + size])
            at += size


def test_a_flood_from_200_clients(receive: Open) -> None:
    received = receive(limit=1 << 20)
    where = received.address()
    senders = [threading.Thread(target=flood, args=(where, i, 500)) for i in range(200)]
    for sender in senders:
        sender.start()
    received.wait_for(200 * 500)
    for sender in senders:
        sender.join()
    by_client: dict[bytes, list[int]] = {}
    peers: dict[bytes, set[str]] = {}
    for record, peer in zip(received.records, received.peers, strict=True):
        client, number = record.split()
        by_client.setdefault(client, []).append(int(number))
        peers.setdefault(client, set()).add(peer)
    assert len(by_client) == 200
    assert all(numbers == list(range(500)) for numbers in by_client.values())
    assert all(len(names) == 1 for names in peers.values())


def test_a_full_spool_holds_the_sender_up_and_loses_nothing(receive: Open) -> None:
    received = receive(limit=64 << 10)
    line, count = b"x" * 999, 30_000
    with received.client() as client:
        sender = threading.Thread(target=client.sendall, args=(b"".join(b"%06d%s\n" % (i, line) for i in range(count)),))
        sender.start()
        wait_until(lambda: any("full" in text for text in received.notices()))
        assert sender.is_alive()
        assert received.source.lag().held < 2 << 20
        received.wait_for(count)
        sender.join()
    assert [int(record[:6]) for record in received.records] == list(range(count))
    assert received.source.lag().dropped == 0


def test_a_peer_that_has_ended_sees_a_clean_end_when_all_is_kept(receive: Open) -> None:
    received = receive()
    with received.client() as client:
        client.sendall(b"one\ntwo")
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b""
    assert received.take() == [b"one", b"two"]


def test_an_urgent_byte_of_a_unix_socket_is_no_news_for_ever(receive: Open, tmp_path: Path) -> None:
    received = receive(f"unix://{tmp_path}/in.sock")
    with received.client() as client:
        try:
            client.send(b"X", socket.MSG_OOB)
        except OSError:
            pytest.skip("this system has no urgent bytes over unix sockets")
        wait_until(lambda: received.source.lag().waiting == 1, "the byte")
        client.sendall(b"one\n")
        client.send(b"Y", socket.MSG_OOB)
        client.sendall(b"two\n")
        assert received.wait_for(2) == [b"Xone", b"Ytwo"]


def test_what_is_gone_from_a_queue_needs_no_keeping() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    ours.setblocking(False)
    with theirs:
        connection = Connection(ours, "peer", framer("newline", "peer", 100))
        theirs.sendall(b"one\n")
        with memoryview(bytearray(100)) as view:
            assert connection.receive(view) == 4
        if SO_PEEK_OFF:
            assert ours.recv(100) == b"one\n"
        connection.keep()
        connection.close(kept=True)


def test_clients_leave_handles_for_the_spool(receive: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """With none left it could not be written, no client would be read to its end, and none give its handle back."""
    received = receive()
    where = received.address()
    with monkeypatch.context() as patch, ExitStack() as stack:
        highest = stack.enter_context(socket.socket()).fileno()
        patch.setattr("resource.getrlimit", lambda _: (highest + 30 + door_module.SPARED, -1))
        for number in range(60):
            client = stack.enter_context(socket.create_connection(where))
            client.sendall(b"%d\n" % number)
        wait_until(lambda: any("a client had to wait: Too many open files" in text for text in received.notices()))
        assert received.source.lag().peers < 60
    assert len(received.wait_for(60)) == 60


@pytest.mark.parametrize("why", ["handles", "clients"])
def test_two_sockets_are_shut_at_once_and_opened_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, why: str) -> None:
    address, now = Address.parse("tcp://127.0.0.1:0"), [0.0]
    monkeypatch.setattr(door_module, "bind_all", lambda address: [bind(address, socket.AF_INET, ("127.0.0.1", 0)) for _ in "12"])
    monkeypatch.setattr(door_module, "MOST_CLIENTS", 1)
    door = ListeningDoor(address, Spool(tmp_path / "spool"), lambda: now[0])
    with selectors.DefaultSelector() as selector:
        door.open(selector)
        clients = [socket.create_connection(sock.getsockname()) for sock in door.sockets]

        def come() -> list[socket.socket]:
            both = wait_until(lambda: len(found := selector.select(0)) == 2 and found)
            ready = [key.fileobj for key, _ in both if isinstance(key.fileobj, socket.socket)]
            return [peer for sock in ready for peer, _ in door.come(selector, sock)]

        def none_left(sock: socket.socket) -> Any:
            raise OSError(errno.EMFILE, "Too many open files")

        if why == "handles":
            with monkeypatch.context() as patch:
                patch.setattr(socket.socket, "accept", none_left)
                assert come() == []
        else:
            (one,) = come()
            one.close()
            door.left(0)
        assert not selector.get_map()
        now[0] += 2 * door_module.BREATHER
        door.open(selector)
        assert len(selector.get_map()) == 2
        for client in clients:
            client.close()
        door.close()


def test_a_restart_goes_on_where_it_was(receive: Open, tmp_path: Path) -> None:
    received = receive()
    with received.client() as client:
        client.sendall(b"one\ntwo\n")
        received.wait_for(2)
        client.sendall(b"three\n")
        wait_until(lambda: received.source.lag().rows == 1)
        received.close()
        with pytest.raises(ConnectionResetError):  # more could have been on its way
            client.recv(1)
    again = receive(offsets=[received.offset])
    with again.client() as client:
        client.sendall(b"four\n")
        assert again.wait_for(2) == [b"three", b"four"]


def test_an_address_in_use_is_told_and_tried_again(receive: Open, tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        received = receive(f"tcp://127.0.0.1:{port}")
        wait_until(lambda: any("cannot listen" in text for text in received.notices()))
    with received.client() as client:
        client.sendall(b"one\n")
        received.wait_for(1)


def test_the_file_of_a_unix_socket(receive: Open, tmp_path: Path) -> None:
    path = tmp_path / "in.sock"
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(path))
    left.close()
    received = receive(f"unix://{path}")
    received.address()
    assert path.stat().st_mode & 0o777 == 0o600
    received.close()
    assert not path.exists()
    path.write_text("mine")
    again = receive(f"unix://{path}")
    wait_until(lambda: any("cannot listen" in text for text in again.notices()))
    again.close()
    assert path.read_text() == "mine"


@pytest.mark.parametrize("scheme", ["unix", "unixgram"])
def test_a_unix_socket_whose_file_is_deleted_makes_it_again(receive: Open, tmp_path: Path, scheme: str) -> None:
    path, kind = tmp_path / "in.sock", socket.SOCK_STREAM if scheme == "unix" else socket.SOCK_DGRAM
    received = receive(f"{scheme}://{path}")
    received.address()
    with socket.socket(socket.AF_UNIX, kind) as old, socket.socket(socket.AF_UNIX, kind) as new:
        old.connect(str(path))
        old.send(b"a\n")
        path.unlink()
        wait_until(path.exists, "the file")
        wait_until(lambda: not new.connect_ex(str(path)), "who listens there")
        new.send(b"b\n")
        if scheme == "unix":
            old.send(b"c\n")  # what is connected stays so
        assert sorted(received.wait_for(3 if scheme == "unix" else 2)) == [b"a", b"b", b"c"][: len(received.records)]
    assert any(text.endswith("the file of the socket was deleted or replaced: it is made again") for text in received.notices())
    received.close()
    assert not path.exists()


@pytest.mark.parametrize("scheme", ["unix", "unixgram"])
def test_a_unix_socket_of_another_under_its_name_is_left_alone(receive: Open, tmp_path: Path, scheme: str) -> None:
    path = tmp_path / "in.sock"
    received = receive(f"{scheme}://{path}")
    received.address()
    aside = tmp_path / "other.sock"
    other = bind(Address.parse(f"{scheme}://{aside}"), socket.AF_UNIX, str(aside))
    aside.replace(path)
    wait_until(lambda: any("cannot listen: Address already in use" in text for text in received.notices()))
    received.close()
    assert path.is_socket()
    other.close()


def test_a_name_that_another_has_taken_is_tried_less_and_less_often(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, aside, now, tries = tmp_path / "in.sock", tmp_path / "other.sock", [0.0], list[float]()

    def bind_all(address: Address) -> list[socket.socket]:
        tries.append(now[0])
        return address_module.bind_all(address)

    monkeypatch.setattr(door_module, "bind_all", bind_all)
    spool = Spool(tmp_path / "spool")
    door = ListeningDoor(Address.parse(f"unix://{path}"), spool, lambda: now[0])
    with selectors.DefaultSelector() as selector:
        door.open(selector)
        other = bind(Address.parse(f"unix://{aside}"), socket.AF_UNIX, str(aside))
        aside.replace(path)
        while now[0] < 60.0:
            now[0] += 0.5
            door.open(selector)
    assert 5 < len(tries) < 15
    assert tries[-1] - tries[-2] > 5.0
    door.close()
    other.close()


# -- connecting


class Server:
    """Listens on a port that stays the same when it comes again."""

    def __init__(self) -> None:
        self.port = 0
        self.sock: socket.socket | None = None

    def listen(self) -> None:
        self.sock = socket.socket()
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.settimeout(300)
        self.sock.bind(("127.0.0.1", self.port))
        self.sock.listen()
        self.port = self.sock.getsockname()[1]

    def accept(self) -> socket.socket:
        assert self.sock is not None
        return self.sock.accept()[0]

    def close(self) -> None:
        assert self.sock is not None
        self.sock.close()


def test_connecting_again_and_again(receive: Open) -> None:
    server = Server()
    server.listen()
    received = receive(f"tcp://localhost:{server.port}", mode="connect")
    with server.accept() as client:
        client.sendall(b"one\ntw")
        received.wait_for(1)
    assert received.wait_for(2) == [b"one", b"tw"]
    server.close()
    wait_until(lambda: any("it is made again" in text for text in received.notices()))
    server.listen()
    with server.accept() as client:
        client.sendall(b"three\n")
        received.wait_for(3)
        assert received.source.lag().peers == 1
    assert any("connected again" in text for text in received.notices())
    assert received.peers[-1].endswith(f":{server.port}")
    server.close()


def test_a_server_that_comes_later(receive: Open) -> None:
    server = Server()
    server.listen()
    server.close()
    received = receive(f"tcp://127.0.0.1:{server.port}", mode="connect")
    wait_until(lambda: any("cannot connect" in text for text in received.notices()))
    server.listen()
    with server.accept() as client:
        client.sendall(b"one\n")
        received.wait_for(1)
    server.close()


def test_waits_grow_with_jitter(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    door = DiallingDoor(Address.parse("tcp://127.0.0.1:1"), spool, dice=lambda: 0.5)
    assert [round(door._waits.take(), 2) for _ in range(11)] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0]


# -- datagrams


@pytest.mark.parametrize("scheme", ["udp", "udp6", "unixgram"])
def test_datagrams(receive: Open, tmp_path: Path, scheme: str) -> None:
    received = receive({"udp": "udp://127.0.0.1:0", "udp6": "udp://[::1]:0", "unixgram": f"unixgram://{tmp_path}/in.sock"}[scheme])
    where = received.address()
    with datagram_socket(where) as one, datagram_socket(where) as other:
        one.send(b"a1\na2")
        received.wait_for(2)
        other.send(b"b1\n")
        received.wait_for(3)
        one.send(b"")
        received.wait_for(4)
        one.send(b"x" * 60_000)
        received.wait_for(5)
        assert received.records == [b"a1", b"a2", b"b1", b"", b"x" * 60_000]
        if scheme != "unixgram":
            assert received.peers[0].endswith(f":{one.getsockname()[1]}")
            assert received.peers[2].endswith(f":{other.getsockname()[1]}")


def datagram_socket(where: Any) -> socket.socket:
    family = socket.AF_UNIX if isinstance(where, str) else socket.AF_INET6 if len(where) == 4 else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.connect(where)
    return sock


@pytest.mark.parametrize(
    ("framing", "records"), [("newline", [b"a", b"b\0", b"c"]), ("octet", [b"a\nb\0", b"c"]), ("nul", [b"a\nb", b"c"])]
)
def test_datagrams_in_each_framing(receive: Open, framing: Framing, records: list[bytes]) -> None:
    received = receive("udp://127.0.0.1:0", framing=framing)
    with datagram_socket(received.address()) as sock:
        sock.send(b"a\nb\0")
        sock.send(b"c")
        assert received.wait_for(len(records)) == records


@pytest.mark.parametrize(("framing", "sent"), [("newline", b"%sa\n%sb\n"), ("octet", b"%s1 a4 %sb"), ("nul", b"%sa\0%sb\0")])
def test_a_byte_order_mark_that_a_client_sends_first_is_no_part_of_its_first_record(receive: Open, framing: Framing, sent: bytes) -> None:
    received = receive(framing=framing)
    for client in range(2):
        with received.client() as sock:
            for byte in sent % (BOM_UTF8, BOM_UTF8):
                sock.sendall(bytes([byte]))
            assert received.wait_for(2 * client + 2) == (client + 1) * [b"a", BOM_UTF8 + b"b"]


def test_a_byte_order_mark_alone_is_no_record(receive: Open) -> None:
    received = receive()
    for sent in (BOM_UTF8, BOM_UTF8[:2], BOM_UTF8 + BOM_UTF8):
        with received.client() as sock:
            sock.sendall(sent)
            sock.shutdown(socket.SHUT_WR)
            assert sock.recv(1) == b""
    assert received.wait_for(2) == [BOM_UTF8[:2], BOM_UTF8]


@pytest.mark.parametrize("framing", ["newline", "octet", "nul"])
def test_a_byte_order_mark_before_a_datagram_is_taken_off(receive: Open, framing: Framing) -> None:
    received = receive("udp://127.0.0.1:0", framing=framing, max_line=100_000)
    with datagram_socket(received.address()) as sock:
        for sent in (BOM_UTF8 + b"a", b"b" + BOM_UTF8, BOM_UTF8, BOM_UTF8[:2], BOM_UTF8 + b"x" * 60_000, b"c"):
            sock.send(sent)
        assert received.wait_for(6) == [b"a", b"b" + BOM_UTF8, b"", BOM_UTF8[:2], b"x" * 60_000, b"c"]


def test_csv_records_of_several_clients_may_span_lines(receive: Open) -> None:
    received = receive(quoting=Quoting(Records()))
    with received.client() as one, received.client() as other:
        one.sendall(b'1,"a\n')
        other.sendall(b'2,b\n3,"c')
        received.wait_for(1)
        one.sendall(b'x,y\nz",5\n')
        received.wait_for(2)
    assert received.wait_for(3) == [b"2,b", b'1,"a\nx,y\nz",5', b'3,"c']


def test_csv_records_in_datagrams(receive: Open) -> None:
    received = receive("udp://127.0.0.1:0", quoting=Quoting(Records()))
    with datagram_socket(received.address()) as sock:
        for data in (b"1,a\n2,b", b'3,"c\nd"\n4,e', b'5,"f\n', b"6,g"):
            sock.send(data)
        assert received.wait_for(6) == [b"1,a", b"2,b", b'3,"c\nd"', b"4,e", b'5,"f', b"6,g"]


def test_datagrams_that_are_too_long(receive: Open) -> None:
    received = receive("udp://127.0.0.1:0", max_line=10)
    with datagram_socket(received.address()) as sock:
        sock.send(b"ok")
        sock.send(b"123456789012")
        sock.send(b"short\n12345678901\nshort")
        received.wait_for(3)
    assert received.records == [b"ok", b"short", b"short"]
    assert received.overlong == [(12, b"123456789012"), (11, b"12345678901")]


def test_what_the_kernel_drops_is_counted(tmp_path: Path) -> None:
    if not Path("/proc/self/net/udp").exists():
        pytest.skip("the kernel tells its drops on Linux only")
    spool = Spool(tmp_path / "spool")
    receiver = DatagramReceiver(spool, Address.parse("udp://127.0.0.1:0"), "newline", 1 << 20, receive_buffer=1)
    received = Received(Intake(spool, receiver))
    where = received.address()
    with spool._lock, datagram_socket(where) as sock:  # the receiver hangs at its next append
        for i in range(2000):
            sock.send(b"%d" % i)
    wait_until(lambda: len(received.take()) + received.source.lag().dropped == 2000, "received + dropped = sent")
    assert spool.book.dropped_by_kernel > 0
    assert spool.book.dropped == 0
    numbers = [int(record) for record in received.records]
    assert numbers == sorted(set(numbers))
    assert any("kernel" in text for text in received.notices())
    received.close()


def test_datagrams_that_find_no_room_are_counted(receive: Open) -> None:
    received = receive("udp://127.0.0.1:0", limit=64 << 10)
    with datagram_socket(received.address()) as sock:
        sent = 0

        def more() -> bool:
            nonlocal sent
            for _ in range(20):
                sock.send(b"x" * 1000 + b"\ny\n")
                sent += 2
            return received.source.lag().dropped > 1000

        wait_until(more)
        wait_until(lambda: len(received.take()) + received.source.lag().dropped == sent)
        assert len(received.records) > 100
        dropped = received.source.lag().dropped
        received.close()
    again = receive("udp://127.0.0.1:0", offsets=[received.offset])
    assert again.source.lag().dropped == dropped


def test_unix_datagrams_wait_instead(receive: Open, tmp_path: Path) -> None:
    received = receive(f"unixgram://{tmp_path}/in.sock", limit=64 << 10)
    where = received.address()

    def send() -> None:
        with datagram_socket(where) as sock:
            for i in range(3000):
                sock.send(b"%04d%s" % (i, b"x" * 500))

    sender = threading.Thread(target=send)
    sender.start()
    wait_until(lambda: any("full" in text for text in received.notices()))
    received.wait_for(3000)
    sender.join()
    assert [int(record[:4]) for record in received.records] == list(range(3000))
    assert received.source.lag().dropped == 0


# -- addresses


@pytest.mark.parametrize(
    ("url", "mode"),
    [
        ("tcp://host", "listen"),
        ("tcp://host:99999", "listen"),
        ("tcp://host:1/path", "listen"),
        ("http://host:1", "listen"),
        ("host:1", "listen"),
        ("unix://", "listen"),
        ("unix:///" + "x" * 200, "listen"),
        ("udp://host:1", "connect"),
    ],
)
def test_addresses_that_make_no_sense(tmp_path: Path, url: str, mode: Literal["listen", "connect"]) -> None:
    with pytest.raises(SourceError):
        open_socket(tmp_path, url, mode=mode)


def test_the_end_of_a_connection_does_not_count_what_failed_before_it(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    now = [0.0]
    door = DiallingDoor(Address.parse("tcp://127.0.0.1:1"), spool, monotonic=lambda: now[0])
    with selectors.DefaultSelector() as selector:
        for _ in range(5):
            door._failed(selector, "refused")
        near, far = socket.socketpair()
        selector.register(near, selectors.EVENT_WRITE)
        assert door.come(selector, near)
        door.left(0)
        near.close()
        far.close()
        told = ["cannot connect: refused; it is tried again", "connected again", "the connection has ended; it is made again"]
        assert spool.take_notices() == told
        for heard in (False, True):
            for _ in range(3):
                near, far = socket.socketpair()
                selector.register(near, selectors.EVENT_WRITE)
                assert door.come(selector, near)
                if heard:
                    door.heard()
                door.left(0)
                near.close()
                far.close()
            assert spool.take_notices() == ([told[2], *told[1:] * 2] if heard else [])
    door.close()
