"""The names of files as people read them and databases keep them: text, whatever bytes a name has."""

from __future__ import annotations

import re

ODD = re.compile(r"[\\\x00-\x1f\x7f\udc80-\udcff]")
ESCAPE = re.compile(r"\\(?:\\|x([0-9a-f]{2}))")


def shown(path: str) -> str:
    r"""A path with its odd bytes written out: `\xff` for one that is no UTF-8 or a control character, `\\` for a backslash.

    No two paths are shown alike, and `meant` undoes it.
    """
    return ODD.sub(lambda found: _escape(found[0]), path) if ODD.search(path) else path


def meant(name: str) -> str:
    """The path that is shown so; a backslash that escapes nothing is one."""
    return ESCAPE.sub(lambda found: _unescape(found[1]), name) if "\\" in name else name


def _escape(sign: str) -> str:
    return "\\\\" if sign == "\\" else f"\\x{ord(sign) & 0xFF:02x}"


def _unescape(digits: str | None) -> str:
    return bytes([int(digits, 16)]).decode("utf-8", "surrogateescape") if digits else "\\"
