"""The process of an engine among others: how far it steps back, how many files it may open, how it shares its memory."""

from __future__ import annotations

import os
import resource
from contextlib import suppress
from pathlib import Path

from workbench.engine.log import log_faults

HANDLES = 65_536
"""Open files and connections that it asks the system for."""
M_ARENA_MAX, ARENAS = -8, 2
"""The number of that option in glibc's malloc.h, and of arenas."""


def settle_in(nice: int) -> None:
    """What a process that serves does before its engine is made."""
    step_back(nice)
    take_handles()
    share_arenas()
    log_faults()


def step_back(nice: int) -> None:
    """Let other programs go first.

    With autogroups a plain nice does nothing for a process in a session of its own (measured: 50 % of a contended core
    against 10 %), so the group is niced too, where there is one.
    """
    with suppress(OSError):
        os.nice(nice)
    with suppress(OSError):
        if os.getsid(0) == os.getpid():
            Path("/proc/self/autogroup").write_text(str(nice), "ascii")


def take_handles() -> None:
    """As many open files and connections as the system allows: a shell gives 1,024, and 1,000 senders with a thousand files need more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = HANDLES if hard == resource.RLIM_INFINITY else min(hard, HANDLES)
    while soft != resource.RLIM_INFINITY and most > soft:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        except (OSError, ValueError):  # macOS has a limit of its own below the one that it tells
            most //= 2
        else:
            return


def share_arenas() -> bool:
    """Let threads share the C library's memory; whether it could, which only glibc can.

    With an arena for each, which keeps what was freed in it, an engine that followed two streams held 300 MB more after half an hour.
    """
    import ctypes

    try:
        return bool(ctypes.CDLL(None).mallopt(M_ARENA_MAX, ARENAS))
    except (OSError, AttributeError):
        return False
