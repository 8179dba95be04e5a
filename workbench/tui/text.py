"""Text that is safe and fits: control characters made visible, cut and wrapped by cells instead of characters."""

from __future__ import annotations

import unicodedata

from rich.cells import cell_len

REPLACEMENT = "�"


def visible(text: str) -> str:
    """The text with nothing in it that a terminal would obey.

    C0 controls become their pictures (`␛`), everything else that does not print (C1, bidi overrides, surrogates, joiners) becomes `�`.
    """
    if text.isprintable():
        return text
    return "".join(_shown(c) for c in text)


def _shown(char: str) -> str:
    if char.isprintable():
        return char
    code = ord(char)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    return " " if unicodedata.category(char) in {"Zs", "Zl", "Zp"} else REPLACEMENT


def tame(text: str) -> str:
    """The same for text of several lines, as in the editor: newlines stay, tabs become spaces."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").expandtabs(4).split("\n")
    return "\n".join(visible(line) for line in lines)


def width(text: str) -> int:
    """Cells that the text takes."""
    return len(text) if text.isascii() else cell_len(text)


def head(text: str, cells: int) -> str:
    """The beginning that fits in so many cells, without a mark."""
    if text.isascii():
        return text[:cells]
    used = 0
    for i, char in enumerate(text):
        used += cell_len(char)
        if used > cells:
            return text[:i]
    return text


def tail(text: str, cells: int) -> str:
    """The end that fits in so many cells, without a mark."""
    return head(text[::-1], cells)[::-1] if cells > 0 else ""


def cut(text: str, cells: int, mark: str = "…") -> str:
    """The text, cut at the right with a mark when it does not fit."""
    if width(text) <= cells:
        return text
    return head(text, cells - 1) + mark if cells > 0 else ""


def cut_middle(text: str, cells: int, mark: str = "…") -> str:
    """The text, cut in the middle: for paths, whose ends say most."""
    if width(text) <= cells:
        return text
    if cells <= 1:
        return mark[:cells]
    left = (cells - 1) // 2
    return head(text, left) + mark + tail(text, cells - 1 - left)


def wrap_raw(raw: str, cells: int) -> list[tuple[int, int]]:
    """Where a raw line breaks: after commas where there are any, never past the width.

    Returns:
        (start, stop) of each piece, in characters.
    """
    pieces: list[tuple[int, int]] = []
    start = 0
    while start < len(raw):
        stop = start + max(1, len(head(raw[start : start + cells], cells)))
        if stop < len(raw):
            comma = raw.rfind(",", start, stop)
            stop = comma + 1 if comma > start else stop
        pieces.append((start, stop))
        start = stop
    return pieces or [(0, 0)]


def wrap_words(text: str, cells: int) -> list[str]:
    """Lines of words for messages; a word that is too long is broken, newlines are kept."""
    out: list[str] = []
    for paragraph in text.split("\n"):
        line = ""
        for word in visible(paragraph).split(" "):
            joined = f"{line} {word}" if line else word
            if width(joined) <= cells:
                line = joined
                continue
            if line:
                out.append(line)
            line = word
            while width(line) > cells > 0:
                piece = head(line, cells) or line[:1]
                out.append(piece)
                line = line[len(piece) :]
        out.append(line)
    return out
