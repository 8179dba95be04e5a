"""A terminal that a program believes in: what it writes is read, and what a person would type is typed."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from tests.benchmarks.lab import environment


class Terminal:
    """Runs a program on a pseudo-terminal of 120 × 36 until `close`."""

    def __init__(self, command: Sequence[str], folder: Path) -> None:
        self.started = time.perf_counter()
        self.pid, self._descriptor = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execvpe(command[0], list(command), {**environment(), "TERM": "xterm-256color", "COLUMNS": "120", "LINES": "36"})
        fcntl.ioctl(self._descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", 36, 120, 0, 0))
        self.seen = b""

    def read(self, seconds: float = 0.05) -> bytes:
        """What the program has written by now, or within so many seconds."""
        if not select.select([self._descriptor], [], [], seconds)[0]:
            return b""
        try:
            block = os.read(self._descriptor, 1 << 16)
        except OSError:
            return b""
        self.seen = (self.seen + block)[-1_000_000:]
        return block

    def type(self, text: str) -> float:
        """Press keys; the moment."""
        os.write(self._descriptor, text.encode())
        return time.perf_counter()

    def wait_for(self, text: str, deadline: float = 20.0) -> float:
        """The moment at which a text has been written since the last `forget`."""
        end = time.perf_counter() + deadline
        while text.encode() not in self.seen:
            if time.perf_counter() > end:
                raise SystemExit(f"{text!r} did not appear on the screen:\n{self.seen[-2000:].decode('utf-8', 'replace')}")
            self.read()
        return time.perf_counter()

    def forget(self) -> None:
        """Look only at what comes from now on."""
        while self.read(0.0):
            pass
        self.seen = b""

    def close(self) -> None:
        """Close the terminal as a window is closed, and wait for the program."""
        os.close(self._descriptor)
        os.kill(self.pid, signal.SIGHUP)
        os.waitpid(self.pid, 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
