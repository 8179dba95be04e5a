"""The sample project: shipped, small, copied into a folder of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.demo.sample import copy_sample, sample_project
from workbench.demo.starter import setting_texts, settings_file, write_starter
from workbench.errors import UsageError


def test_the_sample_is_small_and_has_its_parts() -> None:
    root = sample_project()
    assert list(root.glob("pipelines/*.sql"))
    data = [p for p in (root / "sample_data").rglob("*") if p.is_file()]
    assert 0 < sum(p.stat().st_size for p in data) < 1 << 20


def test_a_copy_holds_the_same_files_and_is_used_again(tmp_path: Path) -> None:
    target = tmp_path / "demo"
    copy_sample(target)
    assert (target / "pipelines" / "shop.sql").read_bytes() == (sample_project() / "pipelines" / "shop.sql").read_bytes()
    (target / "pipelines" / "shop.sql").write_text("-- mine\n", "utf-8")
    copy_sample(target)
    assert (target / "pipelines" / "shop.sql").read_text("utf-8") == "-- mine\n"


def test_a_folder_with_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work", "utf-8")
    with pytest.raises(UsageError, match="is not empty"):
        copy_sample(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]


def test_the_starter_is_written_once(tmp_path: Path) -> None:
    assert "pipelines/example.sql" in write_starter(tmp_path / "new")
    with pytest.raises(UsageError, match="not empty"):
        write_starter(tmp_path / "new")


def test_the_starter_keeps_files_that_are_there(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("mine\n", "utf-8")
    assert ".gitignore" not in write_starter(tmp_path)
    assert (tmp_path / ".gitignore").read_text("utf-8") == "mine\n"


def test_the_settings_file_names_every_setting_and_changes_none(tmp_path: Path) -> None:
    from dataclasses import fields

    from workbench.config import Settings, load_settings

    assert set(setting_texts()) == {f.name for f in fields(Settings)}
    (tmp_path / "workbench.toml").write_text(settings_file(), "utf-8")
    assert load_settings(tmp_path, environment={}) == Settings()
    (tmp_path / "workbench.toml").write_text(
        "\n".join(line.removeprefix("# ") for line in settings_file().splitlines() if " = " in line), "utf-8"
    )
    assert load_settings(tmp_path, environment={}) == Settings()
