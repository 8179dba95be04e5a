"""README's worked example, pasted as it is."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

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
