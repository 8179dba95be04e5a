"""kill -9 while a socket receives: what was written whole is there afterwards, in order and once."""

from __future__ import annotations

import random
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from workbench.batch import ChunkBuffer, Offset
from workbench.connectors.spool.intake import Intake
from workbench.connectors.spool.source import SpoolSource
from workbench.connectors.spool.spool import Spool

REPOSITORY = Path(__file__).parents[2]
ROUNDS = 6


class Deaf:
    """Receives nothing: the test only looks into the spool."""

    peers = 0
    waiting = 0

    def start(self) -> None: ...

    def stop(self) -> None: ...


def send(port: int, first: int, framing: str) -> None:
    """Numbered records from `first` on, of sizes up to 40 kB, until nobody takes them."""
    dice = random.Random(first)
    number = first
    try:
        with socket.create_connection(("127.0.0.1", port)) as sock:
            while True:
                batch = []
                for _ in range(50):
                    record = b"%d %s" % (number, b"x" * int(40_000 * dice.random() ** 8))
                    batch.append(b"%d %s\n" % (len(record) + 1, record) if framing == "octet" else record + b"\n")
                    number += 1
                sock.sendall(b"".join(batch))
    except OSError:
        return


def killed_while_receiving(folder: Path, first: int, framing: str, dice: random.Random) -> int:
    """How many records the process said were in its spool before it died."""
    victim = subprocess.Popen([sys.executable, "-m", "tests.crash.receiver", str(folder), framing], cwd=REPOSITORY, stdout=subprocess.PIPE)
    assert victim.stdout is not None
    port = int(victim.stdout.readline())
    sender = threading.Thread(target=send, args=(port, first, framing))
    sender.start()
    enough = first + dice.randint(1, 30_000)
    told = 0
    while told < enough:
        told = int(victim.stdout.readline())
    victim.kill()
    rest = victim.stdout.read()
    victim.stdout.close()
    victim.wait()
    sender.join()
    lines = rest[: rest.rfind(b"\n") + 1].split()
    return int(lines[-1]) if lines else told


def read(folder: Path, offsets: list[Offset], framing: str) -> tuple[list[int], list[Offset]]:
    """The numbers that come after `offsets`, and the offset after some of them."""
    source = SpoolSource("t", Intake(Spool(folder), Deaf()), "x", offsets=offsets)
    buffer = ChunkBuffer(1 << 20)
    found: list[int] = []
    while (raw := source.read(buffer)) is not None:
        data = buffer.memory[: raw.length]
        if framing == "octet":
            assert raw.starts is not None
            records = [data[a : b - 1] for a, b in zip(raw.starts, raw.starts[1:], strict=False)]
            assert all(record.endswith(b"\n") for record in records)
        else:
            records = data.split(b"\n")[:-1]
        found += [int(record.split()[0]) for record in records]
        source.committed(raw.offset)
        offsets = [raw.offset]
    told = source.notices()
    assert all("torn" in text for text in told), told
    source.close()
    buffer.close()
    return found, offsets


@pytest.mark.parametrize("framing", ["newline", "octet"])
def test_killed_while_receiving(tmp_path: Path, framing: str) -> None:
    dice = random.Random(7)
    folder = tmp_path / "spool"
    offsets: list[Offset] = []
    received = 0
    for _ in range(ROUNDS):
        told = killed_while_receiving(folder, received, framing, dice)
        numbers, offsets = read(folder, offsets, framing)
        assert numbers == list(range(received, received + len(numbers)))
        received += len(numbers)
        assert received >= told > 0
        assert offsets[0].line == received
