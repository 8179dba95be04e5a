"""The job in Pathway: `pathway_job.py FILE OUT`. Static mode, which ends with the file; two threads."""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from pathlib import Path

os.environ.setdefault("PATHWAY_THREADS", "2")

import pathway as pw

ORDER = pw.schema_from_types(order_id=int, user_id=int, country=str | None, amount=float, status=str, ts=str)


def main(data: Path, out: Path) -> None:
    for name in ("accepted", "minutes"):
        (out / name).mkdir()
    orders = pw.io.jsonlines.read(data, schema=ORDER, mode="static")
    accepted = orders.filter(orders.country.is_not_none() & (orders.amount > 0))
    pw.io.jsonlines.write(accepted, out / "accepted" / "orders.ndjson")
    timed = accepted.with_columns(at=accepted.ts.dt.strptime("%Y-%m-%dT%H:%M:%S.%fZ"))
    windows = timed.windowby(timed.at, window=pw.temporal.tumbling(duration=timedelta(minutes=1)), instance=timed.country)
    minutes = windows.reduce(
        minute=pw.this._pw_window_start, country=pw.this._pw_instance, orders=pw.reducers.count(), revenue=pw.reducers.sum(pw.this.amount)
    )
    pw.io.jsonlines.write(minutes, out / "minutes" / "minutes.ndjson")
    pw.run(monitoring_level=pw.MonitoringLevel.NONE)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
