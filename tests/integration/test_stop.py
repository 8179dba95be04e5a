"""What a stop ends, whatever is under way."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.conftest import wait_until
from tests.integration.bench import Bench
from workbench.engine.engine import Engine

TABLE = "CREATE STREAMING TABLE t (n BIGINT) AS SELECT * FROM STREAM read_files('in/*.ndjson');\n"


def test_folders_that_the_housekeeper_was_about_to_watch_are_watched_by_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench, reached, watched = Bench(tmp_path / "shop"), threading.Event(), Engine._watched

    def late(engine: Engine) -> tuple[Path, ...]:
        if threading.current_thread().name == "housekeeper":
            reached.set()
            wait_until(lambda: engine._pump._stopped, "the stop")
        return watched(engine)

    monkeypatch.setattr(Engine, "_watched", late)
    bench.write(TABLE)
    bench.start()
    (bench.root / "more").mkdir()
    bench.write(TABLE.replace("in/", "more/"))
    wait_until(reached.is_set, "the new pipeline")
    bench.engine.stop()
    assert not bench.engine._watcher.alive
