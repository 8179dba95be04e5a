from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from workbench.engine.late import Late
from workbench.errors import EngineUnavailable


def test_nothing_is_made_before_somebody_asks() -> None:
    made: list[int] = []

    def make() -> int:
        made.append(1)
        return len(made)

    late = Late(make)
    assert not made
    assert [late(), late()] == [1, 1]
    assert late.made == 1


def test_all_who_ask_at_once_get_the_same() -> None:
    asked, all_asked = threading.Semaphore(0), threading.Event()
    made: list[object] = []

    def make() -> object:
        made.append(object())
        assert all_asked.wait(300)
        return made[-1]

    late = Late(make)

    def ask(_: int) -> object:
        asked.release()
        return late()

    with ThreadPoolExecutor(4) as pool:
        given = pool.map(ask, range(4))
        for _ in range(4):
            assert asked.acquire(timeout=600)
        all_asked.set()
        assert set(given) == set(made)
    assert len(made) == 1


def test_nothing_is_made_or_given_once_it_is_closed() -> None:
    closed: list[object] = []
    asked, unasked = Late(object), Late(object)
    made = asked()
    asked.close(closed.append)
    unasked.close(closed.append)
    assert closed == [made]
    for late in (asked, unasked):
        with pytest.raises(EngineUnavailable, match="The engine stops"):
            late()
    assert unasked.made is None


def test_what_is_being_made_at_the_end_is_closed() -> None:
    making, go = threading.Event(), threading.Event()
    closed: list[object] = []

    def make() -> object:
        making.set()
        assert go.wait(300)
        return object()

    late = Late(make)
    with ThreadPoolExecutor(2) as pool:
        given = pool.submit(late)
        assert making.wait(300)
        ended = pool.submit(late.close, closed.append)
        go.set()
        ended.result(30)
        assert closed == [given.result(30)]
