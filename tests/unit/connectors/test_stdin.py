"""What is piped in: every record once, over restarts, kills and several inputs one after the other."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import wait_until
from workbench.batch import ChunkBuffer, Offset, RawBatch
from workbench.connectors.stdin import TAIL, Inputs
from workbench.connectors.stdin_source import StdinSource


@pytest.fixture
def buffer() -> Iterator[ChunkBuffer]:
    buffer = ChunkBuffer(1 << 20)
    yield buffer
    buffer.close()


class Pipe:
    """A pipe whose reading end is handed to processes, one after the other."""

    def __init__(self) -> None:
        self.reading, self._writing = os.pipe()

    def write(self, data: bytes) -> None:
        os.write(self._writing, data)

    def end(self) -> None:
        os.close(self._writing)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    os.close(pipe.reading)


def bytes_of(raw: RawBatch) -> bytes:
    assert raw.buffer is not None
    return bytes(raw.buffer.memory[: raw.length])


def read_all(source: StdinSource, buffer: ChunkBuffer, commit: bool = False) -> bytes:
    """Everything up to the end of the stream."""
    found = b""

    def over() -> bool:
        nonlocal found
        while (raw := source.read(buffer)) is not None:
            found += bytes_of(raw)
            if commit:
                source.committed(raw.offset)
        return source.ended

    wait_until(over, "the end of the stream")
    return found


def received(inputs: Inputs, records: int) -> None:
    """Wait until so many records of the newest input are in its spool."""
    wait_until(lambda: inputs.intakes[-1].spool.end.line >= records, f"{records} records")


def test_an_input_is_read_to_its_end_and_its_last_line_needs_no_newline(tmp_path: Path, pipe: Pipe, buffer: ChunkBuffer) -> None:
    source = StdinSource("t", Inputs(tmp_path / "in", pipe.reading))
    pipe.write(b"one\ntwo\nthr")
    pipe.write(b"ee\nlast")
    assert not source.ended
    pipe.end()
    assert read_all(source, buffer) == b"one\ntwo\nthree\nlast\n"
    source.close()


def test_nothing_piped_in_has_ended(tmp_path: Path, buffer: ChunkBuffer) -> None:
    source = StdinSource("t", Inputs(tmp_path / "in", None))
    assert source.read(buffer) is None
    assert source.ended
    assert source.idle
    assert source.ends() == ()
    source.close()


def test_what_was_received_is_there_after_the_process(tmp_path: Path, pipe: Pipe, buffer: ChunkBuffer) -> None:
    first = Inputs(tmp_path / "in", pipe.reading)
    source = StdinSource("t", first)
    pipe.write(b"1\n2\n3\n")
    received(first, 3)
    raw = source.read(buffer)
    assert raw is not None
    stored = source.offset_at(raw, raw.start.byte + 2, 1)
    source.close()
    again = StdinSource("t", Inputs(tmp_path / "in", None), offsets=(stored,))
    assert read_all(again, buffer) == b"2\n3\n"
    again.close()


def test_the_same_pipe_goes_on_where_the_last_process_was_even_within_a_line(tmp_path: Path, pipe: Pipe, buffer: ChunkBuffer) -> None:
    first = Inputs(tmp_path / "in", pipe.reading)
    source = StdinSource("t", first, header=True)
    pipe.write(b"id,name\n1,a\n2,be")
    received(first, 2)
    wait_until((tmp_path / "in" / "000001" / TAIL).exists, "the line that is not whole")
    source.close()
    second = Inputs(tmp_path / "in", pipe.reading)
    source = StdinSource("t", second, header=True)
    assert len(second.intakes) == 1
    pipe.write(b"ta\n3,c\n")
    pipe.end()
    assert read_all(source, buffer) == b"id,name\n1,a\n2,beta\n3,c\n"
    source.close()


def test_each_input_has_a_header_of_its_own(tmp_path: Path, pipe: Pipe, buffer: ChunkBuffer) -> None:
    pipe.write(b"a,b\n1,2\n")
    pipe.end()
    first = Inputs(tmp_path / "in", pipe.reading)
    source = StdinSource("t", first)
    wait_until(lambda: first.intakes[0].spool.finished, "the end")
    source.close()
    other = Pipe()
    other.write(b"b,a\n3,4\n5,6\n")
    other.end()
    source = StdinSource("t", Inputs(tmp_path / "in", other.reading), header=True)
    heads: list[tuple[bytes, bool, bytes]] = []

    def over() -> bool:
        while (raw := source.read(buffer, 5)) is not None:
            heads.append((bytes_of(raw), raw.header, raw.header_line))
        return source.ended

    wait_until(over, "the end of the second input")
    assert [data for data, header, _ in heads if header] == [b"a,b\n", b"b,a\n"]
    assert {line for data, header, line in heads if not header} == {b"a,b\n", b"b,a\n"}
    assert b"".join(data for data, _, _ in heads) == b"a,b\n1,2\nb,a\n3,4\n5,6\n"
    source.close()
    os.close(other.reading)


def test_two_readers_get_all_of_it_and_what_both_have_is_deleted(tmp_path: Path, pipe: Pipe, buffer: ChunkBuffer) -> None:
    pipe.write(b"x\ny\n")
    pipe.end()
    inputs = Inputs(tmp_path / "in", pipe.reading)
    inputs.expect(["a", "b"])
    one, two = StdinSource("a", inputs), StdinSource("b", inputs)
    assert read_all(one, buffer, commit=True) == b"x\ny\n"
    one.close()
    inputs.tidy()
    assert (tmp_path / "in" / "000001").is_dir()
    assert read_all(two, buffer, commit=True) == b"x\ny\n"
    two.close()
    inputs.tidy()
    assert list((tmp_path / "in").iterdir()) == []


def test_a_place_is_known_by_the_input_that_has_it(tmp_path: Path, pipe: Pipe, buffer: ChunkBuffer) -> None:
    pipe.write(b"x\ny\n")
    pipe.end()
    source = StdinSource("t", Inputs(tmp_path / "in", pipe.reading))
    wait_until(lambda: bool(source.ends()[0].line), "two records")
    (end,) = source.ends()
    assert source.place(end.file_id, "stdin", 2, 1) == Offset(end.file_id, "stdin", 2, 1)
    assert source.place("other-0", "stdin", 2, 1) is None
    source.close()


def test_a_full_spool_holds_the_producer_up_until_there_is_room(tmp_path: Path, buffer: ChunkBuffer) -> None:
    pipe = Pipe()
    os.set_blocking(pipe._writing, False)
    inputs = Inputs(tmp_path / "in", pipe.reading, limit=64 << 10)
    inputs.expect(["t"])
    source = StdinSource("t", inputs)
    line, sent = b"x" * 99 + b"\n", 0

    def stuck() -> bool:
        nonlocal sent
        try:
            while True:
                sent += os.write(pipe._writing, line)
        except BlockingIOError:
            return inputs.intakes[0].spool.held >= 64 << 10

    wait_until(stuck, "a full spool")
    pipe.end()
    assert len(read_all(source, buffer, commit=True)) == sent
    source.close()
    os.close(pipe.reading)


def test_a_line_that_is_too_long_is_kept_as_its_head(tmp_path: Path, buffer: ChunkBuffer) -> None:
    pipe = Pipe()
    inputs = Inputs(tmp_path / "in", pipe.reading)
    inputs.intakes[0].receiver._framer._longest = 100  # type: ignore[attr-defined]
    source = StdinSource("t", inputs)
    pipe.write(b"a\n" + b"x" * 500 + b"\nb\n")
    pipe.end()
    found: list[int] = []
    data = b""

    def over() -> bool:
        nonlocal data
        while (raw := source.read(buffer)) is not None:
            found.extend(line.length for line in raw.overlong)
            data += bytes_of(raw)
        return source.ended

    wait_until(over, "the end")
    assert (data, found) == (b"a\nb\n", [500])
    source.close()
    os.close(pipe.reading)
