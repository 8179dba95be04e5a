"""Writes what a pane shows to a CSV file; a result goes page by page, so that millions of rows need no memory."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from workbench.tui.engine_api import EngineApi
from workbench.tui.sql.pages import PAGE

Cells = Sequence[str | None]


def file_for(folder: Path, name: str, now: float) -> Path:
    """A name that is not taken: `orders-20261122-172440.csv`."""
    safe = "".join(c if c.isalnum() or c in "-_" else "-" for c in name)[:40] or "export"
    stem = f"{safe}-{time.strftime('%Y%m%d-%H%M%S', time.localtime(now))}"
    path, number = folder / f"{stem}.csv", 2
    while path.exists():
        path, number = folder / f"{stem}-{number}.csv", number + 1
    return path


def write_rows(path: Path, heads: Cells, rows: Sequence[Cells]) -> int:
    """Writes rows that are here already.

    Returns:
        how many.
    """
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(heads)
        writer.writerows(rows)
    return len(rows)


async def write_result(path: Path, heads: Cells, engine: EngineApi, query: str, total: int, progress: Callable[[int], None]) -> int:
    """Writes a whole result; the file has its name only when it is whole.

    Returns:
        how many rows it has.
    """
    part, done = path.with_name(path.name + ".part"), 0
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(heads)
            while done < total:
                page = await engine.page(query, done, PAGE)
                if not page.rows:
                    break
                writer.writerows(page.rows)
                done += len(page.rows)
                progress(done)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return done
