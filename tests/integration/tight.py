"""An engine on a disk that is full, or cannot be written, again and again: `python -m tests.integration.tight ROOT full|readonly`.

Run it where it may mount (`unshare -rm`) for `full`, and without the right to write everything for `readonly`. It prints, as JSON,
what was sent and what is stored in the end, what was broken, and what the log said.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from tests.conftest import wait_until
from tests.crash.world import asked, free_port
from workbench.client import EngineClient
from workbench.config import Settings, open_project
from workbench.engine.engine import Engine
from workbench.errors import EngineError
from workbench.protocol import Snapshot

PIPELINES = """
CREATE STREAMING TABLE t (n BIGINT NOT NULL, pad VARCHAR, CONSTRAINT c EXPECT (n % 7 <> 0) ON VIOLATION DROP ROW)
AS SELECT * FROM STREAM read_files('in/*.ndjson', format => 'json');
CREATE STREAMING TABLE s (n BIGINT, pad VARCHAR)
AS SELECT * FROM STREAM read_socket('tcp://127.0.0.1:{port}', schema => 'n BIGINT, pad VARCHAR');
CREATE MATERIALIZED VIEW v AS SELECT n % 1000 AS k, count(*) AS c FROM STREAM t GROUP BY 1;
"""
TIMES = 3
"""How often the trouble comes."""
DISK = 48 << 20


class Senders:
    """Two threads: lines into a file, and over connections, each of which ends well or is made again at its first record not sent."""

    def __init__(self, root: Path, port: int) -> None:
        self.sent = {"t": 0, "s": 0}
        self._over, self._path, self._port = threading.Event(), root / "in" / "a.ndjson", port
        self._threads = [threading.Thread(target=self._write), threading.Thread(target=self._send)]
        for thread in self._threads:
            thread.start()

    def _lines(self, name: str) -> bytes:
        first = self.sent[name]
        return b"".join(b'{"n": %d, "pad": "%s"}\n' % (first + i, os.urandom(60).hex().encode()) for i in range(200))

    def _write(self) -> None:
        with self._path.open("ab", buffering=0) as file:
            while not self._over.wait(0.02):
                file.write(self._lines("t"))
                self.sent["t"] += 200

    def _send(self) -> None:
        """One batch a connection, which counts when the engine has closed it: it is in the spool then."""
        while not self._over.wait(0.02):
            with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", self._port)) as sock:
                sock.sendall(self._lines("s"))
                sock.shutdown(socket.SHUT_WR)
                with suppress(ConnectionResetError):
                    while sock.recv(1):
                        pass
                self.sent["s"] += 200

    def finish(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()


class Trouble:
    """What happens to the folder of the state."""

    def __init__(self, state: Path, kind: str) -> None:
        self._state, self._kind = state, kind
        if kind == "full":
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK},mode=0700", "tmpfs", str(state)], check=True)

    def begin(self) -> None:
        if self._kind == "readonly":
            self._mode(0o400, 0o500)
            return
        with (self._state / "ballast").open("ab", buffering=0) as file:
            for size in (1 << 16, 512):
                with suppress(OSError):
                    while file.write(bytes(size)):
                        pass

    def end(self) -> None:
        if self._kind == "readonly":
            self._mode(0o600, 0o700)
        else:
            os.truncate(self._state / "ballast", 0)

    def _mode(self, file: int, folder: int) -> None:
        for path in self._state.glob("data.duckdb*"):
            with suppress(FileNotFoundError):
                path.chmod(file)
        self._state.chmod(folder)


def main(root: Path, kind: str) -> None:
    state = root / ".workbench"
    for folder in (state, root / "pipelines", root / "in"):
        folder.mkdir(parents=True)
    port = free_port(socket.SOCK_STREAM)
    (root / "pipelines" / "p.sql").write_text(PIPELINES.replace("{port}", str(port)), "utf-8")
    trouble = Trouble(state, kind)
    with (root / "said").open("wb") as said:
        engine = subprocess.Popen([sys.executable, "-m", "tests.crash.life", str(root)], stdin=subprocess.DEVNULL, stdout=said, stderr=said)
    wait_until((state / "engine.sock").exists, "the engine")
    senders = Senders(root, port)
    for _ in range(TIMES):
        time.sleep(0.8)
        trouble.begin()
        time.sleep(0.8)
        trouble.end()
    senders.finish()
    by_itself = recovered(root, senders.sent)
    engine.send_signal(signal.SIGTERM)
    code = engine.wait(300)
    result = {"sent": senders.sent, "by_itself": by_itself, "code": code} | stored(root)
    result["said"] = sorted({line.split(" ", 2)[-1][:300] for line in (root / "said").read_text("utf-8", "replace").splitlines()})
    print(json.dumps(result))  # noqa: T201


def recovered(root: Path, sent: dict[str, int]) -> bool:
    """Whether the engine stores all of it without help."""
    end = time.monotonic() + 200
    while time.monotonic() < end:
        with suppress(EngineError):
            snapshot = asyncio.run(_snapshot(root))
            if {stream.name: stream.rows_in for stream in snapshot.streams} == sent:
                return True
        time.sleep(0.1)
    return False


async def _snapshot(root: Path) -> Snapshot:
    client = EngineClient(open_project(root, Settings()).socket)
    try:
        return await client.snapshot()
    finally:
        await client.aclose()


def stored(root: Path) -> dict[str, object]:
    """The rest is read by another engine; then what there is, and what is broken."""
    settings = Settings()
    engine = Engine(open_project(root, settings), settings)
    engine.start()
    try:
        engine.run_once()
        rows = asked(engine, "SELECT name, rows_in, accepted + rejected + filtered + blank FROM workbench.streams")
        distinct = asked(engine, "SELECT (SELECT count(DISTINCT n) = count(*) FROM s), (SELECT count(DISTINCT n) = count(*) FROM t)")
        return {
            "rows_in": {r[0]: r[1] for r in rows},
            "fates": {r[0]: r[2] for r in rows},
            "once": all(distinct[0]),
            "broken": engine.check_data(),
        }
    finally:
        engine.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
