"""Opening the database: what it refuses, and what its locked configuration allows."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pytest

from workbench.errors import DatabaseDamaged, DatabaseLocked, DatabaseNewer, QueryError, StoreError
from workbench.store.database import FORMAT, open_database
from workbench.store.duck import duckdb


def test_a_newer_format_is_refused_and_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "data.duckdb"
    database = open_database(path, "256MB", "64MB", ())
    database.writer.execute("UPDATE _system.meta SET format = ?", [FORMAT + 1])
    database.close()
    with pytest.raises(DatabaseNewer, match=f"format {FORMAT + 1}"):
        open_database(path, "256MB", "64MB", ())


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "data.duckdb"
    path.write_bytes(b"no database at all" * 1000)
    with pytest.raises(DatabaseDamaged, match=r"data\.duckdb"):
        open_database(path, "256MB", "64MB", ())
    assert path.read_bytes().startswith(b"no database")


def test_a_database_of_something_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "data.duckdb"
    other = duckdb.connect(str(path))
    other.execute("CREATE TABLE mine (a INTEGER)")
    other.close()
    with pytest.raises(StoreError, match="not one of workbench"):
        open_database(path, "256MB", "64MB", ())


def test_a_database_that_another_process_has_names_it(tmp_path: Path) -> None:
    path = tmp_path / "data.duckdb"
    database = open_database(path, "256MB", "64MB", ())
    code = (
        "from pathlib import Path; from workbench.store.database import open_database;"
        f"open_database(Path({str(path)!r}), '256MB', '64MB', ())"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    database.close()
    assert DatabaseLocked.__name__ in other.stderr
    assert f"process {os.getpid()}" in other.stderr


def test_files_outside_the_project_and_settings_are_out_of_reach(tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    for folder in (inside, outside):
        folder.mkdir()
        (folder / "a.csv").write_text("x\n1\n")
    database = open_database(inside / "data.duckdb", "256MB", "64MB", (inside,))
    try:
        assert database.writer.execute(f"SELECT x FROM read_csv('{inside}/a.csv')") == [(1,)]
        for sql in (
            f"SELECT x FROM read_csv('{outside}/a.csv')",
            f"SELECT x FROM read_csv('{inside}/../out/a.csv')",
            "SET memory_limit = '64GB'",
            "SET enable_external_access = true",
        ):
            with pytest.raises(QueryError):
                database.writer.execute(sql)
    finally:
        database.close()


def test_a_file_that_was_cut_short_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "data.duckdb"
    database = open_database(path, "256MB", "64MB", ())
    database.writer.execute("CREATE TABLE _store.t AS SELECT hash(range) AS a FROM range(500000)")
    database.close()
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(DatabaseDamaged, match=r"data\.duckdb"), closing(open_database(path, "256MB", "64MB", ())) as opened:
        opened.writer.execute("SELECT sum(a::DOUBLE) FROM _store.t")


def test_a_table_in_a_broken_transaction_does_not_hide_what_broke_it(tmp_path: Path) -> None:
    database = open_database(tmp_path / "data.duckdb", "256MB", "64MB", ())
    with (
        pytest.raises(QueryError, match="nowhere"),
        database.writer.transaction(),
        database.writer.relation("_t", pa.table({"a": [1]})),
    ):
        database.writer.execute("INSERT INTO _store.nowhere SELECT * FROM _t")
    database.close()


def test_every_session_reads_times_in_utc_whatever_the_machines_zone(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from workbench.store.database import open_database; from workbench.store.session import scratch;"
        f"database = open_database(Path({str(tmp_path)!r}) / 'zone.duckdb', '256MB', '64MB', ());"
        "sessions = [database.writer, database.session(), *database.queries, scratch(), scratch().cursor()];"
        "print({s.execute(\"SELECT current_setting('TimeZone')\")[0][0] for s in sessions})"
    )
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, "TZ": "Asia/Seoul"}, capture_output=True, text=True)
    assert done.stdout.strip() == "{'UTC'}", done.stderr


@pytest.mark.parametrize(
    "why", ["Operation not permitted", "Permission denied", "Read-only file system", "Input/output error", "Too many open files"]
)
def test_a_file_that_cannot_be_opened_is_not_called_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, why: str) -> None:
    path = tmp_path / "data.duckdb"

    def refused(*_: object, **__: object) -> None:
        raise duckdb.IOException(f'IO Error: Cannot open file "{path}": {why}')

    monkeypatch.setattr(duckdb, "connect", refused)
    with pytest.raises(StoreError, match=why) as opened:
        open_database(path, "256MB", "64MB", ())
    assert not isinstance(opened.value, DatabaseDamaged)
    assert "again: sources are read anew" not in str(opened.value)
    assert "damaged" not in str(opened.value)


def test_a_folder_in_the_place_of_the_database_is_not_called_damaged(tmp_path: Path) -> None:
    (tmp_path / "data.duckdb").mkdir()
    with pytest.raises(StoreError, match="Is a directory") as opened:
        open_database(tmp_path / "data.duckdb", "256MB", "64MB", ())
    assert not isinstance(opened.value, DatabaseDamaged)


def test_a_block_that_is_not_as_it_was_written_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "data.duckdb"
    open_database(path, "256MB", "64MB", ()).close()
    with path.open("r+b") as file:
        file.seek(8192 + 100)
        file.write(b"\xff" * 64)
        file.seek(4096 + 100)
        file.write(b"\xff" * 64)
    with pytest.raises(DatabaseDamaged, match="damaged"):
        open_database(path, "256MB", "64MB", ())
