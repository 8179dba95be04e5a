"""Commands on a stream: what one would do is shown before it is done."""

from __future__ import annotations

from collections.abc import Callable

from textual.screen import Screen

from workbench.errors import PlanOutdated, WorkbenchError
from workbench.protocol import Action, DriftStatus
from workbench.tui.copying import value
from workbench.tui.link import Link
from workbench.tui.numbers import clock, count
from workbench.tui.questions import plan_sheet
from workbench.tui.sheets.asking import AskSheet, Example
from workbench.tui.target import Target, limit_target, rewind_target
from workbench.tui.widgets.streams import address

SOON = 1.0
"""Seconds that an example is waited for."""
CHANGED = "it changed since it was shown, look again"


class Controls:
    """Each command in three steps: where to (if it has to be asked), the engine's plan, the doing with the plan's token.

    A plan that is outdated when it is agreed to is shown anew, never done.

    Args:
        screen: its app shows the sheets; the methods have to run in a worker.
        link: the engine of this moment.
        say: the footer's toast.
    """

    def __init__(self, screen: Screen[None], link: Link, say: Callable[[str, str], None]) -> None:
        self._screen, self._link, self._say = screen, link, say

    async def run(self, action: Action) -> None:
        """A command on the chosen stream."""
        chosen = self._link.picture.chosen
        if chosen is None:
            self._say("Choose a stream first.", "warning")
            return
        stream = chosen.name
        if action == "rewind":
            target = await self._screen.app.push_screen_wait(self._ask_place(stream, await self._a_file(stream)))
            if target is not None:
                await self._plan(stream, action, f"Rewind {stream} to {target.words}?", target)
        elif action == "limit":
            target = await self._screen.app.push_screen_wait(self._ask_limit(stream))
            if target is not None:
                lift = target.arguments["rows"] is None
                await self._plan(stream, action, f"Lift the limit of {stream}?" if lift else f"Limit {stream} to {target.words}?", target)
        else:
            questions = {
                "pause": f"Pause ingestion of {stream}?",
                "resume": f"Go on with {stream}?",
                "stop": f"Stop {stream}?",
                "end": f"Read {stream} from the end?",
            }
            await self._plan(stream, action, questions[action], Target({}, ""), "space pauses only the view" if action == "pause" else "")

    async def add_column(self, drift: DriftStatus | None) -> None:
        """A column for a field that has none; None says that there is no such field."""
        if drift is None:
            self._say("Every field has its column.", "info")
            return
        question = f"Add the column {drift.field} {drift.type} to {drift.stream}?"
        why_not = "this cannot be done"
        if drift.kind == "retyped":
            question = f"{drift.field} of {drift.stream} comes as {drift.type}"
            why_not = "its column stays as it is; what can be done:"
        await self._plan(drift.stream, "column", question, Target({"field": drift.field}, ""), why_not=why_not)

    async def _plan(
        self, stream: str, action: Action, question: str, target: Target, note: str = "", why_not: str = "this cannot be done"
    ) -> None:
        outdated = False
        while True:
            engine = self._link.engine
            if engine is None:
                self._say("The engine does not answer.", "error")
                return
            try:
                plan = await engine.plan_control(stream, action, **target.arguments)
                answer = await self._screen.app.push_screen_wait(
                    plan_sheet(self._link.picture, question, plan, CHANGED if outdated else note, outdated, why_not)
                )
                if answer != "do":
                    return
                self._say(f"{stream}: under way", "info")
                reply = await engine.control(stream, action, plan.token, **target.arguments)
                self._say(reply.text, "info")
                self._link.look_now()
                return
            except PlanOutdated:
                outdated = True
            except (WorkbenchError, OSError) as error:
                self._say(str(error), "error")
                return

    async def _a_file(self, stream: str) -> str:
        """A file of the stream to show how a place in one is written: what its source names, or one that it has read; empty when
        it reads no files."""
        chosen, engine = self._link.picture.chosen, self._link.engine
        if chosen is None or not chosen.flows:
            return "FILE"
        sources = [address(f) for f in chosen.flows if f.source.startswith("read_files ")]
        if not sources or engine is None or "*" not in "".join(sources):
            return sources[0] if sources else ""
        sql = f"SELECT file FROM workbench.offsets WHERE stream = {value(stream)} AND file <> '' ORDER BY line DESC, file LIMIT 1"
        try:
            query = await engine.submit(sql)
            query = await engine.query(query.id, SOON)
            page = await engine.page(query.id, 0, 1) if query.state == "done" else None
            await engine.close_query(query.id)
        except (WorkbenchError, OSError):
            return "FILE"
        return (page.rows[0][0] if page is not None and page.rows else None) or "FILE"

    def _ask_place(self, stream: str, file: str) -> AskSheet:
        picture = self._link.picture
        now, zone = picture.clock(), picture.zone
        commit = picture.snapshot.commit if picture.snapshot is not None else 0
        examples: tuple[Example, ...] = (
            ("beginning", "everything that its sources still have"),
            (f"commit {max(1, commit - 100)}", f"as it was after that commit; the newest is {count(commit)}"),
            (clock(now - 1_800, zone)[:5], "as it was then; also 21 Nov 09:00, 2026-11-21"),
            ("10 min ago", "also 30 s ago, 2 h ago, 1 d ago"),
            *(((f"{file}:0", "from a byte of a file; FILE:row 12 from a row"),) if file else ()),
        )
        note = "what it would do is shown first"
        return AskSheet(picture, f"Rewind {stream} to", lambda text: rewind_target(text, now, zone), note=note, examples=examples)

    def _ask_limit(self, stream: str) -> AskSheet:
        chosen = self._link.picture.chosen
        limits = {f.limit for f in chosen.flows} if chosen is not None else set()
        held = next((limit for limit in limits if limit is not None), None)
        note = f"now {held:,.0f} rows/s" if held is not None else "now without a limit"
        examples = (("5000", "rows a second"), ("20k", "also 1.5M"), ("none", "as fast as it can"))
        return AskSheet(self._link.picture, f"Limit {stream} to", limit_target, note=note, examples=examples)
