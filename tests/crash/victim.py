"""An engine that kills itself with SIGKILL before step STEP of its commit number NTH; without them it runs to the end.

With SMALL, the INSERTs of a commit are statements of their own from so many rows on: a small commit is else a single one.

usage: victim.py ROOT [STEP NTH [SMALL]]
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from workbench.config import Settings, open_project
from workbench.engine.engine import Engine
from workbench.store import inserts


def main(root: str, step: int = 0, nth: int = 0, small: int = inserts.SMALL) -> None:
    seen, inserts.SMALL = 0, small

    def probe(now: int) -> None:
        nonlocal seen
        if now == 1:
            seen += 1
        if now == step and seen == nth:
            os.kill(os.getpid(), signal.SIGKILL)

    # One thread commits after each chunk, so that the commits can be counted on.
    settings = Settings(chunk=1 << 14, tick=0.0, threads=1 if step else 2)
    engine = Engine(open_project(Path(root), settings), settings, probe=probe)
    engine.start()
    summary = engine.run_once()
    engine.stop()
    assert not summary.failed
    assert not summary.problems


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
