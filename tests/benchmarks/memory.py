"""Peak memory while files of different sizes are taken in: `python -m tests.benchmarks.memory [--rows 5000000 100000000]`.

The larger ones are the smallest one linked in again and again under other names: as many files, read one after the other.
"""

from __future__ import annotations

import argparse
import shutil

from tests.benchmarks.lab import WORKBENCH, measured, orders_file, project, report, sql

PIECE = 5_000_000
"""Rows of the file that is copied."""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, nargs="+", default=[5_000_000, 100_000_000])
    arguments.add_argument("--piece", type=int, default=PIECE)
    arguments.add_argument("--limit", default="128MB", help="the setting memory_limit: what DuckDB may keep in memory")
    given = arguments.parse_args()
    data = orders_file(given.piece)
    found = []
    for rows in given.rows:
        with project() as folder:
            pipeline = folder / "pipelines" / "orders.sql"
            # Without a watermark: every copy but the first would be late, and each late row is listed.
            pipeline.write_text(pipeline.read_text().replace("WATERMARK ts DELAY OF INTERVAL 30 SECONDS", ""))
            (folder / "workbench.toml").write_text(f'memory_limit = "{given.limit}"\n')
            for number in range(rows // given.piece):
                # A copy, not a link: a source knows a file that it has read by what is in it and by its inode.
                shutil.copyfile(data, folder / "data" / f"orders-{number:04}.ndjson")
            cost = measured((*WORKBENCH, "run", "--once"), folder)
            counts = sql(folder, "SELECT rows_in, accepted, rejected FROM workbench.streams")[0]
            size = sum(file.stat().st_size for file in (folder / ".workbench").glob("data.duckdb*"))
        speed = round(rows / cost.wall)
        found.append({"rows": rows, "cost": cost, "rows_a_second": speed, "database_megabytes": size >> 20, "counts": counts})
    report("memory", {"runs": found, "growth": round(found[-1]["cost"].memory / found[0]["cost"].memory, 3)})


if __name__ == "__main__":
    main()
