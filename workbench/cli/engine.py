"""The engine as a process: behind a screen, or in the foreground of `workbench run`."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path

from workbench.cli import garbage
from workbench.cli.arguments import Arguments
from workbench.cli.output import Output
from workbench.cli.piped import piped_input
from workbench.cli.process import settle_in
from workbench.cli.visit import Visited, undisturbed
from workbench.config import Project, Settings, load_settings
from workbench.engine.engine import Engine
from workbench.engine.rooms import open_all
from workbench.errors import EngineError, PipelineError, WorkbenchError
from workbench.server.serve import Server

log = logging.getLogger(__name__)

SETTLED = 1.0
"""Seconds after which the start is over: the first answers are given."""
RETRY = 1.0
"""Seconds between two tries to open a database that has stopped."""
LINE = "%(asctime)s %(levelname)-7s %(message)s"


def engine(arguments: Arguments, _: Output) -> int:
    """The hidden command behind a screen: serve until told to stop."""
    root, state = Path(arguments.root), str(arguments.state_dir)
    settings = load_settings(root, {"state_dir": state})
    project = Project(root, Path(state), tuple(arguments.files))
    settle_in(settings.nice)
    make = partial(Engine, project, settings, flows=not arguments.flows_off, input=piped_input())
    with nullcontext() if arguments.flows_off else undisturbed(project):
        served = make()
        served.start()
    _serve(served, make, Visited(project).begin if arguments.flows_off else lambda server: None)
    return 0


def serve(project: Project, settings: Settings, out: Output) -> int:
    """`workbench run`: the same, in the foreground, with its log on standard error, until Ctrl-C.

    Raises:
        PipelineError: the pipelines have errors and nothing of an earlier time can go on.
    """
    lines = logging.StreamHandler(out.stderr)
    lines.setFormatter(logging.Formatter(LINE))
    logging.getLogger("workbench").addHandler(lines)
    settle_in(settings.nice)
    make = partial(Engine, project, settings, input=piped_input())
    with undisturbed(project):
        served = make()
        served.start()
    try:
        if served.problems and not served.graph.definitions:
            raise PipelineError(served.problems)
        for problem in served.problems:
            out.note(str(problem))
        out.note(f"{project.root} is running; `workbench` in this folder opens its screen, Ctrl-C ends it.")
    except BaseException:
        served.stop()
        raise
    _serve(served, make)
    return 0


def _serve(served: Engine, make: Callable[[], Engine], begin: Callable[[Server], None] = lambda server: None) -> None:
    """Serve an engine until it is told to stop; one whose database has stopped is followed by another."""
    settling = threading.Timer(SETTLED, _settle)
    settling.daemon = True
    settling.start()
    try:
        again = _serve_one(served, begin)
        while again:
            served = _started_again(make)
            try:
                again = _serve_one(served, begin)
            except EngineError as error:
                log.error("it cannot be reached: %s", error)
                time.sleep(RETRY)
    finally:
        settling.cancel()


def _settle() -> None:
    """The start is over: what was put off for it is done."""
    try:
        open_all()
    except ImportError as error:
        log.warning("a part of workbench cannot be imported, what needs it will fail (was it upgraded just now?): %s", error)
    garbage.begin()


def _serve_one(served: Engine, begin: Callable[[Server], None]) -> bool:
    """Serve an engine until it is told to stop, or until its database has stopped: True then."""
    try:
        server = Server(served, served.project.socket)
        begin(server)
        threading.Thread(target=_watch_database, args=(served, server), name="database", daemon=True).start()
        server.run()
        reason = server.reason
    except BaseException as error:
        reason = f"{type(error).__name__}: {error}"
        raise
    finally:
        served.stop(reason)
    return served.wait_broken()


def _watch_database(served: Engine, server: Server) -> None:
    if served.wait_broken():
        server.stop("its database has stopped")


def _started_again(make: Callable[[], Engine]) -> Engine:
    """Another engine on the same database, as soon as that can be opened: a disk was full, or the file could not be written."""
    said = ""
    while True:
        try:
            served = make()
            served.start()
        except (WorkbenchError, OSError) as error:  # what is wrong with a disk is said in many ways, and passes
            if said != str(error):
                said = str(error)
                log.error("it cannot start: %s", error)
            time.sleep(RETRY)
        else:
            log.warning("the engine has started again")
            return served
