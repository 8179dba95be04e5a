"""The welcome's facts about a folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from workbench.cli.place import welcome_facts


def test_files_that_can_be_opened_newest_first(tmp_path: Path) -> None:
    for age, name in enumerate(("b.ndjson", "a.csv.gz", "c.exe", ".d.csv", "e")):
        (tmp_path / name).write_bytes(b"x" * 1500)
        os.utime(tmp_path / name, (1e9 - age, 1e9 - age))
    facts = welcome_facts(tmp_path)
    assert (facts.files, facts.size, facts.running) == (("b.ndjson", "a.csv.gz"), "3.0 kB", "")


def test_the_folder_is_written_as_people_write_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "data").mkdir()
    assert welcome_facts(tmp_path / "data").folder == "~/data"
    assert welcome_facts(tmp_path).folder == str(tmp_path)
