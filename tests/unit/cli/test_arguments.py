"""What is typed becomes a command with its arguments, or a usage error."""

from __future__ import annotations

import pytest

from workbench.cli.arguments import COMMANDS, QUARANTINE, Arguments, parse


def picked(arguments: Arguments, *names: str) -> tuple[object, ...]:
    return tuple(getattr(arguments, name) for name in names)


@pytest.mark.parametrize(
    ("typed", "run"),
    [
        ([], "screen:open_screen"),
        (["logs/*.ndjson"], "screen:open_screen"),
        (["./demo"], "screen:open_screen"),
        (["--theme", "light"], "screen:open_screen"),
        (["--project", "run", "data.csv"], "screen:open_screen"),
        (["demo"], "screen:demo"),
        (["--project", "shop", "run", "--once"], "run:run"),
        (["run", "--project", "shop"], "run:run"),
        (["check", "--data"], "check:check"),
        (["sql", "select 1", "--format", "csv"], "query:sql"),
        (["quarantine", "list", "--stream", "orders"], "ask:quarantine_list"),
        (["quarantine", "show", "7"], "ask:quarantine_show"),
        (["refresh", "v", "--full"], "ask:refresh"),
        (["engine", "--root", "/r", "--state-dir", "/s", "--flows-off", "--", "a.csv"], "engine:engine"),
    ],
)
def test_a_command_is_found(typed: list[str], run: str) -> None:
    assert parse(typed).run == run


@pytest.mark.parametrize(
    "typed", [["--project", "here", "status"], ["status", "--project", "here"], ["--project", "there", "status", "--project", "here"]]
)
def test_common_options_go_before_or_after_the_command(typed: list[str]) -> None:
    assert picked(parse(typed), "project", "state_dir") == ("here", None)


def test_files_are_kept_as_typed() -> None:
    assert parse(["a.ndjson", "b*.csv"]).paths == ["a.ndjson", "b*.csv"]


@pytest.mark.parametrize(
    "typed", [["quarantine"], ["sql", "--format", "xml"], ["init"], ["refresh"], ["run", "--twice"], ["quarantine", "show", "x"]]
)
def test_a_mistake_ends_with_code_2(typed: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(typed)
    assert ended.value.code == 2
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("typed", [["--help"], ["-h"], ["--version"]])
def test_help_and_version_are_data(typed: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(typed)
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(("usage: workbench", "workbench 0"))


def test_help_names_every_command_but_the_hidden_one(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["--help"])
    lines = capsys.readouterr().out.splitlines()
    listed = {line.split()[0] for line in lines if line.startswith("    ") and line.strip()}
    assert {c.name for c in COMMANDS} - {"engine"} <= listed
    assert "engine" not in listed


@pytest.mark.parametrize("command", [*COMMANDS, *QUARANTINE], ids=lambda c: c.name)
def test_every_command_has_a_function(command: object) -> None:
    import importlib

    from workbench.cli.arguments import Command

    assert isinstance(command, Command)
    module, _, name = command.run.partition(":")
    assert callable(getattr(importlib.import_module(f"workbench.cli.{module}"), name))
