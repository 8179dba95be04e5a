"""A running state with a million open groups: memory of the engine, and what a commit costs then:
`python -m tests.benchmarks.groups [--groups 1000000]`."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from tests.benchmarks.lab import CACHE, WORKBENCH, measured, report, sql

PIPELINE = """\
CREATE STREAMING TABLE clicks (user_id BIGINT, amount BIGINT, ts TIMESTAMPTZ)
AS SELECT * FROM STREAM read_files('data/*.ndjson', format => 'json');
CREATE MATERIALIZED VIEW by_user AS
SELECT window(ts, '1 hour') AS hour, user_id, count(*) AS clicks, sum(amount) AS amount
FROM STREAM clicks WATERMARK ts DELAY OF INTERVAL 1 MINUTE GROUP BY window(ts, '1 hour'), user_id;
"""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--groups", type=int, default=1_000_000)
    given = arguments.parse_args()
    CACHE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE, prefix="groups-") as name:
        folder = Path(name)
        (folder / "pipelines").mkdir()
        (folder / "data").mkdir()
        (folder / "workbench.toml").write_text('memory_limit = "100MB"\nchunk = 2097152\n')
        (folder / "pipelines" / "clicks.sql").write_text(PIPELINE)
        with (folder / "data" / "clicks.ndjson").open("w") as file:
            for round_ in range(3):
                rest = f'"amount":{round_},"ts":"2026-01-01T00:{round_:02}:'
                file.writelines(f'{{"user_id":{user},{rest}{user % 60:02}Z"}}\n' for user in range(given.groups))
        cost = measured((*WORKBENCH, "run", "--once"), folder)
        counts = sql(folder, "SELECT count(*) AS groups, sum(clicks) AS clicks FROM by_user")[0]
    right = (int(counts["groups"]), int(counts["clicks"])) == (given.groups, 3 * given.groups)
    report("groups", {"groups": given.groups, "rows": 3 * given.groups, "cost": cost, "counts_are_right": right})


if __name__ == "__main__":
    main()
