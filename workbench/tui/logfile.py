"""The end of a log file, whatever its size."""

from __future__ import annotations

from pathlib import Path

BLOCK = 64 * 1024


def last_lines(file: Path, lines: int = 8) -> list[str]:
    """The last lines; none when the file cannot be read."""
    try:
        with file.open("rb") as log:
            size = log.seek(0, 2)
            log.seek(max(0, size - BLOCK))
            text = log.read().decode("utf-8", "replace")
    except OSError:
        return []
    return text.splitlines()[-lines:]
