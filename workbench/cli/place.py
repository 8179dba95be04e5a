"""What a folder without pipelines has to offer: files that can be opened, an engine of a project around it."""

from __future__ import annotations

from pathlib import Path

from workbench.config import Settings, open_project
from workbench.filenames import shown
from workbench.launch import answering
from workbench.tui import numbers
from workbench.tui.screens.welcome import Welcome

ENDINGS = (".ndjson", ".jsonl", ".json", ".csv", ".tsv", ".parquet", ".txt", ".log")
PACKED = (".gz", ".zst")


def welcome_facts(folder: Path) -> Welcome:
    """What the welcome says about a folder."""
    files = sorted((p for p in folder.iterdir() if p.is_file() and _opens(p)), key=lambda p: p.stat().st_mtime, reverse=True)
    size = numbers.size(sum(p.stat().st_size for p in files)) if files else ""
    names = tuple(shown(p.name) for p in files)
    for parent in folder.parents:
        if (parent / "pipelines").is_dir() and answering(open_project(parent, Settings())):
            return Welcome(_short(folder), names, size, parent.name, str(parent))
    return Welcome(_short(folder), names, size)


def _opens(path: Path) -> bool:
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() not in PACKED]
    return bool(suffixes) and suffixes[-1] in ENDINGS and not path.name.startswith(".")


def _short(folder: Path) -> str:
    home = Path.home()
    return f"~/{folder.relative_to(home)}" if folder.is_relative_to(home) and folder != home else str(folder)
