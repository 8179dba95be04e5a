"""The job in Flink SQL by PyFlink: `flink_job.py FILE OUT`. Two slots; a line that cannot be decoded is left out by the format."""

from __future__ import annotations

import sys
from pathlib import Path

from pyflink.table import EnvironmentSettings, TableEnvironment

SETTINGS = {
    "parallelism.default": "2",
    "execution.checkpointing.interval": "5 s",
    "execution.checkpointing.mode": "EXACTLY_ONCE",
    "execution.checkpointing.dir": "file://{out}/checkpoints",
    "table.local-time-zone": "UTC",
}
ORDER = "order_id BIGINT, user_id BIGINT, country STRING, amount DOUBLE, status STRING, ts TIMESTAMP_LTZ(3)"
TABLES = (
    f"""CREATE TABLE orders ({ORDER}, WATERMARK FOR ts AS ts - INTERVAL '30' SECOND) WITH (
  'connector' = 'filesystem', 'path' = 'file://{{data}}', 'format' = 'json',
  'json.ignore-parse-errors' = 'true', 'json.timestamp-format.standard' = 'ISO-8601')""",
    f"""CREATE TABLE accepted ({ORDER}) WITH (
  'connector' = 'filesystem', 'path' = 'file://{{out}}/accepted', 'format' = 'json', 'json.timestamp-format.standard' = 'ISO-8601')""",
    """CREATE TABLE minutes (`minute` TIMESTAMP_LTZ(3), country STRING, orders BIGINT, revenue DOUBLE) WITH (
  'connector' = 'filesystem', 'path' = 'file://{out}/minutes', 'format' = 'json', 'json.timestamp-format.standard' = 'ISO-8601')""",
)
INSERTS = (
    "INSERT INTO accepted SELECT * FROM orders WHERE amount > 0 AND country IS NOT NULL",
    """INSERT INTO minutes
SELECT CAST(window_start AS TIMESTAMP_LTZ(3)), country, count(*), sum(amount)
FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ts), INTERVAL '1' MINUTE))
WHERE amount > 0 AND country IS NOT NULL GROUP BY window_start, window_end, country""",
)


def main(data: Path, out: Path) -> None:
    environment = TableEnvironment.create(EnvironmentSettings.in_streaming_mode())
    for key, value in SETTINGS.items():
        environment.get_config().set(key, value.format(out=out))
    for table in TABLES:
        environment.execute_sql(table.format(data=data, out=out))
    job = environment.create_statement_set()
    for insert in INSERTS:
        job.add_insert_sql(insert)
    job.execute().wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
