"""Where CSV records end."""

from __future__ import annotations

import mmap
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.connectors.conftest import Reader
from workbench.batch import ChunkBuffer
from workbench.connectors.records import FELLOWS, Records


def memory_of(data: bytes) -> mmap.mmap:
    memory = mmap.mmap(-1, max(1, len(data)))
    memory[: len(data)] = data
    return memory


def records(data: bytes, cutter: Records | None = None) -> list[bytes]:
    ends = [0, *(cutter or Records()).ends(data, len(data)).tolist()]
    return [data[a:b] for a, b in pairwise(ends)]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"a,b\n1,2\n", [b"a,b\n", b"1,2\n"]),
        (b'1,"x\ny",2\n3,4\n', [b'1,"x\ny",2\n', b"3,4\n"]),
        (b'"x\r\ny"\r\n3\r\n', [b'"x\r\ny"\r\n', b"3\r\n"]),
        (b'"he said ""hi\nthere""",2\n3,4\n', [b'"he said ""hi\nthere""",2\n', b"3,4\n"]),
        (b'"a\nb\nc\nd"\n', [b'"a\nb\nc\nd"\n']),
        (b'5" pipe,3\n1,2\n', [b'5" pipe,3\n', b"1,2\n"]),
        (b'1,"open\n2,x\n3,y\n', [b'1,"open\n', b"2,x\n", b"3,y\n"]),
        (b'1,"open\n2,"x\ny"\n3\n', [b'1,"open\n', b'2,"x\ny"\n', b"3\n"]),
        (b'1,"x"z\ny\n', [b'1,"x"z\n', b"y\n"]),
        (b'"\n', [b'"\n']),
        (b"\n\n", [b"\n", b"\n"]),
    ],
)
def test_records(data: bytes, expected: list[bytes]) -> None:
    assert records(data) == expected


def test_other_signs() -> None:
    assert records(b"'x\ny';1\n2\n", Records("'", ";")) == [b"'x\ny';1\n", b"2\n"]
    assert records(b'"x\ny"||1\n2\n', Records('"', "||")) == [b'"x\ny"||1\n', b"2\n"]
    assert records(b'"x\ny"\n', Records("", ",")) == [b'"x\n', b'y"\n']


def test_a_quote_may_not_reach_further_than_its_bound() -> None:
    near, far = b'1,"' + b"x\n" * 40 + b'"\n', b'1,"' + b"x\n" * 60 + b'"\n'
    assert len(records(near, Records(most=100))) == 1
    assert len(records(far, Records(most=100))) == 61
    assert records(far, Records(most=100))[0] == b'1,"x\n'


def test_a_forgotten_quote_holds_nothing_up(reader: Reader) -> None:
    """The lines after it show what it is, whether they end its text or not; a text of other lines is kept together."""
    good = [b"%d,x" % n for n in range(FELLOWS)]
    file = reader.root / "a.csv"
    file.write_bytes(b'1,"open\n' + b"\n".join(good[1:]) + b"\n")
    source = reader.source("*.csv", "csv", header=False)
    assert reader.take(source) == []
    with file.open("ab") as more:
        more.write(good[0] + b"\n" + b'2,"b",\n3,"' + b"one, two\n" * FELLOWS + b'four"\n')
    assert len(reader.take(source)) == FELLOWS + 3 + FELLOWS
    assert reader.batches[-1].offset.line == FELLOWS + 3
    closed = b'1,"open\n' + b"\n".join(good) + b'\n2,"\n3,x\n'
    assert records(closed) == [line + b"\n" for line in closed.splitlines()]
    assert len(records(b'1,"open\n' + b"\n".join(good[1:]) + b'\n2,"\n3,x\n')) == 2


FIELDS = st.sampled_from([b"a", b"", b'"x"', b'"x\ny"', b'"x,""y\n"', b'x"y', b'"open', b'"x"z', b'"\n\n"'])
ROWS = st.lists(st.lists(FIELDS, min_size=1, max_size=3).map(lambda fields: b",".join(fields) + b"\n"), max_size=12).map(b"".join)


FORGETFUL = st.lists(st.sampled_from([b'1,"x\n', b"1,x\n" * (FELLOWS - 1), b"1,x\n" * FELLOWS, b'"y\nz",2\n']), max_size=8).map(b"".join)


@given(st.one_of(ROWS, FORGETFUL), st.integers(1, 200))
@settings(max_examples=300, deadline=None)
def test_any_chunks_give_the_same_records(data: bytes, size: int) -> None:
    """A chunk that ends anywhere is cut at a record's end, and what is left comes with the next one."""
    cutter, at, found = Records(most=1000), 0, list[bytes]()
    while at < len(data):
        chunk, length = data[at : at + size], size
        cut = cutter.cut(memory_of(chunk), len(chunk), at + size >= len(data), 1 << 20)
        while not cut.length:
            length *= 2
            chunk = data[at : at + length]
            cut = cutter.cut(memory_of(chunk), len(chunk), at + length >= len(data), 1 << 20)
        part = records(chunk[: cut.length], cutter)
        assert len(part) == cut.records
        assert cut.quoted == any(b"\n" in record[:-1] for record in part)
        found += part
        at += cut.length
    assert found == records(data, cutter)


def test_a_csv_file(reader: Reader) -> None:
    """Its header is marked once a file, also for batches that begin after it; an open quote waits, but not for ever."""
    file = reader.root / "a.csv"
    file.write_bytes(b'\xef\xbb\xbfid,"long\nname"\n1,a\n2,"b\n')
    source = reader.source("*.csv", "csv")
    assert reader.take(source) == [b'id,"long', b'name"', b"1,a"]
    first = reader.batches[0]
    assert (first.header, first.header_line, first.quoted, first.offset.line) == (True, b"", True, 2)
    with file.open("ab") as more:
        more.write(b'c"\n3,"d\n4,e\n')
    source = reader.restart(source, "*.csv", "csv")
    assert reader.take(source) == [b'2,"b', b'c"']
    assert (reader.batches[-1].header, reader.batches[-1].header_line) == (False, b'id,"long\nname"\n')
    assert source.lag().waiting == 9
    assert reader.later(source, 1) == []
    assert reader.later(source, 1) == [b'3,"d', b"4,e"]
    file.write_bytes(b"id\n1\n")
    reader.take(source)
    assert reader.batches[-1].header


def test_a_csv_file_that_ends_inside_a_quote(reader: Reader) -> None:
    (reader.root / "a.csv").write_bytes(b'1,"open\n2,x')
    source = reader.source("*.csv", "csv", follow=False, header=False)
    assert reader.take(source) == [b'1,"open', b"2,x"]
    assert not reader.batches[0].header
    assert reader.batches[0].offset.line == 2


def test_a_quoted_record_larger_than_the_buffer(reader: Reader) -> None:
    reader.buffer = ChunkBuffer(4096)
    (reader.root / "a.csv").write_bytes(b'1,"' + b"x\n" * 3000 + b'"\n2,y\n')
    taken = reader.take(reader.source("*.csv", "csv", header=False, follow=False))
    assert len(taken) == 3002
    assert taken[-1] == b"2,y"
