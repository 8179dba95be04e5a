"""A database of an older format is brought up to the present one: nothing of it is lost, and its sums hold."""

from __future__ import annotations

from pathlib import Path

import duckdb

from workbench.language.definitions import Column
from workbench.store.catalog import Entry
from workbench.store.database import FORMAT, open_database
from workbench.store.ids import keep_ids, last_commit, last_rejection
from workbench.store.verify import check_stream

FORMAT_1 = Path(__file__).parent / "format_1.sql"


def test_format_1_becomes_the_present_one(tmp_path: Path) -> None:
    path = tmp_path / "data.duckdb"
    old = duckdb.connect(str(path))
    old.execute(FORMAT_1.read_text())
    old.execute(
        "CREATE TABLE _store.a (id BIGINT, _commit BIGINT); INSERT INTO _store.a VALUES (1, 1), (2, 2);"
        " INSERT INTO _system.streams VALUES ('a', 2, now(), 3, 2, 1, 0, 0, 0, 30, true);"
        " INSERT INTO _system.commits VALUES (1, now(), 'a', 1, 1, 0, 0, 0, 0, 10, 10, [{'file_id': 'f', 'from': 0, 'to': 10}]),"
        " (2, now(), 'a', 2, 1, 1, 0, 0, 0, 20, 30, [{'file_id': 'f', 'from': 10, 'to': 30}]);"
        " INSERT INTO _system.offsets VALUES ('a', 'f', 'x.ndjson', 30, 3, false, 'm');"
        " INSERT INTO _system.rules VALUES ('a', '_type', 1, now(), now(), 1), ('a', 'r', 0, NULL, NULL, NULL);"
        " INSERT INTO _system.quarantine VALUES (1, 'a', ['_type'], 'x'::BLOB, 's', 'f', 1, 0, now(), 'quarantined', 2);"
        " INSERT INTO _system.catalog VALUES ('v', 'running state', '', 'f', 1, 't', 'digest', [], [], [], now(), 0, [])"
    )
    old.close()
    database = open_database(path, "256MB", "64MB", (tmp_path,))
    ask = database.writer.execute
    assert ask("SELECT format FROM _system.meta") == [(FORMAT,)]
    assert ask("SELECT name, rows_in, accepted, rejected, bytes, paused FROM workbench.streams") == [("a", 3, 2, 1, 30, True)]
    assert ask("SELECT flow, file, byte, line FROM workbench.offsets") == [("a", "x.ndjson", 30, 3)]
    assert ask("SELECT rule, total FROM workbench.rules ORDER BY ALL") == [("_type", 1), ("r", 0)]
    assert ask("SELECT digest FROM _system.catalog") == [("",)]
    assert (last_commit(database.writer), last_rejection(database.writer)) == (2, 1)
    assert check_stream(database.writer, Entry("a", "streaming table", "", "", 1, "", "", (Column("id", "BIGINT"),))) == []
    database.close()


def test_format_2_becomes_the_present_one(tmp_path: Path) -> None:
    path = tmp_path / "data.duckdb"
    database = open_database(path, "256MB", "64MB", (tmp_path,))
    database.writer.execute(
        "ALTER TABLE _system.meta DROP COLUMN last_commit; ALTER TABLE _system.meta DROP COLUMN last_rejection;"
        " ALTER TABLE _system.flows DROP COLUMN lost; ALTER TABLE _system.flows DROP COLUMN lost_by_kernel;"
        " INSERT INTO _system.flows (name, stream) VALUES ('u', 't');"
        " CREATE OR REPLACE VIEW workbench.flows AS SELECT name, stream FROM _system.flows;"
        " UPDATE _system.meta SET format = 2; INSERT INTO _system.view_log (commit, view) VALUES (5, 'v')"
    )
    database.close()
    for _ in range(2):
        database = open_database(path, "256MB", "64MB", (tmp_path,))
        assert database.writer.execute("SELECT format FROM _system.meta") == [(FORMAT,)]
        keep_ids(database.writer)
        database.writer.execute("DELETE FROM _system.view_log")
        assert last_commit(database.writer) == 5
        assert database.writer.execute("SELECT name, lost FROM workbench.streams") == [("t", 0)]
        database.close()


def test_format_3_becomes_the_present_one_and_shows_its_windows(tmp_path: Path) -> None:
    path = tmp_path / "data.duckdb"
    database = open_database(path, "256MB", "64MB", (tmp_path,))
    database.writer.execute(
        "CREATE OR REPLACE VIEW workbench.events AS FROM _system.events; INSERT INTO _system.events (id, text) VALUES (7, 'it was so');"
        " CREATE VIEW _windows.v AS SELECT 'v' AS view, '' AS key, now() AS \"start\", now() AS \"end\", 'open' AS state,"
        " NULL AS closed_at, 3::BIGINT AS rows, 0::BIGINT AS late, NULL AS commit; UPDATE _system.meta SET format = 3"
    )
    database.close()
    database = open_database(path, "256MB", "64MB", (tmp_path,))
    ask = database.writer.execute
    assert ask("SELECT format FROM _system.meta") == [(FORMAT,)]
    assert ask("SELECT text FROM workbench.events WHERE happened_at IS NULL") == [("it was so",)]
    assert ask("SELECT view, state, rows FROM workbench.windows WHERE window_end > window_start - INTERVAL 1 HOUR") == [("v", "open", 3)]
    database.close()


def test_no_column_that_users_see_needs_quotes(tmp_path: Path) -> None:
    database = open_database(tmp_path / "data.duckdb", "256MB", "64MB", (tmp_path,))
    columns = database.writer.execute("SELECT table_name, column_name FROM duckdb_columns() WHERE schema_name = 'workbench'")
    assert len({table for table, _ in columns}) > 10
    for table, column in columns:
        database.writer.execute(
            f"SELECT {column} FROM workbench.{table} WHERE {column} IS NOT NULL GROUP BY {column} ORDER BY {column} DESC"
        )
    database.close()
