"""The generator as a child process: it lives as long as the process that started it, or, once it is kept, as an engine."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from workbench.errors import SourceError

READY = b"ready\n"
PID = "generator.pid"
"""In the project's folder: which generator feeds it; one that was kept ends when it is another one."""


class Generator:
    """Feeds a copy of the sample project from a child process, from `start` to `stop`, or for longer after `keep`.

    The child reads a pipe whose other end is here: it ends when `stop` closes it and when this process dies, however
    it dies; unless the pipe has told it of an engine to go on with.
    """

    def __init__(self, root: Path, rate: float, seed: int = 42) -> None:
        self._command = [sys.executable, "-m", "workbench.demo", str(root), str(rate), str(seed)]
        self._log = root / "generator.log"
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The child's process id while there is one."""
        return self._child.pid if self._child else None

    def start(self) -> None:
        """Start the child; it needs a tenth of a second for its first events."""
        with self._log.open("wb") as log:
            self._child = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, start_new_session=True)

    def wait(self) -> None:
        """Return once the first events are in the files.

        Raises:
            SourceError: the child ended instead.
        """
        assert self._child
        assert self._child.stdout
        if self._child.stdout.readline() != READY:
            self.stop()
            said = self._log.read_text("utf-8", "replace").strip()
            raise SourceError(f"The generator did not start: {said.splitlines()[-1] if said else 'it said nothing'}", f"More: {self._log}")

    def stop(self) -> None:
        """End the child and wait for it; it needs a twentieth of a second."""
        if child := self._child:
            self._child = None
            child.communicate()

    def keep(self, lock: Path) -> None:
        """Let the child go on without this process, for as long as an engine holds the lock."""
        if child := self._child:
            self._child = None
            assert child.stdin
            assert child.stdout
            child.stdout.close()
            with suppress(BrokenPipeError), child.stdin as pipe:
                pipe.write(os.fsencode(lock))
            _KEPT.append(child)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()


_KEPT: list[subprocess.Popen[bytes]] = []
"""So that none is complained about when it goes on."""
