"""Commands that open the screen: a project, files without one, the demo."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import signal
import sys
import tempfile
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import FrameType
from typing import NoReturn

from workbench.cli import garbage
from workbench.cli.arguments import Arguments, parse
from workbench.cli.inputs import input_project, say_where
from workbench.cli.output import Output
from workbench.cli.piped import no_terminal, piped_input, take_keyboard
from workbench.cli.project import files_of, settings_of
from workbench.config import Project, Settings, open_project
from workbench.errors import DatabaseLocked, UsageError
from workbench.filenames import meant
from workbench.inputs import awaits_stdin, is_input
from workbench.launch import already_runs, answering, attach_or_start, stop_engine
from workbench.protocol import Hello
from workbench.tui.choice import ExitChoice

PATIENCE = 10.0
"""Seconds that an engine that was told to stop may take to close its database."""
MOST_ROWS = 200_000.0
"""Rows a second that the generator can write."""


def open_screen(arguments: Arguments, out: Output) -> int:
    """Open a project's folder, files without a project, or, in a folder with neither, the welcome."""
    piped = piped_input()
    _need_terminal(piped)
    chosen = _chosen(arguments)
    if chosen is None and piped is None:
        return _welcome(arguments, out)
    if chosen is None or (piped is not None and not awaits_stdin(chosen[0])):
        raise UsageError(
            "Nothing here reads what is piped in",
            "Open it by itself: producer | workbench -; or read it in a pipeline: FROM STREAM read_stdin().",
        )
    project, settings = chosen
    if piped is not None:
        if (found := answering(project)) and found.reads:
            raise already_runs(project)
        piped = take_keyboard()
    _goodbye(project, _show(project, settings, _start(project, piped), piped), out)
    if any(map(is_input, arguments.paths)):
        say_where(project, arguments.paths, out)
    return 0


def demo(arguments: Arguments, out: Output) -> int:
    """Copy the sample project, feed it, and open it; generator and engine end with this command, unless they are left running."""
    if not 0 < arguments.rate <= MOST_ROWS:
        raise UsageError(f"--rate {arguments.rate:g} is not between 1 and {MOST_ROWS:,.0f}", "2000 rows a second are a good beginning.")
    if not arguments.no_screen:
        _need_terminal()
    scratch = None if arguments.directory else Path(tempfile.mkdtemp(prefix="workbench-demo-"))
    root = (scratch / "shop" if scratch else Path(arguments.directory)).resolve()
    from workbench.demo.sample import copy_sample

    copy_sample(root)
    settings = settings_of(arguments, root)
    project = open_project(root, settings)
    left_running = False
    signal.signal(signal.SIGHUP, _hang_up)
    try:
        left_running = _feed(project, settings, arguments, out, "its folder is deleted" if scratch else "its folder stays")
    finally:
        if scratch and not left_running:
            _wait_until_closed(project)
            shutil.rmtree(scratch, ignore_errors=True)
    return 0


def _hang_up(number: int, _: FrameType | None) -> NoReturn:
    """The terminal is gone: nobody could come back to a project that lies in a folder for the moment."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    raise SystemExit(128 + number)


def _feed(project: Project, settings: Settings, arguments: Arguments, out: Output, end: str) -> bool:
    """Run the demo; does it go on? Args: end: what becomes of its folder when it does not."""
    from workbench.demo.generator import Generator

    generator = Generator(project.root, arguments.rate)
    if arguments.no_screen:
        from workbench.cli.engine import serve

        with generator:
            generator.wait()
            serve(project, settings, out)
        return False
    with generator:
        starting = _start(project)
        import workbench.tui.app  # noqa: F401  while the generator writes and the engine starts

        generator.wait()
        choice = _show(project, settings, starting, demo=end)
        if choice.kind == "leave":
            generator.keep(project.lock)
    _goodbye(project, choice, out)
    return choice.kind == "leave"


def _chosen(arguments: Arguments) -> tuple[Project, Settings] | None:
    """What to open; None when nothing is named and nothing is here.

    Raises:
        UsageError: what is named is not there, or is no project.
    """
    paths: list[str] = arguments.paths
    folder = Path(arguments.project)
    if any(map(is_input, paths)):
        return input_project(arguments, paths)
    if len(paths) == 1 and Path(paths[0]).is_dir():
        folder = Path(paths[0])
    elif paths:
        return _files(arguments)
    if (folder / "pipelines").is_dir():
        settings = settings_of(arguments, folder)
        return open_project(folder, settings), settings
    if paths or arguments.project != os.curdir:
        raise UsageError(
            f"{folder} has no pipelines/",
            f"`workbench init {folder}` writes a small project there; `workbench '{folder}/*'` opens its files.",
        )
    return None


def _files(arguments: Arguments) -> tuple[Project, Settings]:
    for path in arguments.paths:
        if Path(path).is_dir():
            raise UsageError(f"{path} is a folder", f"Its files are opened by `workbench '{path}/*'`.")
        if not any(c in path for c in "*?[") and not Path(path).exists():
            raise UsageError(f"There is no file {path}", "A pattern in quotes may match nothing yet: workbench 'logs/*.ndjson'.")
    return files_of(arguments, tuple(arguments.paths))


def _need_terminal(piped: int | None = None) -> None:
    if not sys.stdout.isatty() or (piped is None and not sys.stdin.isatty()):
        raise no_terminal()


def _start(project: Project, piped: int | None = None) -> Future[Hello]:
    """Have the engine started beside the imports and the first paint of the screen."""
    pool = ThreadPoolExecutor(1, "launch")
    starting = pool.submit(attach_or_start, project, input=piped)
    pool.shutdown(wait=False)
    return starting


def _show(project: Project, settings: Settings, starting: Future[Hello], piped: int | None = None, demo: str = "") -> ExitChoice:
    """The screen of a project, until a person leaves it; an engine that is started anew reads on from the same pipe."""
    first: list[Future[Hello]] = [starting]
    from workbench.client import EngineClient
    from workbench.tui.app import run_app

    async def start() -> None:
        await asyncio.wrap_future(first.pop() if first else _start(project, piped))

    async def connect() -> EngineClient:
        return EngineClient(project.socket)

    if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:  # from a parent; a screen without its terminal would only cost a core
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    garbage.begin()
    return run_app(project.name, connect, settings.theme, start, log=project.log, state=project.state, demo=demo)


def _welcome(arguments: Arguments, out: Output) -> int:
    """Offer what there is to do in a folder with nothing to open."""
    from workbench.cli.place import welcome_facts
    from workbench.tui.app import choose_look
    from workbench.tui.screens.welcome import run_welcome

    settings = settings_of(arguments, Path(os.curdir))
    choice = run_welcome(welcome_facts(Path.cwd()), choose_look(settings.theme))
    if choice.kind == "demo":
        return demo(parse(["demo", "--theme", settings.theme]), out)
    if choice.kind == "init":
        from workbench.demo.starter import write_starter

        write_starter(Path(os.curdir))
    if choice.kind in ("init", "open", "attach"):
        path = choice.path or os.curdir
        arguments.paths = [path if os.path.lexists(path) else meant(path)]
        return open_screen(arguments, out)
    return 0


def _goodbye(project: Project, choice: ExitChoice, out: Output) -> None:
    if choice.kind != "leave":
        return
    if project.files:
        opened, named = shlex.join(os.path.relpath(f) for f in project.files), shlex.join(["--state-dir", str(project.state)])
    else:
        opened = named = shlex.join(["--project", str(project.root)])
    out.note(f"The engine of {project.name} goes on.")
    out.note(f"  workbench {opened}  opens it again")
    out.note(f"  workbench stop {named}  ends it")


def _wait_until_closed(project: Project) -> None:
    """Return when no engine holds the project any more."""
    from workbench.engine.lock import EngineLock

    stop_engine(project)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            EngineLock(project.lock).release()
        except DatabaseLocked:
            time.sleep(0.02)
        else:
            return
