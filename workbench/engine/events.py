"""What happened, worth a line: kept for the screen, stored as `workbench.events`."""

from __future__ import annotations

import logging
import re
import threading
from collections import deque
from collections.abc import Callable

from workbench.protocol import Notice
from workbench.store.session import Session

log = logging.getLogger(__name__)

SHOWN = 20
MOST_AT_ONCE = 500
ENDS = re.compile(r"\s*[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]\s*")
LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


class EventLog:
    """Events in the order in which they happened; safe from any thread.

    Args:
        last_id: of the events that are stored already.
    """

    def __init__(self, clock: Callable[[], float], last_id: int = 0) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._last_id = last_id
        self._shown: deque[Notice] = deque(maxlen=SHOWN)
        self._unsaved: list[Notice] = []

    def add(self, kind: str, text: str, stream: str = "") -> None:
        """Args: kind: info, warning or error; text: becomes one line, whatever is in it."""
        text = _line(text)
        with self._lock:
            self._last_id += 1
            notice = Notice(self._last_id, self._clock(), kind, text, stream)
            self._shown.append(notice)
            self._unsaved.append(notice)
        log.log(LEVELS[kind], "%s%s", f"{stream}: " if stream else "", text)

    def latest(self) -> tuple[Notice, ...]:
        with self._lock:
            return tuple(self._shown)

    @property
    def unsaved(self) -> bool:
        return bool(self._unsaved)

    def save(self, session: Session) -> None:
        """Store what is not stored yet; what fails is tried again next time. Runs in the writer's turn."""
        while batch := self._unsaved[:MOST_AT_ONCE]:
            rows = ", ".join("(?, to_timestamp(?), ?, ?, ?)" for _ in batch)
            values = [value for event in batch for value in (event.id, event.at, event.kind, event.stream, event.text)]
            session.execute(f"INSERT INTO _system.events VALUES {rows}", values)
            with self._lock:
                del self._unsaved[: len(batch)]


def _line(text: str) -> str:
    """Ends of lines become spaces, and what commands a terminal is written out."""
    text = ENDS.sub(" ", text.strip())
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
