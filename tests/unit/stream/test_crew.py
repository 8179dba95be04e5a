"""A thread that a source keeps is replaced until it is back."""

from __future__ import annotations

import threading

import pytest

from tests.conftest import wait_until
from workbench.stream import crew
from workbench.stream.crew import Crew


class Work:
    """What one thread does: ask a source that hangs, once; then look at whether it is still wanted."""

    def __init__(self, count: int) -> None:
        self.answers, self.over = threading.Event(), threading.Event()
        self.at_work: set[str] = set()
        self.to_ask = threading.Semaphore()
        self.crew = Crew(count, self.run)

    def run(self) -> None:
        name = threading.current_thread().name
        self.at_work.add(name)
        while not self.crew.dismissed():
            if self.to_ask.acquire(blocking=False):
                with self.crew.asking("one"):
                    self.answers.wait()
            if self.over.wait(0.01):
                break
        self.at_work.discard(name)


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    monkeypatch.setattr(crew, "HANGS", 0.1)
    return Work(2)


def test_it_is_replaced_and_one_is_too_many_when_it_comes_back(work: Work) -> None:
    work.crew.start()
    wait_until(lambda: len(work.at_work) == 3, "a third thread")
    work.answers.set()
    wait_until(lambda: len(work.at_work) == 2, "two threads")
    work.over.set()
    work.crew.stop()
    assert not work.at_work


def test_an_end_waits_for_all_but_those_that_a_source_keeps(work: Work) -> None:
    work.crew.start()
    wait_until(lambda: len(work.at_work) == 3, "a third thread")
    work.over.set()
    work.crew.stop()
    assert len(work.at_work) == 1
    work.answers.set()


def test_all_are_there_while_nothing_hangs(work: Work) -> None:
    work.to_ask.acquire()
    work.crew.start()
    wait_until(lambda: len(work.at_work) == 2, "both threads")
    assert not work.crew.dismissed()
    work.over.set()
    work.crew.stop()
    assert not work.at_work
