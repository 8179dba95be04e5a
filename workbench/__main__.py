"""`python -m workbench` is `workbench`."""

from __future__ import annotations

from workbench.cli.main import program

if __name__ == "__main__":
    program()
