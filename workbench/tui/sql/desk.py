"""The SQL pane without its looks: tabs, running, cancelling, paging, refreshing."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine
from typing import Any

from workbench.errors import QueryError, WorkbenchError
from workbench.protocol import QueryStatus
from workbench.tui.engine_api import EngineApi
from workbench.tui.sql.history import History
from workbench.tui.sql.pages import PAGE
from workbench.tui.sql.statement import Statement, statement_at
from workbench.tui.sql.tab import Run, Tab

WAIT = 0.1
"""Seconds that the engine may hold back an answer while a query runs: the title moves at 10 Hz."""
REFRESH = 2.0
"""Seconds between refreshes of a live tab."""


class Desk:
    """Tabs and their queries. At most one query of a tab is shown; the one before is closed when its successor has rows.

    Args:
        engine: the engine of this moment, or None.
        changed: called after anything that shows.
        said: called with (text, kind) when there is something to say.
        history: where statements are remembered.
    """

    def __init__(
        self,
        engine: Callable[[], EngineApi | None],
        changed: Callable[[], None],
        said: Callable[[str, str], None],
        history: History,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.tabs: list[Tab] = [Tab(1)]
        self.active = 0
        self.history = history
        self._engine = engine
        self._changed = changed
        self._said = said
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()
        self._asked: set[tuple[str, int]] = set()

    @property
    def tab(self) -> Tab:
        return self.tabs[self.active]

    def open(self, text: str = "") -> Tab:
        """A new tab, which becomes the active one."""
        number = next(n for n in range(1, len(self.tabs) + 2) if all(tab.number != n for tab in self.tabs))
        self.tabs.append(Tab(number, text))
        self.active = len(self.tabs) - 1
        self._changed()
        return self.tab

    def close(self) -> None:
        """Closes the active tab and its query; there is always one tab."""
        tab = self.tabs.pop(self.active)
        for run in (tab.run, tab.next_run):
            self._drop(run)
        if not self.tabs:
            self.tabs.append(Tab(1))
        self.active = min(self.active, len(self.tabs) - 1)
        self._changed()

    def show(self, index: int) -> None:
        if 0 <= index < len(self.tabs):
            self.active = index
            self._changed()

    def run_at(self, offset: int) -> None:
        """Runs the statement under the cursor of the active tab."""
        tab = self.tab
        found = statement_at(tab.text, offset)
        if found is None:
            self._said("There is no statement here to run.", "warning")
            return
        if tab.asking:
            self._said("A query runs in this tab already: ^c cancels it.", "warning")
            return
        if self._engine() is None:
            self._said("The engine does not answer; nothing was run.", "error")
            return
        self.history.add(found.text)
        tab.changes.forget()
        self._drop(tab.next_run)
        old, tab.run, tab.next_run = tab.run, Run(found), None
        self._drop(old)
        tab.row = tab.top = tab.left = 0
        self._spawn(self._follow(tab, tab.run))
        self._changed()

    def cancel(self) -> bool:
        """Cancels what runs in the active tab. False when nothing does."""
        tab = self.tab
        tab.live = tab.live and not (tab.next_run is not None and tab.next_run.running)
        run = next((run for run in (tab.run, tab.next_run) if run is not None and run.running), None)
        if run is None:
            return False
        run.cancelling = True
        if run.status is not None:
            self._spawn(self._cancel(run.status.id))
        self._changed()
        return True

    def toggle_live(self) -> None:
        """Switches the refresh of the active tab on or off."""
        tab = self.tab
        tab.live = not tab.live
        self._changed()

    def beat(self, commit: int) -> None:
        """Once a second: refreshes live tabs whose data changed."""
        now = self._clock()
        for tab in self.tabs:
            due = now - tab.ran_at >= REFRESH - 0.05 and commit != tab.ran_commit
            if tab.live and tab.run is not None and due and not tab.running and not tab.run.error and self._engine() is not None:
                tab.ran_at, tab.ran_commit = now, commit
                tab.next_run = Run(tab.run.statement)
                self._spawn(self._follow(tab, tab.next_run))

    def need(self, tab: Tab, start: int, stop: int) -> None:
        """Rows that are about to be shown: asks for their pages unless they are here or on their way."""
        run = tab.run
        if run is None or run.status is None:
            return
        for offset in run.pages.lacking(start, stop):
            if (run.status.id, offset) not in self._asked:
                self._asked.add((run.status.id, offset))
                self._spawn(self._page(run, offset))

    def stop(self) -> None:
        """Lets go of every task."""
        for task in self._tasks:
            task.cancel()

    async def _follow(self, tab: Tab, run: Run) -> None:
        engine = self._engine()
        if engine is None:
            return
        tab.ran_at = self._clock()
        try:
            run.status = await engine.submit(run.statement.text)
            self._changed()
            while run.status.state == "running":
                if run.cancelling:
                    await engine.cancel(run.status.id)
                await self._first_page(engine, run)
                asked = self._clock()
                run.status = await engine.query(run.status.id, wait=WAIT)
                if run.status.state == "running":
                    await asyncio.sleep(max(0.0, WAIT - (self._clock() - asked)))
                self._changed()
            await self._finish(engine, tab, run, run.status)
        except QueryError as error:
            self._fail(run, error.message, error.hint, error.position)
        except (WorkbenchError, OSError) as error:
            self._fail(run, str(error), "", None)
        self._settle(tab, run)

    async def _first_page(self, engine: EngineApi, run: Run) -> None:
        assert run.status is not None
        run.pages.total = max(run.pages.total, run.status.rows)
        if run.status.rows and not run.pages.first():
            run.pages.take(await engine.page(run.status.id, 0, PAGE))

    async def _finish(self, engine: EngineApi, tab: Tab, run: Run, status: QueryStatus) -> None:
        if status.state == "failed":
            self._fail(run, status.error or "The query failed.", status.hint, status.position)
        elif status.state == "cancelled":
            run.cancelling = False
            if tab.run is run:
                self._said(f"cancelled after {status.seconds:.1f} s", "info")
        elif status.statement:
            self._said(status.statement, "info")
        if status.columns and (status.rows or status.state == "done"):
            run.pages.take(await engine.page(status.id, 0, PAGE))
        run.pages.complete = True

    def _fail(self, run: Run, message: str, hint: str, position: int | None) -> None:
        run.error, run.hint = message or "The query failed.", hint
        run.position = run.statement.start + position if position is not None else None

    def _settle(self, tab: Tab, run: Run) -> None:
        """A refresh takes the place of the result before it; both are compared."""
        if tab.next_run is run:
            tab.next_run = None
            if run.status is not None and run.status.state == "cancelled":
                self._drop(run)
                self._changed()
                return
            self._drop(tab.run)
            tab.run = run
        if tab.run is run and not run.error:
            tab.changes.take(run.pages.first(), run.pages.numeric)
        self._changed()

    async def _page(self, run: Run, offset: int) -> None:
        engine = self._engine()
        if engine is None or run.status is None:
            return
        query = run.status.id
        try:
            run.pages.take(await engine.page(query, offset, PAGE))
        except (WorkbenchError, OSError) as error:
            self._said(str(error), "error")
        finally:
            self._asked.discard((query, offset))
        self._changed()

    async def _cancel(self, query: str) -> None:
        engine = self._engine()
        if engine is not None:
            with contextlib.suppress(WorkbenchError, OSError):
                await engine.cancel(query)

    def _drop(self, run: Run | None) -> None:
        if run is not None and run.status is not None and self._engine() is not None:
            self._spawn(self._close(run.status.id))

    async def _close(self, query: str) -> None:
        engine = self._engine()
        if engine is not None:
            with contextlib.suppress(WorkbenchError, OSError):
                await engine.close_query(query)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def explain_position(text: str, statement: Statement, position: int) -> str:
    """`line 2, column 8` of the statement."""
    before = text[statement.start : position]
    return f"line {before.count(chr(10)) + 1}, column {len(before) - (before.rfind(chr(10)) + 1) + 1}"
