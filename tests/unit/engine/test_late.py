from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from workbench.engine.late import Late


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
    together = threading.Barrier(4, timeout=30)
    late = Late(object)

    def ask(_: int) -> object:
        together.wait()
        return late()

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(ask, range(4)))) == 1
