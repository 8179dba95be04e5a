"""The client by itself: what it imports, and what becomes of an engine's errors."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from workbench import errors
from workbench.client import EngineClient, _error
from workbench.errors import EngineError, EngineUnavailable, PipelineError, QueryError, QueryRefused, WorkbenchError


def test_nothing_heavy_is_imported_before_the_first_call() -> None:
    code = "import sys, workbench.client, workbench.launch; print(*sorted(m.partition('.')[0] for m in sys.modules))"
    loaded = set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())

    assert not loaded & {"httpx", "httpcore", "anyio", "duckdb", "polars", "pyarrow", "numpy", "sqlglot", "starlette", "uvicorn", "textual"}


async def test_no_engine(tmp_path: Path) -> None:
    client = EngineClient(tmp_path / "engine.sock")

    with pytest.raises(EngineUnavailable):
        await client.hello()
    with pytest.raises(EngineUnavailable):
        async for _ in client.snapshots():
            pass
    with pytest.raises(EngineUnavailable):
        async for _ in client.arrow("x"):
            pass
    await client.aclose()


def everyone(kind: type[WorkbenchError]) -> list[type[WorkbenchError]]:
    return [kind, *(below for child in kind.__subclasses__() for below in everyone(child))]


@pytest.mark.parametrize("kind", [k for k in everyone(WorkbenchError) if k is not PipelineError])
def test_every_error_arrives_as_its_own_class(kind: type[WorkbenchError]) -> None:
    body = {"error": "message", "hint": "hint", "position": 3, "kind": kind.__name__}

    made = _error(json.dumps(body).encode(), 400)

    assert type(made) is kind
    assert getattr(errors, kind.__name__) is kind
    assert (made.message, made.hint) == ("message", "hint")
    if isinstance(made, QueryError):
        assert made.position == 3


def test_all_problems_arrive() -> None:
    problem = {"file": "a.sql", "line": 3, "column": 5, "message": "no", "hint": "yes", "text": "x", "width": 2, "new_field": 1}

    made = _error(json.dumps({"error": "x", "kind": "PipelineError", "problems": [problem]}).encode(), 400)

    assert isinstance(made, PipelineError)
    assert made.problems == (errors.Problem("a.sql", 3, 5, "no", "yes", "x", 2),)


@pytest.mark.parametrize(
    "content", [b"", b"<html>", b"[]", b"{}", b'{"error": "x", "kind": "Path"}', b'{"error": "x", "kind": "annotations"}', b"\xff"]
)
def test_an_answer_that_is_no_error_of_ours(content: bytes) -> None:
    assert type(_error(content, 502)) is EngineError


def test_refusals_keep_their_place() -> None:
    made = _error(b'{"error": "x", "hint": "", "position": null, "kind": "QueryRefused"}', 400)

    assert isinstance(made, QueryRefused)
    assert made.position is None
