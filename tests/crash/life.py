"""`workbench run` with all that happens now and then happening all the time: `python -m tests.crash.life ROOT`."""

from __future__ import annotations

import sys
from unittest.mock import patch

from workbench.cli.main import main

OFTEN = {
    "workbench.stream.upkeep.TIDY_AFTER": 7,
    "workbench.stream.upkeep.CHECKPOINT_TAILING": 400_000,
    "workbench.stream.running.FREE_PARTIALS": 50,
    "workbench.connectors.spool.spool.LIMIT": 1 << 20,
}

if __name__ == "__main__":
    for name, value in OFTEN.items():
        patch(name, value).start()
    sys.exit(main(["run", "--project", sys.argv[1]]))
