"""A run over what is there ends although news come all the time."""

from __future__ import annotations

from workbench.batch import Offset
from workbench.stream.goals import Goals


def at(file: str, byte: int) -> Offset:
    return Offset(file, f"data/{file}", byte, byte // 10)


def test_nothing_is_met_before_it_is_known_where_the_source_ends() -> None:
    goals = Goals()
    goals.read(at("a", 100))
    assert not goals.met


def test_what_is_stored_or_read_already_counts() -> None:
    goals = Goals()
    goals.read(at("a", 100))
    goals.set((at("a", 100), at("b", 50)), {"b": 50})
    assert goals.met


def test_every_file_is_read_to_where_it_ended() -> None:
    goals = Goals()
    goals.set((at("a", 100), at("b", 50)), {"a": 40})
    goals.read(at("a", 99))
    goals.read(at("b", 60))
    assert not goals.met
    goals.read(at("a", 100))
    assert goals.met
