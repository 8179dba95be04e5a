"""The job in Bytewax: `bytewax_job.py FILE OUT`. One worker, since a file is read by one and Python holds one lock."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import bytewax.operators as op
import orjson
from bytewax.connectors.files import FileSink, FileSource
from bytewax.dataflow import Dataflow
from bytewax.operators.windowing import EventClock, TumblingWindower, fold_window
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.run import cli_main

MINUTE = timedelta(minutes=1)
Order = dict[str, Any]
Sum = tuple[int, float]


def accepted(line: str) -> tuple[str, tuple[str, Order]] | None:
    try:
        order = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    if order["country"] is None or not order["amount"] > 0:
        return None
    return order["country"], (line, order)


def event_time(item: tuple[str, Order]) -> datetime:
    return datetime.fromisoformat(item[1]["ts"])


def add(total: Sum, item: tuple[str, Order]) -> Sum:
    return total[0] + 1, total[1] + item[1]["amount"]


def merge(one: Sum, other: Sum) -> Sum:
    return one[0] + other[0], one[1] + other[1]


def minute_line(keyed: tuple[str, tuple[int, Sum]]) -> tuple[str, str]:
    country, (minute, (orders, revenue)) = keyed
    line = orjson.dumps({"minute": minute, "country": country, "orders": orders, "revenue": revenue})
    return country, line.decode()


def flow(data: Path, out: Path) -> Dataflow:
    dataflow = Dataflow("orders")
    lines = op.input("lines", dataflow, FileSource(data, batch_size=10_000))
    orders = op.filter_map("accepted", lines, accepted)
    op.output("accepted_file", op.map_value("line", orders, lambda item: item[0]), FileSink(out / "accepted" / "orders.ndjson"))
    clock = EventClock(event_time, wait_for_system_duration=timedelta(seconds=30))
    windower = TumblingWindower(length=MINUTE, align_to=datetime(2026, 1, 1, tzinfo=UTC))
    minutes = fold_window("minutes", orders, clock, windower, lambda: (0, 0.0), add, merge, ordered=False)
    op.output("minutes_file", op.map("minute_line", minutes.down, minute_line), FileSink(out / "minutes" / "minutes.ndjson"))
    return dataflow


def main(data: Path, out: Path) -> None:
    for name in ("accepted", "minutes", "recovery"):
        (out / name).mkdir()
    init_db_dir(out / "recovery", 1)
    cli_main(flow(data, out), epoch_interval=timedelta(seconds=5), recovery_config=RecoveryConfig(out / "recovery"))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
