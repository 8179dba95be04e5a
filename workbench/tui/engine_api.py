"""What the terminal asks of an engine; EngineClient answers it over the socket, tests answer it from memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from workbench.protocol import (
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
)

Argument = str | int | float | bool | None
"""What a command on a stream takes besides its name."""


class EngineApi(Protocol):
    """An engine, reached somehow. Every call raises the classes of `workbench.errors`."""

    async def hello(self) -> Hello: ...

    def snapshots(self) -> AsyncIterator[Snapshot]: ...

    async def tail(self, name: str, limit: int = ..., filter: str = ...) -> Tail: ...

    async def state(self, name: str, limit: int = ...) -> StatePage: ...

    async def quarantine(self, stream: str | None = ..., rule: str | None = ..., offset: int = ..., limit: int = ...) -> QuarantinePage: ...

    async def quarantine_detail(self, id: int) -> QuarantineDetail: ...

    async def submit(self, sql: str) -> QueryStatus: ...

    async def query(self, id: str, wait: float = ...) -> QueryStatus: ...

    async def page(self, id: str, offset: int, limit: int) -> Page: ...

    async def cancel(self, id: str) -> object: ...

    async def close_query(self, id: str) -> object: ...

    async def pause(self, name: str) -> Reply: ...

    async def resume(self, name: str) -> Reply: ...

    async def plan_control(self, stream: str, action: Action, **arguments: Argument) -> ControlPlan: ...

    async def control(self, stream: str, action: Action, token: str, **arguments: Argument) -> Reply: ...

    async def refresh(self, name: str, full: bool = ...) -> Reply: ...

    async def log(self, lines: int = ...) -> Sequence[str]: ...

    async def stop(self) -> Reply: ...

    async def aclose(self) -> None: ...
