"""The engine as a process: behind a screen, or in the foreground of `workbench run`."""

from __future__ import annotations

import logging
import os
import threading
import time
from contextlib import suppress
from pathlib import Path

from workbench.cli.arguments import Arguments
from workbench.cli.output import Output
from workbench.cli.piped import piped_input
from workbench.config import Project, Settings, load_settings
from workbench.engine.engine import Engine
from workbench.errors import PipelineError
from workbench.server.serve import Server

LOOK = 0.5
"""Seconds between two looks at the process that a short-lived engine serves."""
LINE = "%(asctime)s %(levelname)-7s %(message)s"


def engine(arguments: Arguments, _: Output) -> int:
    """The hidden command behind a screen: serve until told to stop."""
    root, state = Path(arguments.root), str(arguments.state_dir)
    settings = load_settings(root, {"state_dir": state})
    project = Project(root, Path(state), tuple(arguments.files))
    step_back(settings.nice)
    served = Engine(project, settings, flows=not arguments.flows_off, input=piped_input())
    served.start()
    try:
        server = Server(served, project.socket)
        if arguments.parent:
            threading.Thread(target=_watch_parent, args=(arguments.parent, server), name="parent", daemon=True).start()
        server.run()
    finally:
        served.stop()
    return 0


def serve(project: Project, settings: Settings, out: Output) -> int:
    """`workbench run`: the same, in the foreground, with its log on standard error, until Ctrl-C.

    Raises:
        PipelineError: the pipelines have errors and nothing of an earlier time can go on.
    """
    lines = logging.StreamHandler(out.stderr)
    lines.setFormatter(logging.Formatter(LINE))
    logging.getLogger("workbench").addHandler(lines)
    step_back(settings.nice)
    served = Engine(project, settings, input=piped_input())
    served.start()
    try:
        if served.problems and not served.graph.definitions:
            raise PipelineError(served.problems)
        for problem in served.problems:
            out.note(str(problem))
        out.note(f"{project.root} is running; `workbench` in this folder opens its screen, Ctrl-C ends it.")
        Server(served, project.socket).run()
    finally:
        served.stop()
    return 0


def step_back(nice: int) -> None:
    """Let other programs go first.

    With autogroups a plain nice does nothing for a process in a session of its own (measured: 50 % of a contended core
    against 10 %), so the group is niced too, where there is one.
    """
    with suppress(OSError):
        os.nice(nice)
    with suppress(OSError):
        if os.getsid(0) == os.getpid():
            Path("/proc/self/autogroup").write_text(str(nice), "ascii")


def _watch_parent(parent: int, server: Server) -> None:
    """A short-lived engine ends with the command that it serves, even when that was killed."""
    while os.getppid() == parent:
        time.sleep(LOOK)
    server.stop()
