"""Results on disk."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from workbench.errors import QueryError
from workbench.store.spool import END_OF_STREAM, Result

SCHEMA = pa.schema({"n": pa.int64()})


def batch(*numbers: int) -> pa.RecordBatch:
    return pa.record_batch([pa.array(numbers, pa.int64())], schema=SCHEMA)


@pytest.fixture
def result(tmp_path: Path) -> Iterator[Result]:
    made = Result(tmp_path / "r.arrow", SCHEMA)
    yield made
    made.delete()


def numbers(table: pa.Table) -> list[int]:
    found: list[int] = table.column("n").to_pylist()
    return found


def test_pages_cross_batches(result: Result) -> None:
    for begin in range(0, 100, 7):
        result.append(batch(*range(begin, min(begin + 7, 100))))

    for offset in range(101):
        for limit in (0, 1, 6, 7, 8, 30):
            assert numbers(result.read(offset, limit)) == list(range(offset, min(offset + limit, 100)))
    assert numbers(result.read(10**12, 5)) == []


def test_rows_are_there_while_it_grows(result: Result) -> None:
    result.append(batch(1, 2))
    assert numbers(result.read(0, 10)) == [1, 2]

    result.append(batch())
    result.append(batch(3))
    assert numbers(result.read(1, 10)) == [2, 3]
    assert result.rows == 3


def test_a_page_outlives_the_file(result: Result) -> None:
    result.append(batch(1, 2))
    page = result.read(0, 2)

    result.delete()

    assert numbers(page) == [1, 2]
    assert not result.path.exists()
    with pytest.raises(FileNotFoundError):
        result.read(0, 2)


def test_the_file_is_an_arrow_stream(result: Result) -> None:
    result.append(batch(1, 2))
    result.append(batch(3))
    result.finish(whole=True)

    assert numbers(pa.ipc.open_stream(result.path.read_bytes()).read_all()) == [1, 2, 3]
    assert numbers(pa.ipc.open_stream(b"".join(result.chunks())).read_all()) == [1, 2, 3]
    assert result.size == result.path.stat().st_size


def test_an_empty_result_still_has_its_columns(result: Result) -> None:
    result.finish(whole=True)

    assert pa.ipc.open_stream(b"".join(result.chunks())).read_all().schema == SCHEMA
    assert result.read(0, 5).schema == SCHEMA


def test_a_reader_follows_until_the_end(result: Result) -> None:
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.extend(result.chunks()))
    reader.start()
    for n in range(50):
        result.append(batch(n))
    result.finish(whole=True)
    reader.join(300)

    assert not reader.is_alive()
    assert numbers(pa.ipc.open_stream(b"".join(received)).read_all()) == list(range(50))


def test_half_a_result_does_not_look_whole(result: Result) -> None:
    result.append(batch(1))
    chunks = result.chunks()
    received = next(chunks)
    result.finish(whole=False)

    with pytest.raises(QueryError):
        received += b"".join(chunks)
    assert not received.endswith(END_OF_STREAM)


def test_a_waiting_reader_can_look_up(result: Result) -> None:
    """So that a client that left is noticed while a query finds nothing."""
    chunks = result.chunks()
    assert next(chunks)
    assert next(chunks) == b""


def test_dictionaries_become_plain_values(tmp_path: Path) -> None:
    words = pa.array(["a", "b", None]).dictionary_encode()
    nested = pa.ListArray.from_arrays(pa.array([0, 1, 2, 3], pa.int32()), words)
    keyed = pa.StructArray.from_arrays([words], ["w"])
    made = Result(tmp_path / "d.arrow", pa.schema([("w", words.type), ("l", nested.type), ("s", keyed.type)]))

    made.append(pa.record_batch([words, nested, keyed], names=["w", "l", "s"]))

    assert made.read(0, 9).to_pylist() == [
        {"w": "a", "l": ["a"], "s": {"w": "a"}},
        {"w": "b", "l": ["b"], "s": {"w": "b"}},
        {"w": None, "l": [None], "s": {"w": None}},
    ]
    made.delete()
