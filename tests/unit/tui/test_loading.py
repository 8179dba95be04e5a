"""The screen's process stays light: nothing heavy is imported before the first paint."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("duckdb", "polars", "pyarrow", "numpy", "sqlglot", "httpx", "starlette")


def test_the_terminal_loads_textual_alone() -> None:
    code = "import sys, workbench.tui.app, workbench.tui.screens.welcome; print(*sorted(sys.modules))"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "textual.app" in modules
    assert not [name for name in modules if name.partition(".")[0] in HEAVY]
