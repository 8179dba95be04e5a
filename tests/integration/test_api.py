"""Server and client over a real socket, with an engine that is made up."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest

from tests.conftest import DEADLINE, wait_until
from workbench import __version__
from workbench.client import EngineClient
from workbench.errors import (
    EngineError,
    EngineUnavailable,
    FlowError,
    NotFound,
    PipelineError,
    PlanOutdated,
    Problem,
    UsageError,
    VersionMismatch,
    WorkbenchError,
)
from workbench.language.gate import admit
from workbench.protocol import (
    PROTOCOL,
    Action,
    ControlPlan,
    Dataset,
    Hello,
    QuarantineDetail,
    QuarantinePage,
    QuarantineRow,
    QueryStatus,
    Snapshot,
    StatePage,
    Tail,
    TailRow,
)
from workbench.server import routes
from workbench.server.listening import listening
from workbench.server.serve import Server
from workbench.store.query import QueryPool
from workbench.store.session import scratch

ENDLESS = "select count(*) from range(1000000) a, range(1000000) b where (a.range * b.range) % 7 = 3"


class MadeUpEngine:
    """Answers what it is told to, remembers what it was asked, runs queries for real."""

    def __init__(self, folder: Path) -> None:
        database = scratch()
        self.queries = QueryPool([database.cursor() for _ in range(2)], folder / "spool", 1 << 28, admit, self.execute, lambda: 7)
        self.asked: list[Any] = []
        self.version = __version__
        self.error: Exception | None = None
        self.size = 1
        self.changed = threading.Condition()
        self.at = 1.0
        self.waits = 0
        self.waits_for_news: list[bool] = []
        self.asking = threading.Event()
        self.blocked = threading.Event()
        self.blocked.set()

    def execute(self, sql: str) -> str | None:
        return "done" if sql.startswith("REFRESH") else None

    def hello(self) -> Hello:
        return Hello(self.version, PROTOCOL, 1, "shop", "/shop", 1.0)

    def snapshot(self) -> Snapshot:
        if self.error:
            raise self.error
        dataset = Dataset("orders", "streaming table", "x" * self.size, (("a", "BIGINT"),))
        return Snapshot(self.at, int(self.at), (), (), (), (), (), (dataset,), 1.5, 0.25)

    def change(self) -> None:
        with self.changed:
            self.at += 1
            self.changed.notify_all()

    def wait_snapshot(self, after: float, timeout: float) -> Snapshot:
        with self.changed:
            self.waits += 1
            self.waits_for_news.append(self.at <= after)
            self.asking.set()
            self.changed.wait_for(lambda: self.at > after, timeout)
        return self.snapshot()

    def tail(self, name: str, limit: int, text: str) -> Tail:
        self.asked.append(("tail", name, limit, text))
        self.blocked.wait(DEADLINE)
        if name == "nobody":
            raise NotFound("There is no stream nobody", "SHOW TABLES")
        return Tail(name, ("a",), (True,), (TailRow(1.0, 2, ("3",), ("r",)),), 9)

    def state(self, name: str, limit: int, client: str) -> StatePage:
        self.asked.append(("state", name, limit, client))
        return StatePage(name, ("k", "n"), (False, True), (), 0, 1, None, 7, 0)

    def quarantine(self, stream: str | None, rule: str | None, offset: int, limit: int) -> QuarantinePage:
        self.asked.append(("quarantine", stream, rule, offset, limit))
        return QuarantinePage((self.row(5),), 1)

    def quarantine_detail(self, record_id: int) -> QuarantineDetail:
        return QuarantineDetail(self.row(record_id), "raw", 3, 7, 1.0, "new", (), ((0, 1, "drop"),))

    def row(self, record_id: int) -> QuarantineRow:
        return QuarantineRow(record_id, "orders", ("_type",), "a.ndjson", 3, 44, 1.0, "{…")

    def pause(self, name: str) -> str:
        return f"{name} is paused"

    def resume(self, name: str) -> str:
        return f"{name} goes on"

    def plan_control(self, name: str, action: Action, arguments: Mapping[str, Any]) -> ControlPlan:
        self.asked.append(("plan", name, action, dict(arguments)))
        return ControlPlan(name, action, ("It goes.",), True, "t1")

    def control(self, name: str, action: Action, token: str, arguments: Mapping[str, Any]) -> str:
        if token != "t1":
            raise PlanOutdated("orders is no longer as it was", "Plan again.")
        return f"{action} {name} {dict(arguments)}"

    def refresh(self, name: str, full: bool) -> str:
        return f"{name} {full}"

    def check_data(self) -> list[str]:
        return ["orders: 1 accepted, but 2 rows are stored"]

    def log(self, lines: int) -> list[str]:
        return ["a line"] * min(lines, 3)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[MadeUpEngine]:
    made = MadeUpEngine(tmp_path)
    yield made
    made.blocked.set()
    made.queries.shut()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "engine.sock"


@pytest.fixture
def server(engine: MadeUpEngine, path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr("workbench.client.SILENCE", DEADLINE)  # a machine that halts for some seconds is no dead engine
    made = Server(engine, path)
    thread = threading.Thread(target=made.run)
    thread.start()
    wait_until(lambda: connects(path), "the server")
    yield made
    made.stop()
    thread.join(DEADLINE)
    assert not thread.is_alive()
    assert not path.exists()


@pytest.fixture
async def client(server: Server) -> AsyncIterator[EngineClient]:
    made = EngineClient(server.path)
    yield made
    await made.aclose()


def connects(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


def answers(path: Path) -> bool:
    """Whether who listens there has begun to serve."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(DEADLINE)
        try:
            probe.connect(str(path))
            probe.sendall(b"GET /v1/hello HTTP/1.1\r\nhost: x\r\n\r\n")
            return bool(probe.recv(1))
        except OSError:
            return False


@asynccontextmanager
async def curl(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    """A client that knows nothing of protocols."""
    async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds=str(server.path)), base_url="http://x", timeout=DEADLINE) as made:
        yield made


async def after_the_last(watch: AsyncIterator[Snapshot]) -> AsyncIterator[Snapshot]:
    """Nothing: it only ends as the snapshots end."""
    async for snapshot in watch:
        if snapshot.at < 0:
            yield snapshot


async def up_to(watch: AsyncIterator[Snapshot], at: float) -> AsyncIterator[Snapshot]:
    """The snapshots until one is of a moment."""
    async for snapshot in watch:
        yield snapshot
        if snapshot.at >= at:
            return


async def reached(watch: AsyncIterator[Snapshot], at: float) -> None:
    """A watcher sees a moment, whatever heartbeats come before it."""
    async for snapshot in up_to(watch, at):
        assert snapshot.at <= at


async def until(look: Callable[[], object], what: str) -> None:
    await asyncio.to_thread(wait_until, look, what)


async def test_every_call(client: EngineClient, engine: MadeUpEngine) -> None:
    assert (await client.hello()).project == "shop"
    assert await client.snapshot() == engine.snapshot()
    assert await client.tail("orders", 5, "x y&z") == Tail("orders", ("a",), (True,), (TailRow(1.0, 2, ("3",), ("r",)),), 9)
    assert (await client.state("v", 3)).columns == ("k", "n")
    assert (await client.quarantine("orders", None, 2, 3)).rows == (engine.row(5),)
    assert (await client.quarantine_detail(8)).row.id == 8
    assert (await client.pause("orders")).text == "orders is paused"
    assert (await client.resume("orders")).text == "orders goes on"
    assert (await client.refresh("v", True)).text == "v True"
    assert await client.log(2) == ("a line", "a line")
    assert await client.check_data() == ("orders: 1 accepted, but 2 rows are stored",)
    assert ("tail", "orders", 5, "x y&z") in engine.asked
    assert ("quarantine", "orders", None, 2, 3) in engine.asked


async def test_a_command_is_planned_and_done_with_its_token(client: EngineClient, engine: MadeUpEngine) -> None:
    plan = await client.plan_control("or ders", "rewind", commit=41)
    assert plan == ControlPlan("or ders", "rewind", ("It goes.",), True, "t1")
    assert engine.asked[-1] == ("plan", "or ders", "rewind", {"commit": 41})
    assert (await client.control("orders", "limit", plan.token, rows=None)).text == "limit orders {'rows': None}"
    assert (await client.plan_column("orders", "coupon")).action == "column"
    assert (await client.add_column("orders", "coupon", "t1")).text == "column orders {'field': 'coupon'}"
    with pytest.raises(PlanOutdated, match="no longer as it was"):
        await client.control("orders", "pause", "t0")
    with pytest.raises(UsageError, match="'explode'"):
        await client.plan_control("orders", "explode")  # type: ignore[arg-type]


async def test_a_command_without_a_token_is_refused(server: Server) -> None:
    async with curl(server) as raw:
        answer = await raw.post("/v1/streams/orders/control", json={"action": "pause"})
        assert answer.status_code == 400
        assert "token" in answer.json()["error"]
        assert (await raw.post("/v1/streams/orders/plan", json={"action": []})).status_code == 400


async def test_any_name_can_be_asked_for(client: EngineClient, engine: MadeUpEngine) -> None:
    for name in ("a/b", "a b", "ü", "tail", "a/tail", "%2F", "?", "#"):
        await client.tail(name)
        assert engine.asked[-1][1] == name


async def test_two_clients_are_told_apart(server: Server, engine: MadeUpEngine) -> None:
    clients = [EngineClient(server.path) for _ in range(2)]
    for client in (*clients, clients[0]):
        await client.state("v")
    for client in clients:
        await client.aclose()

    first, second, again = (asked[3] for asked in engine.asked)
    assert first == again != second


async def test_a_query_and_its_pages(client: EngineClient) -> None:
    query = await client.submit("select range as n, 'x' as t from range(10000)")
    while query.state == "running":
        query = await client.query(query.id, 1.0)

    assert (query.rows, query.columns, query.commit) == (10_000, (("n", "BIGINT"), ("t", "VARCHAR")), 7)
    rows = [row for offset in range(0, 10_000, 200) for row in (await client.page(query.id, offset, 200)).rows]
    assert rows == [(str(n), "x") for n in range(10_000)]
    arrow = b"".join([chunk async for chunk in client.arrow(query.id)])
    assert pa.ipc.open_stream(arrow).read_all().num_rows == 10_000
    await client.close_query(query.id)
    with pytest.raises(NotFound):
        await client.query(query.id)


async def test_a_wrong_query_has_its_place(client: EngineClient) -> None:
    query = await client.submit("select 1,\n  nope")
    while query.state == "running":
        query = await client.query(query.id, 1.0)

    assert (query.state, query.position) == ("failed", 12)


async def test_cancel_does_not_queue(client: EngineClient, engine: MadeUpEngine) -> None:
    """All threads of ordinary calls are taken; the cancel comes through, and so does a waiting query's end."""
    query = await client.submit(ENDLESS)
    engine.blocked.clear()
    stuck = [asyncio.create_task(client.tail("orders")) for _ in range(40)]
    await until(lambda: len(engine.asked) >= 16, "all threads to be taken")

    async def end() -> QueryStatus:
        while (found := await client.query(query.id, 10.0)).state == "running":
            pass
        return found

    waiting = asyncio.create_task(end())
    assert (await client.cancel(query.id)).state == "cancelled"
    assert (await waiting).state == "cancelled"
    engine.blocked.set()
    await asyncio.gather(*stuck)


async def test_the_arrow_stream_of_a_failing_query_breaks(client: EngineClient) -> None:
    query = await client.submit("select case when range = 3000000 then error('late') else 1 end from range(4000000)")

    with pytest.raises(WorkbenchError):
        async for _ in client.arrow(query.id):
            pass


async def test_snapshots_follow_changes(client: EngineClient, engine: MadeUpEngine) -> None:
    seen = []
    async with aclosing(client.snapshots()) as watch:
        async for snapshot in watch:
            if snapshot.at in seen:  # a heartbeat
                continue
            seen.append(snapshot.at)
            if len(seen) == 3:
                break
            engine.change()

    assert seen == [1.0, 2.0, 3.0]


async def test_a_heartbeat_comes_without_a_change(client: EngineClient) -> None:
    async with aclosing(client.snapshots()) as watch:
        assert [(await anext(watch)).at for _ in range(2)] == [1.0, 1.0]


async def test_nobody_watches_nobody_is_asked(client: EngineClient, engine: MadeUpEngine) -> None:
    async with aclosing(client.snapshots()) as watch:
        await anext(watch)
    engine.change()

    await until(lambda: quiet(engine), "the engine to be left alone")


def quiet(engine: MadeUpEngine) -> bool:
    """Nobody asks for longer than a heartbeat."""
    engine.asking.clear()
    return not engine.asking.wait(1.2)


async def test_a_watcher_that_comes_later_waits_for_no_change(server: Server, client: EngineClient, engine: MadeUpEngine) -> None:
    for _ in range(2):
        async with aclosing(client.snapshots()) as watch:
            await anext(watch)
        await until(lambda: not server._server.server_state.tasks, "the server to know that it has left")

    assert engine.waits_for_news.count(False) == 2


async def test_many_watchers_cost_one_question(server: Server, engine: MadeUpEngine) -> None:
    clients = [EngineClient(server.path) for _ in range(5)]
    async with AsyncExitStack() as stack:
        watches = [await stack.enter_async_context(aclosing(client.snapshots())) for client in clients]
        began = time.monotonic()
        for _ in range(3):
            for watch in watches:
                await reached(watch, engine.at)
            engine.change()
        waits = engine.waits  # as they leave, each may ask once more
        heartbeats = int(time.monotonic() - began)
    assert waits <= 8 + heartbeats
    for client in clients:
        await client.aclose()


async def test_a_slow_reader_gets_the_newest(client: EngineClient, engine: MadeUpEngine) -> None:
    async with aclosing(client.snapshots()) as watch:
        await anext(watch)
        for _ in range(4):
            waits = engine.waits
            engine.change()
            await until(lambda: engine.waits > waits, "a frame that nobody reads")  # noqa: B023

        frames = [snapshot.at async for snapshot in up_to(watch, engine.at)]
        assert len(frames) < 4


async def test_a_client_that_does_not_read_is_dropped(server: Server, engine: MadeUpEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "SNAPSHOT_PATIENCE", 0.3)
    engine.size = 1 << 20
    deaf = socket.socket(socket.AF_UNIX)
    deaf.connect(str(server.path))
    deaf.sendall(b"GET /v1/snapshots HTTP/1.1\r\nhost: x\r\n\r\n")

    other = EngineClient(server.path)
    assert (await other.hello()).project == "shop"
    await until(lambda: gone(deaf), "the connection to be cut")
    assert (await other.hello()).project == "shop"
    await other.aclose()
    deaf.close()


def gone(deaf: socket.socket) -> bool:
    """Whether the other end was closed, found out without reading what it sent."""
    try:
        deaf.send(b"\r\n")
    except OSError:
        return True
    return False


@pytest.mark.parametrize("error", [FlowError("m"), ZeroDivisionError("m")])
async def test_an_engine_that_fails_ends_the_stream(client: EngineClient, engine: MadeUpEngine, error: Exception) -> None:
    async with aclosing(client.snapshots()) as watch:
        await anext(watch)
        engine.error = error
        with pytest.raises(EngineUnavailable):
            await anext(after_the_last(watch))
        engine.error = None

    assert (await client.hello()).project == "shop"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NotFound("m", "h"), 404),
        (UsageError("m", "h"), 400),
        (PipelineError((Problem("f.sql", 1, 2, "m", "h"),)), 400),
        (FlowError("m", "h"), 409),
        (VersionMismatch("m", "h"), 409),
        (EngineError("m", "h"), 500),
        (ZeroDivisionError("m"), 500),
    ],
)
async def test_errors_cross_the_wire(server: Server, client: EngineClient, engine: MadeUpEngine, error: Exception, status: int) -> None:
    engine.error = error
    expected = type(error) if isinstance(error, WorkbenchError) else EngineError

    with pytest.raises(expected) as caught:
        await client.snapshot()
    async with curl(server) as raw:
        answer = await raw.get("/v1/snapshot")

    assert type(caught.value) is expected
    assert answer.status_code == status
    assert "m" in answer.json()["error"]
    assert answer.json()["kind"] == expected.__name__
    if isinstance(error, PipelineError):
        assert isinstance(caught.value, PipelineError)
        assert caught.value.problems == error.problems


@pytest.mark.parametrize(
    ("method", "url", "body", "status"),
    [
        ("GET", "/", b"", 404),
        ("GET", "/v1/nothing", b"", 404),
        ("GET", "/v1/quarantine/x", b"", 404),
        ("GET", "/v1/queries/x", b"", 404),
        ("GET", "/v1/queries/x/rows", b"", 404),
        ("GET", "/v1/queries/x/arrow", b"", 404),
        ("POST", "/v1/queries/x/cancel", b"", 404),
        ("DELETE", "/v1/queries/x", b"", 404),
        ("GET", "/v1/streams/nobody/tail", b"", 404),
        ("PUT", "/v1/queries", b"", 405),
        ("GET", "/v1/stop", b"", 405),
        ("POST", "/v1/queries", b"", 400),
        ("POST", "/v1/streams/orders/plan", b"", 400),
        ("POST", "/v1/streams/orders/plan", b'{"action": "replay"}', 400),
        ("POST", "/v1/queries", b"{", 400),
        ("POST", "/v1/queries", b"[1]", 400),
        ("POST", "/v1/queries", b'"select 1"', 400),
        ("POST", "/v1/queries", b'{"sql": 1}', 400),
        ("POST", "/v1/queries", b"\xff\x00", 400),
        pytest.param("POST", "/v1/queries", b"[" * 200_000, 400, id="too deep"),
        pytest.param("POST", "/v1/queries", b'{"sql": "' + b" " * (1 << 20) + b'"}', 413, id="too large"),
        ("POST", "/v1/datasets/v/refresh", b'{"full": "yes"}', 400),
        ("GET", "/v1/streams/orders/tail?limit=-1", b"", 400),
        ("GET", "/v1/streams/orders/tail?limit=x", b"", 400),
        ("GET", "/v1/queries/x?wait=soon", b"", 400),
        ("GET", "/v1/queries/x?wait=nan", b"", 404),
    ],
)
async def test_malformed_requests(server: Server, method: str, url: str, body: bytes, status: int) -> None:
    async with curl(server) as raw:
        answer = await raw.request(method, url, content=body)

    assert answer.status_code == status
    assert answer.json()["error"]
    assert answer.json()["hint"] or status != 405


async def test_what_is_not_http_harms_nobody(server: Server, client: EngineClient) -> None:
    with socket.socket(socket.AF_UNIX) as broken:
        broken.connect(str(server.path))
        broken.sendall(os.urandom(1000) + b"\r\n\r\n")
    with socket.socket(socket.AF_UNIX) as half:
        half.connect(str(server.path))
        half.sendall(b"POST /v1/queries HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{")

    assert (await client.hello()).project == "shop"


async def test_another_version(client: EngineClient, engine: MadeUpEngine) -> None:
    engine.version = "0.0.1"

    with pytest.raises(VersionMismatch) as caught:
        await client.hello()
    assert "0.0.1" in caught.value.message
    assert "workbench stop" in caught.value.hint


async def test_another_protocol_is_refused_but_may_stop(server: Server) -> None:
    old = {"workbench-protocol": str(PROTOCOL - 1)}
    async with curl(server) as raw:
        assert (await raw.get("/v1/snapshot", headers=old)).status_code == 409
        assert (await raw.get("/v1/snapshots", headers=old)).json()["kind"] == "VersionMismatch"
        assert (await raw.get("/v1/hello", headers=old)).status_code == 200
        assert (await raw.post("/v1/stop", headers=old)).status_code == 200


async def test_stop_ends_the_streams_and_removes_the_socket(client: EngineClient, path: Path) -> None:
    async with aclosing(client.snapshots()) as watch:
        await anext(watch)
        assert (await client.stop()).text
        with pytest.raises(EngineUnavailable):
            await anext(after_the_last(watch))
    await until(lambda: not path.exists(), "the socket to go")
    with pytest.raises(EngineUnavailable):
        await client.hello()


def test_only_this_user_reaches_the_socket(server: Server) -> None:
    assert stat.S_IMODE(server.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(server.path.parent.stat().st_mode) == 0o700


def test_a_dead_engines_socket_is_replaced(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))

    with listening(path):
        assert connects(path)
    assert not path.exists()


def test_a_living_engines_socket_is_left_alone(server: Server) -> None:
    with pytest.raises(EngineError, match="Another engine"), listening(server.path):
        pass

    assert connects(server.path)


def test_a_socket_that_another_engine_made_meanwhile_stays(path: Path) -> None:
    with listening(path):
        path.unlink()
        other = socket.socket(socket.AF_UNIX)
        other.bind(str(path))

    assert path.exists()
    other.close()


def test_a_folder_of_others_is_not_used(tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o777)

    with pytest.raises(EngineError, match="other users"), listening(folder / "engine.sock"):
        pass


def test_signals_end_the_server_and_not_the_process(tmp_path: Path) -> None:
    """Whoever made the engine still has to close it."""
    code = """
import sys
from pathlib import Path
from tests.integration.test_api import MadeUpEngine
from workbench.server.serve import run
folder = Path(sys.argv[1])
engine = MadeUpEngine(folder)
run(engine, folder / "engine.sock")
engine.queries.shut()
print("closed")
"""
    for number in (signal.SIGTERM, signal.SIGINT):
        process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        wait_until(lambda: answers(tmp_path / "engine.sock"), "the server, which minds signals only when it serves")
        process.send_signal(number)
        said, _ = process.communicate(timeout=DEADLINE)

        assert (said, process.returncode) == ("closed\n", 0)
        assert not (tmp_path / "engine.sock").exists()
