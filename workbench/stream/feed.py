"""A relation whose rows change from batch to batch under one name, so that statements on it can stay prepared."""

from __future__ import annotations

from itertools import count
from typing import Any

import pyarrow as pa

from workbench.store.session import Session

NUMBERS = count(1)


class Feed:
    """Always of one schema; it is registered with the first table and read by its `name`."""

    def __init__(self, session: Session) -> None:
        self.name = f"_feed_{next(NUMBERS)}"
        self._session = session
        self._contents: _Contents | None = None

    def fill(self, table: pa.Table) -> None:
        """What the relation holds from now on."""
        if self._contents is None:
            self._contents = _Contents(table)
            self._session.connection.register(self.name, self._contents)
        self._contents.table = table

    def clear(self) -> None:
        """Let go of the rows."""
        if self._contents is not None:
            self._contents.table = self._contents.table.schema.empty_table()


class _Contents:
    """What DuckDB holds: nothing that leads back to its connection, or neither would ever be freed."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self.table.__arrow_c_stream__(requested_schema)
