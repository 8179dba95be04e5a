"""The sample project: where it is shipped, and a copy of it in a folder."""

from __future__ import annotations

import shutil
from pathlib import Path

from workbench.errors import UsageError

MARK = ".workbench-demo"
"""A file that says: this folder is a copy of the sample project, to be used again."""
PARTS = ("pipelines", "sample_data")


def sample_project() -> Path:
    """The folder with the sample's `pipelines/` and `sample_data/`: inside the wheel, or the source checkout."""
    package = Path(__file__).resolve().parent
    shipped, checkout = package / "project", package.parent.parent
    return shipped if (shipped / "pipelines").is_dir() else checkout


def copy_sample(target: Path) -> None:
    """Copy the sample project into a folder that is new, empty, or an earlier copy (which is left as it is).

    Raises:
        UsageError: the folder holds something else, or cannot be written.
    """
    if (target / MARK).exists():
        return
    if target.is_dir() and any(target.iterdir()):
        raise UsageError(f"{target} is not empty", "Give the demo a folder of its own, or none: then it makes one.")
    try:
        _copy(target)
    except OSError as error:  # also shutil.Error, which has no text of its own for each file
        raise UsageError(f"{target}: {error.strerror or error}", "Choose a folder that you may write to.") from error


def _copy(target: Path) -> None:
    source = sample_project()
    for part in PARTS:
        shutil.copytree(source / part, target / part, ignore=shutil.ignore_patterns("*.tmp"))
    (target / MARK).write_text("A copy of workbench's sample project, fed by `workbench demo`.\n", "utf-8")
