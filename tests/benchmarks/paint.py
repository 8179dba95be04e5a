"""First paint, and keystroke to repaint while the engine works flat out: `python -m tests.benchmarks.paint`."""

from __future__ import annotations

import os
import statistics
import time
from pathlib import Path

from tests.benchmarks.lab import WORKBENCH, environment, orders_file, project, report, running, spread
from tests.terminal import Terminal

ROUNDS = 5
KEYS = "ΓΔΘΛΞΠΣΦΨΩбгджзийклмнптфцчшщъыьэюяαβγδεζηθικλμξπρστφχψω"
"""Characters that nothing else on the screen writes."""
EDITOR = "4"
"""The key of the SQL pane."""


def first_paint(folder: Path) -> float:
    """Seconds from the process's start to the screen's first pane."""
    with Terminal(WORKBENCH, folder, environment()) as screen:
        return screen.wait_for("Streams") - screen.started


def keystrokes(folder: Path, data: Path) -> tuple[list[float], bool]:
    """Seconds from a typed character to its appearance, one after another, and whether there was work to the end."""
    delays: list[float] = []
    with Terminal(WORKBENCH, folder, environment()) as screen:
        screen.wait_for("orders")
        screen.forget()
        screen.type(EDITOR)
        screen.wait_for("$EDITOR")
        os.link(data, folder / "data" / "orders.ndjson")
        screen.wait_for("LAG")
        for key in KEYS:
            screen.forget()
            pressed = screen.type(key)
            delays.append(screen.wait_for(key) - pressed)
            time.sleep(0.02)
        screen.forget()
        for _ in range(20):
            screen.read()
        return delays, "LAG" in screen.text


def main() -> None:
    with project() as folder, running(folder):
        paints = [first_paint(folder) for _ in range(ROUNDS)]
    with project() as folder, running(folder):
        busy, to_the_end = keystrokes(folder, orders_file(5_000_000))
    report(
        "paint",
        {
            "first_paint_seconds": {"median": round(statistics.median(paints), 3), "max": round(max(paints), 3)},
            "keystroke_seconds_during_ingest": spread(busy),
            "engine_was_busy_to_the_end": to_the_end,
        },
    )


if __name__ == "__main__":
    main()
