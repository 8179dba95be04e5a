"""Puts the terminal on a stage: an app with an engine in memory, waiting with a deadline, what is on the screen."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

import pytest
from textual._compositor import LayoutUpdate
from textual.app import App
from textual.command import CommandList
from textual.pilot import Pilot
from textual.strip import Strip

from tests.unit.tui.fake_engine import NOW, FakeEngine
from workbench.tui.app import WorkbenchApp
from workbench.tui.choice import ExitChoice
from workbench.tui.engine_api import EngineApi
from workbench.tui.glyphs import FANCY, Glyphs
from workbench.tui.look import Look
from workbench.tui.palette import GRAPHITE, Palette
from workbench.tui.picture import Picture

DEADLINE = 60.0
TURNS = 50
"""Of the event loop, in which what a key does is done: Textual's own pause is of wall clock time, in which little happens now and then."""
SQL = """select country, count(*) refunds, sum(amount) amount
from orders  -- live: every tick
where status = 'refund' and minute >= now() - interval 15 minute
group by 1 order by refunds desc limit 20"""
COLUMNS = (("country", "VARCHAR"), ("refunds", "BIGINT"), ("amount", "DOUBLE"))
ROWS: list[tuple[str | None, ...]] = [
    ("DE", "12841", "271884.10"),
    ("FR", "9007", "190422.55"),
    ("NL", "7730", "171010.00"),
    ("ES", "6212", "120874.31"),
    ("IT", "5904", "118020.90"),
    ("AT", "3310", "70119.25"),
]


@dataclass
class Stage:
    """The app, its engine, and the hands on the keyboard."""

    app: WorkbenchApp
    engine: FakeEngine
    pilot: Pilot[ExitChoice]

    async def until(self, look: Callable[[], object], what: str = "") -> None:
        await until(self.pilot, look, lambda: f"{what}\n{self.text}")

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self.pilot.press(key)
            await self.settle()

    async def command(self, letters: str) -> None:
        """Run the command that alone has these letters, once no other one is offered."""
        await self.press("ctrl+p", *letters)
        await self.until(lambda: [offered.option_count for offered in self.app.screen.query(CommandList)] == [1], letters)
        await self.press("enter")

    async def beat(self, late: float = 4.0) -> None:
        """A second passes."""
        WorkbenchApp._beat(self.app, late)
        await self.settle()

    async def click(self, selector: str, offset: tuple[int, int], times: int = 1) -> None:
        await self.pilot.click(selector, offset=offset, times=times)
        await self.settle()

    async def settle(self) -> None:
        """What follows from what was done, without waiting for anybody."""
        for _ in range(TURNS):
            await asyncio.sleep(0)
        await self.pilot.pause()

    @property
    def text(self) -> str:
        """What is on the screen, sheets included."""
        return "\n".join(screen_lines(self.app))

    def sees(self, text: str) -> bool:
        return text in self.text

    async def shows(self, text: str) -> None:
        await self.until(lambda: self.sees(text), repr(text))

    @property
    def focused(self) -> str:
        return str(self.app.focused.id) if self.app.focused is not None else ""

    def type_sql(self, sql: str) -> None:
        """Text into the editor, the cursor at its beginning."""
        self.app.main.sql.editor.load_text(sql)
        self.app.main.sql.desk.tab.text = sql


async def until(pilot: Pilot[ExitChoice], look: Callable[[], object], what: Callable[[], str]) -> None:
    """Waits for a condition; fails the test when it does not come true."""
    end = time.monotonic() + DEADLINE
    while not look():
        if time.monotonic() > end:
            pytest.fail(f"waited {DEADLINE:g} s for {what()}")
        await pilot.pause()
        await asyncio.sleep(0.005)


@asynccontextmanager
async def staged(
    size: tuple[int, int] = (120, 36),
    *,
    engine: FakeEngine | None = None,
    palette: Palette = GRAPHITE,
    glyphs: Glyphs = FANCY,
    log: Path | None = None,
    state: Path | None = None,
    filled: bool = True,
    clock: Callable[[], float] = lambda: NOW,
) -> AsyncIterator[Stage]:
    """The terminal, connected and filled."""
    fake = engine or FakeEngine()
    fake.results.setdefault(SQL, (COLUMNS, ROWS))

    async def connect() -> EngineApi:
        return fake

    async def start() -> None:
        fake.calls.append(("start",))

    app = WorkbenchApp(Picture("shop", Look(palette, glyphs), clock=clock, zone=UTC), connect, start, log, state)
    setattr(app, "_beat", lambda late: None)  # noqa: B010 the heart beats when a test says so
    setattr(app.main.sql.editor, "burst", 0.0)  # noqa: B010 a test types faster than a person
    async with app.run_test(size=size) as pilot:
        stage = Stage(app, fake, pilot)
        if filled:
            picture = app.picture
            await stage.until(lambda: picture.tail is not None and (picture.state is not None or not picture.view))
            await stage.until(lambda: fake.asked("quarantine_detail") or not fake.now.rules or app.main.small.display)
            await pilot.pause()
            app.main.refresh_panes()
            await pilot.pause()
        yield stage


def screen_strips(app: App[ExitChoice]) -> list[Strip]:
    """All lines of the screen and of what lies under it."""
    update = app.screen._compositor.render_update(full=True, screen_stack=app._background_screens)
    assert isinstance(update, LayoutUpdate)
    return [Strip.join(line) for line in update.strips]


def screen_lines(app: App[ExitChoice]) -> list[str]:
    """The text of the screen."""
    return [strip.text.rstrip() for strip in screen_strips(app)]


def screen_paint(app: App[ExitChoice], palette: Palette) -> list[str]:
    """The meaning of each cell's ink as a letter: its colour's place in the palette; blanks stay blank."""
    names = ("rule", "faint", "muted", "text", "bright", "here", "alive", "late", "fail", "held", "changed", "data", "data2", "ground")
    letters = {getattr(palette, name): letter for name, letter in zip(names, "rfmtbhalxpcdDg", strict=True)}
    out = []
    for strip in screen_strips(app):
        line = ""
        for segment in strip:
            colour = segment.style.color.get_truecolor().hex if segment.style is not None and segment.style.color is not None else ""
            letter = letters.get(colour, "?")
            letter = letter.upper() if segment.style is not None and segment.style.reverse else letter
            line += "".join(" " if char == " " and letter.islower() else letter for char in segment.text)
        out.append(line.rstrip())
    return out
