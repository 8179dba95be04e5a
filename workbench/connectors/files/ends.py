"""Where the last whole record of a content ends, found without keeping what comes before."""

from __future__ import annotations

import mmap

from workbench.connectors.content import Content
from workbench.connectors.files.overlong import OverlongScan
from workbench.connectors.files.position import Position
from workbench.connectors.lines import Cutter, last_newline

COUNTED = 256 << 20
"""Bytes whose lines are counted when they are passed over."""
STEP = 1 << 20
"""Bytes of packed content that are looked at at once after the last record."""


def far(content: Content, at: Position, size: int) -> bool:
    """Whether the lines from a record's begin to `size` are too many to count."""
    return not content.packed and size - at.byte > COUNTED


def last_end(content: Content, cutter: Cutter, memory: mmap.mmap, at: Position, size: int) -> Position:
    """Just after the last whole record of the first `size` bytes (all, where they are packed), from a record's begin; `far` lines
    are not counted."""
    if far(content, at, size):
        return Position(last_newline(content, memory, size), at.line)
    while content.packed or at.byte < size:
        want = len(memory) if content.packed else min(len(memory), size - at.byte)
        with memoryview(memory) as view, view[:want] as part:
            count = content.read_into(part, at.byte)
        cut = cutter.cut(memory, count, False, len(memory))
        at = Position(at.byte + cut.length, at.line + cut.records)
        if not cut.length and count == len(memory):
            scan = OverlongScan(at.byte, at.line, at.byte)
            while (told := scan.advance(content, memory)) == (False, False):
                pass
            if not told[0]:
                break
            at = Position(scan.at + 1, at.line + 1)
        elif not cut.length or count < want:
            break
    return at


def remainder(content: Content, at: Position, size: int) -> int:
    """The bytes after the last whole record, of the first `size` (all, where they are packed)."""
    if not content.packed:
        return max(0, size - at.byte)
    rest = 0
    while piece := len(content.peek(at.byte + rest, STEP)):
        rest += piece
    return rest
