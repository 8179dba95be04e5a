"""Two threads share a flow: what one throws away is not lost by the other, and what is durable is not written again."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from workbench.batch import ChunkBuffer, Lag, Offset, RawBatch
from workbench.config import Settings, open_project
from workbench.connectors.source import Source
from workbench.engine.engine import Engine
from workbench.errors import FlowError, QueryError, StoreError
from workbench.language.definitions import StreamingTable
from workbench.language.project import load
from workbench.store.database import Database
from workbench.store.session import Session
from workbench.stream.flow import Flow
from workbench.stream.output import Output
from workbench.stream.pump import Pump
from workbench.stream.tick import Assembler, Plan

ONE = "CREATE STREAMING TABLE one AS SELECT * FROM STREAM read_files('*.ndjson', format => 'json');"
NOTHING: Any = None


class Numbers:
    """A source of 1, 2, 3, …: the batch that starts at n is n; `before_read` is called once, by the next read's thread."""

    def __init__(self) -> None:
        self.position = 0
        self.broken: Exception | None = None

    def read(self, buffer: ChunkBuffer, limit: int | None = None) -> RawBatch | None:
        if self.broken:
            raise self.broken
        self.position += 1
        return RawBatch(buffer, 1, Offset("n", "n", self.position - 1), Offset("n", "n", self.position), 0.0)

    def offset_at(self, raw: RawBatch, byte: int, line: int) -> Offset:
        return raw.offset

    def committed(self, offset: Offset) -> None:
        raise AssertionError("nothing is committed here")

    def rewind(self) -> None:
        self.position = 0

    def lag(self) -> Lag:
        return Lag()

    idle = ended = undecided = False

    def rescan(self, at_once: bool = False) -> bool:
        return True

    def notices(self) -> list[str]:
        return ["read"]

    def close(self) -> None:
        pass


class LateLock:
    """Another thread gets in just before the first one takes the source's lock."""

    def __init__(self, flow: Flow) -> None:
        self.flow, self.first, self.lock = flow, True, threading.Lock()

    def __enter__(self) -> None:
        if self.first:
            self.first = False
            self.flow.fail(FlowError("the commit failed"))
        self.lock.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()

    def acquire(self, blocking: bool = True) -> bool:
        return self.lock.acquire(blocking)

    def release(self) -> None:
        self.lock.release()


@pytest.fixture
def flow() -> Flow:
    (table,) = load({"a.sql": ONE}).graph.definitions
    return Flow([Output("one", cast(StreamingTable, table), ("n",), "read_files")], cast(Source, Numbers()), lambda session: NOTHING)


@pytest.fixture
def pump(flow: Flow) -> Pump:
    return Pump(cast(Database, SimpleNamespace(writer=NOTHING)), Assembler(Plan([flow]), 0, 0))


def read(pump: Pump, flow: Flow) -> None:
    flow.reading = True
    pump._run_read(flow, cast(Session, NOTHING), ChunkBuffer(4096))


def test_a_read_that_a_failure_overtook_is_read_again(pump: Pump, flow: Flow) -> None:
    flow.source_lock = cast(threading.Lock, LateLock(flow))
    read(pump, flow)
    assert flow.error is not None
    assert not flow.reading
    assert cast(Numbers, flow.source).position == 0


class Deaf:
    """Somebody has the source's lock, and keeps it."""

    def acquire(self, blocking: bool = True) -> bool:
        assert not blocking, "nobody waits for a source under the pump's lock"
        return False


def test_what_is_stored_and_a_way_back_are_told_once_the_source_listens(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[object] = []
    monkeypatch.setattr(Numbers, "committed", lambda self, offset: told.append(offset.byte))
    monkeypatch.setattr(Numbers, "rewind", lambda self: told.append("back"))
    lock, flow.source_lock = flow.source_lock, cast(threading.Lock, Deaf())
    flow.stored(Offset("n", "n", 1))
    flow.rewind()
    flow.stored(Offset("n", "n", 2))
    assert told == []
    flow.source_lock = lock
    flow.settle()
    assert told == [1, 2, "back"], "it goes back to what is stored, not to before that"
    flow.settle()
    assert len(told) == 3


def test_a_failure_during_a_commit_does_not_read_its_records_again(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = [0]
    monkeypatch.setattr(Numbers, "committed", lambda self, offset: stored.__setitem__(0, offset.byte))
    monkeypatch.setattr(Numbers, "rewind", lambda self: setattr(self, "position", stored[0]))
    numbers = cast(Numbers, flow.source)
    numbers.position = 3
    flow.cut(1)
    flow.fail(FlowError("the source failed"))
    assert numbers.position == 0
    flow.stored(Offset("n", "n", 3))
    flow.committed()
    flow.resume()
    assert numbers.position == 3


def test_a_source_that_fails_in_an_unknown_way_stops_its_flow_alone(pump: Pump, flow: Flow) -> None:
    cast(Numbers, flow.source).broken = ValueError("odd")
    read(pump, flow)
    assert isinstance(flow.error, FlowError)
    assert "odd" in flow.error.message


def test_what_the_source_says_reaches_the_flow_once(pump: Pump, flow: Flow) -> None:
    flow.source_lock = cast(threading.Lock, LateLock(flow))
    read(pump, flow)
    assert flow.notices == ["read"]


def test_an_input_is_over_when_its_last_read_is_committed_and_stays_so_while_it_is_looked_at(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Numbers, "ended", True)
    flow.closes_windows = flow.dry = True
    number = flow.begin(RawBatch(NOTHING, 1, Offset("n", "n", 0), Offset("n", "n", 1), 0.0))
    for flow.paused in (False, True):
        assert not over(flow), "its last read is being decoded"
    flow.finish(flow.epoch + 1, number, FlowError("of another time"))
    assert not over(flow)
    flow.reset()
    flow.dry = True
    assert over(flow)
    flow.reading = True
    assert over(flow)
    flow.reset()
    flow.dry = True
    assert not over(flow), "what is being read may be found again"
    flow.reading = False
    assert over(flow)


def over(flow: Flow) -> bool:
    """Asked anew each time, as a type checker does not expect of a property."""
    return flow.over


@pytest.mark.parametrize("error", [StoreError("the disk is full"), FlowError("no")])
def test_an_end_is_not_settled_when_the_flow_beside_it_could_not_be_stored(
    error: Exception, pump: Pump, flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    (table,) = load({"a.sql": ONE}).graph.definitions
    over = Flow([Output("two", cast(StreamingTable, table), ("n",), "read_stdin")], cast(Source, Numbers()), lambda session: NOTHING)
    over.closes_windows = over.dry = over.paused = True
    pump.assembler.plan.flows.append(over)
    monkeypatch.setattr(Numbers, "ended", True)
    monkeypatch.setattr(pump._schedule, "_cuts", lambda now: [(flow, [()])])
    monkeypatch.setattr(pump.assembler, "assemble", _raise(error))
    tick = pump._schedule.commit(math.inf)
    assert tick is not None
    assert tick.ended == {"two"}
    pump._commit(tick)
    assert not pump._schedule.settled


def test_an_end_that_could_not_be_stored_is_told_again(pump: Pump, flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    flow.closes_windows = flow.dry = flow.paused = True
    monkeypatch.setattr(Numbers, "ended", True)
    monkeypatch.setattr(pump.assembler, "concerns", lambda tick: bool(tick.ended))
    for error in (StoreError("the disk is full"), QueryError("no")):
        tick = pump._schedule.commit(math.inf)
        assert tick is not None
        assert tick.ended == {"one"}
        pump._schedule._quiet_at = 0.0
        with monkeypatch.context() as failing:
            failing.setattr(pump.assembler, "assemble", _raise(error))
            pump._commit(tick)
    tick = pump._schedule.commit(math.inf)
    assert tick is not None
    monkeypatch.setattr(pump.assembler, "advance", lambda tick: None)
    pump._take_over(tick)
    pump._schedule._quiet_at = 0.0
    assert pump._schedule.commit(math.inf) is None
    assert pump.notices == ["windows could not be closed: no"]


def _raise(error: Exception) -> Callable[..., Any]:
    def fail(*_: object) -> Any:
        raise error

    return fail


def test_a_command_is_not_awaited_for_ever_when_a_thread_died(pump: Pump, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pump, "_database", SimpleNamespace(session=lambda: SimpleNamespace(close=lambda: None)))
    monkeypatch.setattr(pump, "_due", _raise(RuntimeError("a defect")))
    future = pump.control(lambda session: None)
    with pytest.raises(RuntimeError):
        pump._work()
    assert future.cancelled()
    assert pump.control(lambda session: None).cancelled()


def two_streams(root: Path) -> Engine:
    (root / "pipelines").mkdir(parents=True)
    text = "CREATE STREAMING TABLE {0} (n BIGINT) AS SELECT * FROM STREAM read_files('{0}.ndjson', format => 'json');\n"
    (root / "pipelines" / "a.sql").write_text(text.format("one") + text.format("two"))
    for name in ("one", "two"):
        (root / f"{name}.ndjson").write_text("".join(json.dumps({"n": n}) + "\n" for n in range(5)))
    settings = Settings(tick=0.3, threads=1)
    return Engine(open_project(root, settings), settings)


def test_an_engine_that_cannot_start_gives_everything_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = Path.cwd()
    engine = two_streams(tmp_path / "shop")

    def fail(*_: object) -> None:
        raise StoreError("no room")

    with monkeypatch.context() as patched:
        patched.setattr("workbench.engine.planner.Planner.apply", fail)
        with pytest.raises(StoreError, match="no room"):
            engine.start()
    assert Path.cwd() == here
    again = Engine(engine.project, engine.settings)
    again.start()
    again.stop()


def test_an_observer_that_fails_after_the_commit_does_not_store_it_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the tail cannot show it")

    monkeypatch.setattr("workbench.engine.tail.TailRing.add", fail)
    engine = two_streams(tmp_path / "shop")
    engine.start()
    try:
        summary = engine.run_once()
        assert {name: counts.accepted for name, counts in summary.counts.items()} == {"one": 5, "two": 5}
        assert not summary.failed
        assert engine.check_data() == []
    finally:
        engine.stop()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_run_whose_threads_died_is_no_success(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: object) -> None:
        raise SystemExit

    monkeypatch.setattr("workbench.stream.tick.Assembler.advance", die)
    engine = two_streams(tmp_path / "shop")
    engine.start()
    try:
        with pytest.raises(StoreError, match="thread"):
            engine.run_once()
    finally:
        engine.stop()
