"""What DuckDB's JSON parser takes although it is no JSON: a comma before a closing bracket, and the words nan, inf and infinity.

It takes nothing else beyond RFC 8259 (DuckDB 2.0: one such comma, the words in any case and with a minus), and everything in it but
for an escaped half of a surrogate pair.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from workbench.store.names import literal
from workbench.stream.decode_lines import NEWLINE, SPACE, Lines, Positions, past_spaces, rows_of

Bytes = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]

BLOCK = 1 << 20
"""Bytes that are looked at together: they and the flags about them stay in a core's cache."""
TINY = 4096
"""Bytes up to which an expression is quicker than numpy."""
DENSE = 64
"""Bytes for each colon with something odd behind it, below which other ways to look are quicker."""
COMMA, COLON, BRACE = np.uint8(ord(",")), np.uint8(ord(":")), np.uint8(ord("}"))
OPENING = np.uint8(ord("{"))
"""Which `[` is too with one bit set, as `]` is `}`."""
TURN, TURNED = np.uint8(0x36), np.uint8(0x14)
"""By this the bytes that begin a string or a number without a sign come to be not above that, and all others that begin a value are."""
PRINTED, LETTERS = np.uint8(ord(" ") + 1), np.uint8(ord("@") - ord(" ") - 1)
"""Less the first, letters and brackets are not below the second, nor is white space; quotes and digits are."""
ENDING = np.isin(np.arange(256), np.frombuffer(b"nfyNFY", np.uint8))
STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"')
SLACK = re.compile(rb",[ \t\r\n]*[}\]]|[nN][aA][nN]|[iI][nN][fF]")
SLACK_SQL = literal(SLACK.pattern.decode())
STRING_SQL = literal(r'(?s)"([^"\\]|\\.)*"')


def is_slack(line: bytes) -> bool:
    """Whether a line that DuckDB takes is no JSON."""
    bare = STRING.sub(b'"', line) if b"\\" in line else b'"'.join(line.split(b'"')[::2])
    return SLACK.search(bare) is not None


def slack_rows(lines: Lines) -> Positions:
    """The lines that are no JSON, of those that DuckDB takes and that have no odd comma at their end; perhaps some that it does not."""
    places = flat_slack(lines.bytes, lines.scratch)
    suspects = rows_of(slack_places(lines.bytes, lines.scratch) if places is None else places, lines.starts)
    return np.array([row for row in suspects.tolist() if is_slack(lines.line(row))], np.int64)


def strict_sql(text: str) -> str:
    """SQL that is TRUE for a text that, when DuckDB takes it as JSON, is JSON."""
    bare = f"regexp_replace({text}, {STRING_SQL}, '_', 'g')"
    return f"(NOT regexp_matches({text}, {SLACK_SQL}) OR NOT regexp_matches({bare}, {SLACK_SQL}))"


def flat_slack(data: Bytes, scratch: bytearray) -> Positions | None:
    """Places of such words: never too few, seldom too many; None when `slack_places` has to look.

    For lines that have no odd comma at their end: in those without a list and an object in them whatever is odd comes after a colon,
    and so would these.
    """
    found, count = [np.zeros(0, np.int64)], 0
    for at, here, behind, (turned, colons, others) in _blocks(data, scratch):
        np.greater(np.bitwise_xor(behind, TURN, out=turned), TURNED, out=others)
        np.equal(here, COLON, out=colons)
        found.append(_set(np.bitwise_and(colons, others, out=colons)) + at)
        count += len(found[-1])
        if count * DENSE > len(data):
            return None
    places = np.concatenate(found)
    values = past_spaces(data, places[data[places + 1] != NEWLINE] + 1, 1)
    if (data[values] | np.uint8(0x20) == OPENING).any():
        return None
    values = np.minimum(values + (data[values] == ord("-")), len(data) - 3)
    begins = _three(data, values)
    return np.asarray(values[(begins == _word(b"nan")) | (begins == _word(b"inf")) | SPACE[data[values]]])


def slack_places(data: Bytes, scratch: bytearray | None = None) -> Positions:
    """Places of the commas and brackets behind such a comma or word: never too few, seldom too many."""
    if len(data) <= TINY:
        return np.array([found.end() - 1 for found in SLACK.finditer(data.data)], np.int64)
    found = [np.zeros(0, np.int64)]
    scratch = scratch or bytearray(3 * min(len(data), BLOCK))
    for at, before, here, (bytes_, ends, others) in _blocks(data, scratch):
        np.equal(np.bitwise_or(here, np.uint8(0x20), out=bytes_), BRACE, out=ends)
        np.bitwise_and(ends, np.equal(before, COMMA, out=others), out=others)
        found.append(_set(others) + at + 1)
        np.bitwise_or(ends, np.equal(here, COMMA, out=others), out=ends)
        np.greater_equal(np.subtract(before, PRINTED, out=bytes_), LETTERS, out=others)
        found.append(_set(np.bitwise_and(ends, others, out=ends)) + at + 1)
    places = np.concatenate(found)
    return places[_is_behind(data, places)]


def _blocks(data: Bytes, scratch: bytearray) -> Iterator[tuple[int, Bytes, Bytes, tuple[Bytes, Flags, Flags]]]:
    """The bytes in blocks: where each begins, it, the same by one byte later, and memory for flags about it."""
    size = min(BLOCK, len(scratch) // 3)
    bytes_ = np.frombuffer(scratch, np.uint8, 3 * size)
    flags = bytes_.view(np.bool_)
    for at in range(0, len(data) - 1, max(size, 1)):
        stop = min(at + size, len(data) - 1)
        count = stop - at
        room = bytes_[:count], flags[size : size + count], flags[2 * size : 2 * size + count]
        yield at, data[at:stop], data[at + 1 : stop + 1], room


def _set(flags: Flags) -> Positions:
    """Where few of the flags are: numpy's own way looks at each byte for itself."""
    if len(flags) % 8:
        return np.flatnonzero(flags)
    words = np.flatnonzero(flags.view(np.uint64) != 0)
    word, byte = np.nonzero(flags.reshape(-1, 8)[words])
    return np.asarray(words[word] * 8 + byte)


def _is_behind(data: Bytes, places: Positions) -> Flags:
    """Which commas and brackets come after a comma or a word; where too much white space is before them, it may be."""
    before = past_spaces(data, places - 1, -1)
    last = data[before]
    slack = np.asarray((last == COMMA) & (data[places] != COMMA) | SPACE[last])
    words = np.flatnonzero(ENDING[last] & (before > 1))
    ends, begins = _three(data, before[words] - 2), _three(data, np.maximum(before[words] - 7, 0))
    slack[words] |= (ends == _word(b"nan")) | (ends == _word(b"inf")) | (ends == _word(b"ity")) & (begins == _word(b"inf"))
    return slack


def _three(data: Bytes, places: Positions) -> npt.NDArray[np.uint32]:
    """The letters at these places and the two after each, in lower case."""
    first, second, third = (data[places + after].astype(np.uint32) | np.uint32(0x20) for after in range(3))
    return np.asarray(first << np.uint32(16) | second << np.uint32(8) | third)


def _word(word: bytes) -> int:
    return int.from_bytes(word, "big")
