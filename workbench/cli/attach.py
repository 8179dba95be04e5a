"""The engine that a command talks to: the one that runs, or a short-lived one that reads no source."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from workbench.cli.arguments import Arguments
from workbench.cli.project import project_of
from workbench.client import EngineClient
from workbench.config import Project
from workbench.errors import EngineUnavailable
from workbench.launch import answering, attach_or_start, same_version, stop_engine


@asynccontextmanager
async def attached(arguments: Arguments, start: bool = True) -> AsyncIterator[EngineClient]:
    """A client for the project's engine; without a running one, and with `start`, one that ends with this command.

    Raises:
        EngineUnavailable: none runs, and none was to be started or could be.
    """
    project, _ = project_of(arguments)
    client = running(project)
    if client is None and not start:
        raise EngineUnavailable(f"No engine runs for {project.root}", "Start it with `workbench`, or with `workbench run`.")
    short_lived = client is None
    if client is None:
        attach_or_start(project, ("--flows-off", "--parent", str(os.getpid())))
        client = EngineClient(project.socket)
    try:
        yield client
    finally:
        await client.aclose()
        if short_lived:
            stop_engine(project)


def running(project: Project) -> EngineClient | None:
    """A client for the engine that runs now, None when none does.

    Raises:
        VersionMismatch: one of another version runs.
    """
    found = answering(project)
    if found is None:
        return None
    same_version(found)
    return EngineClient(project.socket)
