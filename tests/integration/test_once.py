"""A run over what is there returns when all of it is stored, whatever another thread is in the middle of."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import wait_until
from tests.door import Door
from tests.integration.bench import Bench
from workbench import inputs
from workbench.batch import ChunkBuffer, RawBatch
from workbench.config import Project, Settings, open_project
from workbench.connectors.files.ration import Ration
from workbench.connectors.files.source import FileSource
from workbench.engine import engine as whole
from workbench.engine.engine import Engine
from workbench.engine.inputs import begin_inputs
from workbench.engine.sources import Sources
from workbench.errors import StoreError

HOUSEKEEPER = "housekeeper"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "shop")
    yield made
    made.engine.stop()


def test_a_look_that_began_before_the_run_does_not_tell_that_nothing_is_there(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    looked, read = threading.Event(), FileSource.read

    def late(source: FileSource, buffer: ChunkBuffer, limit: int | None = None) -> RawBatch | None:
        raw = read(source, buffer, limit)
        if raw is None and arming.is_set():
            arming.clear()
            looked.set()
            wait_until(lambda: bench.engine._pump.flows[0].goals is not None, "the run")
        return raw

    arming = threading.Event()
    monkeypatch.setattr(FileSource, "read", late)
    bench.write("CREATE STREAMING TABLE t (n BIGINT) AS SELECT * FROM STREAM read_files('in/*.ndjson');")
    bench.append({"n": 1})
    bench.start()
    bench.until("SELECT count(*) FROM t", [("1",)])
    arming.set()
    wait_until(looked.is_set, "a look that finds nothing")
    bench.append({"n": 2})
    assert bench.engine.run_once().counts["t"].accepted == 2


def test_what_the_housekeeper_just_found_out_of_an_input_is_read_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has written the pipeline, and the definitions in force are not of it yet."""
    door, returned, begun = Door(), threading.Event(), threading.Event()

    def begin(project: Project, sources: Sources) -> bool:
        if threading.current_thread().name != HOUSEKEEPER:
            return begin_inputs(project, sources) if begun.is_set() else False
        found = begin_inputs(project, sources)
        if found:
            begun.set()
            wait_until(lambda: door.waited.is_set() or returned.is_set(), "the run to look, or to be over")
        return found

    def piped_in_and_told(sources: Sources) -> bool:
        return ended(sources) and begun.is_set()

    ended = Sources.ended
    monkeypatch.setattr(Sources, "ended", piped_in_and_told)
    monkeypatch.setattr(whole, "begin_inputs", begin)
    settings, project = Settings(), open_project(tmp_path, Settings())
    inputs.write_inputs(project, ["-"], None)
    reading, writing = os.pipe()
    os.write(writing, b'{"n": 1}\n{"n": 2}\n')
    os.close(writing)
    engine = Engine(project, settings, input=reading, watch=False)
    monkeypatch.setattr(engine, "_rereading", door, raising=False)
    engine.start()
    try:
        counts: dict[str, Any] = dict(engine.run_once().counts)
        returned.set()
        assert {name: found.accepted for name, found in counts.items()} == {"stdin": 2}
    finally:
        returned.set()
        engine.stop()
        os.close(reading)


def test_a_run_looks_at_the_files_where_looks_are_rare_too(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.write("CREATE STREAMING TABLE t (n BIGINT) AS SELECT * FROM STREAM read_files('in/*.ndjson');")
    bench.append({"n": 1})
    engine = bench.start()
    bench.until("SELECT count(*) FROM t", [("1",)])
    monkeypatch.setattr(Ration, "is_due", lambda ration, now: False)
    bench.append({"n": 2})
    assert engine.run_once().counts["t"].accepted == 2


def test_a_run_for_which_there_is_no_memory_ends_and_says_so(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(capacity: int) -> ChunkBuffer:
        raise OSError(27, "File too large")

    monkeypatch.setattr("workbench.stream.pump.ChunkBuffer", none)
    bench.write("CREATE STREAMING TABLE t (n BIGINT) AS SELECT * FROM STREAM read_files('in/*.ndjson');")
    bench.append({"n": 1})
    engine = bench.start()
    with pytest.raises(StoreError, match=r"OSError: \[Errno 27\] File too large"):
        engine.run_once()
    assert "File too large" in engine.snapshot().streams[0].detail
