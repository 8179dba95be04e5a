"""What a peer sees of a receiver that is killed: a clean end only when all that it sent is kept."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from workbench.connectors.sockets.connection import SO_PEEK_OFF

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(params=["tcp", "unix"])
def listening(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[socket.socket]:
    if request.param == "unix" and not SO_PEEK_OFF:
        pytest.skip("only Linux can look at what came over a unix socket without taking it")
    with socket.socket(socket.AF_UNIX if request.param == "unix" else socket.AF_INET) as sock:
        sock.bind(str(tmp_path / "s") if request.param == "unix" else ("127.0.0.1", 0))
        sock.listen()
        yield sock


def end(listening: socket.socket, how: str) -> bytes:
    """What the peer receives after it ended its side and the process was killed."""
    with socket.socket(listening.family) as client:
        client.settimeout(60)
        client.connect(listening.getsockname())
        with subprocess.Popen(
            [sys.executable, "-m", "tests.crash.half_kept", str(listening.fileno()), how],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=[listening.fileno()], cwd=REPOSITORY,
        ) as process:  # fmt: skip
            assert process.stdout is not None
            for size in (10, 70_000):
                client.sendall(b"x" * size + b"\n")
            client.shutdown(socket.SHUT_WR)
            try:
                assert process.stdout.readline() == b"received\n"
            finally:
                process.kill()
        return client.recv(1)


def test_the_end_after_all_is_kept_is_clean(listening: socket.socket) -> None:
    assert end(listening, "kept") == b""


def test_a_kill_before_that_is_a_reset(listening: socket.socket) -> None:
    with pytest.raises(ConnectionResetError):
        end(listening, "received")
