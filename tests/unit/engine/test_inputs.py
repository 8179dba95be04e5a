"""Inputs opened by name: the pipeline that is written for them, once their first record came."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.conftest import wait_until
from tests.language import parse_statement
from workbench.config import Project
from workbench.engine.inputs import begin_inputs
from workbench.engine.sources import Sources
from workbench.inputs import awaits_stdin, is_input, reads, table_of, write_inputs
from workbench.language.definitions import ReadSocket, ReadStdin, StreamingTable


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "in", tmp_path / "in" / ".workbench")


def written(project: Project) -> dict[str, str]:
    return {path.name: path.read_text("utf-8") for path in (project.root / "pipelines").iterdir()}


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("-", "stdin"),
        ("tcp://localhost:5140", "tcp_5140"),
        ("udp://[::1]:5140", "udp_5140"),
        ("unix:///run/App-1.sock", "app_1"),
        ("unixgram:///run/7", "unixgram_7"),
    ],
)
def test_an_input_is_a_table(name: str, table: str) -> None:
    assert is_input(name)
    assert table_of(name) == table


def test_a_file_is_no_input() -> None:
    assert not is_input("logs/-.ndjson")


def test_a_given_format_is_written_at_once(project: Project) -> None:
    write_inputs(project, ["-", "unix:///tmp/it's"], "text")
    found = {name: parse_statement(text.rstrip(";\n")) for name, text in written(project).items()}
    sources = {name: table.source for name, table in found.items() if isinstance(table, StreamingTable)}
    assert sources == {"stdin.sql": ReadStdin("text"), "it_s.sql": ReadSocket("unix:///tmp/it's", "text")}
    assert reads(project, ["-", "unix:///tmp/it's"])
    assert awaits_stdin(project)


def test_what_is_there_is_not_written_again(project: Project) -> None:
    write_inputs(project, ["-"], "text")
    (project.root / "pipelines" / "stdin.sql").rename(project.root / "pipelines" / "mine.sql")
    write_inputs(project, ["-"], "json")
    assert list(written(project)) == ["mine.sql"]


def test_without_a_format_the_first_record_tells_it(project: Project) -> None:
    write_inputs(project, ["-"], None)
    assert written(project) == {}
    assert awaits_stdin(project)
    reading, writing = os.pipe()
    sources = Sources(project, reading)
    assert not begin_inputs(project, sources)
    os.write(writing, b"a,b\n1,2\n")
    os.close(writing)
    wait_until(lambda: begin_inputs(project, sources), "a format")
    assert "format => 'csv'" in written(project)["stdin.sql"]
    assert not begin_inputs(project, sources)
    assert awaits_stdin(project)
    sources.close()
    os.close(reading)


def test_a_project_without_inputs_awaits_none(project: Project) -> None:
    assert not awaits_stdin(project)
