"""Work that has to be done between two commits, for somebody who waits for it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import CancelledError
from typing import TypeVar

from workbench.errors import EngineUnavailable
from workbench.store.session import Session
from workbench.stream.pump import Pump

T = TypeVar("T")


def in_turn(pump: Pump, work: Callable[[Session], T]) -> T:
    """Do work in the writer's turn, and wait for what it gives.

    Raises:
        EngineUnavailable: the engine stops, or has broken down, before its turn came.
    """
    try:
        done: T = pump.control(work).result()
    except CancelledError:
        why = f": {pump.stalled}" if pump.died else ""
        raise EngineUnavailable(f"The engine stops, this was not done{why}", "Ask again when it has started anew.") from None
    return done
