"""Where the fields of a JSON object stand in its bytes, as far as it can be read."""

from __future__ import annotations

import json
import re
from typing import NamedTuple

PART = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?+|[{}\[\],:]', re.DOTALL)
"""A string, or to the end one that is not closed, or what stands between values."""
SPACE = b" \t\r\n"


class Field(NamedTuple):
    """A field in the bytes of its record: where its key begins, where its value does, and the end of both."""

    start: int
    value: int
    stop: int


def json_fields(line: bytes) -> dict[str, Field]:
    """The top-level fields of a JSON object, the first of a name; DuckDB's parser takes more than JSON, and so does this."""
    found: dict[str, Field] = {}
    depth, begin = 0, 0
    key: re.Match[bytes] | None = None
    for part in PART.finditer(line):
        mark = part[0]
        depth += (mark in b"{[") - (mark in b"}]")
        if depth == 1 and key is None and mark[:1] == b'"':
            key = part
        elif depth == 1 and mark == b":" and not begin:
            begin = part.end()
        elif depth == 0 or (depth == 1 and mark == b","):
            if key is not None and begin:
                value = line[begin : part.start()]
                start = begin + len(value) - len(value.lstrip(SPACE))
                name = key_name(key[0].decode("utf-8", "surrogateescape"))
                found.setdefault(name, Field(key.start(), start, begin + len(value.rstrip(SPACE))))
            key, begin = None, 0
    return found


def key_name(key: str) -> str:
    """What a key in its quotes names; one that cannot be read stands for itself."""
    try:
        return str(json.loads(key)) if "\\" in key else key[1:-1]
    except ValueError:
        return key
