"""What is packed and is read as it is, as its first bytes tell."""

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


def odd(head: bytes) -> str:
    """What a user should know of a file that begins so; nothing of lines."""
    for sign, how in PACKED.items():
        if head.startswith(sign):
            return f"looks compressed with {how}, which is not unpacked: its bytes are read as lines"
    for sign, (how, ending) in UNNAMED.items():
        if head.startswith(sign):
            return f"looks compressed with {how}, and is not called {ending}: its bytes are read as lines"
    return ""
