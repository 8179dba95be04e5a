"""What a database holds, looked up while no engine has it open: it is opened for reading, and nothing in it changes."""

from __future__ import annotations

from pathlib import Path

from workbench.errors import QueryError, StoreError
from workbench.store.catalog import Entry, entries
from workbench.store.duck import duckdb
from workbench.store.session import Session


def stored_entries(path: Path) -> dict[str, Entry]:
    """All datasets by lower-case name; none where there is no database yet.

    Raises:
        StoreError: it cannot be opened now, or is of another version.
    """
    try:
        path.stat()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise _unread(path, error) from error
    try:
        connection = duckdb.connect(str(path), read_only=True, config={"threads": 1})
    except duckdb.Error as error:
        raise _unread(path, error) from error
    session = Session(connection)
    try:
        return entries(session)
    except QueryError as error:
        raise _unread(path, error) from error
    finally:
        session.close()


def _unread(path: Path, error: Exception) -> StoreError:
    return StoreError(f"{path} cannot be read now: {str(error).split(chr(10), 1)[0]}")
