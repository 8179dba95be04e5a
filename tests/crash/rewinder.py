"""An engine that rewinds a stream and kills itself with SIGKILL before step STEP of that; with step 0 it does it whole.

usage: rewinder.py ROOT STREAM COMMIT STEP
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from workbench.config import Settings, open_project
from workbench.engine.engine import Engine


def main(root: str, stream: str, commit: int, step: int) -> None:
    def probe(now: int) -> None:
        if now == step:
            os.kill(os.getpid(), signal.SIGKILL)

    settings = Settings()
    engine = Engine(open_project(Path(root), settings), settings, flows=False, probe=probe)
    engine.start()
    plan = engine.plan_control(stream, "rewind", {"commit": commit})
    assert plan.possible, plan.says
    engine.control(stream, "rewind", plan.token, {"commit": commit})
    engine.stop()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
