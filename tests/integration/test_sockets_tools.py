"""The tools that people send with: nc, socat and logger, as they are."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.test_sockets import Received
from workbench.connectors.sockets.opening import open_socket

PACKAGES = {"nc": "netcat-openbsd", "socat": "socat", "logger": "bsdutils"}

LINES = b"".join(b"line %d\n" % i for i in range(5000))


class Tool:
    """A program that sends to a source of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.received: list[Received] = []

    def receive(self, url: str, **more: Any) -> tuple[Received, Any]:
        received = Received(open_socket(self.folder / "spool", url, **more))
        self.received.append(received)
        return received, received.address()

    def run(self, *command: object, input: bytes = b"") -> None:
        subprocess.run([str(word) for word in command], input=input, check=True, timeout=600)


@pytest.fixture
def tool(tmp_path: Path) -> Iterator[Tool]:
    tool = Tool(tmp_path)
    yield tool
    for received in tool.received:
        received.close()


def need(name: str) -> None:
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed (Debian: {PACKAGES[name]})")


def test_nc_tcp(tool: Tool) -> None:
    need("nc")
    received, (host, port) = tool.receive("tcp://127.0.0.1:0")
    tool.run("nc", "-N", host, port, input=LINES)
    assert received.wait_for(5000) == LINES.split(b"\n")[:-1]
    assert received.notices() == []


def test_nc_udp(tool: Tool) -> None:
    need("nc")
    received, (host, port) = tool.receive("udp://127.0.0.1:0")
    tool.run("nc", "-u", "-w", "1", host, port, input=b"one\ntwo\n")
    assert received.wait_for(2) == [b"one", b"two"]


def test_nc_unix(tool: Tool) -> None:
    need("nc")
    received, path = tool.receive(f"unix://{tool.folder}/in.sock")
    tool.run("nc", "-N", "-U", path, input=LINES)
    assert received.wait_for(5000) == LINES.split(b"\n")[:-1]


def test_connecting_to_nc(tool: Tool) -> None:
    need("nc")
    received, (_, port) = tool.receive("tcp://127.0.0.1:0")
    received.close()
    server = subprocess.Popen(["nc", "-N", "-l", "127.0.0.1", str(port)], stdin=subprocess.PIPE)
    received = Received(open_socket(tool.folder / "other", f"tcp://127.0.0.1:{port}", mode="connect"))
    tool.received.append(received)
    server.communicate(LINES, timeout=600)
    assert received.wait_for(5000) == LINES.split(b"\n")[:-1]


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("tcp://127.0.0.1:0", "TCP:127.0.0.1:{}"),
        ("tcp://[::1]:0", "TCP6:[::1]:{}"),
        ("unix://{}/in.sock", "UNIX-CONNECT:{}/in.sock"),
        ("unixgram://{}/in.sock", "UNIX-SENDTO:{}/in.sock"),
    ],
)
def test_socat(tool: Tool, url: str, target: str) -> None:
    need("socat")
    received, where = tool.receive(url.format(tool.folder))
    tool.run("socat", "-u", "STDIN", target.format(tool.folder if "unix" in url else where[1]), input=b"one\ntwo\nthree")
    assert received.wait_for(3) == [b"one", b"two", b"three"]


@pytest.mark.parametrize("framing", ["newline", "octet"])
def test_logger_tcp(tool: Tool, framing: Any) -> None:
    need("logger")
    received, (host, port) = tool.receive("tcp://127.0.0.1:0", framing=framing)
    counted = ["--octet-count"] if framing == "octet" else []
    tool.run("logger", "--server", host, "--port", port, "--tcp", *counted, "--rfc5424", "--tag", "shop", "an order")
    (record,) = received.wait_for(1)
    assert record.startswith(b"<13>1 ")
    assert record.endswith(b"an order")


def test_logger_udp(tool: Tool) -> None:
    need("logger")
    received, (host, port) = tool.receive("udp://127.0.0.1:0")
    for text in ("one", "two"):
        tool.run("logger", "--server", host, "--port", port, "--udp", "--rfc3164", text)
    assert [record.rsplit(b" ", 1)[1] for record in received.wait_for(2)] == [b"one", b"two"]


@pytest.mark.parametrize("scheme", ["unixgram", "unix"])
def test_logger_unix(tool: Tool, scheme: str) -> None:
    need("logger")
    received, path = tool.receive(f"{scheme}://{tool.folder}/log")
    tool.run("logger", "--socket", path, "--socket-errors=on", "an order")
    (record,) = received.wait_for(1)
    assert record.endswith(b"an order")
