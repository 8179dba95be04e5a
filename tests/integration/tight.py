"""An engine on a disk that is full, or cannot be written, again and again: `python -m tests.integration.tight ROOT full|readonly`.

Run it where it may mount (`unshare -rm`) for `full`, and without the right to write everything for `readonly`. It prints, as JSON,
what was sent, what is stored in the end, and what was broken.
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
from collections.abc import Sequence
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
WAITS = ("commits wait: ", "commits go on")
GROWS = ("the log is not folded", "the log is folded into data.duckdb again")
STOPS = ("The database stopped", "the engine has started again")
"""What the engine's log says when trouble comes, and when it has gone. Where there is no log to write on, commits wait; a checkpoint
that had begun stops the database."""
BATCH = 200
"""Records that are sent at once."""
SOME = 30
"""Batches that are sent before the trouble, and during it: more of a log than is folded at once."""


class Senders:
    """Two threads: lines into a file, and over connections, one batch each.

    A batch counts when the engine has closed its connection well: it is in the spool then. Of one whose connection is reset (an engine
    whose database has stopped starts anew) any part may be there: it is not sent again, and `doubtful`.
    """

    def __init__(self, root: Path, port: int) -> None:
        self.sent, self.doubtful = {"t": 0, "s": 0}, 0
        self.batches: list[int] = []
        """The first numbers of those that went well over connections."""
        self._next = {"t": 0, "s": 0}
        self._over, self._path, self._port = threading.Event(), root / "in" / "a.ndjson", port
        self._threads = [threading.Thread(target=self._write), threading.Thread(target=self._send)]
        for thread in self._threads:
            thread.start()

    def _lines(self, name: str) -> bytes:
        first = self._next[name]
        self._next[name] += BATCH
        return b"".join(b'{"n": %d, "pad": "%s"}\n' % (first + i, os.urandom(60).hex().encode()) for i in range(BATCH))

    def _write(self) -> None:
        with self._path.open("ab", buffering=0) as file:
            while not self._over.wait(0.02):
                file.write(self._lines("t"))
                self.sent["t"] += BATCH

    def _send(self) -> None:
        while not self._over.wait(0.02):
            with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", self._port)) as sock:
                first = self._next["s"]
                try:
                    sock.sendall(self._lines("s"))
                    sock.shutdown(socket.SHUT_WR)
                    while sock.recv(1):
                        pass
                except OSError:
                    self.doubtful += BATCH
                else:
                    self.sent["s"] += BATCH
                    self.batches.append(first)

    def send_some(self) -> None:
        """Wait until some batches more are in the file."""
        enough = self.sent["t"] + SOME * BATCH
        wait_until(lambda: self.sent["t"] >= enough, "the writer")

    def finish(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()


class Trouble:
    """What happens to the folder of the state, and what the engine's log says about it."""

    def __init__(self, root: Path, kind: str) -> None:
        self._state, self._kind, self._said = root / ".workbench", kind, root / "said"
        self._began = 0
        if kind == "full":
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK},mode=0700", "tmpfs", str(self._state)], check=True)

    def is_known(self) -> bool:
        """Whether the engine has said so since it began."""
        return any(told in self._text()[self._began :] for told, _ in (WAITS, GROWS, STOPS))

    def is_over(self) -> bool:
        """Whether the engine has said of all that it ended; what an engine said that was followed by another does not count."""
        text = self._text().rpartition(STOPS[1])[2]
        return all(text.rfind(untold) >= text.rfind(told) for told, untold in (WAITS, GROWS, STOPS))

    def _text(self) -> str:
        return self._said.read_text("utf-8", "replace")

    def begin(self) -> None:
        self._began = len(self._text())
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
    trouble = Trouble(root, kind)
    with (root / "said").open("wb") as said:
        engine = subprocess.Popen([sys.executable, "-m", "tests.crash.life", str(root)], stdin=subprocess.DEVNULL, stdout=said, stderr=said)
    try:
        wait_until((state / "engine.sock").exists, "the engine")
        senders = Senders(root, port)
        try:
            for _ in range(TIMES):
                senders.send_some()
                trouble.begin()
                wait_until(trouble.is_known, "the engine to know of the trouble")
                senders.send_some()
                trouble.end()
                wait_until(trouble.is_over, "the engine to say that it is over")
        finally:
            senders.finish()
        wait_until(lambda: recovered(root, senders), "the engine to store all of it without help", 200)
        engine.send_signal(signal.SIGTERM)
        code = engine.wait(300)
    finally:
        engine.kill()
    result = {"sent": senders.sent, "doubtful": senders.doubtful, "code": code} | stored(root, senders.batches)
    print(json.dumps(result))  # noqa: T201


def recovered(root: Path, senders: Senders) -> bool:
    """Whether the engine has stored all that was sent."""
    try:
        snapshot = asyncio.run(_snapshot(root))
    except EngineError:
        return False
    rows = {stream.name: stream.rows_in for stream in snapshot.streams}
    doubtful = rows.get("s", 0) - senders.sent["s"]
    held = any(flow.held for stream in snapshot.streams for flow in stream.flows)
    return rows.get("t") == senders.sent["t"] and 0 <= doubtful <= senders.doubtful and not held


async def _snapshot(root: Path) -> Snapshot:
    client = EngineClient(open_project(root, Settings()).socket)
    try:
        return await client.snapshot()
    finally:
        await client.aclose()


def stored(root: Path, batches: Sequence[int]) -> dict[str, object]:
    """The rest is read by another engine; then what there is, and what is broken."""
    settings = Settings()
    engine = Engine(open_project(root, settings), settings)
    engine.start()
    try:
        engine.run_once()
        rows = asked(engine, "SELECT name, rows_in, accepted + rejected + filtered + blank FROM workbench.streams")
        found = {int(n) for (n,) in asked(engine, "SELECT n FROM s")}
        distinct = asked(engine, "SELECT (SELECT count(DISTINCT n) = count(*) FROM s), (SELECT count(DISTINCT n) = count(*) FROM t)")
        return {
            "rows_in": {r[0]: r[1] for r in rows},
            "fates": {r[0]: r[2] for r in rows},
            "once": all(distinct[0]),
            "missing": sum(n not in found for first in batches for n in range(first, first + BATCH)),
            "broken": engine.check_data(),
        }
    finally:
        engine.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
