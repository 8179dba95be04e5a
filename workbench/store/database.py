"""The project's one DuckDB file: opened, configured, locked against change, checkpointed, closed."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from workbench.errors import DatabaseDamaged, DatabaseLocked, DatabaseNewer, DiskFull, StoreError
from workbench.store.duck import duckdb
from workbench.store.names import literal
from workbench.store.session import START_ANEW, Session
from workbench.store.windows import SHOWN, united

FORMAT = 4
"""Version of schema.sql; a database with a higher one is refused, one with a lower one is brought up to it."""

VIEWS = "-- views.sql"
"""In whose place that file's statements stand."""

GROUP_ROWS = 122_880
"""Rows of one DuckDB row group: a transaction of whole groups goes to the file directly, past the log."""

LARGE_GROUPS = 1 << 30
"""Bytes that one row group of each table takes, at most: of wide rows."""

ROOM_TO_SPARE = 16 << 20
"""Bytes on the disk, beside twice the log, without which no checkpoint is begun: one that fails ends DuckDB for good."""

QUERY_SESSIONS = 2

FORBIDDEN = re.compile("Permission denied|Read-only file system|Operation not permitted")
"""What DuckDB says on opening a file that it may not write."""
IN_THE_WAY = re.compile(r"(Cannot open|Could not [a-z ]+) file \"[^\"]*\": |Out of Memory|Input/output error|failed to allocate")
"""What it says when something else kept it from the file: the system's own words follow."""
DAMAGED = re.compile(r"Corrupt database file|Could not read enough bytes from file|not a valid DuckDB database file")
"""What it says of a file that is not as it was written; all else is no reason to take it away."""


class Database:
    """The open database. `writer` is for the one thread that writes; every other thread takes a `session()`.

    DuckDB's configuration is locked: nothing that arrives later can change it, and files are readable only below
    the directories that were allowed.
    """

    def __init__(self, path: Path, connection: duckdb.DuckDBPyConnection, query_memory: str) -> None:
        self.path = path
        self._merges = 0
        self.writer = Session(connection)
        self.queries = [self.writer.cursor() for _ in range(QUERY_SESSIONS)]
        for session in self.queries:
            session.execute(f"SET operator_memory_limit = '{query_memory}'")
            # Without these DuckDB does not tell how far a query is.
            session.execute("SET enable_progress_bar = true; SET enable_progress_bar_print = false; SET progress_bar_time = 0")
        self.writer.execute("SET lock_configuration = true")

    def session(self) -> Session:
        return self.writer.cursor()

    def log_bytes(self) -> int:
        """Size of the write-ahead log."""
        try:
            return self.path.with_name(self.path.name + ".wal").stat().st_size
        except FileNotFoundError:
            return 0

    @property
    def obstacle(self) -> str:
        """Why no checkpoint may write the file, replace the log, or will find room on the disk; empty where nothing is in its way."""
        for path in (self.path, self.path.parent):
            if not os.access(path, os.W_OK):
                return f"{path} cannot be written"
        if shutil.disk_usage(self.path.parent).free < 2 * self.log_bytes() + ROOM_TO_SPARE:
            return "the disk is almost full"
        return ""

    def has_room_to_merge(self, groups: int) -> bool:
        """Whether the disk takes another copy of what a checkpoint would merge."""
        return shutil.disk_usage(self.path.parent).free > min(self.path.stat().st_size, groups * LARGE_GROUPS) + ROOM_TO_SPARE

    def checkpoint(self, merges: int = 0) -> None:
        """Fold the log into the file. Args: merges: full row groups that each table may get out of its small ones, while all wait."""
        if merges != self._merges:
            self.writer.execute(f"SET GLOBAL max_vacuum_tasks = {merges}")
            self._merges = merges
        self.writer.execute("CHECKPOINT")

    def close(self) -> None:
        for session in self.queries:
            session.close()
        self.writer.close()


def open_database(path: Path, memory: str, query_memory: str, directories: Sequence[Path]) -> Database:
    """Open or make the database of a project.

    Args:
        memory: DuckDB's memory limit, such as `1GB`.
        query_memory: what one ad-hoc query may take for sorting and hashing.
        directories: the only places that SQL may read files from.

    Raises:
        DatabaseLocked: another process has it open; names the pid.
        DatabaseDamaged: DuckDB cannot read the file.
        DatabaseNewer: made by a newer workbench.
        DiskFull: no room to make it.
    """
    fresh = not path.exists()
    try:
        connection = duckdb.connect(str(path), config=_config(memory, path.parent))
    except duckdb.Error as error:
        raise _opening_error(path, error) from error
    try:
        for name, value in _settings(directories).items():
            connection.execute(f"SET GLOBAL {name} = {value}")
        _prepare(connection, path, fresh)
        return Database(path, connection, query_memory)
    except duckdb.Error as error:
        connection.close()
        raise _opening_error(path, error) from error
    except StoreError:
        connection.close()
        raise


def _config(memory: str, folder: Path) -> dict[str, Any]:
    return {
        "threads": 1,
        "memory_limit": memory,
        "temp_directory": str(folder / "tmp"),
        "checkpoint_threshold": "1GB",
        # Of a new file. A checkpoint begins a block for each table that got rows: with 256 kB ones, files grew three times as fast.
        "default_block_size": 1 << 16,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "allow_community_extensions": False,
    }


def _settings(directories: Sequence[Path]) -> dict[str, str]:
    allowed = ", ".join(literal(path) for path in (*(str(d).rstrip("/") + "/" for d in directories), "/proc/self/fd/"))
    return {
        "TimeZone": "'UTC'",
        # Less work inside the serial commit, and the compression methods that cost more than they save.
        "write_buffer_row_group_count": "1",
        "disabled_compression_methods": "'fsst,zstd,dictionary'",
        # A checkpoint merges row groups that are not full only when it is told to. One without rows is dropped all the same.
        "max_vacuum_tasks": "0",
        "allowed_configs": "['max_vacuum_tasks']",
        "allowed_directories": f"[{allowed}]",
        "enable_external_access": "false",
        "python_enable_replacements": "false",
    }


def _prepare(connection: duckdb.DuckDBPyConnection, path: Path, fresh: bool) -> None:
    known = connection.execute("SELECT count(*) FROM duckdb_tables() WHERE schema_name = '_system' AND table_name = 'meta'").fetchone()
    if known and known[0]:
        row = connection.execute("SELECT format FROM _system.meta").fetchone()
        if row and row[0] > FORMAT:
            raise DatabaseNewer(
                f"{path} was written by a newer workbench (format {row[0]}, this one knows {FORMAT})",
                "Upgrade workbench; the file was not touched.",
            )
        for older in range(row[0] if row else FORMAT, FORMAT):
            statements = _statements(f"migrate_{older}.sql").replace("-- schema.sql", system_tables())
            connection.execute(f"BEGIN; {statements.replace(VIEWS, _statements('views.sql'))}; {_windows(connection)}; COMMIT")
        return
    tables = connection.execute("SELECT count(*) FROM duckdb_tables()").fetchone()
    if not fresh and tables and tables[0]:
        raise StoreError(f"{path} is a DuckDB database, but not one of workbench", "Choose another --state-dir.")
    connection.execute(f"BEGIN; {system_tables()} COMMIT")


def system_tables() -> str:
    """The statements of schema.sql: what an empty database of workbench holds."""
    return f"{_statements('schema.sql').replace(VIEWS, _statements('views.sql'))}; {united(())};"


def _windows(connection: duckdb.DuckDBPyConnection) -> str:
    return united(name for (name,) in connection.execute(SHOWN).fetchall())


def _statements(file: str) -> str:
    return resources.files("workbench.store").joinpath(file).read_text("utf-8")


def _opening_error(path: Path, error: duckdb.Error) -> StoreError:
    text = str(error)
    if "lock" in text.lower() and (holder := re.search(r"PID (\d+)", text)):
        return DatabaseLocked(f"{path} is in use by process {holder[1]}", "Stop that process, or attach to its engine with `workbench`.")
    if "No space left" in text:
        return DiskFull(f"{path}: the disk is full", "Free some room and start again.")
    first = text.split("\n", 1)[0]
    if FORBIDDEN.search(text):
        hint = "What is stored is not harmed. See who may write the file and its folder (ls -l, lsattr), or name another --state-dir."
        return StoreError(f"{path} cannot be opened for writing: {first}", hint)
    broken = isinstance(error, duckdb.SerializationException | duckdb.FatalException | duckdb.InternalException)
    if DAMAGED.search(text) or (broken and not IN_THE_WAY.search(text)):
        return DatabaseDamaged(f"{path} cannot be read: {first}", f"The file is damaged or no database. {START_ANEW}")
    return StoreError(f"{path} cannot be opened: {first}", "That is no damage: keep the file, mend what is in the way, and start again.")
