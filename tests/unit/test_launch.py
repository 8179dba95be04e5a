"""Finding and starting engines; the engine here is a few lines that answer hello."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tests.conftest import DEADLINE
from workbench import __version__, launch
from workbench.config import Project
from workbench.errors import EngineError, EngineUnavailable, UsageError, VersionMismatch
from workbench.protocol import PROTOCOL, Hello, Reply, to_json

ENGINE = """
import fcntl, os, sys, time
from pathlib import Path
from tests.unit.test_launch import Answering
state = Path(sys.argv[sys.argv.index("--state-dir") + 1])
lock = open(state / "lock", "w")
try:
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
except OSError:
    print("somebody has the lock")
    sys.exit(3)
print("starting", *sys.argv[1:], flush=True)
Answering(state / "engine.sock", dies=True).serve_forever(0.01)
"""


class Answering(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Answers hello and stop like an engine."""

    daemon_threads = True

    def __init__(self, path: Path, version: str = __version__, dies: bool = False) -> None:
        super().__init__(str(path), Handler)
        self.dies, self.stops = dies, False
        self.hello = Hello(version, PROTOCOL, os.getpid(), "p", "/", 0.0)


class Handler(BaseHTTPRequestHandler):
    server: Answering

    def do_GET(self) -> None:
        self.answer(to_json(self.server.hello))

    def do_POST(self) -> None:
        if self.server.stops:  # without an answer
            Path(str(self.server.server_address)).unlink()
            self.server.stops = False
            return
        self.answer(to_json(Reply("stopping")))
        if self.server.dies:
            os._exit(0)

    def answer(self, body: object) -> None:
        content = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()

    def address_string(self) -> str:
        return "client"

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def project(tmp_path: Path) -> Project:
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    return Project(tmp_path, state)


@pytest.fixture(autouse=True)
def engines(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Engines that a test starts are ENGINE, and end with it."""
    started: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def instead(command: list[str], **options: object) -> subprocess.Popen[bytes]:
        assert command[1:4] == ["-m", "workbench", "engine"]
        options["cwd"] = Path(__file__).parents[2]
        started.append(popen([sys.executable, "-c", ENGINE, *command[4:]], **options))  # type: ignore[call-overload]
        return started[-1]

    monkeypatch.setattr("subprocess.Popen", instead)
    yield started
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that answers is heard, however late it is."""
    monkeypatch.setattr(launch, "answering", partial(launch.answering, timeout=DEADLINE))


def test_nobody_answers(project: Project) -> None:
    assert launch.answering(project) is None
    assert launch.stop_engine(project) is None


def test_start_attach_stop(project: Project, engines: list[subprocess.Popen[bytes]]) -> None:
    started = launch.attach_or_start(project, ["--flows-off"])
    attached = launch.attach_or_start(project)

    assert started == attached
    assert [process.pid for process in engines] == [started.pid]
    said = project.log.read_text()
    assert f"--root {project.root} --state-dir {project.state} --flows-off" in said
    assert project.log.stat().st_mode & 0o777 == 0o600
    assert os.getsid(started.pid) == started.pid

    assert launch.stop_engine(project) == Reply("stopping")
    assert engines[0].wait(DEADLINE) == 0


def test_what_is_piped_in_goes_to_an_engine_that_starts_and_to_no_other(project: Project) -> None:
    reading, writing = os.pipe()
    started = launch.attach_or_start(project, ["--flows-off"], input=reading)
    if sys.platform == "linux":
        assert Path(f"/proc/{started.pid}/fd/0").readlink() == Path(f"/proc/self/fd/{reading}").readlink()
    with pytest.raises(UsageError, match="runs already"):
        launch.attach_or_start(project, input=reading)
    os.close(reading)
    os.close(writing)


def test_files_are_handed_over(tmp_path: Path) -> None:
    state = tmp_path / "s"
    launch.attach_or_start(Project(tmp_path, state, ("/data/-a.csv", "/data/b c.csv")))

    assert "-- /data/-a.csv /data/b c.csv" in (state / "engine.log").read_text()
    assert state.stat().st_mode & 0o777 == 0o700


def test_an_engine_that_ends_is_quoted(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.log.write_text("an old line\n")
    monkeypatch.setattr(f"{__name__}.ENGINE", "import sys; print('first'); sys.exit('the database is damaged')")

    with pytest.raises(EngineUnavailable) as caught:
        launch.attach_or_start(project)

    assert "ended with code 1" in caught.value.message
    assert "the database is damaged" in caught.value.message
    assert "an old line" not in caught.value.message
    assert str(project.log) in caught.value.hint


def test_what_hides_the_reason_is_left_out(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    noise = "print('nanobind: leaked 99 functions!' + chr(10) + (' - leaked function \"x\"' + chr(10)) * 99)"
    monkeypatch.setattr(f"{__name__}.ENGINE", f"import sys; print('the reason', flush=True); {noise}; sys.exit(3)")

    with pytest.raises(EngineUnavailable, match="the reason") as caught:
        launch.attach_or_start(project)

    assert "leaked" not in caught.value.message


def test_an_engine_that_never_answers(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.ENGINE", "import time; print('thinking', flush=True); time.sleep(60)")

    with pytest.raises(EngineUnavailable, match="has not answered"):
        launch.attach_or_start(project, patience=0.5)


def test_an_engine_that_is_still_closing_is_waited_for(project: Project, engines: list[subprocess.Popen[bytes]]) -> None:
    closing = project.lock.open("w")
    fcntl.flock(closing, fcntl.LOCK_EX)
    threading.Timer(0.2, closing.close).start()

    found = launch.attach_or_start(project)

    assert [process.pid for process in engines] == [found.pid]


def test_two_at_once_attach_to_one(project: Project) -> None:
    found: list[Hello] = []
    callers = [threading.Thread(target=lambda: found.append(launch.attach_or_start(project))) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(300)

    assert len(found) == 4
    assert len({hello.pid for hello in found}) == 1


def test_another_version(project: Project) -> None:
    with Answering(project.socket, "0.0.1") as engine:
        thread = threading.Thread(target=engine.serve_forever, args=(0.01,))
        thread.start()
        with pytest.raises(VersionMismatch) as caught:
            launch.attach_or_start(project)
        found = launch.answering(project)
        engine.shutdown()
        thread.join()

    assert "0.0.1" in caught.value.message
    assert "workbench stop" in caught.value.hint
    assert found is not None


class Hurried:
    """A clock on which a minute passes with every step."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += 60.0


def test_an_engine_that_does_not_stop(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "time", Hurried())
    with Answering(project.socket) as engine:
        thread = threading.Thread(target=engine.serve_forever, args=(0.01,))
        thread.start()
        with pytest.raises(EngineError, match="still closing"):
            launch.stop_engine(project, patience=DEADLINE)
        engine.shutdown()
        thread.join()


def test_an_engine_that_somebody_else_stops_meanwhile_is_no_error(project: Project) -> None:
    with Answering(project.socket) as engine:
        thread = threading.Thread(target=engine.serve_forever, args=(0.01,))
        thread.start()
        engine.stops = True
        try:
            assert launch.stop_engine(project, patience=DEADLINE) == Reply("The engine stops.")
        finally:
            engine.shutdown()
            thread.join()


def test_a_socket_that_nobody_listens_on(project: Project) -> None:
    with Answering(project.socket):
        pass

    assert project.socket.exists()
    assert launch.answering(project) is None


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(EngineUnavailable, match="file"):
        launch.attach_or_start(Project(tmp_path, tmp_path / "file" / "state"))


def test_a_state_that_cannot_be_written_says_how_to_ask_what_is_stored(project: Project) -> None:
    project.state.mkdir(parents=True, exist_ok=True)
    project.log.mkdir()
    with pytest.raises(EngineUnavailable, match="Is a directory") as refused:
        launch.start_engine(project)
    assert refused.value.hint == "Name another folder with --state-dir."
    project.database.touch()
    with pytest.raises(EngineUnavailable, match="Is a directory") as refused:
        launch.start_engine(project)
    assert f"cp -r {project.state} ~/workbench-copy" in refused.value.hint


def test_a_socket_that_is_silent(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    listener = socketserver.UnixStreamServer(str(project.socket), Handler)

    assert launch.answering(project, timeout=0.1) is None
    listener.server_close()


async def test_connect_gives_a_client(project: Project) -> None:
    client = await launch.connect(project)

    assert (await client.hello()).project == "p"
    await client.aclose()


def test_an_engine_that_listens_and_does_not_answer_is_not_taken_for_none(project: Project) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        assert not launch.is_silent(project)
        listener.bind(str(project.socket))
        assert not launch.is_silent(project), "nobody listens"
        listener.listen()
        assert launch.is_silent(project, 0.05)
        with pytest.raises(EngineUnavailable, match="has not answered for 0 s"):
            launch.stop_engine(project, patience=0)
