from __future__ import annotations

import logging
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import pytest

from workbench.engine import log


class Faults:
    """Stands for faulthandler: remembers which file it writes into."""

    def __init__(self) -> None:
        self.into: Any = None

    def enable(self, stream: Any) -> None:
        self.into = stream

    def disable(self) -> None:
        self.into = None


def test_faults_go_into_no_file_that_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    faults = Faults()
    monkeypatch.setattr(log, "faulthandler", faults)
    monkeypatch.setattr(log._LogFile, "faults", True)
    handler = log.write_log(tmp_path / "engine.log")
    assert isinstance(handler, log._LogFile)
    between: list[bool] = []

    def rotate(source: str, destination: str) -> None:
        between.append(faults.into is None or not faults.into.closed)
        Path(source).rename(destination)

    handler.rotator = rotate
    try:
        first = handler.stream
        assert faults.into is first
        handler.doRollover()
        assert between == [True]
        assert isinstance(first, TextIOWrapper)
        assert first.closed
        assert faults.into is handler.stream
    finally:
        logging.getLogger("workbench").removeHandler(handler)
        handler.close()
    assert faults.into is not handler.stream
