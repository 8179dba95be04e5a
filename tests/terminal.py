"""A terminal that a program believes in: what it writes is read, and what a person would type is typed."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

ESCAPE = re.compile(rb"\x1b(?:\[[0-9;?<>=]*[ -/]*[@-~]|[()][A-Z0-9]|[=>]|\][^\x07]*\x07)")
KEPT = 1_000_000


class Terminal:
    """Runs a program on a pseudo-terminal of 120 × 36 until `close`."""

    def __init__(self, command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None) -> None:
        self._descriptor, inner = pty.openpty()
        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 36, 120, 0, 0))
        given = os.environ if environment is None else environment
        self.started = time.perf_counter()
        ignored = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # as under nohup: a shell here would hand that on, and never end
        try:
            self.child = subprocess.Popen(
                command,
                cwd=folder,
                stdin=inner,
                stdout=inner,
                stderr=inner,
                start_new_session=True,
                env={**given, "TERM": "xterm-256color", "COLUMNS": "120", "LINES": "36"},
            )
        finally:
            signal.signal(signal.SIGHUP, ignored)
        os.close(inner)
        self.seen = b""

    @property
    def text(self) -> str:
        """What has been written since the last `forget`, without what moves the cursor and colours."""
        return ESCAPE.sub(b"", self.seen).decode("utf-8", "replace")

    def read(self, seconds: float = 0.05) -> bytes:
        """What the program has written by now, or within so many seconds."""
        if not select.select([self._descriptor], [], [], seconds)[0]:
            return b""
        try:
            block = os.read(self._descriptor, 1 << 16)
        except OSError:
            return b""
        self.seen = (self.seen + block)[-KEPT:]
        return block

    def type(self, text: str) -> float:
        """Press keys; the moment."""
        os.write(self._descriptor, text.encode())
        return time.perf_counter()

    def wait_for(self, text: str, deadline: float = 200.0) -> float:
        """The moment at which a text without blanks has been written since the last `forget`."""
        end = time.perf_counter() + deadline
        while text.encode() not in self.seen:
            if time.perf_counter() > end:
                raise AssertionError(f"{text!r} did not appear:\n{self.text[-2000:]}")
            self.read()
        return time.perf_counter()

    def forget(self) -> None:
        """Look only at what comes from now on."""
        while self.read(0.0):
            pass
        self.seen = b""

    def wait(self, deadline: float = 200.0) -> int:
        """The exit code of the program, which ends by itself."""
        end = time.perf_counter() + deadline
        while self.child.poll() is None:
            if time.perf_counter() > end:
                raise AssertionError(f"the program does not end:\n{self.text[-2000:]}")
            self.read()
        while self.read(0.1):
            pass
        return self.child.returncode

    def close(self) -> None:
        """Close the terminal as a window is closed, and wait for the program."""
        os.close(self._descriptor)
        if self.child.poll() is None:
            os.kill(self.child.pid, signal.SIGHUP)
        self.child.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
