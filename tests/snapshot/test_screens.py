"""Whole screens against golden files: the text of every line, then the meaning of every cell's colour.

A screen that changed on purpose: run with `WORKBENCH_GOLDEN=write`, look at the difference, keep it.
"""

from __future__ import annotations

import os
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path

import pytest
from textual.app import App
from textual.pilot import Pilot

from tests.unit.tui.fake_engine import FakeEngine, snapshot
from tests.unit.tui.flowing import drifts, flowing
from tests.unit.tui.stage import ROWS, SQL, Stage, screen_lines, screen_paint, staged, until
from workbench.protocol import ControlPlan, ProblemStatus
from workbench.tui.choice import ExitChoice
from workbench.tui.glyphs import PLAIN
from workbench.tui.look import Look
from workbench.tui.palette import GRAPHITE, PAPER, Palette
from workbench.tui.screens.welcome import Welcome, WelcomeApp

GOLDEN = Path(__file__).parent / "golden"


def expected(name: str) -> list[str]:
    return (GOLDEN / f"{name}.txt").read_text("utf-8").splitlines()


def drawn(app: App[ExitChoice], palette: Palette) -> list[str]:
    return [*screen_lines(app), "", *screen_paint(app, palette)]


async def check(pilot: Pilot[ExitChoice], name: str, palette: Palette = GRAPHITE) -> None:
    """Waits until the screen is the golden one; fails with what differs."""
    if os.environ.get("WORKBENCH_GOLDEN") == "write":
        for _ in range(20):
            await pilot.pause()
        GOLDEN.mkdir(exist_ok=True)
        (GOLDEN / f"{name}.txt").write_text("\n".join(drawn(pilot.app, palette)) + "\n", "utf-8")
    wanted = expected(name)

    def differing() -> str:
        return "\n".join(f"- {a}\n+ {b}" for a, b in zip_longest(wanted, drawn(pilot.app, palette)) if a != b)

    await until(pilot, lambda: drawn(pilot.app, palette) == wanted, lambda: f"{name} to be as in {GOLDEN}\n{differing()}")


async def run_sql(stage: Stage) -> None:
    await stage.press("4")
    stage.type_sql(SQL)
    await stage.press("f5")
    await stage.shows("12,841")


@pytest.mark.parametrize("palette", [GRAPHITE, PAPER], ids=["dark", "light"])
async def test_main(palette: Palette) -> None:
    async with staged(palette=palette) as stage:
        await run_sql(stage)
        await stage.press("escape", "1")
        await stage.beat()
        await check(stage.pilot, f"main-120x36-{palette.name}", palette)


@pytest.mark.parametrize("pane", ["1", "2", "3", "4"])
async def test_80_by_24(pane: str) -> None:
    async with staged(size=(80, 24)) as stage:
        await stage.press(pane)
        await stage.beat()
        await check(stage.pilot, f"pane-{pane}-80x24")


async def test_failures_zoomed() -> None:
    async with staged() as stage:
        await stage.press("3", "enter", "enter")
        await stage.until(lambda: stage.focused == "failure-rows")
        await stage.shows("q-10482")
        await stage.beat()
        await check(stage.pilot, "failures-120x36")


async def test_jobs_zoomed() -> None:
    async with staged() as stage:
        await stage.press("2", *"jjjj", "enter")
        await stage.shows("dedupe_clicks  ✗ FAILED")
        await stage.beat()
        await check(stage.pilot, "jobs-120x36")


async def test_sql_running_over_a_paused_view() -> None:
    engine = FakeEngine()
    engine.slow = True
    async with staged(engine=engine) as stage:
        await stage.press("space")
        await stage.shows("PAUSED")
        await run_sql(stage)
        await stage.shows("about 3.2 s left")
        await stage.beat()
        await check(stage.pilot, "sql-running-120x36")
        engine.finish()
        await stage.shows(f"{len(ROWS)} rows")


async def test_quit() -> None:
    async with staged() as stage:
        await stage.press("q")
        await stage.shows("Leave the engine running?")
        await stage.beat()
        await check(stage.pilot, "quit-120x36")


async def test_problems() -> None:
    problem = ProblemStatus(
        "pipelines/shop.sql", 3, 8, 'There is no column "amuont"', "Did you mean amount?", "SELECT amuont FROM STREAM orders", 6
    )
    async with staged(engine=FakeEngine(replace(snapshot(), problems=(problem,)))) as stage:
        await stage.shows("shop.sql:3:8")
        await stage.beat()
        await check(stage.pilot, "problems-120x36")


@pytest.mark.parametrize(
    ("size", "palette"), [((120, 36), GRAPHITE), ((120, 36), PAPER), ((80, 24), GRAPHITE)], ids=["wide", "light", "narrow"]
)
async def test_streams_with_several_sources(size: tuple[int, int], palette: Palette) -> None:
    async with staged(size=size, engine=FakeEngine(flowing()), palette=palette) as stage:
        await stage.press("j")
        await stage.shows("clicks_by_visit")
        await stage.beat()
        await check(stage.pilot, f"flowing-{size[0]}x{size[1]}-{palette.name}", palette)
        await stage.press("z")
        await stage.shows("clicks  ▲ LAG")
        await stage.beat()
        await check(stage.pilot, f"streams-{size[0]}x{size[1]}-{palette.name}", palette)


async def test_state_zoomed() -> None:
    async with staged(engine=FakeEngine(flowing())) as stage:
        await stage.press("tab", "tab", "z")
        await stage.shows("lists them")
        await stage.beat()
        await check(stage.pilot, "state-120x36")


@pytest.mark.parametrize("size", [(120, 36), (80, 24)], ids=["wide", "narrow"])
async def test_rewind(size: tuple[int, int]) -> None:
    async with staged(size=size, engine=FakeEngine(flowing())) as stage:
        await stage.press("r", *"10", "space", *"min")
        await stage.shows("17:14:40")
        await stage.beat()
        await check(stage.pilot, f"rewind-{size[0]}x{size[1]}")
        await stage.press("enter")
        await stage.shows("Rewind orders to 17:14:40?")
        await stage.beat()
        await check(stage.pilot, f"plan-{size[0]}x{size[1]}")


async def test_what_cannot_be_done() -> None:
    engine = FakeEngine(flowing())
    why = "orders/2026-11-22.ndjson was truncated since; the rows after byte 0 cannot be read again."
    engine.plans = [ControlPlan("orders", "rewind", (why,), possible=False)]
    async with staged(engine=engine) as stage:
        await stage.press("r", *"beginning", "enter")
        await stage.shows("this cannot be done")
        await stage.beat()
        await check(stage.pilot, "impossible-120x36")


@pytest.mark.parametrize("size", [(120, 36), (80, 24)], ids=["wide", "narrow"])
async def test_fields_without_a_column(size: tuple[int, int]) -> None:
    async with staged(size=size, engine=FakeEngine(replace(flowing(), drifts=drifts()))) as stage:
        await stage.shows("new field coupon")
        await stage.beat()
        await check(stage.pilot, f"drift-{size[0]}x{size[1]}")
        await stage.press("exclamation_mark")
        await stage.shows("without a fitting column")
        await stage.beat()
        await check(stage.pilot, f"fields-{size[0]}x{size[1]}")


async def test_too_small() -> None:
    async with staged(size=(70, 15)) as stage:
        await stage.shows("workbench needs 80×20")
        await stage.beat()
        await check(stage.pilot, "small-70x15")


async def test_plain_terminal() -> None:
    async with staged(glyphs=PLAIN) as stage:
        await run_sql(stage)
        await stage.press("escape", "1")
        lines = screen_lines(stage.app)
        assert all(line.isascii() for line in lines), [line for line in lines if not line.isascii()]
        await stage.beat()
        await check(stage.pilot, "plain-120x36")
    async with staged(glyphs=PLAIN, engine=FakeEngine(replace(flowing(), drifts=drifts()))) as stage:
        await stage.press("j", "z")
        lines = screen_lines(stage.app)
        assert all(line.isascii() for line in lines), [line for line in lines if not line.isascii()]
        await stage.beat()
        await check(stage.pilot, "plain-streams-120x36")


async def test_welcome() -> None:
    facts = Welcome("~/data/shop", ("orders.ndjson", "customers.csv"), "412 MB", "shop", "/data/shop", "engine still runs, 14.2M rows")
    app = WelcomeApp(Look(), facts)
    async with app.run_test(size=(120, 36)) as pilot:
        await check(pilot, "welcome-120x36")
        await pilot.press("o")
        await pilot.press("enter")
        await until(pilot, lambda: app.return_value is not None, lambda: "the end")
        assert app.return_value is not None
        assert (app.return_value.kind, app.return_value.path) == ("open", "orders.ndjson")


@pytest.mark.parametrize(("keys", "kind", "path"), [("d", "demo", ""), ("i", "init", ""), ("a", "attach", "/data/shop"), ("q", "quit", "")])
async def test_the_welcome_hands_back_what_was_chosen(keys: str, kind: str, path: str) -> None:
    app = WelcomeApp(Look(), Welcome("~/data", running="shop", running_path="/data/shop"))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press(*keys)
        await until(pilot, lambda: app.return_value is not None, lambda: "the end")
        assert app.return_value is not None
        assert (app.return_value.kind, app.return_value.path) == (kind, path)
