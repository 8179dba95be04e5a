"""One engine a project."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from pathlib import Path

import pytest

from workbench.engine.lock import EngineLock
from workbench.errors import DatabaseLocked


def test_a_second_lock_names_the_holder(tmp_path: Path) -> None:
    lock = EngineLock(tmp_path / "state" / "lock")
    with pytest.raises(DatabaseLocked, match=f"process {os.getpid()}"):
        EngineLock(tmp_path / "state" / "lock")
    lock.release()
    EngineLock(tmp_path / "state" / "lock").release()


def test_who_only_looks_whether_it_is_held_keeps_no_engine_from_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "lock").open("w") as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        monkeypatch.setattr(time, "sleep", lambda seconds: fcntl.flock(looking, fcntl.LOCK_UN))
        EngineLock(tmp_path / "lock").release()


def test_the_state_is_private(tmp_path: Path) -> None:
    EngineLock(tmp_path / "state" / "lock").release()
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700


def test_a_full_disk_is_no_reason_not_to_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", full)
    lock = EngineLock(tmp_path / "lock")
    with pytest.raises(DatabaseLocked):
        EngineLock(tmp_path / "lock")
    lock.release()
