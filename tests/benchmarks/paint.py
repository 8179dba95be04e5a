"""First paint, and keystroke to repaint while the engine works flat out: `python -m tests.benchmarks.paint`."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

from tests.benchmarks.lab import WORKBENCH, environment, orders_file, project, report, running, spread
from tests.terminal import Terminal

ROUNDS = 5
KEYS = "ΓΔΘΛΞΠΣΦΨΩабвгдежзийклмнопрстуфхцчшщъыьэюяאבגדהוזחטיכלמנסעפצקרשת"
"""Characters that nothing else on the screen writes."""
EDITOR = "4"
"""The key of the SQL pane."""


def first_paint(folder: Path) -> float:
    """Seconds from the process's start to the screen's first pane."""
    with Terminal(WORKBENCH, folder, environment()) as screen:
        return screen.wait_for("Streams") - screen.started


def keystrokes(folder: Path) -> list[float]:
    """Seconds from a typed character to its appearance, one after another."""
    delays: list[float] = []
    with Terminal(WORKBENCH, folder, environment()) as screen:
        screen.wait_for("Streams")
        screen.type(EDITOR)
        screen.read(1.0)
        for key in KEYS:
            screen.forget()
            pressed = screen.type(key)
            delays.append(screen.wait_for(key) - pressed)
            time.sleep(0.02)
    return delays


def main() -> None:
    with project() as folder, running(folder):
        paints = [first_paint(folder) for _ in range(ROUNDS)]
    with project(orders_file(5_000_000)) as folder, running(folder):
        begin = time.perf_counter()
        busy = keystrokes(folder)
        seconds = time.perf_counter() - begin
    report(
        "paint",
        {
            "first_paint_seconds": {"median": round(statistics.median(paints), 3), "max": round(max(paints), 3)},
            "keystroke_seconds_during_ingest": spread(busy),
            "keystrokes_took_seconds": round(seconds, 2),
        },
    )


if __name__ == "__main__":
    main()
