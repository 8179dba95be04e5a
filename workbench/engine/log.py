"""The engine's log: a file with levels and rotation."""

from __future__ import annotations

import faulthandler
import logging
import logging.handlers
import sys
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path
from typing import ClassVar

SIZE = 4 << 20
KEPT = 3


def write_log(path: Path, level: int = logging.INFO) -> logging.Handler:
    """Send everything that workbench logs to a file; gives the handler, to be removed by whoever added it."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handler = _LogFile(path, maxBytes=SIZE, backupCount=KEPT, encoding="utf-8", errors="backslashreplace")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s %(message)s"))
    logger = logging.getLogger("workbench")
    logger.setLevel(level)
    logger.addHandler(handler)
    return handler


def log_faults() -> None:
    """Where every thread was when this process dies of a fault, in a library's own code, goes into its log; for a process of its own."""
    _LogFile.faults = True
    if sys.stderr is None:
        faulthandler.disable()
    else:
        faulthandler.enable(sys.stderr)


class _LogFile(logging.handlers.RotatingFileHandler):
    """What finds no room on the disk is not logged; standard error gets nothing of that."""

    faults: ClassVar[bool] = False

    def _open(self) -> TextIOWrapper:
        stream = super()._open()
        if self.faults:
            faulthandler.enable(stream)
        return stream

    def doRollover(self) -> None:  # noqa: N802  logging's name
        # It keeps a number, which by the next fault may be that of another file: the database.
        if self.faults:
            log_faults()
        if self.stream:
            with suppress(OSError):  # what finds no room is lost; the next file is begun all the same
                self.stream.close()
        super().doRollover()

    def close(self) -> None:
        if self.faults:
            log_faults()
        with suppress(OSError):
            super().close()

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  logging's name
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)


def last_lines(path: Path, count: int) -> list[str]:
    """The end of the log."""
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - 200 * max(count, 1)))
            return file.read().decode("utf-8", "replace").splitlines()[-count:] if count > 0 else []
    except OSError:
        return []
