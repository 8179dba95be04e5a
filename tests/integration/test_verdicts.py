"""What `run --once` rejects, and what `quarantine show` says of it."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tests.integration.test_cli import right, rows, workbench

CSV = b"id,name,x\n1,,1\n2,,2\n3,ok,3\n12,\xff,12\n13,\xff\n4,,4\n"
TABLES = """
CREATE STREAMING TABLE c (id BIGINT, name VARCHAR, x DOUBLE) AS SELECT * FROM STREAM read_files('data/*.csv', format => 'csv');
CREATE STREAMING TABLE n (a TIMESTAMP_NS, u BIGINT) AS SELECT * FROM STREAM read_files('data/*.ndjson');
"""


@pytest.fixture
def once(tmp_path: Path) -> Path:
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "pipelines" / "main.sql").write_text(TABLES, "utf-8")
    (tmp_path / "data" / "a.csv").write_bytes(CSV)
    (tmp_path / "data" / "a.ndjson").write_text('{"a":"2026-01-01T00:00:00.123456789","u":"bad"}\n', "utf-8")
    right(workbench(tmp_path, "run", "--once"))
    return tmp_path


def test_a_record_is_rejected_for_what_is_wrong_with_it_and_shown(once: Path) -> None:
    assert [row["id"] for row in rows(once, "SELECT id FROM c ORDER BY id")] == [1, 2, 3, 4]
    rejected = rows(once, "SELECT id, stream, line, rules FROM workbench.quarantine ORDER BY stream, line")
    assert [(row["stream"], row["line"], row["rules"]) for row in rejected] == [
        ("c", 5, ["_malformed"]),
        ("c", 6, ["_malformed"]),
        ("n", 1, ["_type"]),
    ]
    shown = [right(workbench(once, "quarantine", "show", str(row["id"]))) for row in rejected]
    assert "not UTF-8 at byte 3: 0xff" in shown[0]
    assert '"bad"  u BIGINT' in shown[2]


def test_a_record_of_a_file_whose_format_was_inferred_is_judged_by_that(tmp_path: Path) -> None:
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "pipelines" / "main.sql").write_text(
        "CREATE STREAMING TABLE t (CONSTRAINT p EXPECT (x > 0) ON VIOLATION DROP ROW)"
        " AS SELECT * FROM STREAM read_files('data/*.csv.gz');\n",
        "utf-8",
    )
    (tmp_path / "data" / "a.csv.gz").write_bytes(gzip.compress(b"id;x\n1;5\n2;-1\n"))
    right(workbench(tmp_path, "run", "--once"))
    said = right(workbench(tmp_path, "quarantine", "show", "1")).splitlines()
    assert said[-1].split() == ["p", "broken", "drop", "-1", "x", ">", "0"]


def test_a_run_names_what_waits_for_the_end_of_its_line(tmp_path: Path) -> None:
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "data").mkdir()
    sql = "CREATE STREAMING TABLE t AS SELECT * FROM STREAM read_files('data/*.log');\n"
    (tmp_path / "pipelines" / "main.sql").write_text(sql, "utf-8")
    (tmp_path / "data" / "a.log").write_text("one\ntwo", "utf-8")
    (tmp_path / "data" / "b.log").write_text("one\n", "utf-8")
    said = workbench(tmp_path, "run", "--once").stderr
    assert "t: the last 3 bytes of data/a.log have no newline yet, and must wait for it\n" in said
