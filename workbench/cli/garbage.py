"""Python's garbage collector, out of the way while a program starts."""

from __future__ import annotations

import gc

STARTING, RUNNING = 200_000, 50_000
"""New objects between two looks. A start makes 80,000, next to none of them garbage: to look at them cost it 30 ms of 600. A program that
runs on must not be held up for long by one look."""


def put_off() -> None:
    """Let the program start, and a short one end, undisturbed."""
    gc.set_threshold(STARTING)


def begin() -> None:
    """The start of a program that runs on is over: what it made stays to the end, and is not looked at again."""
    gc.freeze()
    gc.set_threshold(RUNNING)
