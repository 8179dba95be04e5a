"""The terminal's side of the connection: connects, follows snapshots, asks for what the chosen stream shows."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from textual.message import Message

from workbench.errors import WorkbenchError
from workbench.protocol import Tail
from workbench.tui.engine_api import EngineApi
from workbench.tui.messages import Connected, EngineLost, Frame
from workbench.tui.picture import Picture

Connect = Callable[[], Awaitable[EngineApi]]
Start = Callable[[], Awaitable[None]]

DETAILS = 0.2
"""Seconds between two looks at tail and state: 5 Hz."""
SEARCHES = 0.6
"""Seconds between two looks with a filter: each searches the latest 200,000 records."""
RETRY = 2.0
"""Seconds between knocks at an engine that is gone."""
HELD_ROWS = 500


class Link:
    """Keeps the picture true while the engine lives, says so once when it dies, and fills the picture again when it is back.

    Args:
        picture: what is kept.
        connect: gives an engine that answers; imports its HTTP library only when called.
        start: starts an engine; None when only an engine that runs already is wanted.
        post: where messages go.
    """

    def __init__(self, picture: Picture, connect: Connect, start: Start | None, post: Callable[[Message], object]) -> None:
        self.picture = picture
        self.engine: EngineApi | None = None
        self.rows_shown = 12
        self.groups_shown = 6
        self.stopping = False
        self._connect = connect
        self._start = start
        self._post = post
        self._wanted = asyncio.Event()
        self._again = asyncio.Event()
        self._fetch_once = False
        self._shown = ("", "")
        self._commit = -1
        self._changed = False

    @property
    def can_start(self) -> bool:
        return self._start is not None

    async def run(self) -> None:
        """Until cancelled: connect, follow, and after a loss wait for `restart` or for an engine that comes back."""
        asyncio.get_running_loop().set_exception_handler(_hush)
        details = asyncio.create_task(self._details())
        try:
            start = True
            while not self.has_stopped():
                reason = await self._session(start)
                if self.has_stopped():
                    return
                self.picture.connection, self.picture.trouble = "lost", reason
                self._post(EngineLost(reason))
                start = await self._wait_for_engine()
        finally:
            details.cancel()
            await self._close()

    def has_stopped(self) -> bool:
        """A person asked the engine to stop, so its end is no loss."""
        return self.stopping

    def restart(self) -> None:
        """Starts an engine again, after it was lost."""
        self._again.set()

    def look_now(self) -> None:
        """The chosen stream, its filter or the size of its panes changed: ask again, even while the view is paused."""
        self._fetch_once = True
        self._wanted.set()

    async def hold(self) -> None:
        """Pauses the view: what is shown stays, and more rows above it are fetched to scroll through."""
        picture, engine = self.picture, self.engine
        picture.paused = True
        tail = picture.tail
        picture.paused_total = picture.chosen.rows_in if picture.chosen is not None else 0
        self._post(Frame())
        if tail is None or engine is None:
            return
        with contextlib.suppress(WorkbenchError, OSError):
            longer = await engine.tail(tail.stream, limit=HELD_ROWS, filter=picture.filter)
            if picture.paused and picture.tail is tail:
                picture.tail = up_to(longer, tail)
        self._post(Frame())

    def resume(self) -> None:
        """Lets the view follow again."""
        self.picture.paused = False
        self.look_now()

    async def _session(self, start: bool) -> str:
        picture = self.picture
        try:
            if start and self._start is not None:
                await self._start()
            engine = await self._connect()
            if self.engine is not engine:
                await self._close()
            picture.hello = await engine.hello()
            self.engine = engine
            picture.connection, picture.trouble = "live", ""
            self._post(Connected())
            async for snapshot in engine.snapshots():
                picture.accept(snapshot)
                self._look_after(snapshot.commit)
                self._post(Frame())
            return "The engine closed the connection."
        except (WorkbenchError, OSError) as error:
            return str(error)

    def _look_after(self, commit: int) -> None:
        """Asks after each commit, and once more after the last one, so that its Δ goes; a quiet engine is asked nothing."""
        changed = commit != self._commit
        if changed or self._changed:
            self._wanted.set()
        self._commit, self._changed = commit, changed

    async def _close(self) -> None:
        engine, self.engine = self.engine, None
        if engine is not None:
            with contextlib.suppress(WorkbenchError, OSError):
                await engine.aclose()

    async def _wait_for_engine(self) -> bool:
        """True when it should be started, False when it answers by itself."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._again.wait(), RETRY)
                self._again.clear()
                return True
            if self.engine is not None:
                with contextlib.suppress(WorkbenchError, OSError):
                    await self.engine.hello()
                    return False

    async def _details(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            if self.picture.paused and not self._fetch_once:
                continue
            self._fetch_once = False
            if self.engine is not None and self.picture.connection == "live":
                await self._fetch(self.engine)
                self._post(Frame())
            await asyncio.sleep(SEARCHES if self.picture.filter else DETAILS)

    async def _fetch(self, engine: EngineApi) -> None:
        with contextlib.suppress(WorkbenchError, OSError):
            await self._fetch_tail(engine)
        with contextlib.suppress(WorkbenchError, OSError):
            await self._fetch_state(engine)

    async def _fetch_tail(self, engine: EngineApi) -> None:
        picture = self.picture
        asked, paused = (picture.stream, picture.filter), picture.paused
        if not picture.stream or self._holds(asked):
            return
        tail = await engine.tail(picture.stream, limit=HELD_ROWS if paused else self.rows_shown, filter=picture.filter)
        if asked == (picture.stream, picture.filter) and not self._holds(asked):
            picture.tail, self._shown = tail, asked

    def _holds(self, asked: tuple[str, str]) -> bool:
        """The view is paused on just this: it stands still whatever asks, a resize or an answer that was under way."""
        return self.picture.paused and self.picture.tail is not None and self._shown == asked

    async def _fetch_state(self, engine: EngineApi) -> None:
        picture, view = self.picture, self.picture.view
        if not view or self._holds_state(view):
            return
        state = await engine.state(view, limit=self.groups_shown)
        if view == picture.view and not self._holds_state(view):
            picture.state = state

    def _holds_state(self, view: str) -> bool:
        return self.picture.paused and self.picture.state is not None and self.picture.state.view == view


def _hush(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """anyio wakes a socket's reader that was cancelled in the same turn of the loop; its complaint would land on the terminal."""
    if not isinstance(context.get("exception"), asyncio.InvalidStateError):
        loop.default_exception_handler(context)


def up_to(longer: Tail, shown: Tail) -> Tail:
    """The longer tail without what came after the last row that was shown; the shown one when that row is not in it."""
    if not shown.rows:
        return shown
    last = shown.rows[-1]
    for i in range(len(longer.rows) - 1, -1, -1):
        if longer.rows[i] == last:
            return Tail(longer.stream, longer.columns, longer.numeric, longer.rows[: i + 1], shown.total, longer.matched, longer.searched)
    return shown
