"""The engine's API as Python calls."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from workbench import __version__, errors
from workbench.errors import EngineError, EngineUnavailable, PipelineError, Problem, QueryError, VersionMismatch, WorkbenchError
from workbench.protocol import (
    PROTOCOL,
    Action,
    ControlPlan,
    Hello,
    Page,
    QuarantineDetail,
    QuarantinePage,
    QueryStatus,
    Reply,
    Snapshot,
    StatePage,
    Tail,
    from_json,
)

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")
Argument = str | int | float | bool | None

ANSWER = 60.0
"""Seconds within which the engine answers anything; a REFRESH of a large table is queued, not awaited."""

SILENCE = 5.0
"""Seconds without a snapshot after which the engine is taken for dead; it sends one each second."""


class EngineClient:
    """One engine, reached over its socket. Calls may overlap; the connection is made by the first one.

    httpx is imported by the first call, not with this module: it takes 0.3 s, which a first paint cannot spare.

    Raises:
        EngineUnavailable: from every call, when no engine answers.
        VersionMismatch: from every call, when an engine of another version answers.
        WorkbenchError: whatever the engine refused, as the class that it raised.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._id = secrets.token_hex(8)
        self._client: httpx.AsyncClient | None = None

    async def hello(self) -> Hello:
        """Who answers; the first call to make, since it compares the versions."""
        found = from_json(Hello, await self._get("/v1/hello"))
        if (found.version, found.protocol) != (__version__, PROTOCOL):
            raise VersionMismatch(
                f"The engine is workbench {found.version}, this is {__version__}",
                "Restart the engine: workbench stop, then workbench. Nothing is lost.",
            )
        return found

    async def snapshot(self) -> Snapshot:
        return from_json(Snapshot, await self._get("/v1/snapshot"))

    async def snapshots(self) -> AsyncGenerator[Snapshot, None]:
        """Snapshots as they change, at least one a second; after a pause of the reader only the newest one."""
        newest: asyncio.Queue[bytes] = asyncio.Queue()
        reader = asyncio.create_task(self._read_snapshots(newest))
        try:
            while frame := await newest.get():
                yield from_json(Snapshot, json.loads(frame))
            await reader
        finally:
            reader.cancel()
            await asyncio.wait({reader})
        raise EngineUnavailable("The engine has stopped", "Start it again with `workbench`.")

    async def tail(self, name: str, limit: int = 200, filter: str = "") -> Tail:
        return from_json(Tail, await self._get(f"/v1/streams/{_part(name)}/tail", limit=limit, filter=filter))

    async def state(self, name: str, limit: int = 200) -> StatePage:
        return from_json(StatePage, await self._get(f"/v1/views/{_part(name)}/state", limit=limit))

    async def quarantine(self, stream: str | None = None, rule: str | None = None, offset: int = 0, limit: int = 200) -> QuarantinePage:
        found = await self._get("/v1/quarantine", stream=stream or "", rule=rule or "", offset=offset, limit=limit)
        return from_json(QuarantinePage, found)

    async def quarantine_detail(self, id: int) -> QuarantineDetail:
        return from_json(QuarantineDetail, await self._get(f"/v1/quarantine/{id}"))

    async def submit(self, sql: str) -> QueryStatus:
        """Start a statement. What is wrong with it is in the status, not raised."""
        return from_json(QueryStatus, await self._post("/v1/queries", {"sql": sql}))

    async def query(self, id: str, wait: float = 0.0) -> QueryStatus:
        """How far a query is; waits up to `wait` seconds for its end or its first rows."""
        return from_json(QueryStatus, await self._get(f"/v1/queries/{_part(id)}", wait=wait))

    async def page(self, id: str, offset: int = 0, limit: int = 200) -> Page:
        return from_json(Page, await self._get(f"/v1/queries/{_part(id)}/rows", offset=offset, limit=limit))

    async def arrow(self, id: str) -> AsyncGenerator[bytes, None]:
        """The result as an Arrow IPC stream, followed while it grows.

        Raises:
            EngineUnavailable: also when the query fails half-way; its status says why.
        """
        async with self._stream(f"/v1/queries/{_part(id)}/arrow", None) as response:
            async for chunk in response.aiter_raw():
                yield chunk

    async def cancel(self, id: str) -> QueryStatus:
        return from_json(QueryStatus, await self._post(f"/v1/queries/{_part(id)}/cancel"))

    async def close_query(self, id: str) -> Reply:
        return from_json(Reply, await self._request("DELETE", f"/v1/queries/{_part(id)}"))

    async def pause(self, name: str) -> Reply:
        return from_json(Reply, await self._post(f"/v1/streams/{_part(name)}/pause"))

    async def resume(self, name: str) -> Reply:
        return from_json(Reply, await self._post(f"/v1/streams/{_part(name)}/resume"))

    async def plan_control(self, stream: str, action: Action, **arguments: Argument) -> ControlPlan:
        """What a command on a stream would do; nothing is done yet.

        Args:
            arguments: rewind takes one of `commit` (a number), `time` (a timestamp as text, UTC unless it has a zone), `offset`
                (`file:byte`), `row` (`file:line`) and `beginning` (True); limit takes `rows` (a second; None lifts it); column takes
                `field`; the others take none.
        """
        return from_json(ControlPlan, await self._post(f"/v1/streams/{_part(stream)}/plan", {"action": action, **arguments}))

    async def control(self, stream: str, action: Action, token: str, **arguments: Argument) -> Reply:
        """Do what `plan_control` showed, with its token and the same arguments.

        Raises:
            PlanOutdated: what was shown is no longer what would happen; ask for a new plan.
        """
        body = {"action": action, "token": token, **arguments}
        # A rewind rebuilds what derives from the stream before it answers.
        return from_json(Reply, await self._request("POST", f"/v1/streams/{_part(stream)}/control", json=body, timeout=None))

    async def plan_column(self, stream: str, field: str) -> ControlPlan:
        """What adding the column of a drifted field would do."""
        return await self.plan_control(stream, "column", field=field)

    async def add_column(self, stream: str, field: str, token: str) -> Reply:
        """Add the column of a drifted field, as `plan_column` showed it."""
        return await self.control(stream, "column", token, field=field)

    async def refresh(self, name: str, full: bool = False) -> Reply:
        return from_json(Reply, await self._post(f"/v1/datasets/{_part(name)}/refresh", {"full": full}))

    async def check_data(self) -> tuple[str, ...]:
        """Broken invariants of what is stored, as of one commit; the engine recomputes its running states for it."""
        return tuple((await self._request("POST", "/v1/check", json={}, timeout=None))["broken"])

    async def log(self, lines: int = 200) -> tuple[str, ...]:
        return tuple((await self._get("/v1/log", lines=lines))["lines"])

    async def stop(self) -> Reply:
        return from_json(Reply, await self._post("/v1/stop"))

    async def aclose(self) -> None:
        if self._client:
            await self._client.aclose()
            self._client = None

    async def _read_snapshots(self, newest: asyncio.Queue[bytes]) -> None:
        """Reads on while nobody takes: what nobody took is replaced. An empty frame is the end."""
        try:
            async with self._stream("/v1/snapshots", SILENCE) as response:
                async for line in response.aiter_lines():
                    _replace(newest, line.encode())
        finally:
            _replace(newest, b"")

    async def _get(self, path: str, **params: str | float) -> Any:
        return await self._request("GET", path, params=params)

    async def _post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        return await self._request("POST", path, json=body or {})

    async def _request(self, method: str, path: str, **arguments: Any) -> Any:
        client = self._connected()
        async with _reached(self._path):
            response = await client.request(method, path, **arguments)
        if response.is_error:
            raise _error(response.content, response.status_code)
        return response.json()

    @asynccontextmanager
    async def _stream(self, path: str, silence: float | None) -> AsyncIterator[httpx.Response]:
        import httpx

        async with _reached(self._path), self._connected().stream("GET", path, timeout=httpx.Timeout(silence, connect=2.0)) as response:
            if response.is_error:
                raise _error(await response.aread(), response.status_code)
            yield response

    def _connected(self) -> httpx.AsyncClient:
        import httpx

        if self._client is None:
            self._client = httpx.AsyncClient(
                transport=httpx.AsyncHTTPTransport(uds=str(self._path)),
                base_url="http://engine",
                headers={"workbench-protocol": str(PROTOCOL), "workbench-client": self._id},
                timeout=httpx.Timeout(ANSWER, connect=2.0),
            )
        return self._client


@asynccontextmanager
async def _reached(path: Path) -> AsyncIterator[None]:
    import httpx

    try:
        yield
    except httpx.TimeoutException as error:
        raise EngineUnavailable(f"The engine on {path} does not answer", "Its log tells more: engine.log beside the socket.") from error
    except httpx.TransportError as error:
        raise EngineUnavailable(f"No engine answers on {path}: {error}", "Start it with `workbench`.") from error


def _replace(queue: asyncio.Queue[bytes], item: bytes) -> None:
    while not queue.empty():
        queue.get_nowait()
    queue.put_nowait(item)


def _part(name: str) -> str:
    return quote(name, safe="")


def _error(content: bytes, status: int) -> WorkbenchError:
    """The error that the engine raised, as its own class."""
    try:
        body = json.loads(content)
        message, hint = str(body["error"]), str(body.get("hint", ""))
    except (ValueError, KeyError, TypeError):
        return EngineError(f"The engine answered {status}: {content[:200].decode(errors='replace')}")
    kind = getattr(errors, str(body.get("kind")), None)
    if not (isinstance(kind, type) and issubclass(kind, WorkbenchError)):
        return EngineError(message, hint)
    if issubclass(kind, PipelineError):
        return kind(tuple(from_json(Problem, problem) for problem in body.get("problems", ())))
    if issubclass(kind, QueryError):
        return kind(message, hint, body.get("position"))
    return kind(message, hint)
