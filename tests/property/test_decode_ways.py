"""The fast and the exact way to decode JSON give the same answer on every input."""

from __future__ import annotations

import json
import re
import sys
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.unit.stream.raws import raw_batch
from workbench.batch import BLANK, Batch
from workbench.language.definitions import Column
from workbench.store.session import scratch
from workbench.stream import json_decode
from workbench.stream.decode import Decoder
from workbench.stream.validate import MALFORMED_BIT, TYPE_BIT

TYPES = [
    *("BIGINT", "UTINYINT", "HUGEINT", "DOUBLE", "FLOAT", "BOOLEAN", "VARCHAR", "JSON", "DECIMAL(10,2)", "INTEGER[]", "STRUCT(x INTEGER)"),
    *("TIMESTAMP", "TIMESTAMPTZ", "TIMESTAMP_NS", "DATE", "TIME", "TIMETZ", "UUID", "BLOB", "BIT", "INTERVAL"),
    *("BIGINT[][]", "STRUCT(x DECIMAL(20,4), y DATE[])", "MAP(VARCHAR, DOUBLE)", "MAP(BIGINT, BOOLEAN[2])", "UNION(x BIGINT, y VARCHAR)"),
    *("UBIGINT", "BIGNUM", "DECIMAL(38,20)", "TIMESTAMP_S", "ENUM('abc', '12')", "STRUCT(x HUGEINT, y JSON)", "VARCHAR[]"),
]
VALUES = [
    *(b"18446744073709551617.0 9007199254740991.7 92233720368547758070e-1 1e30 [1e18] [18446744073709551617.0] 1e-7").split(),
    *(b'{"x":18446744073709551617.0,"y":7.0000000000000000001} "2026-01-01T00:00:00.0000001Z" "2026-01-01T00:00:00\\u002e0000001"').split(),
    *(b"0 1 2 -1 10.7 10.0 1e3 true false null 127 128 255 256 -0 -0.0 0.0 1.0 1e400 -1e400 1e308 NaN -Infinity nan").split(),
    *(b"9007199254740991 9007199254740992 9007199254740993 9223372036854775807 9223372036854775808 18446744073709551616 1e18").split(),
    *(b"9007199254740992.5 12345678901.5 3.5e38 1e-400 5e-324 123456789012345678901234567890 12.345").split(),
    *(b'"abc" "12" "1_000" "0x1F" "1e3" "" "nan" "inf" "-5" "+5" "5-" "true" "t" "9007199254740993.0"').split(),
    *(b'[] [1] [1,"b"] {} {"x":1} {"x":"q","y":null} [1,] [[1.5]] [[7,null],null] {"x":1.5,"y":["2026-01-01"]} {"1":[true,null]}').split(),
    *(b'{"x":1,"x":2} {"1":[true,false],"01":[true]} {"x":7.00000000000000001} [[7.0000000000000000001]] {"y":5}').split(),
    *(b"7.0000000000000000001 6.99999999999999999999 1.0000000000000000001 4503599627370497.5 12345678901234567.8912 7e0 1e1").split(),
    *(b'123456789012.00001 1200000000000000000000e-20 12.34000000000000000001 -7.0000000000000000001e2 "7.0000000000000000001"').split(),
    *(b'1234567890123456 "5\\t" "5 " " 5" "2026-01-01T23:00:00Z" "2026-01-01T02:00:00+02:00" "2026-01-01T12:30:00"').split(b" "),
    *(b'"2026-01-01" "2026-01-01T00:00:00Z" "2026-01-01T00:00:00+02:00" "infinity" "epoch" "12:30" "now" "294248-01-01"').split(),
    *(
        b'"6f1d1b0e-0000-4000-8000-000000000000" "2026-01-01T00:00:00.123456789Z" "2026-13-01" "\\u0031" "a\\nb" "\\ud83d" "\\u0000"'
    ).split(),
    *(b'{"x":1,} [1,,2] [[1,]] {"x":[1,{"y":2,}]} [NaN] {"x":-inf} Infinity inf -nan "inf" ["nan"] {"x":"NaN"} nAn -INFINITY').split(),
    *(b'"12:30:00+02" "12:30:00Z" "0101" "290000000 hours" -170141183460469231731687303715884105728').split(),
    *(b'" 12 "', b'"2026-01-01 10:00"', b'"1 day"', b'"\xff"', b'"\x00"', b'"', b"01", b"tru", b"", b'"a:n"', b'"x :nu"'),
]
PIECES = [
    *(b",} ,] NaN inf -infinity , ,").split(),
    *(b'{ } [ ] , : " \\ / // e - . 0 null "a": "b" {"a":7} a n').split(),
    *(b" ", b"\t", b"\r", b"\x0b", b"\x0c", b"\x00", b"\xff", b"\xc3", b"\xef\xbb\xbf", b"\xc2\xa0", b"\xe2\x80\xa8"),
]
SHAPES = [
    b'{"a":%s}',
    b'{"a":%s,}',
    b'{"a":%s , }\t',
    b'\x0c{"a":%s}',
    b'{"q":1767225600000000,"a":%s,"e":1}',
    b'{"a":%s,"b":"x"}',
    b'{"b":"y", "a" : %s , "zz":{"a":5}}\r',
    b'{"b":null,"q":1,"a":%s,"a":3}',
    b"%s",
    b"  %s ",
]

values = st.sampled_from(VALUES)
lines = st.builds(lambda shape, value: shape % value, st.sampled_from(SHAPES), values)


@st.composite
def broken_lines(draw: st.DrawFn) -> bytes:
    line: bytes = draw(lines)
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(line)))
        line = line[:at] + draw(st.sampled_from(PIECES)) + line[at + draw(st.integers(0, 2)) :]
    return line.replace(b"\n", b"")


PART = re.compile(r""""(?:[^"\\]|\\.)*+"|[{}\[\],:]|[ \t\r]+|[^"{}\[\],: \t\r]+|.""", re.DOTALL)
WORDS = ("nan", "inf", "infinity")
ODD = "<no JSON>"


def read(line: bytes) -> dict[str, Any] | None:
    """One JSON object (RFC 8259) that can be written again, but for white space and a byte order mark; None: a line is none.

    What DuckDB takes although it is no JSON is there as an ODD value: a bare word, and a comma before a closing bracket.
    """
    try:
        text = line.decode().removeprefix("\ufeff").strip(" \t\r\n")
        parts = [part for part in PART.findall(text) if part.strip(" \t\r")]
        for i, part in enumerate(parts):
            if part.lower().removeprefix("-") in WORDS and parts[i + 1 : i + 2] != [":"]:
                parts[i] = f'"{ODD}"'
            elif part == "," and parts[i + 1 : i + 2] in (["]"], ["}"]) and parts[i - 1] not in tuple(",:[{"):
                parts[i] = f', "{ODD}"' + ": 0" * (parts[i + 1] == "}")
        found = json.loads(" ".join(parts), object_pairs_hook=lambda pairs: dict(reversed(pairs)))
        json.dumps(json.loads(" ".join(parts), object_pairs_hook=list), ensure_ascii=False).encode()
    except ValueError:
        return None
    return found if isinstance(found, dict) and ODD not in found else None


def told(batch: Batch) -> list[object]:
    """Everything that can be known of a batch; the values of rejected rows mean nothing."""
    columns = [column.cast("int64") if str(column.type).startswith(("timestamp", "time64")) else column for column in batch.table.columns]
    rows = [[str(column[i]) for column in columns] if v == 0 else None for i, v in enumerate(batch.verdict.tolist())]
    return [batch.table.schema, rows, batch.verdict.tolist(), batch.mask.tolist(), batch.rejected_raw.to_pylist(), batch.notices]


@pytest.mark.skipif(sys.platform != "linux", reason="the fast way reads a memfd")
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(TYPES),
    st.lists(st.one_of(lines, broken_lines(), st.sampled_from([b"", b" \t\r"])), min_size=1, max_size=30),
    st.booleans(),
    st.booleans(),
)
@example("BIGINT", [b"\xef\xbb\xbf", b'{"a":1}'], True, False)
@example("BIGINT", [b'{"a":1}\x0b', b"\x0b", b'{"a":5,"zz":nan}'], True, False)
@example("VARCHAR", [b'{"a":1.7e308}'], False, False)
@example("UNION(x BIGINT, y VARCHAR)", [b'{"c":0,"b":"x"}'], True, False)
def test_both_ways_agree(monkeypatch: pytest.MonkeyPatch, type_: str, records: list[bytes], inferred: bool, as_text: bool) -> None:
    monkeypatch.setattr(json_decode, "SMALL", 0)
    with monkeypatch.context() as patched:
        if as_text:
            patched.setattr("workbench.stream.json_fast.NATIVE", ())
        session = scratch()
        columns = (Column("a", type_), Column("b", "VARCHAR", not_null=True))
        fast, exact = (Decoder(session, columns, "json", inferred=inferred, exact=way) for way in (False, True))
        raw = raw_batch(b"\n".join(records) + b"\n")
        assert told(fast.decode(raw)) == told(exact.decode(raw))
        session.close()


@pytest.mark.skipif(sys.platform != "linux", reason="the fast way reads a memfd")
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(TYPES), st.lists(st.one_of(lines, broken_lines()), min_size=1, max_size=30), st.booleans())
@example("JSON", [b'{"a":[1,],"b":nan}', b'{"b":[1,],"a":1}', b'{"a":nan,"b":[1,,2]}', b'{"a":1,"b":2,}'], True)
def test_a_record_is_refused_for_no_more_than_is_wrong(
    monkeypatch: pytest.MonkeyPatch, type_: str, records: list[bytes], exact: bool
) -> None:
    """`_malformed` is what is no JSON but for odd words and commas within; these are `_type` in all columns but those of text."""
    monkeypatch.setattr(json_decode, "SMALL", 0)
    session = scratch()
    batch = Decoder(session, (Column("a", type_),), "json", inferred=True, exact=exact).decode(raw_batch(b"\n".join(records) + b"\n"))
    rows = [row for row, verdict in enumerate(batch.verdict.tolist()) if verdict != BLANK]
    for row, record in zip(rows, [record for record in records if record.strip(b" \t\r")], strict=True):
        mask, found = int(batch.mask[row]), read(record)
        assert bool(mask & MALFORMED_BIT) == (found is None), record
        if found is None:
            continue
        strict = ODD not in json.dumps(found.get("a"))
        assert type_ != "VARCHAR" or not mask, record
        assert type_ != "JSON" or bool(mask & TYPE_BIT) != strict, record
        assert strict or type_ == "VARCHAR" or mask & TYPE_BIT, record
        rescued = batch.table.column("_rescued_data")[row].as_py()
        if rescued is not None and not mask:
            assert json.loads(rescued, parse_constant=pytest.fail).keys() == found.keys() - {"a"}, record
    session.close()
