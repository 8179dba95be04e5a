"""What a JSON value means in a declared column, in a table, both ways."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

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
    ("BIGINT", b"9007199254740993", 9007199254740993),
    ("BIGINT", b"9007199254740993.5", TYPE),
    ("BIGINT", b"9223372036854775807", 9223372036854775807),
    ("BIGINT", b"9223372036854775808", TYPE),
    ("TINYINT", b"127", 127),
    ("TINYINT", b"128", TYPE),
    ("UTINYINT", b"-1", TYPE),
    ("UBIGINT", b"18446744073709551615", 18446744073709551615),
    ("HUGEINT", b"170141183460469231731687303715884105727", 170141183460469231731687303715884105727),
    ("DOUBLE", b"1", 1.0),
    ("DOUBLE", b"true", TYPE),
    ("DOUBLE", b'"2.5"', 2.5),
    ("DOUBLE", b"1e400", TYPE),
    ("DOUBLE", b"NaN", TYPE),
    ("FLOAT", b"1e39", TYPE),
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
    ("DECIMAL(10,2)", b"12.34", Decimal("12.34")),
    ("DECIMAL(10,2)", b"true", TYPE),
    ("TIMESTAMP", b'"2026-01-01T14:00:00+02:00"', NOON),
    ("TIMESTAMP", b'"2026-01-01 12:00"', NOON),
    ("TIMESTAMP", b"1767225600", TYPE),
    ("TIMESTAMP", b'"infinity"', TYPE),
    ("TIMESTAMPTZ", b'"2026-01-01T14:00:00+02:00"', NOON_UTC),
    ("TIMESTAMPTZ", b'"soon"', TYPE),
    ("DATE", b'"2026-01-01"', date(2026, 1, 1)),
    ("DATE", b"20260101", TYPE),
    ("INTEGER[]", b"[1,2]", [1, 2]),
    ("INTEGER[]", b"3", TYPE),
    ("STRUCT(x INTEGER)", b'{"x":1,"y":2}', {"x": 1}),
]

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
    (b'\x0c{"a":5}\x0b', 5),
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


@pytest.mark.parametrize("name", ["a b", 'say "hi"', "a/b~c", "$.x", "Größe", "select", "a'b"])
def test_column_names_of_any_kind(name: str) -> None:
    session = scratch()
    key = name.replace('"', '\\"').encode()
    for exact in (False, True):
        decoder = Decoder(session, (Column(name, "BIGINT"), Column("b", "VARCHAR")), "json", exact=exact, inferred=True)
        assert outcome(decoder.decode(raw_batch(b'{"%s":5,"b":"x"}\n' % key))) == [(5, "x", None)]
    session.close()
