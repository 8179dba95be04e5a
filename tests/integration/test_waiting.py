"""Definitions that wait for a first record cost those that run nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import wait_until
from tests.integration.bench import Bench
from workbench.engine import catalog, engine
from workbench.engine.pipelines import read_project

PIPELINES = """
CREATE STREAMING TABLE later AS SELECT * FROM STREAM read_files('in/later*.ndjson', format => 'json');
CREATE STREAMING TABLE after AS SELECT n FROM STREAM later;
CREATE STREAMING TABLE now (n BIGINT) AS SELECT * FROM STREAM read_files('in/a*.ndjson', format => 'json');
"""


def test_nothing_is_read_anew_until_a_record_comes_that_tells_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    readings, looks = [], []
    arrived = catalog.Catalog.arrived

    def read(*given: Any) -> Any:
        readings.append(given)
        return read_project(*given)

    def look(self: catalog.Catalog) -> bool:
        looks.append(arrived(self))
        return looks[-1]

    monkeypatch.setattr(catalog, "read_project", read)
    monkeypatch.setattr(catalog.Catalog, "arrived", look)
    monkeypatch.setattr(engine, "RETRY", 0.01)
    bench = Bench(tmp_path / "shop")
    bench.write(PIPELINES)
    bench.append({"n": 1})
    bench.append('[{"n": 2}]', "no record", file="later_0.ndjson")
    bench.start()
    try:
        bench.until("SELECT n FROM now", [("1",)])
        before = len(readings)
        wait_until(lambda: len(looks) > 3, "some looks")
        assert len(readings) == before
        bench.append({"n": 2}, file="later_1.ndjson")
        bench.until("SELECT n FROM after", [("2",)])
        assert len(readings) > before
        bench.until("SELECT count(*) FROM workbench.quarantine WHERE stream = 'later'", [("2",)])
    finally:
        bench.engine.stop()
