"""The endpoints: one function each, each one call on the engine in a worker thread."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any, cast, get_args

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from workbench.errors import EngineError, UsageError, VersionMismatch, WorkbenchError
from workbench.protocol import PROTOCOL, Action, Reply
from workbench.server.calls import Calls, encoded, json_response
from workbench.server.refusals import no_route, refused
from workbench.server.snapshots import Snapshots
from workbench.server.stream import Stream

log = logging.getLogger(__name__)

BODY_LIMIT = 1 << 20
LONGEST_WAIT = 10.0

SNAPSHOT_PATIENCE = 10.0
"""Seconds after which a watcher that does not read is dropped."""

ARROW_PATIENCE = 300.0
"""A notebook may think about a batch for a while; its result is on disk and hinders nobody."""


def application(calls: Calls) -> Starlette:
    """The API over an engine."""
    endpoints: list[tuple[str, str, Callable[[Calls, Request], Any]]] = [
        ("GET", "/v1/hello", hello),
        ("GET", "/v1/snapshot", snapshot),
        ("GET", "/v1/snapshots", snapshots),
        ("GET", "/v1/streams/{name:path}/tail", tail),
        ("POST", "/v1/streams/{name:path}/pause", pause),
        ("POST", "/v1/streams/{name:path}/resume", resume),
        ("POST", "/v1/streams/{name:path}/plan", plan),
        ("POST", "/v1/streams/{name:path}/control", control),
        ("GET", "/v1/views/{name:path}/state", state),
        ("POST", "/v1/datasets/{name:path}/refresh", refresh),
        ("GET", "/v1/quarantine", quarantine),
        ("GET", "/v1/quarantine/{id:int}", quarantine_detail),
        ("POST", "/v1/queries", submit),
        ("GET", "/v1/queries/{id}", query),
        ("DELETE", "/v1/queries/{id}", close_query),
        ("GET", "/v1/queries/{id}/rows", page),
        ("GET", "/v1/queries/{id}/arrow", arrow),
        ("POST", "/v1/queries/{id}/cancel", cancel),
        ("POST", "/v1/check", check_data),
        ("GET", "/v1/log", read_log),
        ("POST", "/v1/stop", stop),
    ]
    routes = [Route(path, _guarded(calls, endpoint), methods=[method]) for method, path, endpoint in endpoints]
    app = Starlette(routes=routes, exception_handlers={HTTPException: no_route})
    app.state.snapshots = Snapshots(calls)
    return app


def _guarded(calls: Calls, endpoint: Callable[[Calls, Request], Any]) -> Callable[[Request], Any]:
    async def guarded(request: Request) -> Any:
        try:
            if endpoint not in (hello, stop):
                _same_protocol(request)
            return await endpoint(calls, request)
        except WorkbenchError as error:
            return refused(error)
        except HTTPException:
            raise
        except Exception as error:
            log.exception("%s %s failed", request.method, request.url.path)
            return refused(EngineError(f"{type(error).__name__}: {error}", "The engine's log has more."))

    return guarded


async def hello(calls: Calls, _: Request) -> Response:
    return await calls.answer(calls.engine.hello)


async def snapshot(calls: Calls, _: Request) -> Response:
    return await calls.answer(calls.engine.snapshot)


async def snapshots(_: Calls, request: Request) -> Stream:
    return Stream(request.app.state.snapshots.frames(), "application/x-ndjson", SNAPSHOT_PATIENCE)


async def tail(calls: Calls, request: Request) -> Response:
    name, limit, text = request.path_params["name"], _number(request, "limit", 200, 1000), request.query_params.get("filter", "")
    return await calls.answer(lambda: calls.engine.tail(name, limit, text))


async def state(calls: Calls, request: Request) -> Response:
    name, limit, client = request.path_params["name"], _number(request, "limit", 200, 1000), request.headers.get("workbench-client", "")
    return await calls.answer(lambda: calls.engine.state(name, limit, client))


async def quarantine(calls: Calls, request: Request) -> Response:
    stream, rule = request.query_params.get("stream") or None, request.query_params.get("rule") or None
    offset, limit = _number(request, "offset", 0), _number(request, "limit", 200, 1000)
    return await calls.answer(lambda: calls.engine.quarantine(stream, rule, offset, limit))


async def quarantine_detail(calls: Calls, request: Request) -> Response:
    return await calls.answer(lambda: calls.engine.quarantine_detail(request.path_params["id"]))


async def submit(calls: Calls, request: Request) -> Response:
    sql = (await _body(request)).get("sql")
    if not isinstance(sql, str):
        raise UsageError('The body has no "sql"', 'Send {"sql": "SELECT …"}.')
    return await calls.answer(lambda: calls.engine.queries.submit(sql))


async def query(calls: Calls, request: Request) -> Response:
    wait = _seconds(request, "wait")
    return await calls.answer(lambda: calls.engine.queries.status(request.path_params["id"], wait), calls.waits)


async def page(calls: Calls, request: Request) -> Response:
    offset, limit = _number(request, "offset", 0), _number(request, "limit", 200, 200)
    return await calls.answer(lambda: calls.engine.queries.page(request.path_params["id"], offset, limit))


async def arrow(calls: Calls, request: Request) -> Stream:
    chunks = await calls.call(lambda: calls.engine.queries.arrow(request.path_params["id"]), calls.waits)

    async def follow() -> AsyncIterator[bytes]:
        while (chunk := await calls.call(lambda: next(chunks, None), calls.waits)) is not None:
            if chunk:
                yield chunk

    return Stream(follow(), "application/vnd.apache.arrow.stream", ARROW_PATIENCE)


async def cancel(calls: Calls, request: Request) -> Response:
    return await calls.answer(lambda: calls.engine.queries.cancel(request.path_params["id"]), calls.cancels)


async def close_query(calls: Calls, request: Request) -> Response:
    await calls.call(lambda: calls.engine.queries.close(request.path_params["id"]), calls.cancels)
    return json_response(json.dumps({"text": "closed"}))


async def pause(calls: Calls, request: Request) -> Response:
    return await calls.answer(lambda: Reply(calls.engine.pause(request.path_params["name"])))


async def resume(calls: Calls, request: Request) -> Response:
    return await calls.answer(lambda: Reply(calls.engine.resume(request.path_params["name"])))


async def plan(calls: Calls, request: Request) -> Response:
    body = await _body(request)
    action = _action(body)
    return await calls.answer(lambda: calls.engine.plan_control(request.path_params["name"], action, body))


async def control(calls: Calls, request: Request) -> Response:
    body = await _body(request)
    action, token = _action(body), body.pop("token", None)
    if not isinstance(token, str):
        raise UsageError('The body has no "token"', "POST …/plan tells what would be done, with the token to do it.")
    return await calls.answer(lambda: Reply(calls.engine.control(request.path_params["name"], action, token, body)))


def _action(body: dict[str, Any]) -> Action:
    """Takes the action out of a body; what stays are its arguments."""
    action = body.pop("action", None)
    if action is None:
        raise UsageError('The body has no "action"', f"There are {', '.join(get_args(Action))}.")
    if not isinstance(action, str) or action not in get_args(Action):
        raise UsageError(f"{action!r} is no action", f"There are {', '.join(get_args(Action))}.")
    return cast(Action, action)


async def refresh(calls: Calls, request: Request) -> Response:
    full = (await _body(request)).get("full", False)
    if not isinstance(full, bool):
        raise UsageError('"full" is neither true nor false')
    return await calls.answer(lambda: Reply(calls.engine.refresh(request.path_params["name"], full)))


async def check_data(calls: Calls, _: Request) -> Response:
    return await calls.answer(lambda: {"broken": calls.engine.check_data()})


async def read_log(calls: Calls, request: Request) -> Response:
    lines = _number(request, "lines", 200, 10_000)
    return await calls.answer(lambda: {"lines": calls.engine.log(lines)})


async def stop(calls: Calls, _: Request) -> Response:
    """Only the server ends here: who made the engine closes it, once, when no call is under way any more."""
    response = json_response(encoded(Reply("The engine stops. What it has read is committed, or is read again at the next start.")))
    response.background = BackgroundTask(calls.stop)
    return response


async def _body(request: Request) -> dict[str, Any]:
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > BODY_LIMIT:
            raise HTTPException(413, "The request is larger than 1 MB")
    try:
        body = json.loads(received or b"{}")
    except (ValueError, RecursionError) as error:
        raise UsageError(f"The body is not JSON: {error}") from None
    if not isinstance(body, dict):
        raise UsageError("The body is not a JSON object")
    return body


def _number(request: Request, name: str, default: int, most: int = 1 << 62) -> int:
    text = request.query_params.get(name, str(default))
    if not text.isascii() or not text.isdigit():
        raise UsageError(f"{name}={text} is not a whole number")
    return min(int(text), most)


def _seconds(request: Request, name: str) -> float:
    text = request.query_params.get(name, "0")
    try:
        return max(0.0, min(float(text), LONGEST_WAIT))
    except ValueError:
        raise UsageError(f"{name}={text} is not a number of seconds") from None


def _same_protocol(request: Request) -> None:
    """Scripts send no header; a client of another version does, and would misread what comes."""
    theirs = request.headers.get("workbench-protocol", str(PROTOCOL))
    if theirs != str(PROTOCOL):
        raise VersionMismatch(
            f"The engine speaks protocol {PROTOCOL}, this client {theirs}", "Restart the engine: workbench stop, then workbench."
        )
