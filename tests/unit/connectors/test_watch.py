"""The watcher calls when something changes, and keeps quiet otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import wait_until
from workbench.connectors.watch import Watcher


def touch_until(file: Path, changed: set[str]) -> None:
    """The watch begins some time after the thread: write until it answers."""

    def touched() -> bool:
        with file.open("ab") as more:
            more.write(b"x\n")
        return str(file) in changed

    wait_until(touched, f"a wake-up for {file.name}")


def test_changes_wake(tmp_path: Path) -> None:
    changed: set[str] = set()
    watcher = Watcher([tmp_path], changed.update)
    watcher.start()
    touch_until(tmp_path / "a", changed)
    assert changed == {str(tmp_path / "a")}
    (tmp_path / "other").mkdir()
    watcher.watch([tmp_path / "other"])
    touch_until(tmp_path / "other" / "b", changed)
    watcher.close()
    assert not watcher.alive


def test_missing_directories_are_left_out(tmp_path: Path) -> None:
    watcher = Watcher([tmp_path / "nowhere"], lambda _: None)
    watcher.start()
    assert not watcher.alive
    watcher.close()


def test_it_ends_silently_where_there_are_no_events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_paths: Path, **_options: object) -> None:
        raise OSError("no space left for watches")

    monkeypatch.setattr("watchfiles.watch", refuse)
    watcher = Watcher([tmp_path], lambda _: None)
    watcher.start()
    wait_until(lambda: not watcher.alive, "the thread's end")
    watcher.close()
