"""What a spool remembers beside its segments: who it is, and how much was lost."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

NAME = "spool.json"


@dataclass(frozen=True, slots=True)
class Book:
    """What a spool remembers beside its segments.

    `generation` goes up when the machine has crashed or was restarted: what it wrote last may be lost, while offsets in the
    database are not, so the same places may come to hold other records.
    """

    id: str
    generation: int = 0
    boot: str = ""
    dropped: int = 0
    """Records that had no room here."""
    dropped_by_kernel: int = 0


def load(folder: Path) -> tuple[Book | None, str]:
    """The book that a folder has, and what is wrong with it, in words."""
    try:
        return Book(**json.loads((folder / NAME).read_text("utf-8"))), ""
    except FileNotFoundError:
        return None, ""
    except (ValueError, TypeError):
        return None, f"{folder / NAME} is damaged: the counters of lost records begin at 0"


def store(folder: Path, book: Book) -> None:
    """Put it in the place of the one before, durably.

    Raises:
        OSError: there is no room for it.
    """
    path = folder / NAME
    fresh = path.with_suffix(".new")
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, json.dumps(asdict(book)).encode())
        os.fsync(fd)
    finally:
        os.close(fd)
    fresh.replace(path)
    sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def boot_id() -> str:
    """Names this run of the machine; where it has no name, this run of the process."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return secrets.token_hex(8)
