from __future__ import annotations

import logging
from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import pytest

from workbench.engine import log

FULL = Path("/dev/full")
"""Takes nothing that is written into it."""


class Faults:
    """Stands for faulthandler: remembers which file it writes into."""

    def __init__(self) -> None:
        self.into: Any = None

    def enable(self, stream: Any) -> None:
        self.into = stream

    def disable(self) -> None:
        self.into = None


@pytest.fixture
def full(tmp_path: Path) -> Iterator[log._LogFile]:
    """A log on a disk that is full, with a line that found no room."""
    if not FULL.exists():
        pytest.skip(f"there is no {FULL} here")
    handler = log.write_log(tmp_path / "engine.log")
    assert isinstance(handler, log._LogFile)
    assert handler.stream is not None
    handler.stream.close()
    handler.stream = FULL.open("w", encoding="utf-8")
    logging.getLogger("workbench").error("one")
    yield handler
    logging.getLogger("workbench").removeHandler(handler)
    handler.close()


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


def test_a_log_on_a_full_disk_is_closed(full: log._LogFile, capsys: pytest.CaptureFixture[str]) -> None:
    full.close()
    assert full.stream is None
    assert capsys.readouterr().err == ""


def test_a_log_on_a_full_disk_goes_on_in_the_next_file(full: log._LogFile, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    full.doRollover()
    logging.getLogger("workbench").error("two")
    assert [line.split()[-1] for line in log.last_lines(tmp_path / "engine.log", 10)] == ["two"]
    assert capsys.readouterr().err == ""
