"""What a process imports: the screen none of the data libraries, a command no more than it needs."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys

import pytest

DATA = ("duckdb", "polars", "pyarrow", "numpy", "sqlglot")
ENGINE = ("workbench.engine", "workbench.store", "workbench.stream", "workbench.jobs", "workbench.connectors", "workbench.language")


def loaded(code: str) -> set[str]:
    """Top-level modules, and rooms of workbench, that a fresh process has after some code."""
    probe = f"import sys\n{code}\nprint(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout.split()
    return {".".join(m.split(".")[:2]) if m.startswith("workbench") else m.split(".")[0] for m in modules}


def test_the_screen_process_never_imports_a_data_library() -> None:
    everything = "import pkgutil, importlib, workbench.tui, workbench.cli.screen, workbench.client, workbench.launch, httpx\n"
    everything += "for m in pkgutil.walk_packages(workbench.tui.__path__, 'workbench.tui.'): importlib.import_module(m.name)"
    assert not loaded(everything) & {*DATA, *ENGINE, "starlette", "uvicorn", "watchfiles"}


def test_the_first_paint_waits_for_no_http_library() -> None:
    assert "httpx" not in loaded("import workbench.cli.main, workbench.cli.screen, workbench.tui.app, workbench.client")


@pytest.mark.parametrize("code", ["import workbench.cli.main", "from workbench.cli.arguments import parse; parse(['status'])"])
def test_the_command_line_opens_no_room_by_itself(code: str) -> None:
    assert not loaded(code) & {*DATA, *ENGINE, "textual", "rich", "httpx", "asyncio", "workbench.tui", "workbench.client", "workbench.demo"}


def test_the_engine_runs_without_the_screen() -> None:
    assert not loaded("import workbench.server, workbench.engine.engine") & {
        "textual",
        "rich",
        "workbench.tui",
        "workbench.client",
        "httpx",
    }


def test_run_once_needs_no_server() -> None:
    assert not loaded("import workbench.cli.project, workbench.engine.engine") & {"uvicorn", "starlette", "textual", "polars"}


def test_an_engine_opens_no_room_before_somebody_asks_for_it() -> None:
    rooms = (
        "engine.inspection", "engine.control", "engine.rewinding", "engine.skipping", "engine.drift", "engine.snapshot", "engine.check",
        "engine.opened", "store.query", "store.travel", "store.rewind", "language.gate", "language.travel", "connectors.spool.spool",
        "connectors.sockets.opening", "connectors.pipes.stdin",
        "connectors.rate", "stream.csv_decode", "stream.text_decode", "stream.parquet_decode",
    )  # fmt: skip
    probe = "import sys, workbench.engine.engine\nprint(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout.split()
    assert not {f"workbench.{room}" for room in rooms} & set(modules)


def test_an_engine_that_serves_has_every_room_open_once_its_start_is_over() -> None:
    code = "import sys, workbench.cli.engine\nworkbench.cli.engine.open_all()\nprint(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    rooms = [importlib.import_module(room) for room in ENGINE]
    wanted = {found.name for room in rooms for found in pkgutil.walk_packages(room.__path__, f"{room.__name__}.")}
    assert {"workbench.engine.control", "workbench.stream.text_decode"} <= wanted
    assert not {*wanted, "pyarrow.parquet", "watchfiles"} - set(modules)


def test_the_generator_is_light() -> None:
    assert not loaded("import workbench.demo.__main__") & {*DATA, *ENGINE, "textual", "rich", "httpx", "asyncio"}
