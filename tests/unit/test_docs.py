"""README says what there is: every command, key and setting, and two commands that a stranger can paste."""

from __future__ import annotations

import re
import shlex
from dataclasses import fields
from pathlib import Path

import pytest

from tests.integration.test_sockets_tools import PACKAGES
from tests.readme import README, written
from workbench import __version__
from workbench.cli.arguments import COMMANDS, HIDDEN, QUARANTINE, parse
from workbench.config import Settings
from workbench.engine.meanings import MEANINGS
from workbench.store.database import system_tables
from workbench.store.session import scratch

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


def test_every_system_table_has_a_meaning() -> None:
    session = scratch()
    session.execute(system_tables())
    names = {name for (name,) in session.execute("SELECT view_name FROM duckdb_views() WHERE schema_name = 'workbench'")}
    session.close()
    assert names == MEANINGS.keys()
    assert all(f"`{name}`" in TEXT for name in names)


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, flags=re.DOTALL)


def test_the_two_commands_make_their_own_environment() -> None:
    first, second = [block for block in blocks("sh") if "-m venv" in block]
    assert first.count("\n") == second.count("\n") == 1
    assert first.strip().endswith("workbench demo")
    assert second.strip().endswith("-m pytest -q")
    assert TEXT.index("<!-- test command -->") < TEXT.index(second)


def typed(line: str) -> list[list[str]]:
    """The arguments of every `workbench` in a line of shell, in pipes and `$(…)` too."""
    parts = shlex.shlex(line, posix=True, punctuation_chars="|()<>&;")
    parts.whitespace_split = True
    found: list[list[str]] = [[]]
    for part in parts:
        if set(part) <= set("|()<>&;$"):
            found.append([])
        else:
            found[-1].append(part)
    return [words[1:] for words in found if words and words[0] == "workbench"]


def test_commands_in_examples_exist() -> None:
    lines = "\n".join(blocks("sh")).splitlines()
    commands = [words for line in lines for words in typed(line)]
    assert all(parse(words).run for words in commands)
    assert sum("workbench " in line and not line.startswith("python3") for line in lines) == len(commands)


def test_what_ci_installs_is_what_tests_send_and_rotate_with() -> None:
    text = (ROOT / ".ci" / "run").read_text("utf-8")
    for tool, package in {**PACKAGES, "logrotate": "logrotate"}.items():
        assert f"{package}:{tool}" in text


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
