"""Whole screens against golden files: the text of every line, then the meaning of every cell's colour.

A screen that changed on purpose: run with `WORKBENCH_GOLDEN=write`, look at the difference, keep it.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.tui.fake_engine import FakeEngine, snapshot
from tests.unit.tui.stage import ROWS, SQL, Stage, screen_lines, screen_paint, staged
from workbench.protocol import ProblemStatus
from workbench.tui.glyphs import PLAIN
from workbench.tui.look import Look
from workbench.tui.palette import GRAPHITE, PAPER, Palette
from workbench.tui.screens.welcome import Welcome, WelcomeApp

GOLDEN = Path(__file__).parent / "golden"


def compare(name: str, lines: list[str], paint: list[str]) -> None:
    """Fails with the lines that differ from the golden file."""
    text = "\n".join([*lines, "", *paint]) + "\n"
    file = GOLDEN / f"{name}.txt"
    if os.environ.get("WORKBENCH_GOLDEN") == "write":
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, "utf-8")
    assert text.splitlines() == file.read_text("utf-8").splitlines(), f"{name} differs from {file}"


async def check(stage: Stage, name: str, palette: Palette = GRAPHITE) -> None:
    await stage.beat(4.0)
    compare(name, screen_lines(stage.app), screen_paint(stage.app, palette))


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
        await check(stage, f"main-120x36-{palette.name}", palette)


@pytest.mark.parametrize("pane", ["1", "2", "3", "4"])
async def test_80_by_24(pane: str) -> None:
    async with staged(size=(80, 24)) as stage:
        await stage.press(pane)
        await check(stage, f"pane-{pane}-80x24")


async def test_failures_zoomed() -> None:
    async with staged() as stage:
        await stage.press("3", "enter", "enter")
        await stage.shows("q-10482")
        await check(stage, "failures-120x36")


async def test_jobs_zoomed() -> None:
    async with staged() as stage:
        await stage.press("2", *"jjjj", "enter")
        await stage.shows("dedupe_clicks  ✗ FAILED")
        await check(stage, "jobs-120x36")


async def test_sql_running_over_a_paused_view() -> None:
    engine = FakeEngine()
    engine.slow = True
    async with staged(engine=engine) as stage:
        await stage.press("space")
        await stage.shows("PAUSED")
        await run_sql(stage)
        await stage.shows("about 3.2 s left")
        await check(stage, "sql-running-120x36")
        engine.finish()
        await stage.shows(f"{len(ROWS)} rows")


async def test_quit() -> None:
    async with staged() as stage:
        await stage.press("q")
        await stage.shows("Leave the engine running?")
        await check(stage, "quit-120x36")


async def test_problems() -> None:
    problem = ProblemStatus(
        "pipelines/shop.sql", 3, 8, 'There is no column "amuont"', "Did you mean amount?", "SELECT amuont FROM STREAM orders", 6
    )
    async with staged(engine=FakeEngine(replace(snapshot(), problems=(problem,)))) as stage:
        await stage.shows("shop.sql:3:8")
        await check(stage, "problems-120x36")


async def test_too_small() -> None:
    async with staged(size=(70, 15)) as stage:
        await stage.shows("workbench needs 80×20")
        await check(stage, "small-70x15")


async def test_plain_terminal() -> None:
    async with staged(glyphs=PLAIN) as stage:
        await run_sql(stage)
        await stage.press("escape", "1")
        lines = screen_lines(stage.app)
        assert all(line.isascii() for line in lines), [line for line in lines if not line.isascii()]
        await check(stage, "plain-120x36")


async def test_welcome() -> None:
    facts = Welcome("~/data/shop", ("orders.ndjson", "customers.csv"), "412 MB", "shop", "/data/shop", "engine still runs, 14.2M rows")
    app = WelcomeApp(Look(), facts)
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.pause()
        compare("welcome-120x36", screen_lines(app), screen_paint(app, GRAPHITE))
        await pilot.press("o")
        await pilot.press("enter")
        await pilot.pause()
        assert app.return_value is not None
        assert (app.return_value.kind, app.return_value.path) == ("open", "orders.ndjson")


@pytest.mark.parametrize(("keys", "kind", "path"), [("d", "demo", ""), ("i", "init", ""), ("a", "attach", "/data/shop"), ("q", "quit", "")])
async def test_the_welcome_hands_back_what_was_chosen(keys: str, kind: str, path: str) -> None:
    app = WelcomeApp(Look(), Welcome("~/data", running="shop", running_path="/data/shop"))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press(*keys)
        await pilot.pause()
        assert app.return_value is not None
        assert (app.return_value.kind, app.return_value.path) == (kind, path)
