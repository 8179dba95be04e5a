"""The terminal as an app: modes, bindings, the connection, and the questions that it asks."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from datetime import tzinfo
from pathlib import Path
from typing import ClassVar

from textual.app import App
from textual.binding import Binding, BindingType
from textual.command import Provider
from textual.message import Message
from textual.screen import Screen

from workbench.errors import WorkbenchError
from workbench.protocol import DriftStatus
from workbench.tui import questions
from workbench.tui.choice import ExitChoice
from workbench.tui.clipboard import copy
from workbench.tui.commands import Commands
from workbench.tui.drift import drift_key
from workbench.tui.engine_api import EngineApi
from workbench.tui.glyphs import choose_glyphs
from workbench.tui.keys import nearest_first
from workbench.tui.link import Link
from workbench.tui.logfile import last_lines
from workbench.tui.look import Look
from workbench.tui.messages import Copy, EngineLost
from workbench.tui.palette import GRAPHITE, PAPER, choose_palette
from workbench.tui.picture import Picture
from workbench.tui.pulse import pulse
from workbench.tui.screens.main import MainScreen
from workbench.tui.sheets.question import Sheet
from workbench.tui.theme import theme_of

PANES = {"1": "streams", "2": "jobs", "3": "failures", "4": "SQL"}


def choose_look(theme: str) -> Look:
    """Palette and glyphs for a setting and this terminal."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return Look(choose_palette(theme, os.environ), choose_glyphs(os.environ, encoding))


class WorkbenchApp(App[ExitChoice]):
    """Opens at once and fills when the engine answers; ends with how a person left.

    Args:
        picture: what is drawn; the app makes its link keep it true.
        client_factory: gives a client of an engine that answers. May be slow and may import: it is called after the first paint.
        start_engine: starts an engine; None when there is one already or none is wanted.
        log: the engine's log file, for its last words.
        state: folder for the history and copies; None keeps neither.
    """

    ENABLE_COMMAND_PALETTE = True
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {Commands}
    CSS = """
    MainScreen { background: $background; }
    CommandPalette { background: transparent; }
    CommandPalette > Vertical { background: $surface; margin-top: 1; }
    CommandPalette #--input { border: none; }
    CommandPalette SearchIcon { display: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "leave", "quit", show=False),
        Binding("question_mark", "help", "help", show=False),
        Binding("f1", "help", "help", show=False),
        Binding("f12", "toggle_mouse", "mouse off or on", show=False, priority=True),
        Binding("ctrl+q", "leave", "quit", show=False, priority=True),
        Binding("ctrl+c", "hint_quit", "", show=False, system=True),
        Binding("ctrl+p", "command_palette", "palette", priority=True),
    ]

    def __init__(
        self,
        picture: Picture,
        client_factory: Callable[[], Awaitable[EngineApi]],
        start_engine: Callable[[], Awaitable[None]] | None = None,
        log: Path | None = None,
        state: Path | None = None,
    ) -> None:
        super().__init__()
        self.picture, self._logfile, self._folder = picture, log, state
        self.link = Link(picture, client_factory, start_engine, self._post)
        self.main = MainScreen(self.link, state / "history.jsonl" if state is not None else None)
        self._mouse = True
        self._said: set[int] = set()
        for palette in (GRAPHITE, PAPER):
            self.register_theme(theme_of(palette))
        self.theme = picture.look.palette.name

    def get_default_screen(self) -> Screen[None]:
        return self.main

    def on_mount(self) -> None:
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        self.run_worker(self.link.run(), group="link")
        self.run_worker(pulse(self._beat), group="pulse")

    def _post(self, message: Message) -> None:
        if self.is_running:
            self.main.post_message(message)

    def _beat(self, late: float) -> None:
        self.picture.ui = late
        self._tell_notices()
        self.main.beat()

    # News

    def on_connected(self) -> None:
        if isinstance(self.screen, Sheet) and self.screen.id == "lost":
            self.screen.dismiss("stay")
        self.main.refresh_panes()

    def on_engine_lost(self, message: EngineLost) -> None:
        if self.link.stopping or any(screen.id == "lost" for screen in self.screen_stack):
            return
        lines = last_lines(self._logfile) if self._logfile is not None else []
        sheet = questions.lost_sheet(self.picture, message.reason, lines, self.link.can_start)
        sheet.id = "lost"
        self.push_screen(sheet, self._after_lost)

    def on_copy(self, message: Copy) -> None:
        where = copy(self, message.text, self._folder / "copied.txt" if self._folder is not None else None)
        self.main.footer.say(f"copied {message.what} {where}")

    def _after_lost(self, answer: str | None) -> None:
        if answer == "restart":
            self.picture.connection = "starting"
            self.link.restart()
        elif answer == "quit":
            self.exit(ExitChoice("quit"))
        self.main.refresh_panes()

    def _tell_notices(self) -> None:
        snapshot = self.picture.snapshot
        first = not self._said
        for notice in snapshot.notices if snapshot is not None else ():
            if notice.id not in self._said:
                self._said.add(notice.id)
                if not first and notice.kind in {"warning", "error"}:
                    self.main.footer.say(notice.text, notice.kind, whole=False)  # the notices have it whole
        self._said.add(-1)

    # Keys

    def action_leave(self) -> None:
        if isinstance(self.screen, Sheet):
            return
        if self.picture.connection != "live":
            self.exit(ExitChoice("quit"))
            return
        self.push_screen(questions.quit_sheet(self.picture), self._after_quit)

    def _after_quit(self, answer: str | None) -> None:
        if answer == "leave":
            self.exit(ExitChoice("leave"))
        elif answer == "stop":
            self.run_worker(self._stop(), group="stop")

    async def _stop(self) -> None:
        self.link.stopping = True
        self.main.footer.say("stopping: what is read so far is committed first")
        engine = self.link.engine
        if engine is not None:
            try:
                await engine.stop()
            except (WorkbenchError, OSError) as error:
                self.link.stopping = False
                self.main.footer.say(str(error), "error")
                return
        self.exit(ExitChoice("stop"))

    def action_help(self) -> None:
        screen = self.screen
        name = PANES.get(self.main.pane, "workbench") if screen is self.main else type(screen).__name__
        focused = screen.focused
        if focused is not None and focused.id in {"tail", "state", "result"}:
            name = str(focused.id)
        self.push_screen(questions.help_sheet(self.picture, name, nearest_first(screen)))

    def action_problems(self) -> None:
        snapshot, drifts = self.picture.snapshot, self.picture.drifts
        by_name = {drift_key(drift): drift for drift in drifts}
        sheet = questions.problems_sheet(self.picture, snapshot.problems if snapshot is not None else (), drifts)
        self.push_screen(sheet, lambda answer: self._after_problems(by_name, answer))

    def _after_problems(self, drifts: Mapping[str, DriftStatus], answer: str | None) -> None:
        """What was looked at needs no band any more."""
        self.picture.seen.update(drifts)
        self.main.refresh_panes()
        if answer is not None and answer in drifts:
            self.main.add_column(drifts[answer])

    def action_notices(self) -> None:
        self.push_screen(questions.notices_sheet(self.picture))

    async def action_log(self) -> None:
        lines: list[str] = last_lines(self._logfile, 200) if self._logfile is not None else []
        if not lines and self.link.engine is not None:
            with contextlib.suppress(WorkbenchError, OSError):
                lines = list(await self.link.engine.log(200))
        self.push_screen(questions.log_sheet(self.picture, lines))

    def action_pause_stream(self) -> None:
        chosen = self.picture.chosen
        if chosen is None:
            self.main.footer.say("There is no stream to pause.", "warning")
        elif chosen.state == "PAUSE":
            self.run_worker(self._resume(chosen.name), group="ingest")
        else:
            self.main.action_control("resume" if chosen.state in {"FAIL", "STOP"} else "pause")

    async def _resume(self, stream: str) -> None:
        engine = self.link.engine
        if engine is None:
            self.main.footer.say("The engine does not answer.", "error")
            return
        try:
            self.main.footer.say((await engine.resume(stream)).text)
        except (WorkbenchError, OSError) as error:
            self.main.footer.say(str(error), "error")

    def action_toggle_theme(self) -> None:
        look = self.picture.look
        look.palette = PAPER if look.palette.dark else GRAPHITE
        self.theme = look.palette.name
        self.main.redraw()

    def action_toggle_mouse(self) -> None:
        """Off lets the terminal's own selection work."""
        self._mouse = not self._mouse
        driver = self._driver
        switch = getattr(driver, "_enable_mouse_support" if self._mouse else "_disable_mouse_support", None)
        if switch is not None:
            switch()
        self.main.footer.say("mouse on" if self._mouse else "mouse off: the terminal selects text; F12 brings it back")

    def action_hint_quit(self) -> None:
        self.main.footer.say("q quits; it asks whether the engine goes on")


def run_app(
    project_name: str,
    client_factory: Callable[[], Awaitable[EngineApi]],
    theme: str = "dark",
    start_engine: Callable[[], Awaitable[None]] | None = None,
    *,
    log: Path | None = None,
    state: Path | None = None,
    zone: tzinfo | None = None,
    demo: str = "",
) -> ExitChoice:
    """Runs the terminal until a person leaves it.

    Args:
        project_name: for the header.
        client_factory: called after the first paint, and again after a restart; import the HTTP library in it.
        theme: dark, light or auto.
        start_engine: starts the engine; None only attaches.
        log: the engine's log file.
        state: the project's state folder, for history and copies.
        zone: for clocks; the machine's own by default.
        demo: what becomes of the demo's folder when it ends; empty when this is no demo.

    Returns:
        `leave`, `stop` (the engine was asked already and answered) or `quit`.
    """
    picture = Picture(project_name, choose_look(theme), zone=zone, demo=demo)
    app = WorkbenchApp(picture, client_factory, start_engine, log, state)
    return app.run() or ExitChoice("quit")
