"""A relation whose rows change from statement to statement under one name, so that statements on it can stay prepared."""

from __future__ import annotations

from itertools import count
from typing import Any

import pyarrow as pa

from workbench.store.session import Session

NUMBERS = count(1)


class Feed:
    """Always of one schema; it is registered with the first table and read by its `name`.

    To register a name costs as much as a prepared INSERT (0.45 ms), so a feed does it once. What changes from run to run
    (a commit's number) belongs into a column of it: a parameter makes DuckDB plan the prepared statement anew. A transaction that
    is rolled back takes a name along that was registered in it: the feed is of no use then.
    """

    def __init__(self, session: Session) -> None:
        self.name = f"_feed_{next(NUMBERS)}"
        self._session = session
        self._contents: _Contents | None = None

    def fill(self, table: pa.Table) -> None:
        """What the relation holds from now on."""
        if self._contents is None:
            contents = _Contents(table)
            self._session.register(self.name, contents)
            self._contents = contents
        self._contents.table = table

    def clear(self) -> None:
        """Let go of the rows."""
        if self._contents is not None:
            self._contents.table = self._contents.empty

    def close(self) -> None:
        """Take the name back."""
        if self._contents is not None:
            self._contents = None
            self._session.unregister(self.name)


class _Contents:
    """What DuckDB holds: nothing that leads back to its connection, or neither would ever be freed."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table
        self.empty = table.schema.empty_table()

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self.table.__arrow_c_stream__(requested_schema)
