"""Wakes the engine when something happens in the directories it reads from."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from pathlib import Path

GATHER = 40
"""Milliseconds in which changes are gathered into one wake-up."""
STEP = 20
"""Milliseconds without a change that end the gathering early."""


Wake = Callable[[frozenset[str]], None]


class Watcher:
    """One thread that calls `wake` with the paths that changed in a set of directories (not in those below them).

    It is only a faster poll: where the system gives no events (network filesystems, too many watches) it ends
    silently and the poll goes on alone.
    """

    def __init__(self, directories: Iterable[Path], wake: Wake) -> None:
        self._wake = wake
        self._directories = frozenset(directories)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to watch; missing directories are left out."""
        present = sorted(path for path in self._directories if path.is_dir())
        if present and self._thread is None:
            self._stop = threading.Event()
            self._thread = threading.Thread(target=self._run, args=(present, self._stop), name="watcher", daemon=True)
            self._thread.start()

    def watch(self, directories: Iterable[Path]) -> None:
        """Watch these directories from now on; the same ones as before cost nothing."""
        wanted = frozenset(directories)
        if wanted != self._directories or not self.alive:
            self.close()
            self._directories = wanted
            self.start()

    @property
    def alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _run(self, directories: list[Path], stop: threading.Event) -> None:
        # Imported late: it brings asyncio along, which a run over what is there does without.
        import watchfiles

        try:
            for changes in watchfiles.watch(
                *directories, watch_filter=None, debounce=GATHER, step=STEP, stop_event=stop, rust_timeout=1000, recursive=False
            ):
                self._wake(frozenset(path for _, path in changes))
        except (OSError, RuntimeError):
            return

    def close(self) -> None:
        self._stop.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout=5)
        self._thread = None
