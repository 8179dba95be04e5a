"""kill -9 of engines over everything that can be read, again and again: `python -m tests.crash.many --kills 500` prints JSON."""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from tests.crash.world import World

REPOSITORY = Path(__file__).parents[2]
WORLD = 25
"""Kills after which everything is settled and a new world begins, so that the checks stay quick."""
UP = 200.0
"""Seconds in which an engine takes its first connection."""


def kill_one(world: World, dice: random.Random, limit: float = 1.0) -> str:
    """One engine from its start to its kill: while it starts, or in the middle of its work; tells which."""
    world.life += 1
    world.connected.clear()
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "WORKBENCH_IDLE_TIMEOUT": "1", "WORKBENCH_SPOOL_LIMIT": "4MB"}
    with (world.root / "said").open("ab") as said:
        engine = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.life", str(world.root)],
            stdin=subprocess.PIPE, stdout=said, stderr=said, env=environment, cwd=REPOSITORY,
        )  # fmt: skip
    assert engine.stdin is not None
    os.set_blocking(engine.stdin.fileno(), False)
    over = threading.Event()
    feeding = threading.Thread(target=world.pipe, args=(engine.stdin.fileno(), over.is_set))
    feeding.start()
    try:
        if starting := dice.random() < 0.45:
            time.sleep(dice.uniform(0.05, 1.0))
        else:
            assert world.connected.wait(UP), (world.root / "said").read_text("utf-8", "replace")[-2000:]
            time.sleep(dice.uniform(0.0, limit))
        assert engine.poll() is None, (world.root / "said").read_text("utf-8", "replace")[-2000:]
    finally:
        engine.kill()
        engine.wait()
        over.set()
        feeding.join()
        engine.stdin.close()
    return "starting" if starting else "working"


def kill_many(root: Path, kills: int, seed: int) -> tuple[dict[str, int], list[str]]:
    """How many engines were killed when, and what was broken after any of them or in the end."""
    dice = random.Random(seed)
    world = World(root, seed)
    counts = {"starting": 0, "working": 0}
    broken: list[str] = []
    try:
        for number in range(1, kills + 1):
            counts[kill_one(world, dice)] += 1
            if (root / ".workbench" / "data.duckdb").exists():
                broken += [f"after kill {number}: {text}" for text in world.check()]
        broken += world.finish()
        counts["records"] = world.log.lines + sum((world.known | world.whole).values())
    finally:
        world.close()
    return counts, broken


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("--keep", action="store_true", help="keep the folders in which something was broken")
    options = parser.parse_args()
    totals: dict[str, int] = {}
    broken: list[str] = []
    began = time.monotonic()
    for number in range(0, options.kills, WORLD):
        root = Path(tempfile.mkdtemp(prefix="world-"))
        counts, found = kill_many(root, min(WORLD, options.kills - number), options.seed + number)
        totals = {name: totals.get(name, 0) + count for name, count in counts.items()}
        broken += [f"seed {options.seed + number}: {text}" for text in found]
        if found:
            sys.stderr.write("\n".join(found) + f"\n{root}\n")
        if not (found and options.keep):
            shutil.rmtree(root)
        sys.stderr.write(f"{number + WORLD}: {totals} {time.monotonic() - began:.0f} s\n")
    result = {"seed": options.seed, "kills": totals, "seconds": round(time.monotonic() - began, 1), "broken": broken}
    sys.stdout.write(json.dumps(result, indent=2) + "\n")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
