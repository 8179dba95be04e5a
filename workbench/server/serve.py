"""The API's server: from the socket to the end."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from workbench.server.calls import Calls
from workbench.server.facade import Engine
from workbench.server.listening import listening
from workbench.server.routes import application
from workbench.server.stream import with_abort


class Server:
    """Serves one engine until `stop`, POST /v1/stop, SIGTERM or SIGINT.

    The socket is for this user alone (0600), and gone when `run` returns. The engine is closed by whoever made it.
    """

    def __init__(self, engine: Engine, path: Path) -> None:
        self.path = path
        self.reason = ""
        """Why it ended, in words; the first one that was given."""
        self._calls = Calls(engine, lambda: self.stop("told so by a command"))
        config = uvicorn.Config(
            with_abort(application(self._calls)),
            http="h11",
            ws="none",
            lifespan="off",
            loop="asyncio",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=2,
        )
        self._server = _Uvicorn(config)

    def run(self) -> None:
        """Serve; blocks.

        Raises:
            EngineError: the socket cannot be made, or another engine listens there.
        """
        with _signals(self.stop), listening(self.path) as listener:
            self._server.run(sockets=[listener])

    def stop(self, reason: str = "") -> None:
        """End `run` soon; from any thread."""
        self.reason = self.reason or reason
        self._calls.stopping = True
        self._server.should_exit = True


def run(engine: Engine, path: Path) -> None:
    """Serve an engine on a socket until it is told to stop."""
    Server(engine, path).run()


class _Uvicorn(uvicorn.Server):
    """uvicorn raises a signal that it caught once more at its end, which would kill the engine before it has closed."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextmanager
def _signals(stop: Callable[[str], None]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    before = {
        number: signal.signal(number, lambda caught, _: stop(signal.Signals(caught).name)) for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
