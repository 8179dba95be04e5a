"""What the command line says when something is in its way: real processes, every hindrance named, exit codes."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.conftest import wait_until
from tests.integration.test_cli import WORKBENCH, workbench
from workbench.config import Settings, open_files
from workbench.launch import answering, attach_or_start, stop_engine

OBEYING = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()
"""Root may read everything, but for this."""


@pytest.fixture(autouse=True, scope="module")
def alone() -> Iterator[None]:
    """This checkout, and no settings from outside."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [n for n in os.environ if n.startswith("WORKBENCH_")]:
            patch.delenv(name)
        patch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[2]))
        yield


def obeying(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """One command, run by somebody who may not read everything."""
    if OBEYING and (not shutil.which(OBEYING[0]) or subprocess.run([*OBEYING, "true"], capture_output=True).returncode):
        pytest.skip("root may read everything here")
    return subprocess.run((*OBEYING, *WORKBENCH, *arguments), cwd=folder, capture_output=True, text=True, timeout=600)


def project(root: Path, sql: str, **files: str) -> Path:
    """A project that reads these files of `in/`."""
    (root / "pipelines").mkdir(parents=True)
    (root / "in" / "sub").mkdir(parents=True)
    (root / "pipelines" / "main.sql").write_text(sql, "utf-8")
    for name, text in files.items():
        (root / "in" / f"{name}.log").write_text(text, "utf-8")
    return root


def test_run_once_names_what_it_could_not_read(tmp_path: Path) -> None:
    root = project(
        tmp_path / "p",
        "CREATE STREAMING TABLE a AS SELECT * FROM STREAM read_files('in/**/*.log', format => 'text');",
        one="x\n",
        two="y\n",
    )
    (root / "in" / "sub" / "three.log").write_text("z\n", "utf-8")
    for path in ("in/two.log", "in/sub"):
        (root / path).chmod(0)
    done = obeying(root, "run", "--once")
    for path in ("in/two.log", "in/sub"):
        (root / path).chmod(0o700)
    assert done.returncode == 3
    assert done.stderr.splitlines() == [
        "a: 1 in, 1 accepted, 0 rejected",
        "a: in/sub: Permission denied",
        "a: in/two.log: Permission denied",
    ]
    again = obeying(root, "run", "--once")
    assert (again.returncode, again.stderr) == (0, "a: 2 in, 2 accepted, 0 rejected\n")


def test_run_once_says_why_no_columns_are_known(tmp_path: Path) -> None:
    root = project(
        tmp_path / "p", "CREATE STREAMING TABLE a AS SELECT * FROM STREAM read_files('in/*.log', format => 'csv');", one="x\n1\n"
    )
    (root / "in" / "one.log").chmod(0)
    done = obeying(root, "run", "--once")
    assert done.returncode == 3
    assert "a: in/one.log: Permission denied" in done.stderr.splitlines()


def test_run_once_says_how_much_was_looked_at_for_columns(tmp_path: Path) -> None:
    sql = "CREATE STREAMING TABLE a AS SELECT * FROM STREAM read_files('in/*.log', format => 'json');"
    root = project(tmp_path / "p", sql, one="no json\n" * 200_000 + '{"a": 1}\n')
    done = workbench(root, "run", "--once")
    assert done.returncode == 3
    (said,) = done.stderr.splitlines()
    assert said.startswith("a: no JSON object tells its columns: declare them (schema => 'name TYPE, …'")
    assert "Looked at: the first 1,048,5" in said


def test_run_once_says_which_parquet_type_tells_no_columns(tmp_path: Path) -> None:
    root = project(tmp_path / "p", "CREATE STREAMING TABLE a AS SELECT * FROM STREAM read_files('in/*.parquet', format => 'parquet');")
    tensor = pa.fixed_shape_tensor(pa.float16(), [2])
    column = pa.ExtensionArray.from_storage(tensor, pa.array([[1.0, 2.0]], pa.list_(pa.float16(), 2)))
    pq.write_table(pa.table({"t": column}), root / "in" / "one.parquet")
    done = workbench(root, "run", "--once")
    assert done.returncode == 3
    assert "a: Not implemented" in done.stderr


def test_run_once_names_a_broken_archive_and_a_folder_that_it_passes_over(tmp_path: Path) -> None:
    sql = "CREATE STREAMING TABLE a AS SELECT * FROM STREAM read_files('in/*', format => 'text');"
    root = project(tmp_path / "p", sql, one="x\n")
    done = workbench(root, "run", "--once")
    folder = "a: in/sub is a directory: left out (its files are in/sub/*)"
    assert (done.returncode, done.stderr.splitlines()) == (0, ["a: 1 in, 1 accepted, 0 rejected", folder])
    packed = gzip.compress("\n".join(map(str, range(10_000))).encode())
    (root / "in" / "b.gz").write_bytes(packed[:-8] + bytes(8))
    os.mkfifo(root / "in" / "pipe")
    done = workbench(root, "run", "--once")
    assert done.returncode == 3
    assert "a: in/b.gz is broken gzip" in done.stderr
    assert "a: in/pipe is not a regular file: left out" in done.stderr


def test_what_run_once_counts_adds_up(tmp_path: Path) -> None:
    sql = """CREATE STREAMING TABLE a AS SELECT unnest([b, b + 1]) AS b
    FROM STREAM read_files('in/*.log', format => 'csv', schema => 'b BIGINT', header => true) WHERE b <> 2;"""
    done = workbench(project(tmp_path / "p", sql, one="b\n1\n\n2\nthree\n"), "run", "--once")
    told = "a: 5 in, 2 accepted, 1 rejected, 1 filtered, 2 blank (headers among them), 1 added by joins or unnest\n"
    assert (done.returncode, done.stderr) == (0, told)


def test_a_pattern_in_a_folder_that_is_not_there_yet_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    opened = open_files((str(tmp_path / "nosuch" / "*.csv"),), Settings())
    attach_or_start(opened)
    try:
        (tmp_path / "nosuch").mkdir()
        (tmp_path / "nosuch" / "a.csv").write_text("b\n1\n2\n", "utf-8")
        query = ("sql", "--state-dir", str(opened.state), "select count(*) as n from nosuch", "--format", "csv")
        wait_until(lambda: workbench(tmp_path, *query).stdout == "n\n2\n", "two rows")
    finally:
        stop_engine(opened)
    assert answering(opened) is None


@pytest.mark.parametrize(("name", "value"), [("CHUNK", "0"), ("MEMORY_LIMIT", "banana"), ("THEME", "pink")])
def test_a_setting_that_makes_no_sense_is_named_before_anything_runs(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"WORKBENCH_{name}", value)
    done = workbench(folder, "run", "--once")
    assert done.returncode == 2
    assert done.stderr.startswith(f"workbench: WORKBENCH_{name}: {name.lower()} = '{value}' makes no sense\n")
    assert not (folder / ".workbench").exists()
