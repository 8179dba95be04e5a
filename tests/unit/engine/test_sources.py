"""Sources of an engine: one receiver for an address, a sample before there is a table, and who keeps what was received."""

from __future__ import annotations

import math
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import wait_until
from workbench.batch import ChunkBuffer
from workbench.config import Project
from workbench.connectors.closed import ClosedSource
from workbench.connectors.rate import RateSource
from workbench.connectors.source import Source
from workbench.engine.sources import Sources
from workbench.errors import SourceError
from workbench.language.definitions import Column, ReadFiles, ReadRate, ReadSocket, ReadStdin


class Clock:
    """Stands far in the future, so that every sample has settled."""

    now = 10e9

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path, tmp_path / "state")


@pytest.fixture
def address(tmp_path_factory: pytest.TempPathFactory) -> ReadSocket:
    path = tmp_path_factory.mktemp("s") / "s"
    return ReadSocket(f"unix://{path}", "json")


@pytest.fixture
def buffer() -> Iterator[ChunkBuffer]:
    buffer = ChunkBuffer(1 << 20)
    yield buffer
    buffer.close()


def send(address: ReadSocket, data: bytes) -> None:
    path = address.url.removeprefix("unix://")
    with socket.socket(socket.AF_UNIX) as sender:
        wait_until(lambda: sender.connect_ex(path) == 0, "the socket")
        sender.sendall(data)


def read(source: Source, buffer: ChunkBuffer, commit: bool = False) -> bytes:
    """The next batch, once it comes."""
    found: list[bytes] = []

    def came() -> bool:
        raw = source.read(buffer)
        if raw is not None and raw.length:
            assert raw.buffer is not None
            found.append(bytes(raw.buffer.memory[: raw.length]))
            if commit:
                source.committed(raw.offset)
        return bool(found)

    wait_until(came, "a batch")
    return found[0]


def piped(data: bytes) -> int:
    reading, writing = os.pipe()
    os.write(writing, data)
    os.close(writing)
    return reading


def test_a_sample_that_could_not_begin_is_asked_for_again(project: Project, address: ReadSocket) -> None:
    sources = Sources(project, clock=Clock())
    project.state.mkdir()
    in_the_way = project.state / "received"
    in_the_way.write_text("")
    for _ in range(2):
        with pytest.raises(SourceError):
            sources.sample("t", address)
    in_the_way.unlink()
    assert sources.sample("t", address) is None
    send(address, b'{"a":1}\n')
    assert wait_until(lambda: sources.sample("t", address))[0] == b'{"a":1}\n'
    sources.close()


def test_tables_that_read_one_address_share_what_is_received(project: Project, address: ReadSocket, buffer: ChunkBuffer) -> None:
    woken = threading.Event()
    sources = Sources(project, wake=woken.set)
    one = sources.open("a", address, (), ())
    other = ReadSocket(address.url, "text", schema=(Column("line", "VARCHAR"),))
    two = sources.open("b", other, (), ())
    send(address, b"x\ny\n")
    assert read(one, buffer) == read(two, buffer) == b"x\ny\n"
    assert woken.wait(300)
    one.close()
    two.close()
    sources.close()


def test_one_address_is_not_received_in_two_ways(project: Project, address: ReadSocket) -> None:
    sources = Sources(project)
    one = sources.open("a", address, (), ())
    with pytest.raises(SourceError, match="do not say the same"):
        sources.open("b", ReadSocket(address.url, "json", framing="nul"), (), ())
    one.close()


def test_csv_over_a_socket_is_cut_by_its_quotes_once_a_table_reads_it_so(
    project: Project, address: ReadSocket, buffer: ChunkBuffer
) -> None:
    sources = Sources(project, clock=Clock())
    assert sources.sample("a", address) is None  # its format is not known yet
    csv = ReadSocket(address.url, "csv", options=(("header", "false"),))
    one = sources.open("a", csv, (("header", "false"), ("delimiter", ";")), ())
    sources.settle()
    send(address, b'"x\ny";4\n5;6\n')
    wait_until(lambda: one.lag().rows == 2, "the records")
    raw = wait_until(lambda: one.read(buffer))
    assert raw.starts is not None
    assert (raw.offset.line, raw.starts.tolist()) == (2, [0, 8, 12])
    one.close()
    sources.close()


def test_tables_over_one_socket_agree_where_records_end(project: Project, address: ReadSocket) -> None:
    sources = Sources(project)
    csv = ReadSocket(address.url, "csv", options=(("header", "false"),))
    plain = ReadSocket(address.url, "csv", options=(("header", "false"), ("quote", "")))
    sources.expect([("a", csv), ("b", address), ("c", plain)])
    one = sources.open("a", csv, csv.options, ())
    for name, spec in (("b", address), ("c", plain)):
        with pytest.raises(SourceError, match="do not agree where a record ends"):
            sources.open(name, spec, spec.options, ())
    one.close()
    sources.expect([("b", address), ("c", plain)])
    for name, spec in (("b", address), ("c", plain)):
        sources.open(name, spec, spec.options, ()).close()
    sources.close()


def test_a_sample_receives_until_nobody_asks_and_loses_nothing(project: Project, address: ReadSocket, buffer: ChunkBuffer) -> None:
    sources = Sources(project, clock=Clock())
    assert sources.sample("a", address) is None
    send(address, b'{"a": 1}\n')
    wait_until(lambda: sources.sample("a", address) is not None, "a sample")
    assert sources.sample("a", address) == (b'{"a": 1}\n', address.url)
    source = sources.open("a", address, (), ())
    sources.settle()
    sources.settle()
    assert read(source, buffer) == b'{"a": 1}\n'
    send(address, b"more\n")
    assert read(source, buffer) == b"more\n"
    source.close()
    with pytest.raises(FileNotFoundError), socket.socket(socket.AF_UNIX) as sender:
        sender.connect(address.url.removeprefix("unix://"))


def test_a_sample_waits_a_moment_for_more_records(project: Project) -> None:
    clock = Clock()
    reading, writing = os.pipe()
    os.write(writing, b'{"a": 1}\n')
    sources = Sources(project, reading, clock=clock)
    wait_until(lambda: sources.sample("a", ReadStdin("json")) is not None, "a sample that is old enough")
    clock.now = 0.0
    os.close(writing)
    wait_until(sources.ended, "the end")
    assert sources.sample("a", ReadStdin("json")) == (b'{"a": 1}\n', "stdin")
    sources.close()
    os.close(reading)


def test_what_was_looked_at_in_vain_is_told_as_long_as_it_is_there(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workbench.connectors.files.source.SAMPLING", math.inf)
    sources, spec = Sources(project, receives=False), ReadFiles("*.log", "json")
    (tmp_path / "a.log").write_text("no json\n")
    for _ in range(2):
        assert sources.sample("t", spec) is None
        assert "the first 8 bytes (1 line) of read_files *.log" in sources.in_vain["t"]
    assert sources.sample("t", ReadFiles("*.other", "json")) is None
    assert not sources.in_vain
    assert sources.sample("t", spec) is None
    assert sources.in_vain
    (tmp_path / "a.log").unlink()
    assert sources.sample("t", spec) is None
    assert not sources.in_vain
    sources.close()


def test_what_a_reader_has_not_committed_is_kept_for_it_though_it_is_not_open(project: Project, buffer: ChunkBuffer) -> None:
    reading = piped(b"x\n")
    sources = Sources(project, reading)
    sources.expect([("a", ReadStdin("text")), ("b", ReadStdin("json"))])
    one = sources.open("a", ReadStdin("text"), (), ())
    assert read(one, buffer, commit=True) == b"x\n"
    one.close()
    sources.close()
    later = Sources(project)
    later.expect([("a", ReadStdin("text")), ("b", ReadStdin("json"))])
    two = later.open("b", ReadStdin("json"), (), ())
    assert read(two, buffer, commit=True) == b"x\n"
    two.close()
    later.close()
    os.close(reading)


def test_with_flows_off_nothing_is_received(project: Project, address: ReadSocket) -> None:
    sources = Sources(project, receives=False)
    assert isinstance(sources.open("a", address, (), ()), ClosedSource)
    assert isinstance(sources.open("a", ReadStdin("json"), (), ()), ClosedSource)
    assert sources.sample("a", address) is None
    assert not Path(address.url.removeprefix("unix://")).exists()
    assert not project.state.exists()


def test_a_clock_needs_nothing(project: Project, buffer: ChunkBuffer) -> None:
    sources = Sources(project)
    source = sources.open("a", ReadRate(5, 1), (), ())
    assert isinstance(source, RateSource)
    assert source.read(buffer) is not None
    assert source.ended
    assert sources.sample("a", ReadRate(5)) is None
    assert sources.ended()
