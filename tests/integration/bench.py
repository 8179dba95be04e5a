"""A project in a folder, and the engine that runs it in this process."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import wait_until
from workbench.config import Settings, open_project
from workbench.engine.engine import Engine
from workbench.engine.turn import in_turn
from workbench.errors import EngineUnavailable


class Bench:
    """Writes pipelines and input, starts and stops the engine, asks it."""

    def __init__(self, root: Path, **settings: Any) -> None:
        self.root = root
        (root / "pipelines").mkdir(parents=True)
        (root / "in").mkdir()
        self._settings: dict[str, Any] = {"poll": 0.02, "tick": 0.0} | settings
        self.engine: Engine

    def write(self, sql: str, name: str = "main.sql") -> None:
        fresh = self.root / "pipelines" / f".{name}.new"
        fresh.write_text(sql)
        fresh.replace(self.root / "pipelines" / name)  # nobody reads half of it

    def append(self, *rows: dict[str, Any] | str, file: str = "a.ndjson") -> None:
        with (self.root / "in" / file).open("a") as out:
            out.writelines((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)

    def start(self) -> Engine:
        settings = Settings(**self._settings)
        self.engine = Engine(open_project(self.root, settings), settings)
        self.engine.start()
        return self.engine

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        status = self.engine.queries.submit(sql)
        status = wait_until(lambda: found if (found := self.engine.queries.status(status.id)).state != "running" else None)
        assert status.state == "done", status.error
        return [tuple(row) for row in self.engine.queries.page(status.id, 0, 200).rows]

    def until(self, sql: str, expected: list[tuple[Any, ...]]) -> None:
        """Wait for an answer; the screen knows then what SQL has told, which it does a moment later than the database."""
        answers: list[Any] = [None]

        def look() -> bool:
            try:
                answers[0] = self.ask(sql)
            except AssertionError as error:  # a name may be missing for a moment
                answers[0] = error
            return bool(answers[0] == expected)

        try:
            wait_until(look, sql)
        except pytest.fail.Exception as error:
            pytest.fail(f"{error}: wanted {expected}, it is {answers[0]}")
        with suppress(EngineUnavailable):
            in_turn(self.engine._pump, lambda session: None)  # its turn comes when the commit is over

    def until_unread(self) -> None:
        """After a pause: wait until no read is under way. One that began before it takes in what comes a moment later."""
        wait_until(lambda: not any(flow.reading for flow in self.engine._pump.flows), "the last read")

    def notices(self) -> str:
        return "\n".join(notice.text for notice in self.engine.snapshot().notices)
