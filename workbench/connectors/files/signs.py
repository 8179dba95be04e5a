"""What is not lines of UTF-8, as its first bytes tell."""

from __future__ import annotations

LONGEST = 16
"""Bytes that tell it."""
PACKED = {
    b"BZh91AY&SY": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"PK\x03\x04": "zip",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"\x04\x22\x4d\x18": "lz4",
}
UNNAMED = {b"\x1f\x8b\x08": ("gzip", ".gz"), b"\x28\xb5\x2f\xfd": ("Zstandard", ".zst")}
ENCODED = {b"\xff\xfe\x00\x00": "UTF-32", b"\x00\x00\xfe\xff": "UTF-32", b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}


def odd(head: bytes) -> str:
    """What a user should know of a file that begins so; nothing of lines."""
    if how := _told(PACKED, head):
        return f"looks compressed with {how}, which is not unpacked: its bytes are read as lines"
    for sign, (how, ending) in UNNAMED.items():
        if head.startswith(sign):
            return f"looks compressed with {how}, and is not called {ending}: its bytes are read as lines"
    if how := _told(ENCODED, head):
        return f"looks like {how}: its bytes are read as if they were UTF-8; iconv converts it"
    return ""


def _told(signs: dict[bytes, str], head: bytes) -> str:
    return next((how for sign, how in signs.items() if head.startswith(sign)), "")
