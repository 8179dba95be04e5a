"""Commits and reads come when they are due: by the clock, by what is ready, and not while there is no room."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any, cast

import pytest

from workbench.batch import ChunkBuffer, Offset, RawBatch
from workbench.stream import schedule as module
from workbench.stream.allowance import Allowance
from workbench.stream.flow import Flow
from workbench.stream.schedule import ACTIVE_FOR, DRAINING_LOOK, FULL_COMMIT, MANY_READS, Schedule
from workbench.stream.tick import Assembler

CHUNK, POLL, TICK = 1 << 20, 0.25, 0.02


class Stream:
    """What a schedule sees of a flow; `ready` accepted rows in `reads_ready` reads."""

    def __init__(self, name: str = "one") -> None:
        self.names = (name,)
        self.ready = self.reads_ready = self.bytes_ready = self.queued = self.in_flight = 0
        self.runs = self.hungry = True
        self.reading = self.behind = self.dry = self.enough = self.over = self.quiet = False
        self.goals: Any = None
        self.due_at = self.news_at = self.active_until = 0.0
        self.last_file = ""
        self.allowance = Allowance()

    @property
    def has_ready(self) -> bool:
        return self.ready > 0

    @property
    def accepted_ready(self) -> int:
        return self.ready

    @property
    def name(self) -> str:
        return self.names[0]

    def idle(self, now: float, was: bool) -> bool:
        return was if self.reading else self.quiet

    def cut(self, want: int) -> list[tuple[Any, ...]]:
        taken, self.ready = min(want, self.ready), max(0, self.ready - want)
        return [(taken,)]


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch) -> float:
    """The moment at which a schedule asks for the time itself: always the same one."""
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: 500.0))
    return 500.0


def schedule(*flows: Stream, tick: float = TICK, concerned: bool = False) -> Schedule:
    assembler = SimpleNamespace(plan=SimpleNamespace(flows=list(flows)), concerns=lambda tick: concerned)
    return Schedule(cast(Assembler, assembler), POLL, tick, CHUNK)


def found(flow: Stream, schedule: Schedule, more: bool = False, file: str = "f") -> None:
    raw = RawBatch(cast(ChunkBuffer, None), 1, Offset(file, file), Offset(file, file, 1, 1), 0.0)
    schedule.came(cast(Flow, flow), raw, more)


def test_what_is_ready_waits_for_the_tick() -> None:
    flow = Stream()
    plan = schedule(flow)
    flow.ready = 3
    assert plan.commit(1000.0) is not None
    flow.ready = 4
    assert plan.commit(1000.0 + TICK / 4) is None
    assert plan.wait(1000.0 + TICK / 4, committing=False) <= TICK
    tick = plan.commit(1000.0 + TICK)
    assert tick is not None
    assert [(len(pieces), flow.ready) for _, pieces in tick.cuts] == [(1, 0)]


@pytest.mark.parametrize(
    ("ready", "reads", "size"), [(FULL_COMMIT, 1, 1), (1, MANY_READS, 1), (1, 1, 32 << 20)], ids=["rows", "reads", "bytes"]
)
def test_a_full_commit_does_not_wait(ready: int, reads: int, size: int) -> None:
    flow = Stream()
    plan = schedule(flow)
    flow.ready = 1
    assert plan.commit(1000.0) is not None
    flow.ready, flow.reads_ready, flow.bytes_ready = ready, reads, size
    assert plan.commit(1000.0) is not None
    assert flow.ready == 0


def test_a_backlog_fills_its_commit_and_a_drained_one_waits_for_all_of_it() -> None:
    flow = Stream()
    plan = schedule(flow)
    flow.behind, flow.ready = True, 1
    assert plan.commit(1000.0) is not None
    flow.ready = 1
    assert plan.commit(1000.0 + plan.patience / 2) is None
    assert plan.commit(1000.0 + plan.patience) is not None
    plan.patience, flow.ready = math.inf, 1
    assert plan.commit(2000.0) is None
    flow.hungry = False
    assert plan.commit(2000.0) is not None


def test_without_room_nothing_is_due_for_a_while(now: float) -> None:
    flow = Stream()
    plan = schedule(flow)
    flow.ready = FULL_COMMIT
    plan.hold()
    assert plan.commit(now) is None
    assert plan.read(now) is None
    assert plan.wait(now, committing=False) > POLL
    assert plan.read(now + 60) is cast(Flow, flow)
    assert plan.commit(now + 60) is not None


def test_a_full_queue_stops_all_reads() -> None:
    one, other = Stream(), Stream("other")
    plan = schedule(one, other)
    one.queued = plan.queue_limit + 1
    assert plan.read(1000.0) is None
    one.queued = 10
    assert plan.read(1000.0) is cast(Flow, other), "who has least waiting is read first"


def test_a_full_queue_is_committed_though_no_flow_alone_has_much() -> None:
    flows = [Stream(str(n)) for n in range(4)]
    plan = schedule(*flows)
    plan.patience = math.inf
    for flow in flows:
        flow.ready, flow.queued = 1, plan.queue_limit // 3
    assert plan.read(1000.0) is None
    assert plan.commit(1000.0) is not None, "or nothing would ever be read or committed again"


@pytest.mark.parametrize("why", ["runs", "reading", "enough", "due"])
def test_who_is_not_read(why: str) -> None:
    flow = Stream()
    plan = schedule(flow)
    assert plan.read(1000.0) is not None
    flow.runs, flow.reading, flow.enough = why != "runs", why == "reading", why == "enough"
    if why == "due":
        flow.hungry, flow.due_at = False, 1000.1
    assert plan.read(1000.0) is None


def test_while_all_rests_nothing_is_read_and_what_was_read_is_committed() -> None:
    flow = Stream()
    plan = schedule(flow)
    flow.ready, plan.resting = 1, True
    assert plan.read(1000.0) is None
    assert plan.commit(1000.0) is not None


def test_a_flow_that_used_up_its_rate_is_looked_at_later() -> None:
    flow = Stream()
    plan = schedule(flow)
    flow.allowance.limit(100.0)
    assert plan.read(1000.0) is cast(Flow, flow)
    flow.allowance.took(1000, 100_000)
    assert plan.read(1000.001) is None
    assert flow.due_at > 1000.0
    assert not flow.hungry


def test_an_active_source_is_looked_at_with_every_tick_and_a_quiet_one_at_the_polls_pace(now: float) -> None:
    flow = Stream()
    plan = schedule(flow)
    found(flow, plan)
    assert flow.news_at == now
    assert now < flow.due_at <= now + TICK
    plan.rest(cast(Flow, flow), hungry=False)
    assert flow.dry
    assert flow.due_at <= now + TICK
    flow.active_until = now - ACTIVE_FOR
    plan.rest(cast(Flow, flow), hungry=False)
    assert flow.due_at >= now + POLL


def test_of_a_live_file_the_rest_waits_and_of_another_file_it_does_not() -> None:
    flow = Stream()
    plan = schedule(flow)
    hungry = []
    for behind in (False, False, True):
        flow.behind = behind
        found(flow, plan, more=True)
        hungry.append(flow.hungry)
    assert hungry == [True, False, True], "another file, the same one, the same with a backlog"


def test_what_is_drained_is_looked_at_until_nothing_is_found(now: float) -> None:
    flow = Stream()
    flow.goals = object()
    plan = schedule(flow)
    plan.rest(cast(Flow, flow), hungry=True)
    assert not flow.dry, "it was read on, not looked at"
    assert flow.due_at <= now + DRAINING_LOOK


def test_a_quiet_source_lets_windows_close_without_rows() -> None:
    flow = Stream()
    flow.quiet = True
    tick = schedule(flow, concerned=True).commit(1000.0)
    assert tick is not None
    assert not tick.cuts
    assert tick.idle == {"one"}
    assert schedule(flow, concerned=False).commit(1000.0) is None


def test_an_end_is_told_until_it_is_stored() -> None:
    flow = Stream()
    flow.over = True
    plan = schedule(flow, concerned=True)
    for now in (1000.0, 1001.0):
        tick = plan.commit(now)
        assert tick is not None
        assert tick.ended == {"one"}
        last = tick
    plan.committed(last)
    tick = plan.commit(1002.0)
    assert tick is not None
    assert tick.ended == frozenset()


def test_a_source_stays_idle_while_it_is_looked_at() -> None:
    one, other = Stream(), Stream("other")
    plan = schedule(one, other, concerned=True)
    one.quiet, other.ready = True, 1
    for reading in (False, True):
        one.reading, other.ready = reading, 1
        assert plan.commit(1000.0 + reading) is not None
        assert plan.idle == {"one"}
    one.reading = one.quiet = False
    assert plan.commit(1002.0) is not None
    assert plan.idle == frozenset()
    one.reading = True
    assert plan.commit(1003.0) is not None
    assert plan.idle == frozenset(), "it was not, when it was last looked at"


def settled(plan: Schedule) -> bool:
    """Asked anew each time, as a type checker does not expect of a property."""
    return plan.settled


def test_an_end_just_after_a_commit_is_told_at_once_and_nothing_is_settled_before() -> None:
    flow = Stream()
    plan = schedule(flow, concerned=True)
    flow.ready = 1
    assert plan.commit(1000.0) is not None
    assert settled(plan)
    flow.over = True
    assert not settled(plan)
    tick = plan.commit(1000.001)
    assert tick is not None
    assert tick.ended == {"one"}
    assert settled(plan)
    assert plan.commit(1000.002) is None, "whether it is stored or not, it comes again only with the next look"


def test_an_end_that_concerns_no_window_is_settled_too() -> None:
    flow = Stream()
    plan = schedule(flow, concerned=False)
    flow.over = True
    assert plan.commit(1000.0) is None
    assert settled(plan)


def test_an_end_in_a_commit_that_failed_is_told_again_at_once() -> None:
    one, other = Stream(), Stream("other")
    plan = schedule(one, other, concerned=True)
    one.ready = other.ready = 1
    one.over = True
    tick = plan.commit(1000.0)
    assert tick is not None
    assert tick.ended == {"one"}
    plan.failed()
    assert not settled(plan)
    tick = plan.commit(1000.001)
    assert tick is not None
    assert not tick.cuts
    assert tick.ended == {"one"}
