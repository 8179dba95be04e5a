"""However the bytes of a peer are cut on their way, its records are the same."""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from workbench.connectors.records import Records
from workbench.connectors.spool.block import Piece
from workbench.connectors.spool.framing import Framing, framer
from workbench.connectors.spool.marked_framer import MarkedFramer
from workbench.connectors.spool.quoted_framer import Quoting

LONGEST = 12

Record = tuple[bytes, int]
"""The bytes that are kept, and the length of an overlong record (else 0)."""

PARTS = [b"a", b"bc", b"\n", b"\0", b"\r\n", b"x" * 11, b"y" * 12, b"z" * 13, b"12 ", b"1 a", b"3 a\nb"]
streams = st.lists(st.sampled_from(PARTS), max_size=30)
cuts = st.lists(st.integers(0, 120), max_size=12)


def records_of(pieces: list[Piece]) -> list[Record]:
    """What the pieces say, read in the plainest way."""
    found: list[Record] = []
    for piece in pieces:
        data = b"".join(piece.parts)
        if piece.overlong:
            assert piece.records == 1
            found.append((data, piece.overlong))
            continue
        if piece.lengths is None:
            assert data.endswith(b"\n")
            records = [(line, 0) for line in data[:-1].split(b"\n")]
        else:
            assert sum(piece.lengths.tolist()) == len(data)
            records, at = [], 0
            for length in piece.lengths.tolist():
                assert data[at + length - 1 : at + length] == b"\n"
                records.append((data[at : at + length - 1], 0))
                at += length
        assert piece.records == len(records)
        found += records
    return found


def fed(framing: Framing, data: bytes, cuts: list[int], longest: int = LONGEST) -> tuple[list[Record], str]:
    one = framer(framing, "p", longest)
    found: list[Record] = []
    edges = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    for start, stop in pairwise(edges):
        buffer = bytearray(b"\n\0 7" + data[start:stop] + b"\n\0 9")
        found += records_of(one.feed(buffer, 4, 4 + stop - start))
        assert one.waiting <= longest + len(data)
        if one.broken:
            break
    return found + records_of(one.finish()), one.broken


def delimited(data: bytes, delimiter: bytes) -> list[Record]:
    """The same by definition."""
    records = data.split(delimiter)
    if not records[-1]:
        records.pop()
    return [(record, len(record) if len(record) > LONGEST else 0) for record in records]


@given(streams, cuts)
def test_newlines(parts: list[bytes], cuts: list[int]) -> None:
    assert fed("newline", b"".join(parts), cuts)[0] == delimited(b"".join(parts), b"\n")


@given(streams, cuts)
def test_nuls(parts: list[bytes], cuts: list[int]) -> None:
    assert fed("nul", b"".join(parts), cuts)[0] == delimited(b"".join(parts), b"\0")


@given(st.lists(st.binary(min_size=1, max_size=20), max_size=8), cuts)
def test_counted_records_come_out_as_they_went_in(records: list[bytes], cuts: list[int]) -> None:
    data = b"".join(b"%d %s" % (len(record), record) for record in records)
    assert fed("octet", data, cuts) == ([(record, len(record) if len(record) > LONGEST else 0) for record in records], "")


@given(streams, cuts)
def test_counts_that_make_no_sense(parts: list[bytes], cuts: list[int]) -> None:
    """What comes before them is the same for every cut, and all bytes before and of them are in some record."""
    data = b"".join(parts)
    whole, broken = fed("octet", data, [])
    cut, cut_broken = fed("octet", data, cuts)
    assert bool(broken) == bool(cut_broken)
    if broken:
        assert cut[:-1] == whole[:-1]
        assert whole[-1][0].startswith(cut[-1][0])
    else:
        assert cut == whole


COUNT = re.compile(rb"([1-9][0-9]{0,9}) ")

Judged = tuple[bytes, int, bool]
"""The bytes that are kept, the length of an overlong record (else 0), and whether it was cut."""


def counted(data: bytes, longest: int) -> tuple[list[Judged], list[Judged], bytes | None]:
    """Counted records by definition: whole ones, what the end leaves, and what is no count."""
    found: list[Judged] = []
    while data:
        if not (count := COUNT.match(data)):
            unfinished = re.fullmatch(rb"[1-9][0-9]{0,9}", data)
            return found, [(data, len(data), True)] if unfinished else [], None if unfinished else data
        length, came = int(count[1]), data[count.end() : count.end() + int(count[1])]
        overlong = length > longest
        if len(came) < length:
            kept = came[: 64 << 10] if overlong else came
            return found, [(count[0] + kept, len(count[0]) + len(came), not overlong)], None
        found.append((came[: 64 << 10] if overlong else came, length if overlong else 0, False))
        data = data[count.end() + length :]
    return found, [], None


def judged(pieces: list[Piece]) -> list[Judged]:
    return [(record, overlong, piece.cut) for piece in pieces for record, overlong in records_of([piece])]


def told(data: bytes, edges: list[int], longest: int) -> tuple[list[Judged], list[Judged], bool]:
    """What a framer says while it is fed, and at the end."""
    one = framer("octet", "p", longest)
    found: list[Judged] = []
    for start, stop in pairwise(sorted({edge % (len(data) + 1) for edge in edges} | {0, len(data)})):
        found += judged(one.feed(bytearray(b"7 " + data[start:stop] + b"1 1 "), 2, 2 + stop - start))
        if one.broken:
            break
    return found, judged(one.finish()), bool(one.broken)


SIZES = [1, 2, 9, 10, 11, 12, 13, 99, 100, 101, 600, 999, 1000, 1001, 4096, 5000]
FILLS = [b"x", b"7", b" ", b"\n", b"9 ", b"12 3", b"\xff\0", b'{"a": 10}\n']
NO_COUNTS = [b"", b"0", b"0 ", b"007 abcdefg", b"12345678901 ", b"1234567890 ", b"+1 a", b"1_0 ", b"1\t", b" ", b"99", b"7000 y", b"\xb2 a"]
well_formed = st.tuples(st.sampled_from(SIZES), st.sampled_from(FILLS), st.integers(1, 40))
"""A record's length, what it is filled with, and how often it comes."""


@given(
    st.lists(well_formed, max_size=8),
    st.sampled_from(NO_COUNTS),
    st.lists(well_formed, max_size=2),
    st.sampled_from([12, 100, 4096, 1 << 20]),
    st.lists(st.integers(0, 1 << 20), max_size=12),
)
def test_counted_records_are_those_of_a_plain_reading(
    before: list[tuple[int, bytes, int]], hostile: bytes, after: list[tuple[int, bytes, int]], longest: int, edges: list[int]
) -> None:
    first, last = (
        b"".join((b"%d %s" % (size, (fill * size)[:size])) * times for size, fill, times in records) for records in (before, after)
    )
    data = first + hostile + last
    whole, left, lost = counted(data, longest)
    found, end, broken = told(data, edges, longest)
    assert broken == (lost is not None)
    if lost is None:
        assert (found, end) == (whole, left)
    else:
        assert found[:-1] == whole
        rest, length, cut = found[-1]
        assert lost.startswith(rest)
        assert length >= len(rest) > 0
        assert cut
        assert not end


def test_a_feed_of_counted_records_is_handed_out_in_pieces_that_stay_in_the_cache() -> None:
    data = bytearray(b"".join(b"%d %s" % (size, b"r" * size) for size in range(1, 1500)))
    pieces = framer("octet", "p", 1 << 20).feed(data, 0, len(data))
    assert max(piece.size for piece in pieces) <= 80 << 10
    assert records_of(pieces) == [(b"r" * size, 0) for size in range(1, 1500)]


BEGINS = [b"", b"\xef", b"\xef\xbb", b"\xef\xbba", BOM_UTF8, BOM_UTF8 * 2]


@given(st.sampled_from(["newline", "octet", "nul"]), st.sampled_from(BEGINS), streams, cuts)
def test_a_mark_before_all_is_taken_off_and_nothing_else(framing: Framing, begin: bytes, parts: list[bytes], cuts: list[int]) -> None:
    data = begin + b"".join(parts)
    one, pieces = MarkedFramer(framer(framing, "p", LONGEST)), []
    for start, stop in pairwise(sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})):
        pieces += one.feed(bytearray(BOM_UTF8 + data[start:stop] + BOM_UTF8), 3, 3 + stop - start)
        if one.broken:
            break
    found = records_of(pieces + one.finish())
    assert one.waiting == 0
    plain, broken = fed(framing, data.removeprefix(BOM_UTF8), [])
    assert bool(one.broken) == bool(broken)
    assert found[:-1] == plain[:-1]
    assert broken or found == plain


@given(streams, cuts)
def test_a_head_has_64_kilobytes(parts: list[bytes], cuts: list[int]) -> None:
    data = b"".join(parts) + b"q" * 70_000 + b"".join(parts).replace(b"\n", b"") + b"\n"
    edges = [cut * 700 for cut in cuts]
    heads = [record for record in fed("newline", data, edges)[0] if record[1]]
    assert heads == [(line[: 64 << 10], len(line)) for line in data[:-1].split(b"\n") if len(line) > LONGEST]


CSV = [b"1,2\n", b'"x\ny",4\n', b'"p\n",5\n', b'"q', b'"', b",", b"\n", b'""', b"\r\n", b"a" * 13, b'z,"\n"\n']


@given(st.lists(st.sampled_from(CSV), max_size=30), cuts)
def test_csv_records_are_those_of_the_same_bytes_in_a_file(parts: list[bytes], cuts: list[int]) -> None:
    data = b"".join([*parts, b"\n"])
    one, longest = Quoting(Records()).framer("newline", "p", 100), 100
    found: list[Record] = []
    for start, stop in pairwise(sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})):
        buffer = bytearray(b'"\n' + data[start:stop] + b'"\n')
        found += records_of(one.feed(buffer, 2, 2 + stop - start))
    found += records_of(one.finish())
    assert one.waiting == 0
    assert b"".join(record + b"\n" for record, _ in found) == data
    if max(map(len, data.split(b"\n"))) <= longest:
        ends = Records().whole(data, final=True).tolist()
        assert found == [(data[start : stop - 1], 0) for start, stop in pairwise([0, *ends])]
