"""The engine that a command talks to: the one that runs, or a short-lived one that reads no source."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from workbench.cli.arguments import Arguments
from workbench.cli.project import project_of
from workbench.cli.visit import Visit
from workbench.client import EngineClient
from workbench.config import Project
from workbench.errors import EngineUnavailable
from workbench.launch import SHORT_LIVED, answering, attach_or_start, held_by, is_silent, same_version, silent, stop_engine


@asynccontextmanager
async def attached(arguments: Arguments, start: bool = True) -> AsyncIterator[EngineClient]:
    """A client for the project's engine; without a running one, and with `start`, one that ends with the last command that uses it.

    Raises:
        EngineUnavailable: none runs, and none was to be started or could be.
    """
    project, _ = project_of(arguments)
    if not start and running(project) is None:
        raise EngineUnavailable(none_runs(project), "Start it with `workbench`, or with `workbench run`.")
    with Visit(project) as visit:
        short_lived = not attach_or_start(project, (SHORT_LIVED,)).reads
        if not short_lived:
            visit.leave()
        client = EngineClient(project.socket)
        try:
            yield client
        finally:
            await client.aclose()
            if short_lived and visit.is_last():
                _stop_short_lived(project)


def _stop_short_lived(project: Project) -> None:
    """Unless somebody stopped it, and another one runs now."""
    found = answering(project)
    if found is not None and not found.reads:
        stop_engine(project)


def running(project: Project) -> EngineClient | None:
    """A client for the engine that runs now and reads, None when none does.

    Raises:
        VersionMismatch: one of another version runs.
        EngineUnavailable: one runs and does not answer.
    """
    found = answering(project)
    if found is None and is_silent(project):
        raise silent(project, 2.0)
    found = found or answering(project)  # it was only slow
    if found is None or not same_version(found).reads:
        return None
    return EngineClient(project.socket)


def none_runs(project: Project) -> str:
    """Says so, and who uses the project all the same."""
    holder = held_by(project)
    if not holder:
        return f"No engine runs for {project.root}"
    return f"No engine that reads runs for {project.root}; {holder} uses it: a command, or an engine that starts or ends"
