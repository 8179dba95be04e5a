"""README's worked example, pasted as it is."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.test_cli import engine
from tests.readme import README

ROOT = README.parent


def test_the_example_prints_what_readme_shows(tmp_path: Path) -> None:
    found = re.search(r"<!-- example -->\n```sh\n(.*?)```\n\n```\n(.*?)```\n", README.read_text("utf-8"), re.DOTALL)
    assert found is not None
    commands, shown = found.groups()
    script = f'set -e\nworkbench() {{ {shlex.quote(sys.executable)} -m workbench "$@"; }}\n{commands}'
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WORKBENCH_")}
    environment |= {"PYTHONPATH": str(ROOT), "XDG_STATE_HOME": str(tmp_path / "state")}
    done = subprocess.run(["sh", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600)
    assert (done.returncode, done.stdout) == (0, shown), done.stderr


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_example_of_the_api_works_as_it_is_written(folder: Path) -> None:
    found = re.search(r"<!-- api example -->\n```sh\n(.*?)```\n", README.read_text("utf-8"), re.DOTALL)
    assert found is not None
    with engine(folder):
        done = subprocess.run(["sh", "-ec", found[1]], cwd=folder, capture_output=True, text=True, timeout=600)
    planned, carried_out = done.stdout.replace("}{", "}\n{").splitlines()
    assert "orders reads at most 20,000 rows/s" in planned
    assert carried_out == '{"text":"orders reads at most 20,000 rows/s"}', done.stderr
