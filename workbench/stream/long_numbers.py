"""Numbers of so many digits that JSON's reader, which takes a number with a fraction for a DOUBLE, does not tell them from others."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from decimal import Decimal

import numpy as np
import numpy.typing as npt

from workbench.stream.decode_types import WIDE, Typed
from workbench.stream.json_fields import json_fields, key_name
from workbench.stream.nesting import leaves, parts, shape_of

Positions = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Words = npt.NDArray[np.uint64]

LONG = 16
"""Digits, and a point: a shorter number is told from all others by its DOUBLE."""
STEP = 8
"""A number as long as that covers two bytes in this distance, one of every eighth."""
FIRST, SIZE = np.uint8(ord(".")), np.uint8(12)
"""The bytes of a number: `.`, `/` (which is none, but lies between) and ten digits."""
ONES = np.uint64(0x0101010101010101)
HIGH, FIRSTS, ROOM, POINTS = ONES * np.uint64(0x80), ONES * np.uint64(0x2E), ONES * np.uint64(0x46), ONES * np.uint64(ord("."))
NUMBER = rb"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|[{}\[\],]')


def exact_kinds(columns: Iterable[Typed]) -> dict[str, str]:
    """The columns to which long numbers matter, with their types. To all others a number is its DOUBLE."""
    return {column.name: column.type for column in columns if any(is_exact(leaf) for leaf in leaves(column.type))}


def is_exact(kind: str) -> bool:
    """Whether a type holds numbers that a DOUBLE does not tell from others."""
    return kind in WIDE or kind.startswith("DECIMAL(")


def long_numbers(data: npt.NDArray[np.uint8]) -> Positions:
    """A place in or beside every long number; never too few, seldom too many."""
    if len(data) < LONG:
        return np.zeros(0, np.int64)
    some = data[::STEP] - FIRST < SIZE
    found: Positions = np.flatnonzero(some[:-1] & some[1:]) * STEP
    words = np.ndarray(len(data) - STEP + 1, "<u8", data.data, 0, (1,))
    found = found[_strange(words[found]) == 0]
    if not len(found):
        return found
    exponents, points = _marks(data, words, found)
    before, behind = words[np.maximum(points - STEP, 0)], words[np.minimum(points + 1, len(words) - 1)]
    points = points[(_strange(before) == 0) | (_strange(behind) == 0)]
    return np.concatenate([exponents, points])


def _marks(data: npt.NDArray[np.uint8], words: Words, found: Positions) -> tuple[Positions, Positions]:
    """The exponents that end these numbers, and their points: those within reach of eight of their bytes, and some point will be."""
    before, end = np.maximum(found - STEP, 0), np.minimum(found + STEP, len(words) - 1)
    after = np.minimum(end + 1, len(words) - 1)
    exponents = np.concatenate([_places(words, after, ONES * np.uint64(ord(e)), _lowest) for e in "eE"])
    points = [_places(words, before, POINTS, _highest), _places(words, found, POINTS, _lowest), _places(words, end, POINTS, _lowest)]
    return exponents[data[exponents - 1] - FIRST < SIZE], np.concatenate(points)


def _places(words: Words, begin: Positions, bytes_: np.uint64, which: Callable[[Words], Positions]) -> Positions:
    marks = _equal(words[begin], bytes_)
    rows = np.flatnonzero(marks)
    return begin[rows] + which(marks[rows])


def _strange(words: Words) -> Words:
    """The high bits of the bytes that no number has; above the lowest some more."""
    return np.asarray(((words - FIRSTS) | (words + ROOM) | words) & HIGH)


def _equal(words: Words, bytes_: np.uint64) -> Words:
    """The high bits of the bytes that are the same; above the lowest some more."""
    unlike = words ^ bytes_
    return np.asarray((unlike - ONES) & ~unlike & HIGH)


def _lowest(bits: Words) -> Positions:
    """The byte of the lowest high bit."""
    return _highest(bits & (~bits + np.uint64(1)))


def _highest(bits: Words) -> Positions:
    """The byte of the highest high bit."""
    return np.asarray(np.frexp(bits.astype(np.float64))[1] // 8 - 1, np.int64)


def all_spelled_out(lines: Sequence[bytes], kinds: Mapping[str, str]) -> list[bytes]:
    """`spelled_out` of many lines: of those that hold no list, no other object, no newline and no escape at once."""
    plain = [i for i, line in enumerate(lines) if b"\\" not in line and b"[" not in line and line.count(b"{") == 1 and b"\n" not in line]
    names = [name for name, kind in kinds.items() if is_exact(kind)]
    told = _field(names).sub(rb'\1"\2"', b"\n".join(lines[i] for i in plain)).split(b"\n") if plain and names else [lines[i] for i in plain]
    spelled = dict(zip(plain, told, strict=True))
    return [spelled[i] if i in spelled else spelled_out(line.decode(), kinds).encode() for i, line in enumerate(lines)]


def _field(names: Collection[str]) -> re.Pattern[bytes]:
    """A field with one of these names and a long number, in a line without other objects and escapes."""
    keys = b"|".join(re.escape(name.encode()) for name in sorted(names))
    return re.compile(rb'("(?:%b)"[ \t\r]*:[ \t\r]*)(?=[-+.eE0-9]{%d})(%b)(?=[ \t\r]*[,}])' % (keys, LONG, NUMBER))


def spelled_out(line: str, kinds: Mapping[str, str]) -> str:
    """A line with the numbers in quotes that would be other numbers as DOUBLEs, where a type of these is made of them."""
    raw = line.encode()
    out, at = b"", 0
    for name, field in json_fields(raw).items():
        if name in kinds:
            out += raw[at : field.value] + _spelled(raw[field.value : field.stop].decode(), kinds[name]).encode()
            at = field.stop
    return (out + raw[at:]).decode()


def _spelled(value: str, kind: str) -> str:
    """A value of JSON for a column of a type."""
    out: list[str] = []
    at = 0
    around: list[str] = []  # the types of the values that are open; "" where none is made of them
    is_key = False
    for token in TOKEN.finditer(value):
        text = token[0]
        if text in ("{", "["):
            around.append(kind)
            kind, is_key = _within(kind, None), text == "{"
        elif text in ("}", "]"):
            kind, is_key = around.pop() if around else "", False
        elif text == ",":
            is_key = bool(around) and shape_of(around[-1]) not in ("list", "array")
        elif text[0] == '"':
            kind, is_key = _within(around[-1], text) if is_key and around else kind, False
        elif is_exact(kind):
            out += [value[at : token.start()], _quoted(text)]
            at = token.end()
    return "".join(out) + value[at:]


def _within(kind: str, key: str | None) -> str:
    """The type of what is in a value: of a STRUCT and a UNION under a key, else of each item."""
    match shape_of(kind):
        case "scalar":
            return ""
        case "list" | "array" | "map":
            return parts(kind)[-1][1]
        case _:
            return "" if key is None else dict(parts(kind)).get(key_name(key), "")


def _quoted(text: str) -> str:
    if len(text) < LONG or not set(text) & set(".eE"):
        return text
    try:
        number = float(text)
        return text if Decimal(repr(number)) == Decimal(text) else f'"{text}"'
    except (ArithmeticError, ValueError):
        return text
