"""README says what there is: every command, key and setting, and two commands that a stranger can paste."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from tests.readme import README, written
from workbench import __version__
from workbench.cli.arguments import COMMANDS, HIDDEN, QUARANTINE
from workbench.config import Settings

ROOT = README.parent
TEXT = README.read_text("utf-8")


def test_the_generated_tables_are_up_to_date() -> None:
    assert written(TEXT) == TEXT, "run: python -m tests.readme"


@pytest.mark.parametrize(
    "name", [f"workbench {c.name}" for c in COMMANDS if c.name != HIDDEN] + [f"workbench quarantine {c.name}" for c in QUARANTINE]
)
def test_every_command_is_named(name: str) -> None:
    assert f"`{name}" in TEXT


@pytest.mark.parametrize("name", [f.name for f in fields(Settings)])
def test_every_setting_is_named(name: str) -> None:
    assert f"`{name}`" in TEXT


def test_every_system_table_is_named() -> None:
    schema = (ROOT / "workbench" / "store" / "schema.sql").read_text("utf-8")
    names = set(re.findall(r"CREATE VIEW workbench\.(\w+)", schema))
    assert len(names) > 5
    assert names == {name for name in names if f"`{name}`" in TEXT}


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, flags=re.DOTALL)


def test_the_two_commands_make_their_own_environment() -> None:
    first, second = [block for block in blocks("sh") if "-m venv" in block]
    assert first.count("\n") == second.count("\n") == 1
    assert first.strip().endswith("workbench demo")
    assert second.strip().endswith("-m pytest -q")
    assert TEXT.index("<!-- test command -->") < TEXT.index(second)


def test_commands_in_examples_exist() -> None:
    import shlex

    from workbench.cli.arguments import parse

    for line in "\n".join(blocks("sh")).splitlines():
        words = shlex.split(line, comments=True)
        if words and words[0] == "workbench":
            assert parse(words[1:]).run


def test_the_pipelines_in_examples_are_right() -> None:
    from workbench.language.project import load

    for number, text in enumerate(blocks(" *sql")):
        assert load({f"README {number}": re.sub(r"^   ", "", text, flags=re.MULTILINE)}).problems == ()


def test_relative_links_and_pictures_are_there() -> None:
    for target in re.findall(r"\]\((?!http|#)([^)]+)\)", TEXT):
        assert (ROOT / target).exists(), target


def test_the_changelog_knows_this_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert "## [Unreleased]" in text or f"## [{__version__}]" in text


def test_constraints_are_pins_without_addresses() -> None:
    lines = [line for line in Path(ROOT / "constraints.txt").read_text("utf-8").splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+", line) for line in lines)
