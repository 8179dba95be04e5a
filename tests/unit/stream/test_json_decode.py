"""What a JSON value means in a declared column, in a table, both ways."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from tests.unit.stream.raws import outcome, raw_batch
from workbench.language.definitions import Column
from workbench.store.session import scratch
from workbench.stream import json_decode
from workbench.stream.decode import Decoder

TYPE = ("_type",)
MALFORMED = ("_malformed",)
NOON_UTC = datetime(2026, 1, 1, 12, tzinfo=UTC)
NOON = NOON_UTC.replace(tzinfo=None)

VALUES: list[tuple[str, bytes, Any]] = [
    ("BIGINT", b"7", 7),
    ("BIGINT", b"0", 0),
    ("BIGINT", b"-0", 0),
    ("BIGINT", b"10.0", 10),
    ("BIGINT", b"1e3", 1000),
    ("BIGINT", b"10.7", TYPE),
    ("BIGINT", b"true", TYPE),
    ("BIGINT", b'"abc"', TYPE),
    ("BIGINT", b'"12"', 12),
    ("BIGINT", b'""', TYPE),
    ("BIGINT", b"[1]", TYPE),
    ("BIGINT", b"null", None),
    ("BIGINT", b"1e1", 10),
    ("BIGINT", b"1e18", 10**18),
    ("BIGINT", b"1e19", TYPE),
    ("BIGINT", b"1200e-2", 12),
    ("BIGINT", b"12e-1", TYPE),
    ("BIGINT", b"1.0000000000000000001", 1),
    ("BIGINT", b"7.0000000000000000001", 7),
    ("BIGINT", b"6.99999999999999999999", 7),
    ("BIGINT", b"4503599627370497.3", 4503599627370497),
    ("BIGINT", b"70000000000000000001e-19", 7),
    ("BIGINT", b"7.00000000000000000000", 7),
    ("BIGINT", b'"1_000"', 1000),
    ("BIGINT", b'" 5 "', 5),
    *((kind, text, TYPE) for kind in ("BIGINT", "DECIMAL(20,2)", "BIGNUM") for text in (b'"_5"', b'"5_"', b'"5__0"', b'"5_.0"', b'"1e_5"')),
    ("BIGINT", b'"5\\t"', 5),
    ("BIGINT", b'"0x1F"', TYPE),
    ("BIGINT", b'"1.0"', 1),
    ("BIGINT", b"9007199254740993", 9007199254740993),
    ("BIGINT", b"9007199254740993.5", TYPE),
    ("BIGINT", b"9007199254740993.0", 9007199254740993),
    ("BIGINT", b"92233720368547758070e-1", 9223372036854775807),
    ("BIGINT", b"9007199254740991.7", TYPE),
    ("BIGINT", b'"1200000000000000000000e-20"', 12),
    ("UBIGINT", b"18446744073709551615.00", 18446744073709551615),
    ("HUGEINT", b"18446744073709551616.0", 18446744073709551616),
    ("HUGEINT", b"18446744073709551617.0", 18446744073709551617),
    ("HUGEINT", b"18446744073709551617.5", TYPE),
    ("HUGEINT", b"-184467440737095516170e-1", -18446744073709551617),
    ("HUGEINT", b"184467440737095516171e-1", TYPE),
    ("HUGEINT", b"1e30", 10**30),
    ("HUGEINT", b"170141183460469231731687303715884105728.0", TYPE),
    ("HUGEINT", b'"18446744073709551617.5"', TYPE),
    ("UHUGEINT", b"18446744073709551617.0", 18446744073709551617),
    ("HUGEINT[]", b"[18446744073709551617.0,-1e20]", [18446744073709551617, -(10**20)]),
    ("BIGINT[]", b"[9007199254740993.5]", TYPE),
    *(("STRUCT(a BIGINT)", b'{"%s":7.0000000000000000001}' % key, MALFORMED) for key in (rb"\x", rb"\u12", b"a\tb", rb"\ud800")),
    ("STRUCT(a BIGINT)", rb'{"\u0061":7.0000000000000000001}', {"a": 7}),
    ("STRUCT(x HUGEINT, y DOUBLE)", b'{"y":18446744073709551617.0,"x":18446744073709551617.0}', {"x": (1 << 64) + 1, "y": float(1 << 64)}),
    ("STRUCT(x HUGEINT, y BLOB)", b'{"y":18446744073709551617.0,"x":18446744073709551617.0}', TYPE),
    ("STRUCT(x DECIMAL(38,9), y JSON)", b'{"x":1,"y":7.0000000000000000001}', {"x": Decimal("1.000000000"), "y": "7.0"}),
    ("STRUCT(x DECIMAL(38,9), y VARCHAR[])", b'{"x":1,"y":[7.0000000000000000001]}', {"x": Decimal("1.000000000"), "y": ["7.0"]}),
    ("BIGINT", b"9223372036854775807", 9223372036854775807),
    ("BIGINT", b"9223372036854775808", TYPE),
    ("TINYINT", b"127", 127),
    ("TINYINT", b"128", TYPE),
    ("UTINYINT", b"-1", TYPE),
    ("UBIGINT", b"18446744073709551615", 18446744073709551615),
    ("HUGEINT", b"170141183460469231731687303715884105727", 170141183460469231731687303715884105727),
    ("HUGEINT", b"-170141183460469231731687303715884105728", TYPE),
    ("UHUGEINT", b"170141183460469231731687303715884105727", 170141183460469231731687303715884105727),
    ("UHUGEINT", b"340282366920938463463374607431768211455", TYPE),
    ("HUGEINT[]", b"[5,-170141183460469231731687303715884105728]", TYPE),
    ("BIGNUM", b"1.5", TYPE),
    ("DOUBLE", b"1", 1.0),
    ("DOUBLE", b"true", TYPE),
    ("DOUBLE", b'"2.5"', 2.5),
    ("DOUBLE", b'"1_0.5"', 10.5),
    ("DOUBLE", b'" 1.5"', 1.5),
    ("DOUBLE", b'"1.5 "', 1.5),
    ("DOUBLE", b"9007199254740993", 9007199254740992.0),
    ("DOUBLE", b"1e400", TYPE),
    ("DOUBLE", b"NaN", TYPE),
    ("DOUBLE", b'"NaN"', TYPE),
    ("VARCHAR", b"Infinity", "Infinity"),
    ("VARCHAR", b'"NaN"', "NaN"),
    ("VARCHAR", b"nAn", "nAn"),
    ("VARCHAR", b'{"x":[-inf,]}', '{"x":[-inf]}'),
    ("JSON", b"nan", TYPE),
    ("JSON", b'{"x":[-Infinity]}', TYPE),
    ("JSON", b'["nan",{"b":"-inf"}]', '["nan",{"b":"-inf"}]'),
    ("JSON", b"[1,]", TYPE),
    ("FLOAT", b"1e39", TYPE),
    ("FLOAT", b"16777217", 16777216.0),
    ("BOOLEAN", b"true", True),
    ("BOOLEAN", b"1", TYPE),
    ("BOOLEAN", b'"true"', TYPE),
    ("VARCHAR", b'"x"', "x"),
    ("VARCHAR", b'""', ""),
    ("VARCHAR", b"1.50", "1.5"),
    ("VARCHAR", b"true", "true"),
    ("VARCHAR", b'{"a": 1}', '{"a":1}'),
    ("VARCHAR", b'"a\\u0000b"', "a\0b"),
    ("JSON", b'"x"', '"x"'),
    ("JSON", b"[1, null]", "[1,null]"),
    ("JSON", b"1e18", "1000000000000000000.0"),
    ("VARCHAR", b"1e18", "1e+18"),
    ("VARCHAR[]", b"[1e18,1e-7,1e400,18446744073709551616]", ["1e+18", "1e-07", "1e400", "18446744073709551616"]),
    ("STRUCT(x VARCHAR, y BIGINT)", b'{"x":1e18,"y":1e1}', {"x": "1e+18", "y": 10}),
    ("DECIMAL(10,2)", b"12.34", Decimal("12.34")),
    ("DECIMAL(10,2)", b"true", TYPE),
    ("DECIMAL(10,2)", b"1.10", Decimal("1.10")),
    ("DECIMAL(10,2)", b"1.1", Decimal("1.10")),
    ("DECIMAL(10,2)", b"1e3", Decimal("1000.00")),
    ("DECIMAL(10,2)", b"1.005", TYPE),
    ("DECIMAL(10,2)", b'"1.005"', TYPE),
    ("DECIMAL(10,2)", b"1.10000000000000000001", TYPE),
    ("DECIMAL(10,2)", b"123456789", TYPE),
    ("DECIMAL(10,2)", b'"1_0"', Decimal("10.00")),
    ("DECIMAL(38,10)", b"12345678901234567.8912345", Decimal("12345678901234567.8912345000")),
    ("DECIMAL(18,0)", b"1e17", Decimal(10**17)),
    ("DECIMAL(38,2)", b"1234567890123456", Decimal("1234567890123456.00")),
    ("DECIMAL(38,2)", b"100000000000000001", Decimal("100000000000000001.00")),
    ("DECIMAL(18,2)", b'"9007199254740993"', Decimal("9007199254740993.00")),
    ("DECIMAL(38,2)", b"100000000000000000000e-5", Decimal("1000000000000000.00")),
    ("DECIMAL(38,2)", b"123456789012345600e-3", Decimal("123456789012345.60")),
    ("DECIMAL(38,2)", b"1234567890123456e-3", TYPE),
    ("DECIMAL(38,2)", b"1234567890123456.125", TYPE),
    ("DECIMAL(38,0)", b"1.7014118346046923e38", TYPE),
    ("DECIMAL(38,0)", b'"1e38"', TYPE),
    ("DECIMAL(10,2)", b"1200000000000000000000e-20", Decimal("12.00")),
    ("DECIMAL(38,20)", b"-999999999999999999999e-3", Decimal("-999999999999999999.999")),
    ("DECIMAL(38,20)", b'"7e-20"', Decimal("7e-20")),
    ("DECIMAL(10,2)", b'"0e400"', Decimal("0.00")),
    ("DECIMAL(10,2)", b'"1e-400"', TYPE),
    ("DECIMAL(20,2)[]", b"[1234567890123456]", [Decimal("1234567890123456.00")]),
    ("TIMESTAMP_S", b'"2025-12-31T23:59:59.9Z"', NOON.replace(2025, 12, 31, 23, 59, 59)),
    ("TIMESTAMP_S", b'"1969-12-31T23:59:58.5Z"', NOON.replace(1969, 12, 31, 23, 59, 58)),
    ("TIMESTAMP_MS", b'"2025-12-31T23:59:59.9999Z"', NOON.replace(2025, 12, 31, 23, 59, 59, 999000)),
    ("TIMESTAMP", b'"2026-01-01T14:00:00+02:00"', NOON),
    ("TIMESTAMP", b'"2026-01-01 12:00"', NOON),
    ("TIMESTAMP", b"1767225600", TYPE),
    ("TIMESTAMP", b'"infinity"', TYPE),
    ("TIMESTAMPTZ", b'"2026-01-01T14:00:00+02:00"', NOON_UTC),
    ("TIMESTAMPTZ", b'"soon"', TYPE),
    ("DATE", b'"2026-01-01"', date(2026, 1, 1)),
    ("DATE", b"20260101", TYPE),
    ("DATE", b'"2026-01-01T23:00:00Z"', TYPE),
    ("DATE", b'"2026-01-01T00:00:00Z"', date(2026, 1, 1)),
    ("DATE", b'"2026-01-01T02:00:00+02:00"', date(2026, 1, 1)),
    ("DATE", b'"2026-01-01T00:00:00+02:00"', TYPE),
    ("DATE", b'"2026-01-01T00:00:00.000000001Z"', TYPE),
    ("DATE", b'"2026-01-01T02:00:00.0000001+02:00"', TYPE),
    ("DATE", b'"2026-01-01T00:00:00\\u002e0000001Z"', TYPE),
    ("DATE", b'"2026-01-01 00:00:00.000000000"', date(2026, 1, 1)),
    ("DATE[]", b'["2026-01-01T00:00:00.0000001Z"]', TYPE),
    ("TIME", b'"12:30"', time(12, 30)),
    ("TIME", b'"2026-01-01T12:30:00"', TYPE),
    ("TIME", b'"2026-01-01"', TYPE),
    ("TIME", b'"12:30:00Z"', time(12, 30)),
    ("TIME", b'"12:30:00+00:00"', time(12, 30)),
    ("TIME", b'"12:30:00+02"', TYPE),
    ("TIME_NS", b'"2026-01-01 12:30"', TYPE),
    ("TIMETZ", b'"12:30:00+02"', "12:30:00+02"),
    ("TIMETZ", b'"12:30:00-07:30"', "12:30:00-07:30"),
    ("TIMETZ", b'"12:30:00Z"', "12:30:00+00"),
    ("TIMETZ", b'"2026-01-01 12:30:00+02"', TYPE),
    ("STRUCT(t TIMETZ, b BIT[])", b'{"t":"12:30:00+02","b":["0101"]}', {"t": "12:30:00+02", "b": ["0101"]}),
    ("BIT", b'"0101"', "0101"),
    ("BIT", b'"2"', TYPE),
    ("BIT", b'""', TYPE),
    ("INTERVAL[]", b'["1 day 12:30:00"]', [pa.MonthDayNano([0, 1, 45_000_000_000_000])]),
    ("INTERVAL", b'"12:30:00 -1 day"', TYPE),
    ("INTERVAL", b'"12:30:00+02"', TYPE),
    ("INTERVAL", b'"12:30:00x"', TYPE),
    ("TIME", b'"epoch"', TYPE),
    ("TIMETZ", b'"epoch"', TYPE),
    ("INTERVAL", b'"9223372036854775807 microseconds"', TYPE),
    ("INTEGER[]", b"[1,2]", [1, 2]),
    ("INTEGER[]", b"3", TYPE),
    ("STRUCT(x INTEGER)", b'{"x":1,"y":2}', {"x": 1}),
    ("BIGINT[]", b'[7,"8",null,1e1]', [7, 8, None, 10]),
    ("BIGINT[]", b'[7,"oops",null]', TYPE),
    ("BIGINT[]", b"[7,2.6]", TYPE),
    ("BIGINT[]", b"[true]", TYPE),
    ("BIGINT[]", b"[7.0000000000000000001]", [7]),
    ("BIGINT[]", b"[]", []),
    ("DOUBLE[]", b"[NaN]", TYPE),
    ("DOUBLE[]", b"[1,]", TYPE),
    ("DOUBLE[]", b"[1.0,-Infinity]", TYPE),
    ("VARCHAR[]", b"[NaN]", TYPE),
    ("STRUCT(x BIGINT)", b'{"x":1,"y":[NaN]}', TYPE),
    ("STRUCT(x BIGINT)", b'{"x":1 ,\t}', TYPE),
    ("MAP(VARCHAR, VARCHAR)", b'{"x":inf}', TYPE),
    ("UNION(n BIGINT, s VARCHAR)", b'{"s":nan}', TYPE),
    ("VARIANT", b"NaN", TYPE),
    ("BOOLEAN", b"NaN", TYPE),
    ("DOUBLE[]", b'["NaN"]', TYPE),
    ("DOUBLE[]", b"[1e400]", TYPE),
    ("DOUBLE[]", b"[1,2.5]", [1.0, 2.5]),
    ("INTEGER[2]", b"[1,2]", [1, 2]),
    ("INTEGER[2]", b"[1,2,3]", TYPE),
    ("BIGINT[][]", b"[[1],null,[]]", [[1], None, []]),
    ("BIGINT[][]", b'[[1],["x"]]', TYPE),
    ("BIGINT[][]", b"[[1],2]", TYPE),
    ("VARCHAR[]", b'["a",1.5,{"b":2},null]', ["a", "1.5", '{"b":2}', None]),
    ("JSON[]", b'["a",1,null]', ['"a"', "1", None]),
    ("DATE[]", b'["2026-01-01"]', [date(2026, 1, 1)]),
    ("DATE[]", b'["2026-01-01T23:00:00Z"]', TYPE),
    ("STRUCT(x BIGINT)", b"{}", {"x": None}),
    ("STRUCT(x BIGINT)", b'{"x":null}', {"x": None}),
    ("STRUCT(x BIGINT)", b'{"X":5}', {"x": None}),
    ("STRUCT(x BIGINT)", b'{"x":"oops"}', TYPE),
    ("STRUCT(x BIGINT)", b"[1,2]", TYPE),
    ("STRUCT(x BIGINT)", b'{"x":1.7}', TYPE),
    ("STRUCT(x BIGINT)", b'{"x":true}', TYPE),
    ("STRUCT(x BIGINT, y STRUCT(z DOUBLE[]))", b'{"y":{"z":[1.5]},"x":1}', {"x": 1, "y": {"z": [1.5]}}),
    ("STRUCT(x BIGINT, y STRUCT(z DOUBLE[]))", b'{"y":{"z":["a"]},"x":1}', TYPE),
    ('STRUCT("a b" DECIMAL(4,1), "q""," VARCHAR)', b'{"a b":1.5,"q\\",":"x"}', {"a b": Decimal("1.5"), 'q",': "x"}),
    ("MAP(VARCHAR, BIGINT)", b'{"a":1,"b":null}', [("a", 1), ("b", None)]),
    ("MAP(VARCHAR, BIGINT)", b'{"a":1,"a":2}', [("a", 1)]),
    ("MAP(VARCHAR, BIGINT)", b'{"a":"x"}', TYPE),
    ("MAP(VARCHAR, BIGINT)", b"[]", TYPE),
    ("MAP(BIGINT, BOOLEAN)", b'{"1":true,"01":false}', [(1, True)]),
    ("MAP(BIGINT, BOOLEAN)", b'{"x":true}', TYPE),
    ("STRUCT(m MAP(VARCHAR, DATE))[]", b'[{"m":{"a":"2026-01-01"}}]', [{"m": [("a", date(2026, 1, 1))]}]),
    ("UNION(n BIGINT, s VARCHAR)", b'{"s":"x"}', "x"),
    ("UNION(n BIGINT, s VARCHAR)", b'{"n":"x"}', TYPE),
    ("UNION(n BIGINT, s VARCHAR)", b"5", TYPE),
]

WORDS = (b"NaN", b"nan", b"-nAn", b"inf", b"-Infinity", b"INFINITY", b"infinity")
WITH_WORDS = (
    *(b'{"a":5,"b":%s}', b'{"b":%s,"a":5}', b'{"a":5,"b": \t%s , "c":1}', b'{"a":5,"b":{"x":%s}}', b'{"a":5,"b":{"y":1,"x":%s}}'),
    *(
        b'{"a":5,"b":[%s]}',
        b'{"a":5,"b":[1,%s]}',
        b'{"a":5,"b":[ %s,1]}',
        b'{"a":5,"b":%s }\r',
        b'{"a":5,"b":' + b" " * 40 + b"%s" + b" " * 40 + b"}",
    ),
)

LINES: list[tuple[bytes, Any]] = [
    (b'{"a":5}', 5),
    (b' {"a" : 5 } \r', 5),
    (b'\xef\xbb\xbf{"a":5}', 5),
    (b'{"a":5,"a":6}', 5),
    (b'{"A":5}', None),
    (b"{}", None),
    (b'{"a":5}{"a":6}', MALFORMED),
    (b'{"a":5} x', MALFORMED),
    (b'{"a":5', MALFORMED),
    (b"[5]", MALFORMED),
    (b"5", MALFORMED),
    (b"null", MALFORMED),
    (b'{"a":5,"b":"\xff"}', MALFORMED),
    (b'{"a":5}\x00', MALFORMED),
    (b'{"a":5,"b":"\x00"}', MALFORMED),
    (b'{"a":5,"b":"\\ud800"}', MALFORMED),
    (b"\xef\xbb\xbf", MALFORMED),
    (b"\x0b", MALFORMED),
    (b'\x0c{"a":5}', MALFORMED),
    (b'{"a":5}\x0b', MALFORMED),
    (b'{"a":5,}', MALFORMED),
    (b'{"a":5 , }\t\r', MALFORMED),
    (b"{" + b" " * 40 + b'"a":5,' + b" " * 40 + b"}", MALFORMED),
    (b" " * 40 + b'{"a":5' + b" " * 40 + b"}" + b" " * 40, 5),
    (b'{"a":5,"b":",}"}', 5),
    (b'{"a":5,"b":{"x":1,}}', 5),
    (b'{"a":5,"b":{"x":1 ,\t}}', 5),
    (b'{"a":5,"b":[1,],"c":2}', 5),
    (b'{"a":5,"b":[[1],2, ]}', 5),
    (b'{"b":[1,],"a":5,}', MALFORMED),
    (b'{"a":NaN,}', MALFORMED),
    (b'{"a":NaN,"b":tru}', MALFORMED),
    (b'{"a":5,"b":[1,,2]}', MALFORMED),
    (b'{"a":5,"b":[' + b" " * 40 + b"1," + b" " * 40 + b"]}", 5),
    *((line % word, 5) for line in WITH_WORDS for word in WORDS),
    *((b'{"a":%s}' % word, TYPE) for word in WORDS),
    *((line % b'"%s"' % word, 5) for line in WITH_WORDS for word in WORDS),
    (b'{"a":5,"b":null,"nan":true,"inf":false}', 5),
    (b'{"a":5,"b":"say \\"inf, nan, ,] ,}"}', 5),
    (b'{"a":5,"b":01}', MALFORMED),
    (b'{"a":5,"b":+1}', MALFORMED),
    (b'{"a":5,"b":.5}', MALFORMED),
    (b'{"a":5,"b":1.}', MALFORMED),
    (b'{"a":5,"b":0x1}', MALFORMED),
    (b"{'a':5}", MALFORMED),
    (b'{"a":5,"b":True}', MALFORMED),
    (b'{"a":5,"b":"\t"}', MALFORMED),
    (b'{"a":5,"b":"\\x41"}', MALFORMED),
    (b'{"a":5}//', MALFORMED),
    (b'{"a":5,/**/"b":1}', MALFORMED),
    (b'{"a":5,"b":' + b"9" * 400 + b"}", 5),
    (b'{"a":5,"b":' + b"[" * 100_000 + b"]" * 100_000 + b"}", 5),
    (b"[" * 100_000, MALFORMED),
    (b"", None),
    (b" \t\r", None),
]


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("as_text", [False, True])
def test_values(exact: bool, as_text: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """`as_text`: the fast way, after it learned to read the column as JSON text."""
    monkeypatch.setattr(json_decode, "SMALL", 0)
    if as_text:
        monkeypatch.setattr("workbench.stream.json_fast.NATIVE", ())
    session = scratch()
    for type_, value, expected in VALUES:
        decoder = Decoder(session, (Column("a", type_), Column("b", "VARCHAR")), "json", exact=exact)
        found = outcome(decoder.decode(raw_batch(b'{"b":"x","a":%s}\n' % value)))[0]
        assert found == (expected if isinstance(expected, tuple) else (expected, "x")), (type_, value)
    session.close()


@pytest.mark.parametrize("exact", [False, True])
def test_lines(exact: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_decode, "SMALL", 0)
    session = scratch()
    decoder = Decoder(session, (Column("a", "BIGINT"),), "json", exact=exact)
    for line, expected in LINES:
        found = outcome(decoder.decode(raw_batch(b'{"a":2}\n' + line + b'\n{"a":3}\n')))
        blank = not line.strip(b" \t\r")
        assert found == [(2,), None if blank else expected if isinstance(expected, tuple) else (expected,), (3,)], line[:40]
    session.close()


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize(
    "type_", ["DOUBLE", "FLOAT", "BIGINT", "UTINYINT", "HUGEINT", "DECIMAL(10,2)", "BIGNUM", "TIMESTAMP", "TIMESTAMPTZ"]
)
@pytest.mark.parametrize("as_text", [False, True])
def test_a_bare_word_is_no_value_of_a_type(type_: str, exact: bool, as_text: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_decode, "SMALL", 0)
    if as_text:
        monkeypatch.setattr("workbench.stream.json_fast.NATIVE", ())
    session = scratch()
    batch = Decoder(session, (Column("a", type_),), "json", exact=exact).decode(raw_batch(b"".join(b'{"a":%s}\n' % word for word in WORDS)))
    assert outcome(batch) == [TYPE] * len(WORDS)
    session.close()


@pytest.mark.parametrize("exact", [False, True])
def test_fields_of_json_are_strict_inside_and_others_are_not_looked_at(exact: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_decode, "SMALL", 0)
    session = scratch()
    cases = {
        b'{"j":[1],"s":[1,],"n":NaN}': ("[1]", "[1]"),
        b'{"j":[1,],"s":"x"}': TYPE,
        b'{"s":"x","\\u006a":[nan]}': TYPE,
        b'{"j":["[1,]"],"j":[1,],"s":inf}': ('["[1,]"]', "inf"),
        b'{"j":[1,],"j":[1]}': TYPE,
        b'{"j":null,"s":"x","t":[nan]}': (None, "x"),
        b'{"j":[1,,2,]}': MALFORMED,
        b'{"j":[1,],"s":"\xff"}': MALFORMED,
        b'{"j":[1,],}': MALFORMED,
        b'{"x":{"j":[1,]},"s":"\\",\\"j\\":[1,]"}': (None, '","j":[1,]'),
    }
    decoder = Decoder(session, (Column("j", "JSON"), Column("s", "VARCHAR")), "json", exact=exact)
    assert outcome(decoder.decode(raw_batch(b"\n".join(cases) + b"\n"))) == list(cases.values())
    session.close()


@pytest.mark.parametrize("exact", [False, True])
def test_what_is_rescued_is_json(exact: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_decode, "SMALL", 0)
    session = scratch()
    cases = {
        b'{"a":1,"n":-nAn,"o":[inf,Infinity,],"s":"[1,] nan"}': '{"n":"-nAn","o":["inf","Infinity"],"s":"[1,] nan"}',
        b'{"a":1,"s":"say \\"nan\\", \\u0001","n":NaN}': '{"s":"say \\"nan\\", \\u0001","n":"NaN"}',
        b'{"a":1,"s":"nan"}': '{"s":"nan"}',
        b'{"a":1,"n":[1,]}': '{"n":[1]}',
    }
    decoder = Decoder(session, (Column("a", "BIGINT"),), "json", inferred=True, exact=exact)
    assert outcome(decoder.decode(raw_batch(b"\n".join(cases) + b"\n"))) == [(1, rest) for rest in cases.values()]
    session.close()


@pytest.mark.parametrize("exact", [False, True])
def test_nanoseconds_are_kept_where_the_type_has_them(exact: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_decode, "SMALL", 0)
    session = scratch()
    for text, expected in (("2026-01-01T02:00:00.123456789+02:00", 1767225600123456789), ("1969-12-31T23:59:59.999999999Z", -1)):
        batch = Decoder(session, (Column("a", "TIMESTAMP_NS"),), "json", exact=exact).decode(raw_batch(b'{"a":"%s"}\n' % text.encode()))
        assert batch.table.column("a").cast("int64").to_pylist() == [expected]
    session.close()


@pytest.mark.parametrize("name", ["a b", 'say "hi"', "a/b~c", "$.x", "Größe", "select", "a'b"])
def test_column_names_of_any_kind(name: str) -> None:
    session = scratch()
    key = name.replace('"', '\\"').encode()
    for exact in (False, True):
        decoder = Decoder(session, (Column(name, "BIGINT"), Column("b", "VARCHAR")), "json", exact=exact, inferred=True)
        assert outcome(decoder.decode(raw_batch(b'{"%s":5,"b":"x"}\n' % key))) == [(5, "x", None)]
    session.close()
