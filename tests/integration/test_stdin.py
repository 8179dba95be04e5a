"""What is piped into the command, as a shell does it: a script's run, a project's pipeline, the screen on a terminal."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.conftest import wait_until
from tests.terminal import Terminal
from workbench.config import Settings, open_project
from workbench.launch import answering, stop_engine

WORKBENCH = f"{shlex.quote(sys.executable)} -m workbench"
WITH_KEYBOARD = "import fcntl, os, sys, termios; fcntl.ioctl(1, termios.TIOCSCTTY, 0); os.execvp('sh', ['sh', '-c', sys.argv[1]])"
"""Runs a shell whose /dev/tty is its terminal, as a login does."""
COUNTED = """
CREATE STREAMING TABLE ticks (n BIGINT, ts TIMESTAMPTZ) AS SELECT * FROM STREAM read_stdin();
CREATE MATERIALIZED VIEW by_minute AS SELECT window(ts, '1 minute') AS minute, count(*) AS n
FROM STREAM ticks WATERMARK ts DELAY OF INTERVAL 0 SECONDS GROUP BY 1;
"""


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """This checkout, no settings from outside, no state outside, and no engine left."""
    for name in [n for n in os.environ if n.startswith("WORKBENCH_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[2]))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    yield
    for folder in (*kept(tmp_path), tmp_path / "shop"):
        if folder.is_dir():
            stop_engine(open_project(folder, Settings()))


def kept(tmp_path: Path) -> list[Path]:
    """The folders that were made for inputs."""
    return sorted((tmp_path / "state" / "workbench").glob("*"))


def shell(folder: Path, line: str) -> subprocess.CompletedProcess[str]:
    """One line of shell, where `workbench` is this one."""
    text = f'workbench() {{ {WORKBENCH} "$@"; }}\n{line}'
    return subprocess.run(["sh", "-c", text], cwd=folder, capture_output=True, text=True, timeout=600, stdin=subprocess.DEVNULL)


def screen(line: str, folder: Path, environment: Mapping[str, str] | None = None) -> Terminal:
    """One line of shell on a terminal of its own."""
    text = f'workbench() {{ {WORKBENCH} "$@"; }}\n{line}'
    return Terminal((sys.executable, "-c", WITH_KEYBOARD, text), folder, environment)


def asked(folder: Path, sql: str) -> list[dict[str, object]]:
    done = shell(folder, f"workbench sql {shlex.quote(sql)} --format ndjson --project {shlex.quote(str(folder))}")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def project(folder: Path, pipeline: str) -> Path:
    (folder / "pipelines").mkdir(parents=True)
    (folder / "pipelines" / "p.sql").write_text(pipeline, "utf-8")
    return folder


def test_a_script_runs_over_what_is_piped_in_and_asks_afterwards(tmp_path: Path) -> None:
    done = shell(tmp_path, r"""printf '{"a": 1}\n{"a": 2}\nbroken\n{"a": 3}' | workbench run --once -""")
    assert done.returncode == 0, done.stderr
    assert "stdin: 4 in, 3 accepted, 1 rejected" in done.stderr
    (folder,) = kept(tmp_path)
    assert done.stdout == f"{folder}\n"
    assert f"rm -r {folder}" in done.stderr
    assert asked(folder, "SELECT sum(a) AS a FROM stdin") == [{"a": 6}]
    assert shell(folder, "workbench check --data").returncode == 0


@pytest.mark.parametrize(
    ("text", "option", "rows"),
    [
        (r"id;name\n1;a\n2;b\n", "", [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]),
        (r"a line, of text\nanother\n", "", [{"value": "a line, of text"}, {"value": "another"}]),
        (r"id;name\n", "--format text", [{"value": "id;name"}]),
    ],
)
def test_the_first_record_tells_the_format(text: str, option: str, rows: list[object], tmp_path: Path) -> None:
    done = shell(tmp_path, f"printf '{text}' | workbench run --once - {option}")
    assert done.returncode == 0, done.stderr
    assert asked(kept(tmp_path)[0], "SELECT * FROM stdin") == rows


def test_two_inputs_at_once_do_not_meet(tmp_path: Path) -> None:
    line = r"""for n in 1 2 3; do printf '{"n": %d}\n' $n | workbench run --once - & done; wait"""
    assert shell(tmp_path, line).returncode == 0
    assert sorted(str(asked(folder, "SELECT n FROM stdin")) for folder in kept(tmp_path)) == [str([{"n": n}]) for n in (1, 2, 3)]


def test_more_is_added_to_a_folder_that_is_named_each_input_with_its_own_header(tmp_path: Path) -> None:
    assert shell(tmp_path, r"printf 'a,b\n1,2\n' | workbench run --once - --project mine").returncode == 0
    done = shell(tmp_path, r"printf 'b,a\n4,3\n' | workbench run --once - --project mine")
    assert done.returncode == 0, done.stderr
    assert "rm -r" not in done.stderr
    assert asked(tmp_path / "mine", "SELECT a, b FROM stdin ORDER BY a") == [{"a": 1, "b": 2}, {"a": 3, "b": 4}]


def test_a_project_reads_what_is_piped_in_and_its_end_closes_the_windows(tmp_path: Path) -> None:
    shop = project(tmp_path / "shop", COUNTED)
    line = r"""printf '{"n": 1, "ts": "2026-01-01T00:00:10Z"}\n{"n": 2, "ts": "2026-01-01T00:01:10Z"}\n' | workbench run --once"""
    done = shell(shop, line)
    assert done.returncode == 0, done.stderr
    assert asked(shop, "SELECT n FROM by_minute ORDER BY minute") == [{"n": 1}, {"n": 1}]
    assert asked(shop, "SELECT state FROM workbench.windows WHERE view = 'by_minute'") == [{"state": "closed"}] * 2


def test_a_producer_that_is_killed_ends_the_input(tmp_path: Path) -> None:
    shop = project(tmp_path / "shop", COUNTED)
    line = r"""(printf '{"n": 1, "ts": "2026-01-01T00:00:10Z"}\n{"n"'; kill -9 $(sh -c 'echo $PPID')) | workbench run --once"""
    done = shell(shop, line)
    assert done.returncode == 0, done.stderr
    assert "ticks: 2 in, 1 accepted, 1 rejected" in done.stderr


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("workbench run --once -", "Nothing is piped in"),
        ("echo 1 | workbench run --once - a.ndjson", "a.ndjson is no input as - is"),
        ("workbench run --once tcp://nowhere", "the address has no port"),
        ("echo 1 | workbench run --once - --project shop", "pipelines that do not read -"),
        ("echo 1 | workbench -", "There is no terminal here"),
    ],
)
def test_what_cannot_be_is_said(line: str, message: str, tmp_path: Path) -> None:
    project(tmp_path / "shop", "CREATE MATERIALIZED VIEW v AS SELECT 1 AS x;")
    done = shell(tmp_path, line)
    assert done.returncode == 2
    assert message in done.stderr
    assert kept(tmp_path) == []


def test_the_screen_shows_what_is_piped_in_and_keys_work(tmp_path: Path) -> None:
    with screen(r"""(printf '{"word": "first"}\n{"word": "second"}\n'; sleep 1000) | workbench -""", tmp_path) as terminal:
        terminal.wait_for("second")
        (folder,) = kept(tmp_path)
        wait_until(lambda: answering(open_project(folder, Settings())), "the engine")
        terminal.type("q")
        terminal.wait_for("leave")
        terminal.type("s")
        wait_until(lambda: answering(open_project(folder, Settings())) is None, "the engine's end")
        terminal.wait_for("deletes")
    assert asked(folder, "SELECT word FROM stdin") == [{"word": "first"}, {"word": "second"}]


def test_the_end_of_the_input_leaves_the_screen_open(tmp_path: Path) -> None:
    with screen(r"""printf '{"word": "only"}' | workbench -""", tmp_path) as terminal:
        terminal.wait_for("only")
        terminal.wait_for("DONE")
        terminal.type("q")
        terminal.wait_for("leave")
        terminal.type("s")
        assert terminal.wait() == 0
        assert f"workbench {kept(tmp_path)[0]}" in terminal.text


def test_a_producer_without_an_end_is_held_up_and_stopped_with_the_screen(tmp_path: Path) -> None:
    with screen("yes endless | workbench - ; echo over; exit", tmp_path) as terminal:
        terminal.wait_for("endless")
        terminal.type("q")
        terminal.wait_for("leave")
        terminal.type("s")
        terminal.wait_for("over")
        terminal.wait()
    assert int(str(asked(kept(tmp_path)[0], "SELECT count(*) AS n FROM stdin")[0]["n"])) > 0


def test_an_engine_that_is_killed_is_started_again_on_the_same_pipe(tmp_path: Path) -> None:
    go_on = tmp_path / "go on"
    wait = f"while [ ! -e '{go_on}' ]; do sleep 0.1; done"
    with screen(rf"""(printf '{{"n": 1}}\n{{"n":'; {wait}; printf ' 2}}\n'; sleep 1000) | workbench -""", tmp_path) as terminal:
        terminal.wait_for("RUN")
        (folder,) = kept(tmp_path)
        opened = open_project(folder, Settings())
        running = wait_until(lambda: answering(opened), "the engine")
        wait_until((folder / ".workbench" / "received" / "stdin" / "000001" / "tail").exists, "half a line")
        os.kill(running.pid, signal.SIGKILL)
        terminal.wait_for("restart")
        go_on.touch()
        terminal.type("r")
        wait_until(lambda: (found := answering(opened)) and found.reads, "an engine that reads")  # a command would start another
        wait_until(lambda: asked(folder, "SELECT n FROM stdin") == [{"n": 1}, {"n": 2}], "both records")
    stop_engine(opened)


def test_an_engine_that_runs_already_takes_no_input(tmp_path: Path) -> None:
    shop = project(tmp_path / "shop", COUNTED)
    with screen(r"""(printf '{"n": 1}\n'; sleep 1000) | workbench""", shop) as terminal:
        terminal.wait_for("RUN")
        with screen(r"""printf '{"n": 2}\n' | workbench; echo "code $?"; exit""", shop) as second:
            second.wait_for("code 2")
            assert "runs already" in second.text


def test_a_project_that_reads_no_input_says_so(tmp_path: Path) -> None:
    shop = project(tmp_path / "shop", "CREATE MATERIALIZED VIEW v AS SELECT 1 AS x;")
    with screen(r"""echo 1 | workbench; echo "code $?"; exit""", shop) as terminal:
        terminal.wait_for("code 2")
        assert "Nothing here reads what is piped in" in terminal.text
