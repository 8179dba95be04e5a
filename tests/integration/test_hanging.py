"""A source that does not answer, as on a mount that hangs, holds up nobody but those who want its rows."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import wait_until
from tests.integration.bench import Bench
from workbench.batch import ChunkBuffer, RawBatch
from workbench.connectors.files.source import FileSource
from workbench.stream import crew, flow

TABLE = "CREATE STREAMING TABLE {0} (n BIGINT) AS SELECT * FROM STREAM read_files('in/{0}.ndjson', format => 'json');\n"


class Mount:
    """Reads for the tables `slow` and `slower` hang while it does, as many as the pump has threads; they hold what a read holds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answers = threading.Event()
        self.answers.set()
        self.asked: set[str] = set()
        read = FileSource.read

        def hang(source: FileSource, buffer: ChunkBuffer, limit: int | None = None) -> RawBatch | None:
            if source.stream != "quick" and not self.answers.is_set():
                with source._lock:
                    self.asked.add(source.stream)
                    self.answers.wait()
            return read(source, buffer, limit)

        monkeypatch.setattr(FileSource, "read", hang)


@pytest.fixture
def mount(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mount]:
    monkeypatch.setattr(crew, "HANGS", 0.1)
    monkeypatch.setattr(flow, "PATIENCE", 0.1)
    made = Mount(monkeypatch)
    yield made
    made.answers.set()


@pytest.fixture
def bench(tmp_path: Path, mount: Mount) -> Iterator[Bench]:
    made = Bench(tmp_path / "shop")
    made.write("".join(map(TABLE.format, ("slow", "slower", "quick"))))
    for name in ("slow", "slower"):
        made.append({"n": 1}, file=f"{name}.ndjson")
    made.start()
    made.until("SELECT (SELECT count(*) FROM slow), (SELECT count(*) FROM slower)", [("1", "1")])
    mount.answers.clear()
    for name in ("slow", "slower"):
        made.append({"n": 2}, file=f"{name}.ndjson")
    wait_until(lambda: len(mount.asked) == 2, "both to hang")
    yield made
    mount.answers.set()
    made.engine.stop()


def test_others_are_read_stored_shown_and_controlled(bench: Bench, mount: Mount) -> None:
    bench.append({"n": 1}, {"n": 2}, file="quick.ndjson")
    bench.until("SELECT count(*) FROM quick", [("2",)])
    streams = {stream.name: stream for stream in bench.engine.snapshot().streams}
    assert streams["quick"].rows_in == 2
    bench.engine.pause("slow")
    bench.engine.resume("slow")
    mount.answers.set()
    bench.until("SELECT n FROM slow ORDER BY n", [("1",), ("2",)])


def test_it_can_be_stopped_and_goes_on_where_it_was(bench: Bench, mount: Mount) -> None:
    plan = bench.engine.plan_control("slow", "stop", {})
    bench.engine.control("slow", "stop", plan.token, {})
    mount.answers.set()
    bench.engine.resume("slow")
    bench.until("SELECT n FROM slow ORDER BY n", [("1",), ("2",)])


def test_an_end_does_not_wait_for_it(bench: Bench) -> None:
    ended = threading.Thread(target=bench.engine.stop, daemon=True)
    ended.start()
    wait_until(lambda: not ended.is_alive(), "the end")
