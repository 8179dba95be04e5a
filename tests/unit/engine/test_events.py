"""Events are stored once, also when storing fails the first time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest

from workbench.engine.events import MOST_AT_ONCE, EventLog
from workbench.errors import DiskFull
from workbench.store.session import Session


class Table:
    """Takes rows of five values; `full` refuses them."""

    def __init__(self) -> None:
        self.full = False
        self.texts: list[str] = []

    def execute(self, sql: str, values: Sequence[Any]) -> None:
        if self.full:
            raise DiskFull("no room")
        self.texts += values[4::5]


def test_what_could_not_be_stored_is_stored_later() -> None:
    events, table = EventLog(lambda: 1.0), Table()
    events.add("info", "first")
    table.full = True
    with pytest.raises(DiskFull):
        events.save(cast(Session, table))
    assert events.unsaved
    table.full = False
    events.add("info", "second")
    events.save(cast(Session, table))
    assert table.texts == ["first", "second"]
    assert not events.unsaved


def test_a_flood_is_stored_whole_and_in_order() -> None:
    events, table = EventLog(lambda: 1.0), Table()
    wanted = [f"event {n}" for n in range(2 * MOST_AT_ONCE + 1)]
    for text in wanted:
        events.add("info", text)
    events.save(cast(Session, table))
    assert table.texts == wanted


def test_an_event_is_one_line_that_commands_no_terminal() -> None:
    events = EventLog(lambda: 1.0)
    events.add("warning", "the header is:\r\n  a\x1b[31m\tb\u2028c\n")
    assert [notice.text for notice in events.latest()] == ["the header is: a\\x1b[31m\\tb c"]
