"""An engine that kills itself with SIGKILL before step STEP of its commit number NTH; without them it runs to the end.

usage: victim.py ROOT [STEP NTH]
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from workbench.config import Settings, open_project
from workbench.engine.engine import Engine


def main(root: str, step: int = 0, nth: int = 0) -> None:
    seen = 0

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
