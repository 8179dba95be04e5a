"""What DuckDB's JSON parser takes beyond JSON is found: all of it, wherever it stands."""

from __future__ import annotations

import pyarrow as pa
import pytest

from tests.unit.stream.raws import outcome, raw_batch
from workbench.language.definitions import Column
from workbench.store.names import literal
from workbench.store.session import scratch
from workbench.stream.decode import Decoder
from workbench.stream.json_slack import rows_with_commas, strict_sql

TAKEN = [
    *(b'{"a":{"x":1,}}', b'{"a":[1,]}', b'{"a":1,}', b'{"a":[1, \t]}', b'{"a":[[],]}', b'{"a":[{} ,\r]}'),
    *(b'{"a":%s}' % word for word in (b"NaN", b"nan", b"nAn", b"-nan", b"Infinity", b"-Infinity", b"INFINITY", b"inf", b"-Inf")),
    *(b'{"a": nan , "b":1}', b'{"a":[1,inf]}', b'{"a":[nan]}', b'{"a":{"x":inf},"b":"x"}', b'{"a":"\\"", "b":nan}'),
]
"""By DuckDB, but they are no JSON."""
JSON = [
    *(b'{"a":",}"}', b'{"a":"nan","inf":null}', b'{"a":"\\",]"}', b'{"a":["inf",{}],"b":{}}', b'{"a":"\\\\","b":[true,false,null]}'),
    *(b'{"a":1,"a":2}', b'{"":1}', b'{"a":"\\u0000"}', b'{"a":"\\ud83d\\ude00"}', b'{"a":1e999}', b'{"a":%s}' % (b"9" * 400)),
    *(b'{"a":"\x7f"}', b'{"a":\r\t 1}', b'{"a":%s}' % (b"[" * 1000 + b"]" * 1000), '{"a":"\u2028"}'.encode()),
]
REFUSED = [
    *(
        b'{"a":[,1]}',
        b'{"a":[1,,2]}',
        b'{"a":{,}}',
        b'{"a":1,,"b":2}',
        b'{,"a":1}',
        b'{"a":+inf}',
        b'{"a":1/**/}',
        b'{"a":1}//',
        b"{'a':1}",
    ),
    *(b"{a:1}", b'{"a":"\t"}', b'{"a":"\x01"}', b'{"a":"\x00"}', b'{"a":01}', b'{"a":+1}', b'{"a":.5}', b'{"a":1.}', b'{"a":1.e5}'),
    *(
        b'{"a":-}',
        b'{"a":1e}',
        b'{"a":0x1}',
        b'{"a":1_0}',
        b'{"a":TRUE}',
        b'{"a":None}',
        b'{"a":"\\x41"}',
        b'{"a":"\\v"}',
        b'{"a":"\\u12"}',
    ),
    *(b'{"a":"\\ud800"}', b'{"a":"\\udc00"}', b'{"a":"\\ud83d\\ud83d"}', b'{"a":\x0c1}', b'{"a":\xc2\xa01}', b'{"a":1}{"a":2}'),
    *(b'{"a"=1}', b'{"a" 1}', b'{"a":1 "b":2}', b'{"a":[1 2]}', b'{"a":[1}', b'{"a":1}\x00', b"\xef\xbb\xbf{}"),
]


def test_the_parser_takes_this_and_no_more() -> None:
    """A DuckDB that takes more than it did makes this fail: then the module that is tested here has to know."""
    session = scratch()
    for lines, taken in ((TAKEN, True), (JSON, True), (REFUSED, False)):
        for line in lines:
            assert session.execute("SELECT json_valid(?::VARCHAR)", [line.decode()]) == [(taken,)], line
    session.close()


def test_slack_is_told_from_json() -> None:
    session = scratch()
    for lines, slack in ((TAKEN, True), (JSON, False)):
        for line in lines:
            told = session.execute(f"SELECT {strict_sql(literal(line.decode()))}") if b"\x00" not in line else [(not slack,)]
            assert told == [(not slack,)], line
    session.close()


def test_lines_are_found_where_one_of_the_fields_has_an_odd_comma() -> None:
    lines = [*TAKEN, *JSON, b'{"b":[1,],"a":[1]}', b'{"a":1,"a":[1,]}', b'{"a":[1,}', b"\xff", b""]
    odd = [line for line in TAKEN if b"," in line and not line.endswith((b'"a":1,}', b"inf]}", b"nan}", b"1}", b'"x"}'))]
    for kind in (pa.binary(), pa.string()):
        some = lines if kind == pa.binary() else [line for line in lines if line != b"\xff"]
        found = rows_with_commas(pa.array(some, pa.binary()).cast(kind), {"a", "other"})
        assert [some[row] for row in found.tolist()] == odd
        assert not len(rows_with_commas(pa.array(some, pa.binary()).cast(kind), {"c"}))
    assert rows_with_commas(pa.array([None, '{"a":[1,]}']), {"a"}).tolist() == [1]
    assert not len(rows_with_commas(pa.array([], pa.string()), {"a"}))


def test_what_is_odd_in_a_long_line_is_found_in_one_look() -> None:
    lines = [b'{"a":"' + b'\\"' * 1_000_000, b'{"a":' + b"[" * 100_000 + b"1," + b"]" * 100_000 + b"}"]
    assert rows_with_commas(pa.array(lines, pa.binary()), {"a"}).tolist() == [1]


@pytest.mark.parametrize(("format", "options"), [("csv", (("header", "false"), ("delimiter", ";"))), ("text", ())])
def test_a_column_of_json_takes_json_alone(format: str, options: tuple[tuple[str, str], ...]) -> None:
    session = scratch()
    decoder = Decoder(session, (Column("a", "JSON"),), format, options)  # type: ignore[arg-type]
    assert outcome(decoder.decode(raw_batch(b'{"x":[1,]}\n[nan]\n{"x":["nan,]"]}\n"inf"\n'.replace(b'"inf"', b"[inf]")))) == [
        *(("_type",), ("_type",), ('{"x":["nan,]"]}',), ("_type",)),
    ]
    session.close()
