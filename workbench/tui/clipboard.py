"""Copies by OSC 52, which works over ssh, and into a file, because no terminal says whether it listened."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from textual.app import App

OSC_LIMIT = 74_000
"""Bytes that common terminals take in one OSC 52."""


def copy(app: App[Any], text: str, file: Path | None) -> str:
    """Copies a text.

    Returns:
        where it went, in words: for the toast.
    """
    sent = len(text.encode("utf-8", "replace")) <= OSC_LIMIT
    if sent:
        app.copy_to_clipboard(text)
    saved = file is not None and _save(file, text)
    if sent and saved:
        return f"to the clipboard, and to {file}"
    if saved:
        return f"to {file}; too long for a clipboard"
    return "to the clipboard" if sent else "nowhere: it is too long for a clipboard, and no file could be written"


def _save(file: Path, text: str) -> bool:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as out:
            out.write(text)
    except OSError:
        return False
    return True
