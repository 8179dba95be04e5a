"""A source that cannot work says so for as long as that lasts, and works by itself afterwards."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import wait_until
from workbench.batch import Lag
from workbench.config import Settings, open_project
from workbench.engine.engine import Engine
from workbench.protocol import StreamStatus

SCHEMA = "schema => 'n BIGINT'"


@contextmanager
def running(root: Path, source: str) -> Iterator[Engine]:
    """An engine with one table, `t`, over a source."""
    (root / "pipelines").mkdir()
    (root / "pipelines" / "a.sql").write_text(f"CREATE STREAMING TABLE t AS SELECT * FROM STREAM {source};\n")
    settings = Settings(tick=0.0, poll=0.02)
    engine = Engine(open_project(root, settings), settings)
    engine.start()
    try:
        yield engine
    finally:
        engine.stop()


def status(engine: Engine) -> StreamStatus:
    return engine.snapshot().streams[0]


def waits(engine: Engine, words: str) -> None:
    """It says why, in the list and of the source itself."""
    found = wait_until(lambda: found if (found := status(engine)).state == "WAIT" and words in found.detail else None, words)
    assert words in next(flow.detail for flow in found.flows)


def runs(engine: Engine) -> None:
    wait_until(lambda: (found := status(engine)).state == "RUN" and not found.detail, "it goes on by itself")


@pytest.mark.parametrize("scheme", ["tcp", "udp"])
def test_an_address_in_use_is_waited_for(tmp_path: Path, scheme: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM if scheme == "tcp" else socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        if scheme == "tcp":
            other.listen()
        with running(tmp_path, f"read_socket('{scheme}://127.0.0.1:{other.getsockname()[1]}', {SCHEMA})") as engine:
            waits(engine, "cannot listen: Address already in use; it is tried again")
            other.close()
            runs(engine)


@pytest.mark.parametrize("scheme", ["unix", "unixgram"])
def test_a_file_where_the_socket_should_be_is_named(tmp_path: Path, scheme: str) -> None:
    short = Path(os.path.relpath(tmp_path / "s"))
    path = tmp_path / "s" if len(str(tmp_path)) < 90 else short
    path.write_text("mine")
    with running(tmp_path, f"read_socket('{scheme}://{path}', {SCHEMA})") as engine:
        waits(engine, "cannot listen: a file that is no socket has that name")
        assert path.read_text() == "mine"
        path.unlink()
        runs(engine)


def test_a_server_that_is_not_there_is_waited_for(tmp_path: Path) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        with running(tmp_path, f"read_socket('tcp://127.0.0.1:{server.getsockname()[1]}', mode => 'connect', {SCHEMA})") as engine:
            waits(engine, "cannot connect: Connection refused; it is tried again")
            server.listen()
            runs(engine)


def test_a_table_without_columns_yet_says_it_too(tmp_path: Path) -> None:
    other = socket.create_server(("127.0.0.1", 0))
    with other, running(tmp_path, f"read_socket('tcp://127.0.0.1:{other.getsockname()[1]}')") as engine:
        wait_until(lambda: "cannot listen: Address already in use" in status(engine).detail)
        other.close()
        wait_until(lambda: "is there to tell its columns" in status(engine).detail)


def test_a_table_with_another_source_that_cannot_work_says_which(tmp_path: Path) -> None:
    (tmp_path / "in.ndjson").write_text('{"n": 1}\n')
    with socket.create_server(("127.0.0.1", 0)) as other:
        flow = (
            f"CREATE FLOW f AS INSERT INTO t BY NAME SELECT n FROM STREAM read_socket('tcp://127.0.0.1:{other.getsockname()[1]}', {SCHEMA})"
        )
        with running(tmp_path, f"read_files('in.ndjson', format => 'json');\n{flow}") as engine:
            found = wait_until(lambda: found if (found := status(engine)).state == "WAIT" and found.accepted else None)
            assert {flow.name: flow.state for flow in found.flows} == {"t": "RUN", "f": "WAIT"}


def test_trouble_is_nothing_unless_it_is_said() -> None:
    assert Lag().trouble == ""
