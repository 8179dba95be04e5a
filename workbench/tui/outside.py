"""Hands a text to $EDITOR and takes it back."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from pathlib import Path

from workbench.errors import UsageError


def edit(text: str) -> str:
    """The text after the editor was left. The terminal must be free.

    Raises:
        UsageError: there is no such editor, or it failed.
    """
    command = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
    with tempfile.TemporaryDirectory(prefix="workbench-") as folder:
        file = Path(folder) / "query.sql"
        file.write_text(text, "utf-8")
        try:
            code = subprocess.run([*command, str(file)], check=False).returncode
        except OSError as error:
            raise UsageError(f"{command[0]}: {error.strerror or error}", "Set EDITOR to the editor that you use.") from error
        if code != 0:
            raise UsageError(f"{command[0]} ended with code {code}; the text is as it was.")
        return file.read_text("utf-8", "replace").removesuffix("\n")
