"""Exit codes, and commands that need no engine."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.cli.main import main

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def test_init_lists_what_it_wrote_and_refuses_a_second_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "shop"]) == 0
    printed = capsys.readouterr()
    assert [Path(line).name for line in printed.out.splitlines()] == ["example.sql", "example.ndjson", ".gitignore", "workbench.toml"]
    assert printed.err == "Open it:  workbench shop\n"
    assert main(["init", "shop"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("workbench: shop/pipelines is not empty")


@pytest.mark.parametrize(
    "command", [["run"], ["check"], ["status"], ["sql", "select 1"], ["quarantine", "list"], ["stop"], ["refresh", "v"]]
)
def test_without_a_project_a_command_says_so(command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command) == 2
    assert capsys.readouterr().err.startswith(f"workbench: {tmp_path} has no pipelines/")


def test_without_a_terminal_the_screen_says_what_to_do_instead(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "workbench run" in capsys.readouterr().err


def test_an_unknown_setting_is_a_usage_error(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("WORKBENCH_COLOUR", "red")
    assert main(["status", "--project", str(folder)]) == 2
    assert "WORKBENCH_COLOUR: there is no setting 'colour'" in capsys.readouterr().err


def test_status_and_stop_without_an_engine(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--project", str(folder)]) == 0
    assert capsys.readouterr().err == f"No engine runs for {folder}.\n"
    assert main(["status", "--json", "--project", str(folder)]) == 0
    assert capsys.readouterr().out == f'{{"running": false, "root": "{folder}"}}\n'
    assert main(["stop", "--project", str(folder)]) == 0


def test_pausing_needs_an_engine(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pause", "orders", "--project", str(folder)]) == 3
    assert "No engine runs" in capsys.readouterr().err


@pytest.mark.parametrize("rate", ["0", "-5", "1e9", "nan"])
def test_a_demo_needs_a_rate_that_makes_sense(rate: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", f"--rate={rate}", "--no-screen"]) == 2
    assert "is not between" in capsys.readouterr().err


def test_a_demo_never_goes_into_a_folder_with_other_things(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(p.name for p in folder.iterdir())
    assert main(["demo", str(folder), "--no-screen"]) == 2
    assert "is not empty" in capsys.readouterr().err
    assert sorted(p.name for p in folder.iterdir()) == before


def test_a_full_disk_behind_standard_output_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    discarded: list[bool] = []
    monkeypatch.setattr("workbench.cli.main._command", lambda path: fail)
    monkeypatch.setattr("workbench.cli.main._discard_rest", lambda: discarded.append(True))
    assert main(["status"]) == 3
    assert "The disk is full" in capsys.readouterr().err
    assert discarded


def test_a_demo_that_cannot_be_copied_says_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["demo", str(tmp_path / "file" / "below"), "--no-screen"]) == 2
    assert "Choose a folder" in capsys.readouterr().err


def test_drift_says_why_it_needs_an_engine_and_what_is_stored(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["drift", "--project", str(folder)]) == 3
    said = capsys.readouterr().err
    assert "only one that reads knows" in said
    assert "FROM workbench.events" in said


@pytest.mark.parametrize(("terminal", "printed"), [(True, b"\\u2192\\xfc\xff"), (False, "→ü".encode() + b"\xff")], ids=["terminal", "pipe"])
def test_letters_that_the_locale_has_not_are_no_error(terminal: bool, printed: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    class Letters(io.TextIOWrapper):
        def isatty(self) -> bool:
            return terminal

    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", Letters(written, encoding="ascii"))
    monkeypatch.setattr("workbench.cli.main._command", lambda path: lambda arguments, out: out.line("→ü\udcff") or 0)
    assert main(["status"]) == 0
    assert written.getvalue() == printed + b"\n"


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_what_the_caller_closed_is_nowhere_to_print(folder: Path, closed: str) -> None:
    """And what is opened next does not get its number: a database would get what is printed."""
    script = f"{sys.executable} -m workbench run --once {closed}; {sys.executable} -m workbench check {closed}"
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert (done.returncode, done.stdout) == (0, "")
    assert "Traceback" not in done.stderr
    assert ("3 accepted" in done.stderr) == (closed == ">&-")
