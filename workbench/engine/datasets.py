"""Every name that SQL can read, for completion and `go to`."""

from __future__ import annotations

import threading

from workbench.engine.meanings import MEANINGS
from workbench.protocol import Dataset
from workbench.store.catalog import Entry
from workbench.store.session import Session


class Datasets:
    """The project's datasets, then the system tables, whose columns are looked up once; safe from any thread."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._lock = threading.Lock()
        self._entries: dict[str, Entry] | None = None
        self._own: tuple[Dataset, ...] = ()
        self._system: tuple[Dataset, ...] = ()

    def of(self, entries: dict[str, Entry]) -> tuple[Dataset, ...]:
        """All of them. Args: entries: of the catalog; a change gives another dictionary."""
        with self._lock:
            if not self._system:
                self._system = _system(self._session)
            if entries is not self._entries:
                self._entries, self._own = entries, _own(entries)
            return (*self._own, *self._system)

    def close(self) -> None:
        with self._lock:
            self._session.close()


def _own(entries: dict[str, Entry]) -> tuple[Dataset, ...]:
    own = [Dataset(e.name, e.kind, e.comment, tuple((c.name, c.type) for c in e.columns)) for e in entries.values() if e.kind != "flow"]
    return tuple(sorted(own, key=lambda d: d.name))


def _system(session: Session) -> tuple[Dataset, ...]:
    columns: dict[str, list[tuple[str, str]]] = {}
    for view, column, type in session.execute(
        "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE schema_name = 'workbench' ORDER BY table_name, column_index"
    ):
        columns.setdefault(view, []).append((column, type))
    return tuple(Dataset(f"workbench.{view}", "system", MEANINGS[view], tuple(found)) for view, found in columns.items())
