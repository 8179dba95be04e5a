"""Times that Python has not (nanoseconds, the year 10000) in running states: shown, rebuilt and proven as others are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import wait_until
from tests.integration.bench import Bench
from workbench.store.names import stored

SQL = """
CREATE STREAMING TABLE t (k BIGINT, a TIMESTAMP_NS, d DATE, l DATE[]) AS SELECT * FROM STREAM read_files('in/*.ndjson');
CREATE MATERIALIZED VIEW v AS SELECT k, max(a) AS a, max(d) AS d, max(l) AS l, sum(k) AS s FROM STREAM t GROUP BY k;
CREATE MATERIALIZED VIEW w AS SELECT a, count(*) AS n FROM STREAM t GROUP BY a;
"""
AT, DAY = "2026-01-01 00:00:00.123456789", "99999-01-01"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "shop")
    yield made
    made.engine.stop()


def test_far_times_in_running_states(bench: Bench) -> None:
    bench.write(SQL)
    bench.append({"k": 1000, "a": AT, "d": DAY, "l": [DAY]}, {"k": 1000, "a": "2025-01-01", "d": "2026-01-01", "l": ["2026-01-01"]})
    engine = bench.start()
    bench.until("SELECT count(*) FROM t", [("2",)])
    assert [row.cells for row in wait_until(lambda: engine.state("v", 10).rows)] == [("1000", AT, DAY, f"[{DAY}]", "2,000")]
    assert {row.cells for row in engine.state("w", 10).rows} == {(AT, "1"), ("2025-01-01 00:00:00", "1")}
    assert engine.check_data() == []
    engine.refresh("v", full=True)
    assert engine.check_data() == []
    engine._pump.control(lambda session: session.execute(f"UPDATE {stored('v')} SET _p1 = _p1 - 1")).result()
    assert engine.check_data() != []
