"""A project for what is piped in or sent to a socket: a folder of its own under the user's state directory."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from workbench.cli.arguments import Arguments
from workbench.cli.output import Output
from workbench.cli.piped import piped_input
from workbench.cli.project import settings_of
from workbench.config import Project, Settings, open_project
from workbench.errors import PipelineError, UsageError
from workbench.inputs import STDIN, is_input, reads, write_inputs

LONGEST = 48
"""Characters of a folder's name."""


def input_project(arguments: Arguments, given: Sequence[str]) -> tuple[Project, Settings]:
    """The project that reads these inputs: for `-` a new one each time, for addresses the one of the last time.

    `--project DIR` names the folder; what came into it before stays there, and this is added.

    Raises:
        UsageError: they cannot be opened together, or an address is none.
    """
    if others := [one for one in given if not is_input(one)]:
        raise UsageError(
            f"{others[0]} is no input as {next(one for one in given if is_input(one))} is",
            "Open them apart, or write a project whose pipelines read both.",
        )
    if STDIN in given and piped_input() is None:
        raise UsageError("Nothing is piped in", "- stands for the output of another program: producer | workbench -")
    inputs = list(dict.fromkeys(one if one == STDIN else _address(one) for one in given))
    root = _folder(inputs) if arguments.project == os.curdir else Path(arguments.project)
    settings = settings_of(arguments, root)
    project = open_project(root, settings)
    if any((root / "pipelines").glob("*")) and not reads(project, inputs):
        raise UsageError(
            f"{root} has pipelines that do not read {', '.join(inputs)}", "Take --project out, or write a pipeline there that does."
        )
    write_inputs(project, inputs, arguments.format)
    return project, settings


def say_where(project: Project, inputs: Sequence[str], out: Output) -> None:
    """One line at the end: where what came is kept, and how to be rid of a folder that we made."""
    came = "What was piped in" if STDIN in inputs else "What was received"
    folder = shlex.quote(str(project.root))
    ours = f",  rm -r {folder}  deletes it" if project.root.is_relative_to(_home().resolve()) else ""
    out.note(f"{came} is kept in {folder}:  workbench {folder}  opens it again{ours}")


def _address(given: str) -> str:
    """In the spelling of `read_socket`, localhost where no host is given."""
    from workbench.language.sockets import socket_url
    from workbench.language.tokens import Text, Token

    try:
        return socket_url(Text("", given), Token("string", given, given, 0, len(given)))
    except PipelineError as error:
        raise UsageError(error.problems[0].message, error.problems[0].hint) from None


def _home() -> Path:
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "workbench"


def _folder(inputs: Sequence[str]) -> Path:
    home = _home()
    if STDIN not in inputs:
        name = re.sub(r"[^A-Za-z0-9]+", "-", "-".join(inputs)).strip("-")
        if len(name) > LONGEST:
            name = f"{name[:LONGEST]}-{hashlib.blake2b(name.encode(), digest_size=4).hexdigest()}"
        folder = home / name
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    began = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    number = 1
    while True:
        folder = home / (f"stdin-{began}" if number == 1 else f"stdin-{began}-{number}")
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            number += 1
        else:
            return folder
