"""What it means that definitions have left the pipelines, in sentences."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from workbench.engine.sentences import listed
from workbench.store.catalog import Entry, Kind

MEANING: Mapping[Kind, tuple[str, str]] = {
    "streaming table": ("is no longer fed", "are no longer fed"),
    "flow": ("brings nothing more", "bring nothing more"),
    "running state": ("is no longer kept up to date", "are no longer kept up to date"),
    "materialized view": ("is no longer refreshed", "are no longer refreshed"),
    "temporary view": ("is no name any more", "are no names any more"),
}
"""For one and for several of a kind."""
STAYS = "what is stored stays until it is dropped"


def departures(root: Path, gone: Iterable[Entry]) -> list[str]:
    """One sentence a file. Args: gone: definitions that were in force, and are in no file any more."""
    by_file: dict[str, dict[Kind, list[str]]] = {}
    for entry in gone:
        by_file.setdefault(entry.file, {}).setdefault(entry.kind, []).append(entry.name)
    # A Path would raise of a folder that cannot be read.
    return [_sentence(file, os.access(root / file, os.F_OK), kinds) for file, kinds in by_file.items()]


def _sentence(file: str, exists: bool, kinds: Mapping[Kind, list[str]]) -> str:
    parts = [f"{listed(kinds[kind])} {one if len(kinds[kind]) == 1 else more}" for kind, (one, more) in MEANING.items() if kind in kinds]
    if set(kinds) != {"temporary view"}:
        parts.append(STAYS)
    return f"{file} {'has changed' if exists else 'is gone'}: {'; '.join(parts)}"
