"""The rooms that a start leaves closed."""

from __future__ import annotations

import importlib

LATE = (
    "pyarrow.parquet",
    "watchfiles",
    *(f"workbench.connectors.{name}" for name in ("rate", "sockets.opening", "spool.source", "pipes.source")),
    *(f"workbench.engine.{name}" for name in ("check", "control", "datasets", "drift", "inspection", "opened", "rewinding", "skipping")),
    "workbench.engine.snapshot",
    *(f"workbench.language.{name}" for name in ("gate", "travel")),
    *(f"workbench.store.{name}" for name in ("query", "rewind", "travel")),
    *(f"workbench.stream.{name}" for name in ("csv_decode", "parquet_decode", "text_decode")),
)
"""What brings along all that is imported late somewhere."""


def open_all() -> None:
    """Import all that an engine which serves for long may need some day: an upgrade underneath would give it another version of that.

    A run over what is there is over before; it imports late.
    """
    for name in LATE:
        importlib.import_module(name)
