"""Encodings other than UTF-8, as the first bytes of an input tell them."""

from __future__ import annotations

MARKS = ((b"\xff\xfe\x00\x00", "UTF-32"), (b"\x00\x00\xfe\xff", "UTF-32"), (b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16"))
"""Byte order marks; none of them is UTF-8."""
LONGEST = 4


def foreign(head: bytes) -> str | None:
    """The encoding that an input, by its first bytes, is written in and that is not read here."""
    return next((encoding for mark, encoding in MARKS if head.startswith(mark)), None)


def unread(name: str, encoding: str) -> str:
    """What its user should know of such an input."""
    return (
        f"{name or 'the input'} begins as {encoding} does, and only UTF-8 is read: its records are rejected, or make no sense; convert it:"
        f" iconv -f {encoding} -t UTF-8"
    )
