"""Where the fields of a JSON object are found, also in what is no JSON."""

from __future__ import annotations

import pytest

from workbench.stream.json_fields import json_fields


def fields(line: bytes) -> dict[str, tuple[bytes, bytes]]:
    return {name: (line[start:stop], line[value:stop]) for name, (start, value, stop) in json_fields(line).items()}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b'{"a":1,"b" : [1, {"a":2}] ,"c":"x,}" }', {"a": b"1", "b": b'[1, {"a":2}]', "c": b'"x,}"'}),
        (b'\xef\xbb\xbf {"a":nan,"b":[1,],"c":{"x":-inf,}}', {"a": b"nan", "b": b"[1,]", "c": b'{"x":-inf,}'}),
        (b'{"a":1,"a":2,"\\u0061":3}', {"a": b"1"}),
        (b'{"\\"a\\"":"\\\\","":null,"\xc3\xa9":{}}', {'"a"': b'"\\\\"', "": b"null", "\u00e9": b"{}"}),
        (b'{"a":1,', {"a": b"1"}),
        (b'{"a":"x', {}),
        (b'{"a":"x\\', {}),
        (b'{"\\x":1}', {'"\\x"': b"1"}),
        (b'{"\xff":1}', {"\udcff": b"1"}),
        (b'{"a" 1,:2,"b"::3}', {"b": b":3"}),
        (b'["a",{"b":1}]', {}),
        (b'{"a":\n1\n}\n', {"a": b"1"}),
        (b"}}]{", {}),
        (b"", {}),
    ],
)
def test_fields(line: bytes, expected: dict[str, bytes]) -> None:
    assert {name: value for name, (_, value) in fields(line).items()} == expected


def test_a_field_begins_with_its_key() -> None:
    assert fields(b'{ "a" : 1 , "b":2}') == {"a": (b'"a" : 1', b"1"), "b": (b'"b":2', b"2")}


def test_a_string_without_an_end_is_looked_at_once() -> None:
    assert json_fields(b'{"a":1,"b":"' + b'\\"' * 1_000_000).keys() == {"a"}
