"""Finds the statement under the cursor: semicolons count, except inside quotes, comments and dollar quotes."""

from __future__ import annotations

import re
from typing import NamedTuple

TOKEN = re.compile(
    r"""(?P<skip>--[^\n]*|/\*.*?(?:\*/|\Z)|'(?:[^']|'')*(?:'|\Z)|"(?:[^"]|"")*(?:"|\Z)|\$(?P<tag>(?:[A-Za-z_]\w*)?)\$.*?(?:\$(?P=tag)\$|\Z))"""
    r"""|(?P<end>;)""",
    re.DOTALL,
)
COMMENT = re.compile(r"--[^\n]*|/\*.*?(?:\*/|\Z)", re.DOTALL)
SOURCE = re.compile(r"\b(?:from|view|table)\s+(?:stream\s+)?(?:if\s+(?:not\s+)?exists\s+)?([A-Za-z_][\w.]*)", re.IGNORECASE)
NAME_CELLS = 16


class Statement(NamedTuple):
    """A piece of the text: `text[start:stop]`, without its semicolon and the blanks around it."""

    text: str
    start: int
    stop: int


def statements(text: str) -> list[Statement]:
    """All statements of a text, in order; pieces of only blanks and comments are none."""
    out: list[Statement] = []
    start = 0
    ends = [match.start() for match in TOKEN.finditer(text) if match.group("end")]
    for end in [*ends, len(text)]:
        piece = text[start:end]
        if COMMENT.sub("", piece).strip():
            begin = start + len(piece) - len(piece.lstrip())
            out.append(Statement(piece.strip(), begin, begin + len(piece.strip())))
        start = end + 1
    return out


def statement_at(text: str, offset: int) -> Statement | None:
    """The statement under the cursor: the one that holds it, else the one just before it on the way back."""
    before: Statement | None = None
    for found in statements(text):
        if found.start <= offset <= found.stop:
            return found
        if found.start > offset:
            return before if before is not None and "\n" not in text[before.stop : offset] else found
        before = found
    return before


def offset_of(text: str, row: int, column: int) -> int:
    """The character offset of a place in the editor."""
    lines = text.split("\n")
    return sum(len(line) + 1 for line in lines[:row]) + min(column, len(lines[row]) if row < len(lines) else 0)


def place_of(text: str, offset: int) -> tuple[int, int]:
    """(row, column) in the editor of a character offset."""
    before = text[: max(0, offset)]
    return before.count("\n"), len(before) - (before.rfind("\n") + 1)


def word_at(text: str, offset: int) -> tuple[int, int]:
    """(start, stop) of the word that stands there, or of the one character."""
    if match := re.compile(r"\w+").match(text, offset):
        return match.start(), match.end()
    return offset, min(len(text), offset + 1) if offset < len(text) else offset


def name_of(sql: str) -> str:
    """A short name for a tab: what the statement reads or makes."""
    match = SOURCE.search(COMMENT.sub(" ", sql))
    return match.group(1).rpartition(".")[2][:NAME_CELLS] if match else "query"
