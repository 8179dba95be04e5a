"""What a process costs with all that it starts, orphans included: a JVM that outlives its Python counts too (Linux)."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.lab import Cost

ADOPT_ORPHANS = 36  # PR_SET_CHILD_SUBREAPER
GRACE = 20.0
"""Seconds that what is left running may take after the command itself has ended."""
SESSION, RESIDENT = 3, 21  # fields of /proc/PID/stat after the name
PAGE = resource.getpagesize()


class NotMeasured(Exception):
    """The command failed or took longer than it may; the message says which."""


def measured(command: Sequence[str], log: Path, limit: float, environment: Mapping[str, str]) -> Cost:
    """Run a command to its end in a session of its own: wall time of the command, cpu time of every process of it, and the
    largest sum of their resident memory, looked at ten times a second."""
    _adopt_orphans()
    begin = time.perf_counter()
    with log.open("wb") as output:
        child = subprocess.Popen(
            command, cwd=log.parent, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    watch = Watch(child.pid, begin + limit)
    watch.start()
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.perf_counter() - begin
    child.returncode = os.waitstatus_to_exitcode(status)
    too_long = watch.has_killed
    watch.deadline = time.perf_counter() + GRACE
    usages = [usage, *_reaped(child.pid)]
    watch.stop()
    if too_long:
        raise NotMeasured(f"not finished within {limit:g} s")
    if child.returncode:
        raise NotMeasured(f"ended with {child.returncode}: {_tail(log)}")
    cpu = sum(each.ru_utime + each.ru_stime for each in usages)
    memory = max(watch.peak, *(each.ru_maxrss << 10 for each in usages))
    return Cost(round(wall, 3), round(cpu, 3), round(memory / (1 << 20), 1))


class Watch(threading.Thread):
    """Looks at a session's processes until it is stopped: remembers their largest memory, kills them at the deadline."""

    STEP = 0.1

    def __init__(self, session: int, deadline: float) -> None:
        super().__init__(daemon=True)
        self.peak = 0
        self.deadline = deadline
        self.has_killed = False
        self._session = session
        self._stopped = threading.Event()

    def run(self) -> None:
        while not self._stopped.wait(self.STEP):
            members = processes(self._session)
            self.peak = max(self.peak, sum(each.resident for each in members))
            if time.perf_counter() > self.deadline:
                self.has_killed = True
                _kill(members)

    def stop(self) -> None:
        """Returns when it has stopped."""
        self._stopped.set()
        self.join()


@dataclass(frozen=True, slots=True)
class Process:
    """One live or unreaped process and its resident bytes."""

    pid: int
    resident: int


def processes(session: int) -> list[Process]:
    """Those of a session."""
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            fields = Path(f"/proc/{name}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        except OSError:  # gone since the folder was listed
            continue
        if int(fields[SESSION]) == session:
            found.append(Process(int(name), int(fields[RESIDENT]) * PAGE))
    return found


def _adopt_orphans() -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(ADOPT_ORPHANS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "orphans cannot be adopted, so their cpu time would be lost")


def _reaped(session: int) -> list[resource.struct_rusage]:
    """What the orphans took, once they are all gone."""
    usages = []
    while processes(session):
        try:
            pid, _, usage = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            pid = 0
        if pid:
            usages.append(usage)
        else:
            time.sleep(0.02)
    return usages


def _kill(members: Sequence[Process]) -> None:
    for member in members:
        try:
            os.kill(member.pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _tail(log: Path, lines: int = 5) -> str:
    return " | ".join(log.read_text("utf-8", "replace").strip().splitlines()[-lines:])
