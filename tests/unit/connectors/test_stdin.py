"""What is piped in: every record once, over restarts, kills and several inputs one after the other."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.conftest import wait_until
from workbench.batch import ChunkBuffer, Offset, RawBatch
from workbench.connectors.pipes.source import StdinSource
from workbench.connectors.pipes.stdin import FIRST, TAIL, Inputs
from workbench.connectors.records import Records
from workbench.connectors.spool.block import Front
from workbench.connectors.spool.segments import SegmentReader


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
    wait_until(lambda: any(end.line == 2 for end in source.ends()), "two records")
    (end,) = source.ends()
    assert source.place(end.file_id, "stdin", 2, 1) == Offset(end.file_id, "stdin", 2, 1)
    assert source.place("other-0", "stdin", 2, 1) is None
    source.close()


def test_nothing_waits_for_a_read_that_hangs(tmp_path: Path, pipe: Pipe, buffer: ChunkBuffer, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = Inputs(tmp_path / "in", pipe.reading)
    source = StdinSource("t", inputs)
    pipe.write(b"one\n")
    received(inputs, 1)
    raw = source.read(buffer)
    assert raw is not None
    pipe.write(b"two\n")
    received(inputs, 2)
    begun, go_on, answered, front = threading.Event(), threading.Event(), threading.Event(), SegmentReader.front

    def hang(self: SegmentReader, at: int, stop: int) -> Front:
        begun.set()
        go_on.wait()
        return front(self, at, stop)

    def ask() -> None:
        source.committed(source.offset_at(raw, 4, 1))
        assert source.lag().rows == 1
        assert not source.ended
        assert not source.idle
        answered.set()

    monkeypatch.setattr(SegmentReader, "front", hang)
    reading, asking = (threading.Thread(target=work, daemon=True) for work in (lambda: source.read(buffer), ask))
    reading.start()
    begun.wait()
    asking.start()
    try:
        wait_until(answered.is_set, "answers while a read hangs", 30.0)
    finally:
        go_on.set()
        reading.join()
        asking.join()
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


QUOTED = b'a,b\n"x\ny",4\n"p\n",5\n'


def records_of(raw: RawBatch) -> list[bytes]:
    data = bytes_of(raw)
    if raw.starts is None:
        return data.splitlines(keepends=True)
    return [data[start:stop] for start, stop in pairwise(raw.starts.tolist())]


def csv_source(inputs: Inputs, offsets: tuple[Offset, ...] = ()) -> StdinSource:
    return StdinSource("t", inputs, header=True, records=Records(), offsets=offsets)


def read_records(source: StdinSource, buffer: ChunkBuffer, limit: int | None = None) -> tuple[list[RawBatch], list[bytes]]:
    """All batches up to the end of the stream, and all their records."""
    found: list[tuple[RawBatch, list[bytes]]] = []

    def over() -> bool:
        while (raw := source.read(buffer, limit)) is not None:
            found.append((raw, records_of(raw)))
        return source.ended

    wait_until(over, "the end of the stream")
    assert [raw.offset.line - raw.start.line for raw, _ in found] == [len(records) for _, records in found]
    assert [(a.offset.byte, a.offset.line) for (a, _), _ in pairwise(found)] == [
        (b.start.byte, b.start.line) for _, (b, _) in pairwise(found)
    ]
    return [raw for raw, _ in found], [record for _, records in found for record in records]


@pytest.mark.parametrize("limit", [None, 1, 9])
def test_a_csv_record_may_span_lines(tmp_path: Path, pipe: Pipe, buffer: ChunkBuffer, limit: int | None) -> None:
    source = csv_source(Inputs(tmp_path / "in", pipe.reading))
    pipe.write(QUOTED)
    pipe.end()
    _, records = read_records(source, buffer, limit)
    assert records == [b"a,b\n", b'"x\ny",4\n', b'"p\n",5\n']
    source.close()


def test_an_open_quote_waits_for_its_end_and_gives_no_record_before(tmp_path: Path, pipe: Pipe, buffer: ChunkBuffer) -> None:
    inputs = Inputs(tmp_path / "in", pipe.reading)
    source = csv_source(inputs)
    pipe.write(b'a,b\n1,2\n"x\n')
    received(inputs, 3)
    raw = source.read(buffer)
    assert raw is not None
    assert records_of(raw) == [b"a,b\n", b"1,2\n"]
    assert source.read(buffer) is None
    assert source.idle
    source.committed(raw.offset)
    source.close()
    again = csv_source(Inputs(tmp_path / "in", pipe.reading), (raw.offset,))
    pipe.write(b'y",4\n3,4\n')
    pipe.end()
    (rest,), records = read_records(again, buffer)
    assert again.lag().rows > 0
    again.committed(rest.offset)
    assert again.lag().rows == again.lag().bytes == 0
    assert (rest.start.line, rest.header, rest.header_line) == (2, False, b"a,b\n")
    assert records == [b'"x\ny",4\n', b"3,4\n"]
    again.close()


def test_a_quote_that_nobody_closes_is_a_line_of_its_own_at_the_end(tmp_path: Path, pipe: Pipe, buffer: ChunkBuffer) -> None:
    source = csv_source(Inputs(tmp_path / "in", pipe.reading))
    pipe.write(b'a,b\n"x\n1,2')
    pipe.end()
    _, records = read_records(source, buffer)
    assert records == [b"a,b\n", b'"x\n', b"1,2\n"]
    assert source.idle
    source.close()


def test_what_is_read_from_any_record_on_is_the_same(tmp_path: Path, pipe: Pipe, buffer: ChunkBuffer) -> None:
    inputs = Inputs(tmp_path / "in", pipe.reading)
    source = csv_source(inputs)
    pipe.write(QUOTED)
    pipe.end()
    wait_until(lambda: inputs.intakes[0].spool.finished, "the end")
    raw = source.read(buffer)
    assert raw is not None
    starts = [0, 4, 12, 19]
    for line, byte in enumerate(starts):
        place = source.place(raw.start.file_id, "stdin", byte, line)
        assert place is not None
        other = csv_source(inputs, (place,))
        _, records = read_records(other, buffer, 1)
        assert b"".join(records) == QUOTED[byte:]
        other.close()
    source.close()


def test_a_header_may_span_lines(tmp_path: Path, pipe: Pipe, buffer: ChunkBuffer) -> None:
    source = csv_source(Inputs(tmp_path / "in", pipe.reading))
    pipe.write(b'"a\nb",c\n1,2\n')
    pipe.end()
    (head, rest), _ = read_records(source, buffer, 1)
    assert (head.header, rest.header, rest.header_line) == (True, False, b'"a\nb",c\n')
    source.close()


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_a_byte_order_mark_is_no_part_of_the_first_record(tmp_path: Path, pipe: Pipe, buffer: ChunkBuffer, end: bytes) -> None:
    source = StdinSource("t", Inputs(tmp_path / "in", pipe.reading), header=True)
    for piece in (b"\xef", b"\xbb\xbfid\n\xef\xbb\xbf1", end):
        pipe.write(piece)
    pipe.end()
    assert read_all(source, buffer) == b"id\n\xef\xbb\xbf1\n"
    assert (tmp_path / "in" / "000001" / FIRST).read_bytes() == b"id\n"
    source.close()
