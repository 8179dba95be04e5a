"""`python -m workbench.demo ROOT RATE SEED`: feed until standard input ends."""

from __future__ import annotations

import select
import signal
import sys
import time
from pathlib import Path

from workbench.demo.feed import Feed
from workbench.demo.generator import READY

STEP = 0.05
"""Seconds between two appends."""


def main(arguments: list[str]) -> int:
    """Write a little past, say so, and go on until the parent closes our standard input or dies."""
    root, rate, seed = Path(arguments[0]), float(arguments[1]), int(arguments[2])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    feed = Feed(root, rate, seed, time.time)
    feed.backfill(seconds=300, rate=max(1.0, rate / 40))
    sys.stdout.buffer.write(READY)
    sys.stdout.buffer.flush()
    while not select.select([sys.stdin], [], [], STEP)[0]:
        if not root.is_dir():
            return 0
        feed.step()
    feed.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
