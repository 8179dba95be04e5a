"""A record is judged on its own: what is no UTF-8, NULL or empty in another one, and where chunks are cut, make no difference."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.unit.stream.raws import NOWHERE, names_of, raw_batch
from workbench.language.definitions import Column, FlowQuery, Format, ReadFiles, StreamingTable
from workbench.store.session import Session, scratch
from workbench.stream import json_decode
from workbench.stream.decode import Decoder
from workbench.stream.explain import Decoders, explain

COLUMNS = (
    Column("a", "VARCHAR", not_null=True),
    Column("b", "DOUBLE"),
    Column("c", "TIMESTAMP_NS", not_null=True),
    Column("d", "DATE[]"),
    Column("e", "JSON"),
)
LINE = (Column("value", "VARCHAR"),)
OPTIONS = (("nullstr", "NA"),)
HEADER = b"a,b,c,d,e,other\n"
NOTHING = (b"", b'""', b"NA", b'"NA"')
BAD = (b"\xff", b'"\xff"', b"x\xc3", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf4\x90\x80\x80", b'"\xff""",', b"\xff\r")
RIGHT = (b"ok", b"1.5", b"2026-01-01T00:00:00.123456789", b'"[2026-01-01]"', b"290000-01-01", b'"{""x"":1}"', b"\xc3\xa9", b" ")
fields = st.sampled_from(NOTHING + BAD + RIGHT)
records = st.lists(fields, min_size=len(COLUMNS) + 1, max_size=len(COLUMNS) + 1).map(b",".join)
BARE = (b"null", b'""', b'"\xff"', b"\xff", b'"\xed\xa0\x80"', b"1.5", b'"x"', b'"2026-01-01"', b'["2026-01-01"]', b'{"x":"\xc0\xaf"}')
objects = st.dictionaries(st.sampled_from(["a", "b", "c", "d", "e", "o\udcff"]), st.sampled_from(BARE), max_size=6).map(
    lambda found: b"{" + b",".join(b'"%s":%s' % (name.encode("utf-8", "surrogateescape"), value) for name, value in found.items()) + b"}"
)


def judged(session: Session, format: Format, records: Sequence[bytes], cuts: Sequence[int], exact: bool) -> list[object]:
    """The outcome of all records, from chunks that end before the `cuts`."""
    columns = LINE if format == "text" else COLUMNS
    decoder = Decoder(session, columns, format, OPTIONS if format == "csv" else (), exact=exact)
    found: list[object] = []
    for start, stop in zip([0, *cuts], [*cuts, len(records)], strict=True):
        if records[start:stop]:
            raw = raw_batch(b"".join(record + b"\n" for record in records[start:stop]), header_line=HEADER if format == "csv" else b"")
            batch = decoder.decode(raw)
            told = [[str(column[row]) for column in batch.table.columns] for row in range(batch.table.num_rows)]
            found += [row if mask == 0 else names_of(mask, ()) for row, mask in zip(told, batch.mask.tolist(), strict=True)]
    return found


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(
        st.tuples(st.just("csv"), st.lists(records, min_size=1, max_size=12)),
        st.tuples(st.just("text"), st.lists(st.one_of(fields, records), min_size=1, max_size=12)),
        st.tuples(st.just("json"), st.lists(objects, min_size=1, max_size=12)),
    ),
    st.lists(st.integers(0, 12), max_size=4).map(sorted),
    st.booleans(),
)
@example(("csv", [b"a,,2026-01-01,,,", b"\xff,1,2026-01-01,,,", b'"",,2026-01-01,,,']), [], False)
def test_a_record_is_judged_alike_in_whatever_chunk(
    monkeypatch: pytest.MonkeyPatch, given: tuple[Format, list[bytes]], cuts: list[int], exact: bool
) -> None:
    monkeypatch.setattr(json_decode, "SMALL", 0)
    format, records = given
    session = scratch()
    alone = judged(session, format, records, range(1, len(records)), exact)
    assert judged(session, format, records, [cut for cut in cuts if cut <= len(records)], exact) == alone
    bad = [b"\xff" in record or not _is_utf8(record) for record in records]
    assert all(verdict == ("_malformed",) for verdict, wrong in zip(alone, bad, strict=True) if wrong and format != "csv")
    assert not any(verdict == ("_malformed",) for verdict, wrong in zip(alone, bad, strict=True) if not wrong)
    session.close()


def _is_utf8(record: bytes) -> bool:
    try:
        record.decode()
    except UnicodeDecodeError:
        return False
    return True


@settings(max_examples=60, deadline=None)
@given(st.one_of(st.tuples(st.just("csv"), records), st.tuples(st.just("json"), objects)))
@example(("csv", b'a,"",2026-01-01,NA,"",x'))
def test_what_is_told_of_a_rejected_record_is_its_verdict(given: tuple[Format, bytes]) -> None:
    format, record = given
    options = OPTIONS if format == "csv" else ()
    table = StreamingTable(
        "t", COLUMNS, (), "", ReadFiles("*", format, options=options), FlowQuery("SELECT * FROM _input", True, ()), "", "", NOWHERE, NOWHERE
    )
    session = scratch()
    batch = Decoder(session, COLUMNS, format, options).decode(raw_batch(record + b"\n", header_line=HEADER if format == "csv" else b""))
    rules = names_of(int(batch.mask[0]), ())
    raw = batch.rejected_raw.to_pylist() or [record]
    found = explain(Decoders(session), raw[0], table, COLUMNS, rules, HEADER if format == "csv" else None)
    assert tuple(dict.fromkeys(verdict.rule for verdict in found.verdicts if verdict.broken)) == rules
    session.close()
