"""`python -m workbench.demo ROOT RATE SEED`: feed until standard input ends, or the engine whose lock it has named."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import sys
import time
from pathlib import Path

from workbench.demo.feed import Feed
from workbench.demo.generator import PID, READY

STEP = 0.05
"""Seconds between two appends."""


def main(arguments: list[str]) -> int:
    """Write a little past, say so, and go on until the parent closes our standard input or dies."""
    root, rate, seed = Path(arguments[0]), float(arguments[1]), int(arguments[2])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    (root / PID).write_text(str(os.getpid()), "ascii")
    feed = Feed(root, rate, seed, time.time)
    feed.backfill(seconds=300, rate=max(1.0, rate / 40))
    sys.stdout.buffer.write(READY)
    sys.stdout.buffer.flush()
    while root.is_dir():
        if select.select([sys.stdin], [], [], STEP)[0]:
            if lock := sys.stdin.buffer.read():
                _go_on(feed, root, Path(os.fsdecode(lock)))
            feed.close()
            break
        feed.step()
    return 0


def _go_on(feed: Feed, root: Path, lock: Path) -> None:
    """Feed without a parent, while an engine is there to read it and nobody else feeds it."""
    while _is_ours(root) and _is_held(lock):
        time.sleep(STEP)
        feed.step()


def _is_ours(root: Path) -> bool:
    try:
        return (root / PID).read_text("ascii") == str(os.getpid())
    except OSError:
        return False


def _is_held(lock: Path) -> bool:
    """Whether an engine has the lock."""
    try:
        with lock.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # an engine waits until the look is over
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
