"""What a job wrote, counted from its files afterwards, beside what it should have written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb

from tests.benchmarks.limit import COLUMNS


@dataclass(frozen=True, slots=True)
class Outcome:
    """Accepted rows, groups of minute and country, and what those groups add up to."""

    accepted: int
    minutes: int
    rows_in_minutes: int
    revenue: float


def expected(data: Path) -> Outcome:
    """By plain DuckDB over the file: late rows are in their minutes."""
    query = f"""\
WITH accepted AS (
  SELECT * FROM read_json('{data}', format = 'newline_delimited', ignore_errors = true, columns = {COLUMNS})
  WHERE amount > 0 AND country IS NOT NULL
)
SELECT count(*), count(DISTINCT (date_trunc('minute', ts), country)), count(*), sum(amount) FROM accepted"""
    row = duckdb.connect().execute(query).fetchone()
    assert row
    return Outcome(row[0], row[1], row[2], round(row[3], 2))


def written(out: Path) -> Outcome:
    """The lines below `accepted`, and the JSON lines {orders, revenue} below `minutes`; a `diff` of -1 takes a line back."""
    accepted = sum(file.read_bytes().count(b"\n") for file in _published(out / "accepted"))
    minutes = rows = 0
    revenue = 0.0
    for file in _published(out / "minutes"):
        for line in file.read_text("utf-8").splitlines():
            group = json.loads(line)
            times = group.get("diff", 1)
            minutes += times
            rows += times * group["orders"]
            revenue += times * group["revenue"]
    return Outcome(accepted, minutes, rows, round(revenue, 2))


def _published(folder: Path) -> Iterator[Path]:
    """Files that a reader of the folder may see: not those in progress, nor a system's notes to itself."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not any(part.startswith((".", "_")) for part in path.relative_to(folder).parts):
            yield path
