"""A project that reads from everywhere at once, those who send to it, and what must be stored in the end.

What is promised over `kill -9`, and checked here:
- files: every line that was written is stored once, in its order, however often they were rotated and the engine was killed;
- tcp, unix and stdin: of every connection exactly a beginning is stored, in order and once: all that was in the spool or in
  the database at the kill. What the kernel still held for the killed process is lost, as with any server;
- a connection that ended while the engine ran, and a piped input that ended so, is stored whole;
- udp: in order and once; while the engine runs, stored + counted as dropped = sent;
- what is made of these (running states, deduplications, joins, derived tables) is what plain SQL says of the stored rows.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.conftest import wait_until
from workbench.batch import ChunkBuffer
from workbench.config import Settings, open_project
from workbench.connectors.spool.intake import Intake
from workbench.connectors.spool.source import SpoolSource
from workbench.connectors.spool.spool import Spool
from workbench.engine.engine import Engine

SENT = "source VARCHAR, life BIGINT, client BIGINT, n BIGINT, key BIGINT, ts TIMESTAMPTZ"
LOGGED = "n BIGINT, kind VARCHAR, ts TIMESTAMPTZ, pad VARCHAR"
PIPELINES = """
CREATE STREAMING TABLE logs (n BIGINT NOT NULL, kind VARCHAR, ts TIMESTAMPTZ, CONSTRAINT good EXPECT (n % 97 <> 0) ON VIOLATION DROP ROW)
AS SELECT n, kind, ts FROM STREAM read_files('logs/app.log*', format => 'json', schema => '{logged}') WHERE n % 10 <> 7;
CREATE STREAMING TABLE odd AS SELECT n FROM STREAM read_files('logs/app.log*', format => 'json', schema => '{logged}') WHERE n % 2 = 1;
CREATE STREAMING TABLE sent ({sent});
CREATE FLOW by_tcp AS INSERT INTO sent BY NAME SELECT source, life, client, n, key, ts
FROM STREAM read_socket('tcp://127.0.0.1:{tcp}', schema => '{sent}', idle_timeout => '1 second');
CREATE FLOW by_unix AS INSERT INTO sent BY NAME SELECT source, life, client, n, key, ts
FROM STREAM read_socket('unix://{unix}', schema => '{sent}', idle_timeout => '1 second');
CREATE STREAMING TABLE datagrams ({sent}) AS SELECT * FROM STREAM read_socket('udp://127.0.0.1:{udp}');
CREATE STREAMING TABLE piped ({sent}) AS SELECT * FROM STREAM read_stdin();
CREATE STREAMING TABLE ticks AS SELECT * FROM STREAM read_rate(rowsPerSecond => 300);

CREATE STREAMING TABLE thirds AS SELECT n, ts FROM STREAM logs WHERE n % 3 = 0;
CREATE STREAMING TABLE once AS SELECT DISTINCT ON (source, life, client, key) * FROM STREAM sent
WATERMARK ts DELAY OF INTERVAL 1 DAY WITHIN INTERVAL 1 DAY;
CREATE STREAMING TABLE pairs AS SELECT s.life, s.client, s.n, l.kind
FROM STREAM logs l WATERMARK ts DELAY OF INTERVAL 1 DAY JOIN STREAM piped s WATERMARK ts DELAY OF INTERVAL 1 DAY
ON l.n = s.n AND s.ts BETWEEN l.ts - INTERVAL 1 HOUR AND l.ts + INTERVAL 1 HOUR;
CREATE MATERIALIZED VIEW kinds AS SELECT * FROM (VALUES ('a', 1), ('b', 2)) v(kind, rank);
CREATE STREAMING TABLE ranked AS SELECT t.n, k.kind FROM STREAM thirds t LEFT JOIN kinds k ON k.rank = t.n % 2;

CREATE MATERIALIZED VIEW tumbling AS SELECT window(ts, '10 seconds') AS begin, source, count(*) AS n, max(n) AS top
FROM STREAM sent WATERMARK ts DELAY OF INTERVAL 1 SECOND GROUP BY 1, source;
CREATE MATERIALIZED VIEW hopping AS SELECT window(ts, '1 minute', '20 seconds') AS begin, count(*) AS n, sum(n) AS total
FROM STREAM logs WATERMARK ts DELAY OF INTERVAL 1 SECOND GROUP BY 1;
CREATE MATERIALIZED VIEW visits AS SELECT session_window(ts, '2 seconds') AS begin, client, count(*) AS n
FROM STREAM sent WATERMARK ts DELAY OF INTERVAL 1 SECOND GROUP BY 1, client;
CREATE MATERIALIZED VIEW totals AS SELECT life, count(*) AS n, max(n) AS last FROM STREAM piped GROUP BY life;
"""
ASIDE = ("tcp", "unix")
BATCH = 40
"""Records that are sent at once."""
PAUSE = 0.04
"""Seconds between two of them."""
ROTATION = 600
"""Lines after which the log is rotated."""

PATIENCE = 300.0
"""Seconds that the last engine has to store all that is left."""

Connection = tuple[str, int, int]
"""Where it sends to, the life in which it was made, its number."""


def at(n: int) -> str:
    """An event time: 50 a second, every 40th a bit late and every 900th after a pause."""
    second = n // 50 + n // 900 * 5 - (3 if n % 40 == 13 and n > 200 else 0)
    return f"2026-01-01T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}.{n % 50 * 20:03}Z"


def record(source: str, life: int, client: int, n: int) -> bytes:
    key = n - (n % 5 == 4)
    return json.dumps({"source": source, "life": life, "client": client, "n": n, "key": key, "ts": at(n)}).encode() + b"\n"


class World:
    """The project and its senders, which are threads of this process and go on while engines come and go.

    Args:
        ports: that nobody else uses: of tcp and of udp.
    """

    def __init__(self, root: Path, seed: int) -> None:
        self.root, self.life = root, 0
        self.connected = threading.Event()
        """Set when somebody got through to the engine of this life."""
        self.whole: dict[Connection, int] = {}
        """Records of connections that ended well."""
        self.known: dict[Connection, int] = {}
        """Records of connections that the spools or the database had after a kill."""
        self._calls = 0
        self._dice = random.Random(seed)
        self._over = threading.Event()
        self._ending = threading.Event()
        self._clients = 0
        self._numbers = threading.Lock()
        (root / "pipelines").mkdir(parents=True)
        (root / "logs").mkdir()
        self.unix = root / "in.sock"
        self.tcp, self.udp = free_port(socket.SOCK_STREAM), free_port(socket.SOCK_DGRAM)
        text = PIPELINES.format(sent=SENT, logged=LOGGED, tcp=self.tcp, udp=self.udp, unix=self.unix)
        (root / "pipelines" / "world.sql").write_text(text, "utf-8")
        self.log = Log(root / "logs", random.Random(seed + 1))
        jobs: list[Callable[[], None]] = [self._log, self._stream, self._stream, self._stream, self._unix, self._datagrams]
        self._threads = [threading.Thread(target=job, daemon=True) for job in jobs]
        for thread in self._threads:
            thread.start()

    # -- senders

    def _log(self) -> None:
        while not self._over.wait(PAUSE):
            self.log.write(BATCH)

    def _stream(self) -> None:
        self._connect("tcp", lambda: socket.create_connection(("127.0.0.1", self.tcp)))

    def _unix(self) -> None:
        def connect() -> socket.socket:
            sock = socket.socket(socket.AF_UNIX)
            try:
                sock.connect(str(self.unix))
            except OSError:
                sock.close()
                raise
            return sock

        self._connect("unix", connect)

    def _connect(self, name: str, connect: Callable[[], socket.socket]) -> None:
        """Connection after connection, each until it breaks or has sent enough; the last one ends well."""
        while True:
            life = self.life
            try:
                with connect() as sock:
                    if life == self.life:
                        self.connected.set()
                    with self._numbers:
                        self._clients += 1
                        connection = (name, life, self._clients)
                    self.whole[connection] = self._send(connection, sock)
                if self._ending.is_set() and life == self.life:
                    return
            except OSError:
                if self._over.wait(PAUSE):
                    return

    def _send(self, connection: Connection, sock: socket.socket) -> int:
        """How many records it sent before it ended; more in a last life are no use."""
        enough = self._dice.choice((200, 2000, 100_000))
        n = 0
        while n < enough and not (self._ending.is_set() and n):
            sock.sendall(b"".join(record(*connection, n + i) for i in range(BATCH)))
            n += BATCH
            self._over.wait(PAUSE)
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(1):  # until the engine has closed it too: all of it is in the spool then
            pass
        return n

    def _datagrams(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            n = 0
            while not self._ending.wait(PAUSE):
                for _ in range(5):
                    try:
                        sock.sendto(record("udp", 0, 0, n), ("127.0.0.1", self.udp))
                    except OSError:  # nobody listened to the one before
                        continue
                    n += 1

    def pipe(self, descriptor: int, end: Callable[[], bool]) -> None:
        """Feed an engine's standard input, without ever waiting for it."""
        n, rest = 0, b""
        while not end():
            if not rest:
                rest = b"".join(record("stdin", self.life, 0, n + i) for i in range(BATCH))
                n += BATCH
            try:
                rest = rest[os.write(descriptor, rest) :]
            except BlockingIOError:
                pass
            except BrokenPipeError:
                return
            time.sleep(PAUSE / 2)

    # -- after a kill

    def check(self) -> list[str]:
        """What is broken in the database, and what is known to be received, which must be stored in the end."""
        broken: list[str] = []
        with self._engine(flows=False) as engine:
            broken += engine.check_data()
            found = asked(engine, "SELECT source, life, client, max(n) + 1 FROM (FROM sent UNION ALL FROM piped) GROUP BY ALL")
            for source, life, client, count in found:
                self._know((source, life, client), count)
        received = self.root / ".workbench" / "received"
        for folder in (*received.glob("tcp-*"), *received.glob("unix-*"), *received.glob("stdin/*")):
            for source, life, client, n in records(folder):
                self._know((source, life, client), n + 1)
        return broken

    def _know(self, connection: Connection, count: int) -> None:
        """A connection of a life that is over cannot get more than this, one with less has lost some of what was received."""
        self.known[connection] = max(count, self.known.get(connection, 0))

    # -- the end

    def finish(self) -> list[str]:
        """Let everybody end, store all of it, and tell what is wrong with that."""
        self.life += 1
        with self._engine(flows=True) as engine:
            self._ending.set()
            for thread in self._threads[1:]:
                thread.join(300)
            self._over.set()
            self._threads[0].join()
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                wait_until(lambda: self._is_heard(engine, sock), "somebody who receives datagrams")
                before, count = dropped(engine), 50
                for n in range(count):
                    sock.sendto(record("udp", 1, 0, n), ("127.0.0.1", self.udp))
            stored = "SELECT count(*) FROM datagrams WHERE life = 1"
            wait_until(lambda: asked(engine, stored)[0][0] + dropped(engine) - before == count, "the datagrams, or their drops")
            end = time.monotonic() + PATIENCE
            while self._unread(engine) and time.monotonic() < end:
                time.sleep(0.05)
            return engine.check_data() + self._wrong(engine)

    def _is_heard(self, engine: Engine, sock: socket.socket) -> bool:
        """Whether one of these datagrams was stored: those that come before the engine listens are lost, and nobody can count them."""
        sock.sendto(record("udp", 2, 0, self._calls), ("127.0.0.1", self.udp))
        self._calls += 1
        return bool(asked(engine, "SELECT count(*) FROM datagrams WHERE life = 2")[0][0])

    def _unread(self, engine: Engine) -> int:
        """Records and bytes that are known to be unread; of the log, lines that were written and are not stored."""
        streams = [stream for stream in engine.snapshot().streams if stream.name != "ticks"]
        lines = sum(stream.rows_in for stream in streams if stream.name == "logs")
        return abs(self.log.lines - lines) + sum(flow.lag_rows + flow.lag_bytes for stream in streams for flow in stream.flows)

    def _wrong(self, engine: Engine) -> list[str]:
        wrong = [*self._wrong_logs(engine), *self._wrong_connections(engine)]
        for text, sql in TRUE.items():
            if asked(engine, sql) != [(True,)]:
                wrong.append(text)
        return wrong

    def _wrong_logs(self, engine: Engine) -> Iterator[str]:
        log = self.log
        for name in ("logs", "odd"):
            counts = asked(engine, f"SELECT rows_in, blank, multiplied FROM workbench.streams WHERE name = '{name}'")
            if counts != [(log.lines, log.blank, 0)]:
                yield f"{name}: {counts} is not {log.lines} lines, {log.blank} of them blank"
        good = [n for n in log.good if n % 10 != 7 and n % 97]
        for name, numbers in (("logs", good), ("odd", [n for n in log.good if n % 2])):
            stored = [n for (n,) in asked(engine, f"SELECT n FROM _store.{name} ORDER BY rowid")]
            if stored != numbers:
                missing, twice = set(numbers) - set(stored), len(stored) - len(set(stored))
                ordered = stored == sorted(stored)
                yield f"{name}: {len(missing)} of {len(numbers)} lines are missing, {twice} are there twice, in order: {ordered}"

    def _wrong_connections(self, engine: Engine) -> Iterator[str]:
        sql = "SELECT source, life, client, n FROM _store.{} ORDER BY rowid"
        stored: dict[Connection, list[int]] = {}
        for table in ("sent", "piped"):
            for source, life, client, n in asked(engine, sql.format(table)):
                stored.setdefault((source, life, client), []).append(n)
        for connection, numbers in stored.items():
            if numbers != list(range(len(numbers))):
                yield f"{connection}: holes, doubles or another order among {len(numbers)} records"
        for connection, count in (self.known | self.whole).items():
            got = len(stored.get(connection, ()))
            if got < count or (got > count and connection[1] != self.life and connection not in self.whole):
                yield f"{connection}: {count} records were received, {got} are stored"

    def close(self) -> None:
        """Send no more."""
        self._over.set()
        self._ending.set()
        for thread in self._threads:
            thread.join(300)

    @contextmanager
    def _engine(self, flows: bool) -> Iterator[Engine]:
        settings = Settings(poll=0.05, idle_timeout=1.0)
        engine = Engine(open_project(self.root, settings), settings, flows=flows)
        engine.start()
        try:
            yield engine
        finally:
            engine.stop()


TRUE = {
    "datagrams: doubles, or another order": "SELECT count(*) = count(DISTINCT (life, n)) FROM datagrams",
    "ticks: holes or doubles": "SELECT count(*) = max(value) + 1 AND count(*) = count(DISTINCT value) FROM ticks",
    "thirds: not what logs holds": (
        "SELECT list(n ORDER BY rowid) = (SELECT list(n ORDER BY rowid) FROM _store.logs WHERE n % 3 = 0) FROM _store.thirds"
    ),
    "ranked: not what thirds holds": "SELECT count(*) = (SELECT count(*) FROM thirds) AND count(DISTINCT n) = count(*) FROM ranked",
    "once: not one of each": (
        "SELECT (SELECT count(*) FROM once) = count(DISTINCT (source, life, client, key)) AND"
        " (SELECT count(DISTINCT (source, life, client, key)) FROM once) = count(DISTINCT (source, life, client, key)) FROM sent"
    ),
    "pairs: not the join": (
        "WITH truth AS (SELECT s.life, s.client, s.n, l.kind FROM logs l JOIN piped s ON l.n = s.n"
        " AND s.ts BETWEEN l.ts - INTERVAL 1 HOUR AND l.ts + INTERVAL 1 HOUR)"
        " SELECT (SELECT count(*) FROM (FROM pairs EXCEPT ALL FROM truth)) + (SELECT count(*) FROM (FROM truth EXCEPT ALL FROM pairs)) = 0"
    ),
}


class Log:
    """A log file under rotation: renamed, now and then packed; lines are numbered, some are blank or broken."""

    def __init__(self, folder: Path, dice: random.Random) -> None:
        self.good: list[int] = []
        self.lines = self.blank = 0
        self._folder, self._dice = folder, dice
        self._n = self._in_file = self._rotated = 0

    def write(self, count: int) -> None:
        lines = [self._line() for _ in range(count)]
        # Now and then the end of a batch is written later, as buffered programs do.
        data = b"".join(lines)
        cut = self._dice.randrange(len(data)) if self._dice.random() < 0.3 else len(data)
        with (self._folder / "app.log").open("ab", buffering=0) as file:
            file.write(data[:cut])
            file.write(data[cut:])
        self._in_file += count
        if self._in_file >= ROTATION:
            self._rotate()

    def _line(self) -> bytes:
        self.lines += 1
        fault = self._dice.random()
        if fault < 0.01:
            self.blank += 1
            return b"\n"
        if fault < 0.03:
            return b'{"n": oh no\n'
        n = self._n
        self._n += 1
        self.good.append(n)
        kind = "abc"[n % 3]
        return json.dumps({"n": n, "kind": kind, "ts": at(n), "pad": "x" * self._dice.randrange(60)}).encode() + b"\n"

    def _rotate(self) -> None:
        self._in_file = 0
        self._rotated += 1
        path = self._folder / f"app.log.{self._rotated}"
        (self._folder / "app.log").rename(path)
        if self._rotated > 2 and self._dice.random() < 0.3:
            old = self._folder / f"app.log.{self._rotated - 1}"
            packed = old.with_name(old.name + ".gz")
            with gzip.open(packed, "wb") as file:
                file.write(old.read_bytes())
            os.utime(packed, ns=(old.stat().st_atime_ns, old.stat().st_mtime_ns))  # as gzip does: it tells which is older
            old.unlink()


class Deaf:
    """Receives nothing: only the spool is looked into."""

    peers = 0
    waiting = 0

    def start(self) -> None: ...

    def stop(self) -> None: ...


def records(folder: Path) -> Iterator[Any]:
    """All records that are in a spool, committed or not, as (source, life, client, n)."""
    source = SpoolSource("look", Intake(Spool(folder), Deaf()), "x")
    buffer = ChunkBuffer(1 << 20)
    try:
        while (raw := source.read(buffer)) is not None:
            for line in bytes(buffer.memory[: raw.length]).splitlines():
                found = json.loads(line)
                yield found["source"], found["life"], found["client"], found["n"]
    finally:
        source.close()
        buffer.close()


def dropped(engine: Engine) -> int:
    """Datagrams that are counted as lost."""
    return sum(flow.dropped for stream in engine.snapshot().streams for flow in stream.flows if stream.name == "datagrams")


def asked(engine: Engine, sql: str) -> list[tuple[Any, ...]]:
    """The rows of a query, as of one commit."""
    rows: list[tuple[Any, ...]] = engine._pump.control(lambda session: session.execute(sql)).result()
    return rows


def free_port(kind: int) -> int:
    """A port that nobody has; of those that the kernel gives to nobody who connects, or it might be taken before it is used."""
    while True:
        with suppress(OSError), socket.socket(socket.AF_INET, kind) as sock:
            sock.bind(("127.0.0.1", random.randrange(20_000, 32_000)))
            return int(sock.getsockname()[1])
