"""DuckDB, imported once its allocator is told to keep freed pages for a while: half the page faults of an ingest."""

from __future__ import annotations

import os

os.environ.setdefault("DUCKDB_JE_MALLOC_CONF", "oversize_threshold:0,dirty_decay_ms:20000,muzzy_decay_ms:0")

import duckdb

__all__ = ["duckdb"]
