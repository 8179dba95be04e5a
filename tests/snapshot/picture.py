"""Draws README's picture of the screen from the data of the snapshot tests: `python -m tests.snapshot.picture`."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from tests.snapshot.test_screens import run_sql
from tests.unit.tui.stage import staged

PICTURE = Path(__file__).with_name("screen.svg")


async def draw() -> str:
    """The main screen with a query's result, as SVG."""
    async with staged() as stage:
        await run_sql(stage)
        await stage.press("escape", "1")
        await stage.beat(4.0)
        return stage.app.export_screenshot(title="workbench")


def self_contained(svg: str) -> str:
    """No font is fetched from anywhere, and viewers that are no browsers keep the blanks too."""
    svg = re.sub(r"\s*@font-face \{[^}]*\}", "", svg)
    svg = svg.replace("font-family: Fira Code, monospace", "font-family: ui-monospace, Menlo, Consolas, DejaVu Sans Mono, monospace")
    return svg.replace("<text ", '<text xml:space="preserve" ')


if __name__ == "__main__":
    PICTURE.write_text("\n".join(line.rstrip() for line in self_contained(asyncio.run(draw())).splitlines()) + "\n", "utf-8")
