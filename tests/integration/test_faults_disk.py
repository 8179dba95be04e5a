"""A disk that is full and has room again, a database that cannot be written and can again: a real engine on a real disk of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
MOUNTING = ["unshare", "--mount", "--map-root-user"]
OBEYING = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
"""Root may write what is read-only, but for this."""


def works(command: list[str]) -> bool:
    return not command or (shutil.which(command[0]) is not None and subprocess.run([*command, "true"], capture_output=True).returncode == 0)


@pytest.mark.parametrize(("kind", "wrapper"), [("full", MOUNTING), ("readonly", OBEYING)])
def test_the_engine_goes_on_by_itself_and_nothing_is_lost(tmp_path: Path, kind: str, wrapper: list[str]) -> None:
    if not works(wrapper):
        pytest.skip(f"{' '.join(wrapper)} is not possible here")
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    command = [*wrapper, sys.executable, "-m", "tests.integration.tight", str(tmp_path / "p"), kind]
    done = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, env=environment, timeout=600)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["code"] == 0, found
    assert found["rows_in"] == found["fates"]
    assert found["rows_in"]["t"] == found["sent"]["t"]
    assert 0 <= found["rows_in"]["s"] - found["sent"]["s"] <= found["doubtful"]
    assert (found["once"], found["missing"]) == (True, 0)
    assert found["broken"] == []
