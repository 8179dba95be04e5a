"""A small project with every kind of trouble in its input, and everything that is stored of it."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from workbench.config import Settings, open_project
from workbench.store.database import open_database

PIPELINE = """
CREATE STREAMING TABLE orders (
  order_id BIGINT NOT NULL, country VARCHAR, amount DOUBLE, ts TIMESTAMPTZ,
  CONSTRAINT positive EXPECT (amount > 0) ON VIOLATION DROP ROW,
  CONSTRAINT known EXPECT (country IS NOT NULL)
) AS SELECT * FROM STREAM read_files('in/*.ndjson', format => 'json');
CREATE STREAMING TABLE big (CONSTRAINT even EXPECT (order_id % 2 = 0) ON VIOLATION DROP ROW)
  AS SELECT order_id, amount FROM STREAM orders WHERE amount > 250;
CREATE MATERIALIZED VIEW by_minute AS
  SELECT window(ts, '1 minute') AS minute, country, count(*) AS orders, sum(amount) AS revenue, max(order_id) AS last_order
  FROM STREAM orders WATERMARK ts DELAY OF INTERVAL 5 SECONDS GROUP BY window(ts, '1 minute'), country;
CREATE MATERIALIZED VIEW totals AS SELECT count(*) AS n, avg(amount) AS mean FROM STREAM big;
"""


def make_project(root: Path, lines: int = 4000, seed: int = 7) -> Path:
    (root / "pipelines").mkdir(parents=True)
    (root / "in").mkdir()
    (root / "pipelines" / "shop.sql").write_text(PIPELINE)
    (root / "in" / "orders.ndjson").write_bytes(b"".join(orders(lines, seed)))
    return root


def orders(count: int, seed: int) -> list[bytes]:
    """Order lines, some of them malformed, blank, of a wrong type, bad, or late."""
    dice = random.Random(seed)
    out = []
    for i in range(count):
        second = i // 10 - (dice.randrange(200) if dice.random() < 0.02 else 0)
        time = f"2026-01-01T{second // 3600 % 24:02}:{second // 60 % 60:02}:{second % 60:02}Z" if second >= 0 else "2025-12-31T23:59:00Z"
        country = dice.choice(['"DE"', '"FR"', '"KR"', "null"])
        amount: Any = round(dice.uniform(-20, 500), 2)
        line = f'{{"order_id":{i},"country":{country},"amount":{amount},"ts":"{time}"}}'.encode()
        fault = dice.random()
        if fault < 0.01:
            line = line[: dice.randrange(len(line))]
        elif fault < 0.02:
            line = b"\xff\xfe not json \x00"
        elif fault < 0.03:
            line = line.replace(b'"order_id":', b'"order_id":true,"x":')
        elif fault < 0.035:
            line = b"  "
        out.append(line + b"\n")
    return out


def stored(root: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Everything that must not depend on where a run was cut."""
    database = open_database(open_project(root, Settings()).database, "256MB", "64MB", (root,))
    try:
        ask = database.writer.execute
        return {
            "orders": ask("SELECT order_id, country, amount, epoch_us(ts), _violations FROM _store.orders ORDER BY rowid"),
            "big": ask("SELECT * EXCLUDE (_commit) FROM _store.big ORDER BY rowid"),
            "quarantine": ask('SELECT stream, rules, raw, file, line, "offset" FROM _system.quarantine ORDER BY stream, line, id'),
            "by_minute": ask("SELECT epoch_us(minute), country, orders, round(revenue, 6), last_order FROM by_minute ORDER BY ALL"),
            "totals": ask("SELECT n, round(mean, 6) FROM totals"),
            "late": ask('SELECT view, epoch_us(event_time), epoch_us(watermark), "row" FROM _system.late ORDER BY ALL'),
            "streams": ask(
                "SELECT name, rows_in, accepted, rejected, filtered, blank, multiplied, bytes FROM workbench.streams ORDER BY name"
            ),
            "offsets": ask("SELECT flow, file, byte, line FROM workbench.offsets ORDER BY ALL"),
            "rules": ask("SELECT stream, rule, total FROM workbench.rules ORDER BY ALL"),
        }
    finally:
        database.close()
