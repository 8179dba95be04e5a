"""The project that a command is about; the command init."""

from __future__ import annotations

import os
from pathlib import Path

from workbench.cli.arguments import Arguments
from workbench.cli.output import Output
from workbench.config import Project, Settings, load_settings, open_files, open_project
from workbench.errors import UsageError


def settings_of(arguments: Arguments, root: Path) -> Settings:
    """The settings in force: flags win over the environment, and that over the project's file."""
    return load_settings(root, {"state_dir": arguments.state_dir, "theme": getattr(arguments, "theme", None)})


def project_of(arguments: Arguments) -> tuple[Project, Settings]:
    """The project that the command is about; files opened without one are named by the --state-dir of their engine.

    Raises:
        UsageError: there is none.
    """
    root = Path(arguments.project)
    if not root.is_dir():
        raise UsageError(f"{root} is no folder", "--project names a folder with pipelines/ in it.")
    settings = settings_of(arguments, root)
    project = open_project(root, settings)
    if (root / "pipelines").is_dir() or (arguments.state_dir and _answers(project)):
        return project, settings
    raise UsageError(f"{root.resolve()} has no pipelines/", "`workbench init DIR` writes a project; --project DIR names one.")


def _answers(project: Project) -> bool:
    """Imported late: a project with pipelines/ needs none of what it brings along (HTTP, asyncio)."""
    from workbench.launch import answering

    return answering(project) is not None


def files_of(arguments: Arguments, files: tuple[str, ...]) -> tuple[Project, Settings]:
    """Files opened without a project; their settings come from the environment and the flags."""
    settings = settings_of(arguments, Path(os.devnull))
    return open_files(files, settings), settings


def init(arguments: Arguments, out: Output) -> int:
    """Write a small project that runs."""
    from workbench.demo.starter import write_starter

    target = Path(arguments.directory)
    for name in write_starter(target):
        out.line(str(target / name))
    out.note(f"Open it:  workbench {target}")
    return 0
