"""Where records of a content begin: its first one, and the next one after what was read."""

from __future__ import annotations

from workbench.connectors.content import Content
from workbench.connectors.identity import Identity
from workbench.connectors.lines import Cutter

BOM = b"\xef\xbb\xbf"
HEADER = 1 << 20
"""Bytes that a CSV header may take."""


def next_begin(content: Content, at: int, identity: Identity) -> int:
    """Where the next record begins: after a BOM, or after the late newline of a record that was counted without it."""
    if at == 0 and content.peek(0, 3) == BOM:
        return 3
    if identity.unended and at == identity.tail.stop:
        ahead = content.peek(at, 2)
        if ahead[:1] == b"\n":
            return at + 1
        if ahead == b"\r\n":
            return at + 2
    return at


def first_record(content: Content, cutter: Cutter) -> bytes:
    """A CSV file's header; empty when it does not end within a sane length."""
    for most in (HEADER >> 6, HEADER):
        data = content.peek(0, most).removeprefix(BOM)
        if first := cutter.first(data):
            return first
    return b""
