"""Finding a project's engine, or starting one and waiting until it answers."""

from __future__ import annotations

import asyncio
import fcntl
import http.client
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from workbench import __version__
from workbench.client import EngineClient
from workbench.config import Project, elsewhere
from workbench.errors import EngineError, EngineUnavailable, UsageError, VersionMismatch
from workbench.protocol import PROTOCOL, Hello, Reply, from_json

PATIENCE = 30.0
"""Seconds that an engine may take to answer: after a kill, reading a log of 1 GB takes five."""

STEP = 0.02
SHORT_LIVED = "--flows-off"
"""What makes an engine one that reads no source, and ends with the last command that uses it."""

LAST_LINES = 12
NOISE = ("nanobind: ", " - leaked ", " - ... skipped ", "See https://nanobind.")
"""Beginnings of what DuckDB's binding prints when a process ends in the middle of its work: it would hide why."""


def attach_or_start(project: Project, flags: Sequence[str] = (), patience: float = PATIENCE, input: int | None = None) -> Hello:
    """The engine of a project: the one that runs, or a new one, waited for until it answers.

    Blocks; the terminal calls it in a thread. Two callers at once are harmless: one engine gets the lock, both attach to it.
    An engine that is still closing is waited for, and so is the end of a short-lived one where one that reads is wanted.

    Args:
        flags: for an engine that starts now; with `--flows-off` a short-lived one will do.
        input: the descriptor of what is piped in: only an engine that starts now can read it.

    Raises:
        UsageError: something is piped in, and an engine runs already.
        EngineUnavailable: it ended before it answered, with the last lines of its log; or it took too long.
        VersionMismatch: an engine of another version runs.
    """
    written = _size(project.log)
    process: subprocess.Popen[bytes] | None = None
    deadline = time.monotonic() + patience
    found: Hello | None = None
    while time.monotonic() < deadline:
        found = answering(project)
        if found and (found.reads or SHORT_LIVED in flags):
            if input is not None and process is None:
                raise already_runs(project)
            return same_version(found)
        if process is None or process.poll() is not None:
            if _is_held(project):
                process = None
            elif process is None:
                process = start_engine(project, flags, input)
            else:
                raise _unavailable(project, f"The engine ended with code {process.returncode}", written)
        time.sleep(STEP)
    if found:
        text = f"Commands have used {project.name} by a short-lived engine (pid {found.pid}) for {patience:.0f} s: it reads no source"
        raise EngineUnavailable(text, f"Wait until they have ended, or end them: workbench stop --project {project.root}")
    who = f"The project is in use by {holder}, which" if process is None and (holder := held_by(project)) else "The engine"
    raise _unavailable(project, f"{who} has not answered for {patience:.0f} s", written)


async def connect(project: Project, flags: Sequence[str] = ()) -> EngineClient:
    """A client of the project's engine, which is started if none runs; see `attach_or_start`."""
    await asyncio.to_thread(attach_or_start, project, flags)
    return EngineClient(project.socket)


def already_runs(project: Project) -> UsageError:
    return UsageError(
        f"The engine of {project.name} runs already and cannot read what is piped in now",
        f"Stop it first: workbench stop --project {project.root}. Or open what is piped in by itself: … | workbench -",
    )


def start_engine(project: Project, flags: Sequence[str] = (), input: int | None = None) -> subprocess.Popen[bytes]:
    """Start an engine that outlives this process and its terminal; what it prints goes to its log.

    Raises:
        EngineUnavailable: the state folder or the log cannot be written.
    """
    where = ["--root", str(project.root), "--state-dir", str(project.state)]
    command = [sys.executable, "-m", "workbench", "engine", *where, *flags, *(["--", *project.files] if project.files else [])]
    try:
        project.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(project.log, "ab", opener=_private) as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL if input is None else input,
                stdout=log,
                stderr=log,
                cwd=project.standing,
                start_new_session=True,
                close_fds=True,
            )
    except OSError as error:
        raise EngineUnavailable(f"{error.filename}: {error.strerror}", elsewhere(project.state)) from error
    _STARTED.append(process)
    return process


_STARTED: list[subprocess.Popen[bytes]] = []
"""Kept, so that an engine that ends while we run is reaped, and none is complained about when it goes on."""


def answering(project: Project, timeout: float = 2.0) -> Hello | None:
    """The engine that answers now, of whatever version; None when there is none."""
    try:
        found = _call(project.socket, "GET", "/v1/hello", timeout)
    except (OSError, http.client.HTTPException):
        return None
    return from_json(Hello, found)


def is_silent(project: Project, timeout: float = 2.0) -> bool:
    """Whether an engine listens and does not answer: it is halted, or the machine is overwhelmed."""
    try:
        _call(project.socket, "GET", "/v1/hello", timeout)
    except (TimeoutError, BlockingIOError):  # the second: nobody has accepted the last hundred who called
        return True
    except (OSError, http.client.HTTPException):
        return False
    return False


def silent(project: Project, seconds: float) -> EngineUnavailable:
    holder = held_by(project) or "a process"
    return EngineUnavailable(
        f"The engine of {project.name} ({holder}) runs, but has not answered for {seconds:.0f} s",
        f"It is halted or overwhelmed: ask again, or end it by `kill`; what is committed stays. Its log: {project.log}",
    )


def same_version(found: Hello) -> Hello:
    """The engine, if it is of this version.

    Raises:
        VersionMismatch: it is not.
    """
    if (found.version, found.protocol) != (__version__, PROTOCOL):
        raise VersionMismatch(
            f"The engine of this project is workbench {found.version} (pid {found.pid}), this is {__version__}",
            "Restart it: workbench stop, then workbench. Nothing is lost.",
        )
    return found


def stop_engine(project: Project, patience: float = PATIENCE) -> Reply | None:
    """Stop the engine of a project, of whatever version, and wait until it has closed the database; None when none runs.

    Raises:
        EngineUnavailable: it does not answer.
        EngineError: it answers, but does not stop.
    """
    deadline = time.monotonic() + patience
    while (found := answering(project)) is None:
        if not is_silent(project):
            found = answering(project)  # it was only slow
            if found is None:
                return None
            break
        if time.monotonic() > deadline:
            raise silent(project, patience)
    while True:
        try:
            reply = from_json(Reply, _call(project.socket, "POST", "/v1/stop", patience))
            break
        except (OSError, http.client.HTTPException) as error:
            if answering(project) is None:  # somebody else has told it so a moment before
                reply = Reply("The engine stops.")
                break
            if time.monotonic() > deadline:
                raise EngineError(f"The engine (pid {found.pid}) does not stop: {error}", f"Its log: {project.log}") from error
            time.sleep(STEP)
    # A process that has ended and that its parent does not wait for is still there by its id, but it holds nothing.
    while _lives(found.pid) and (_is_held(project) or answering(project)):
        if time.monotonic() > deadline:
            raise EngineError(f"The engine (pid {found.pid}) is still closing after {patience:.0f} s", f"Its log: {project.log}")
        time.sleep(STEP)
    return reply


def _lives(pid: int) -> bool:
    for process in _STARTED:
        if process.pid == pid:
            return process.poll() is None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("engine", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def _call(path: Path, method: str, url: str, timeout: float) -> object:
    connection = _UnixConnection(path, timeout)
    try:
        connection.request(method, url)
        response = connection.getresponse()
        body = response.read()
    finally:
        connection.close()
    if response.status != 200:
        raise http.client.HTTPException(f"{response.status}: {body[:200].decode(errors='replace')}")
    try:
        return json.loads(body)
    except ValueError as error:
        raise http.client.HTTPException(str(error)) from error


def _is_held(project: Project) -> bool:
    """Whether an engine has the lock: one that starts, and will answer, or one that closes, and will let go."""
    try:
        with project.lock.open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)  # an engine waits until the look is over
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def held_by(project: Project) -> str:
    """`process N`, which has the project's lock; empty where none has."""
    if not _is_held(project):
        return ""
    try:
        found = re.search(r"^pid (\d+)$", project.lock.read_text("utf-8", "replace"), re.MULTILINE)
    except OSError:
        found = None
    return f"process {found[1]}" if found else "another process"


def _unavailable(project: Project, what: str, begin: int) -> EngineUnavailable:
    return EngineUnavailable(f"{what}{_said(project.log, begin)}", f"The whole log: {project.log}")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _size(log: Path) -> int:
    try:
        return log.stat().st_size
    except OSError:
        return 0


def _said(log: Path, begin: int) -> str:
    """The last lines that were added to the log since `begin`."""
    try:
        with log.open("rb") as file:
            file.seek(begin if begin <= _size(log) else 0)
            lines = file.read()[-32768:].decode(errors="replace").strip().splitlines()
    except OSError:
        return ""
    said = [line for line in lines if not line.startswith(NOISE)]
    return "".join(f"\n  {line}" for line in said[-LAST_LINES:])
