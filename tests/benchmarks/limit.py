"""The limit: plain DuckDB from the same file to a table and a sum by minute; no reasons, no raw bytes, no offsets, no state."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import duckdb

COLUMNS = "{order_id: 'BIGINT', user_id: 'BIGINT', country: 'VARCHAR', amount: 'DOUBLE', status: 'VARCHAR', ts: 'TIMESTAMP'}"


def load(source: str, database: Path) -> tuple[int, int]:
    """Rows and groups that were stored."""
    connection = duckdb.connect(str(database))
    connection.execute("SET threads = 2")
    connection.execute("CREATE TABLE o (order_id BIGINT, user_id BIGINT, country VARCHAR, amount DOUBLE, status VARCHAR, ts TIMESTAMP)")
    connection.execute(
        f"INSERT INTO o SELECT * FROM read_json('{source}', format = 'newline_delimited', ignore_errors = true, columns = {COLUMNS})"
        " WHERE amount > 0 AND country IS NOT NULL"
    )
    connection.execute(
        "CREATE TABLE w AS SELECT date_trunc('minute', ts) AS m, country, count(*) AS n, sum(amount) AS s FROM o GROUP BY ALL"
    )
    counts = connection.execute("SELECT (SELECT count(*) FROM o), (SELECT count(*) FROM w)").fetchone()
    connection.close()
    assert counts
    return int(counts[0]), int(counts[1])


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        print(*load(sys.argv[1], Path(folder) / "limit.duckdb"))
