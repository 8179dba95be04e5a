"""The job in Spark Structured Streaming: `spark_job.py FILE OUT`. Two cores, two queries at once, each until the file is read."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession, functions

SETTINGS = {
    "spark.driver.memory": "4g",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.files.maxPartitionBytes": "16m",  # so that both cores read one file
}
ORDER = "order_id BIGINT, user_id BIGINT, country STRING, amount DOUBLE, status STRING, ts TIMESTAMP"


def started(rows: DataFrame, name: str, out: Path) -> Any:
    writer = rows.writeStream.format("json").outputMode("append").queryName(name).trigger(availableNow=True)
    return writer.option("path", str(out / name)).option("checkpointLocation", str(out / "checkpoints" / name)).start()


def main(data: Path, out: Path) -> None:
    (out / "data").mkdir()
    (out / "data" / data.name).symlink_to(data)
    builder = SparkSession.builder.master("local[2]")
    for key, value in SETTINGS.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    orders = session.readStream.schema(ORDER).json(str(out / "data"))
    accepted = orders.where("amount > 0 AND country IS NOT NULL")
    minutes = (
        accepted.withWatermark("ts", "30 seconds")
        .groupBy(functions.window("ts", "1 minute"), "country")
        .agg(functions.count("*").alias("orders"), functions.sum("amount").alias("revenue"))
        .select(functions.col("window.start").alias("minute"), "country", "orders", "revenue")
    )
    for query in (started(accepted, "accepted", out), started(minutes, "minutes", out)):
        query.awaitTermination()
    session.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
