"""What was run before: in memory, and in a file of the project so that it is there next time."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

KEPT = 500


class History:
    """Statements, newest first, each once. A file that cannot be read or written costs only the memory of it.

    Args:
        file: JSON lines, oldest first; None keeps nothing on disk.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self.statements: list[str] = []
        self._load()

    def add(self, sql: str) -> None:
        """Remembers a statement that was run."""
        self._remember(sql)
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.parent.mkdir(parents=True, exist_ok=True)
                with self._file.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(sql, ensure_ascii=False) + "\n")

    def _load(self) -> None:
        if self._file is None:
            return
        try:
            lines = self._file.read_text("utf-8", "replace").splitlines()
        except OSError:
            return
        for line in lines:
            with contextlib.suppress(ValueError):
                sql = json.loads(line)
                if isinstance(sql, str):
                    self._remember(sql)
        if len(lines) > 2 * KEPT:
            self._shorten()

    def _remember(self, sql: str) -> None:
        if sql in self.statements:
            self.statements.remove(sql)
        self.statements.insert(0, sql)
        del self.statements[KEPT:]

    def _shorten(self) -> None:
        assert self._file is not None
        with contextlib.suppress(OSError):
            fresh = self._file.with_suffix(".new")
            fresh.write_text("".join(json.dumps(s, ensure_ascii=False) + "\n" for s in reversed(self.statements)), "utf-8")
            fresh.replace(self._file)
