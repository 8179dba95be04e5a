"""What DuckDB's JSON parser takes beyond JSON is found: all of it, wherever it stands."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.stream.raws import outcome, raw_batch
from workbench.language.definitions import Column
from workbench.store.names import literal
from workbench.store.session import scratch
from workbench.stream import json_slack
from workbench.stream.decode import Decoder
from workbench.stream.decode_lines import Lines
from workbench.stream.field_spans import error_place
from workbench.stream.json_slack import flat_slack, is_slack, slack_places, slack_rows, strict_sql

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
            assert is_slack(line) == slack, line
            told = session.execute(f"SELECT {strict_sql(literal(line.decode()))}") if b"\x00" not in line else [(not slack,)]
            assert told == [(not slack,)], line
    session.close()


@pytest.mark.parametrize("block", [1, 7, 64, 1 << 20])
def test_it_is_found_wherever_it_stands(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_slack, "BLOCK", block)
    monkeypatch.setattr(json_slack, "TINY", 0)
    for line in TAKEN:
        for before in range(9):
            data = b"{" + b" " * before + b'}\n{"b":true,"x":"then, ,]"}\n' + line + b'\n{"b":"x"}\n'
            begin = data.index(line)
            found = slack_places(np.frombuffer(data, np.uint8))
            assert any(begin <= place < begin + len(line) for place in found.tolist()), data


def test_only_what_is_no_json_is_left_of_the_suspects(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_slack, "TINY", 0)
    rows = [b'{"":[nan]}', b'{"s":"nan, inf,","x":[ ]}', b'{"s":[1,]}', b'{"s":"a, city, nan","x": 1}', b'{"s": nan, "x":1}', b'{"s":[1]']
    assert slack_rows(Lines(raw_batch(b"\n".join(rows) + b"\n"))).tolist() == [0, 2, 4]


def test_json_is_not_suspected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_slack, "TINY", 0)
    data = b"".join(b'{"b":{"x":1 },"inf":"nan","s":"city, and then, when","n":null,"t":[true, false ],"u":-1.5}\n' for _ in range(9))
    assert not len(slack_places(np.frombuffer(data, np.uint8)))


def test_flat_lines_are_looked_at_behind_their_colons_alone() -> None:
    room = bytearray(999)
    plain = b'{"a":null,"b":-1,"s":"a:b: c, nan","t":true,"f":false,"n":"infinity"}\n' + b'{"bbbbbbbb":"xxxxxxxxxxxxxxxx"}\n' * 30
    found = flat_slack(np.frombuffer(plain, np.uint8), room)
    assert found is not None
    assert not len(found)
    for value in (b"nan", b"-NaN", b" inf", b"\t-Infinity"):
        found = flat_slack(np.frombuffer(plain + b'{"a":%s}\n' % value, np.uint8), room)
        assert found is not None
        assert found.tolist() == [len(plain) + len(b'{"a":' + value) - len(value.lstrip(b"\t -"))]
    for line in (b'{"a":{"x":1}}\n', b'{"a": {}}\n', b'{"a": 1}\n' * 99):
        assert flat_slack(np.frombuffer(plain + line, np.uint8), room) is None


@pytest.mark.parametrize(("format", "options"), [("csv", (("header", "false"), ("delimiter", ";"))), ("text", ())])
def test_a_column_of_json_takes_json_alone(format: str, options: tuple[tuple[str, str], ...]) -> None:
    session = scratch()
    decoder = Decoder(session, (Column("a", "JSON"),), format, options)  # type: ignore[arg-type]
    assert outcome(decoder.decode(raw_batch(b'{"x":[1,]}\n[nan]\n{"x":["nan,]"]}\n"inf"\n'.replace(b'"inf"', b"[inf]")))) == [
        *(("_type",), ("_type",), ('{"x":["nan,]"]}',), ("_type",)),
    ]
    session.close()


def test_the_words_are_named_as_what_is_wrong() -> None:
    assert error_place(b'{"a":[1,-Infinity]}', "json") == ("-Infinity is no value in JSON", None)
