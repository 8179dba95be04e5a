"""Errors as JSON answers."""

from __future__ import annotations

import json
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from workbench.errors import (
    EngineUnavailable,
    FlowError,
    NotFound,
    PipelineError,
    QueryError,
    StoreError,
    UsageError,
    VersionMismatch,
    WorkbenchError,
)
from workbench.protocol import to_json
from workbench.server.calls import json_response


def refused(error: WorkbenchError) -> Response:
    body: dict[str, Any] = {"error": error.message, "hint": error.hint, "position": None, "kind": type(error).__name__}
    if isinstance(error, QueryError):
        body["position"] = error.position
    if isinstance(error, PipelineError):
        body["problems"] = [to_json(problem) for problem in error.problems]
    return json_response(json.dumps(body), status_of(error))


def status_of(error: WorkbenchError) -> int:
    if isinstance(error, NotFound):
        return 404
    if isinstance(error, UsageError | PipelineError | QueryError):
        return 400
    if isinstance(error, EngineUnavailable):
        return 503
    return 409 if isinstance(error, FlowError | StoreError | VersionMismatch) else 500


async def no_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    kind = "NotFound" if error.status_code == 404 else "UsageError"
    allowed = (error.headers or {}).get("Allow", "")
    hint = f"It takes {allowed}." if allowed else ""
    return json_response(
        json.dumps({"error": f"{error.detail}: {request.method} {request.url.path}", "hint": hint, "kind": kind}), error.status_code
    )
