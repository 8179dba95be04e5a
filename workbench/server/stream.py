"""Responses that go on, and clients that do not read them."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from workbench.errors import WorkbenchError

log = logging.getLogger(__name__)

ABORT = "workbench.abort"
"""Key of the scope: cuts the connection."""


class Stream:
    """A response that goes on; whoever neither reads nor leaves is cut off after `patience` seconds."""

    def __init__(self, chunks: AsyncIterator[bytes], media_type: str, patience: float) -> None:
        self._chunks = chunks
        self._media_type = media_type
        self._patience = patience

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with anyio.create_task_group() as group:

            async def leave() -> None:
                while (await receive())["type"] != "http.disconnect":
                    pass
                group.cancel_scope.cancel()

            group.start_soon(leave)
            try:
                await self._send_all(send)
            except TimeoutError:
                log.info("a client that does not read was dropped")
                scope[ABORT]()
            except WorkbenchError as error:
                log.info("a stream was cut: %s", error.message)
                scope[ABORT]()
            except Exception:
                log.exception("a stream was cut")
                scope[ABORT]()
            group.cancel_scope.cancel()

    async def _send_all(self, send: Send) -> None:
        headers = [(b"content-type", self._media_type.encode()), (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        async for chunk in self._chunks:
            await self._send(send, {"type": "http.response.body", "body": chunk, "more_body": True})
        await self._send(send, {"type": "http.response.body", "body": b"", "more_body": False})

    async def _send(self, send: Send, message: Message) -> None:
        with anyio.fail_after(self._patience):
            await send(message)


def with_abort(app: ASGIApp) -> ASGIApp:
    """ASGI cannot cut a connection whose client does not read; uvicorn's transport, which `send` belongs to, can."""

    async def outer(scope: Scope, receive: Receive, send: Send) -> None:
        transport = getattr(getattr(send, "__self__", None), "transport", None)
        scope[ABORT] = transport.abort if transport else lambda: None
        await app(scope, receive, send)

    return outer
