"""`workbench check`: what is wrong with the pipelines, or with the stored data."""

from __future__ import annotations

import asyncio

from workbench.cli.arguments import Arguments
from workbench.cli.attach import running
from workbench.cli.output import Output
from workbench.cli.project import project_of
from workbench.cli.visit import undisturbed
from workbench.client import EngineClient
from workbench.config import Project, Settings
from workbench.errors import FlowError, PipelineError


def check(arguments: Arguments, out: Output) -> int:
    """Say everything that is wrong with the pipelines, or with the stored data."""
    project, settings = project_of(arguments)
    if arguments.data:
        return _check_data(project, settings, out)
    from workbench.engine.check import check_project

    problems = check_project(project)
    for problem in problems:
        out.line(str(problem))
    out.note(f"{len(problems)} {'problem' if len(problems) == 1 else 'problems'}" if problems else "The pipelines are right.")
    return PipelineError.exit_code if problems else 0


def _check_data(project: Project, settings: Settings, out: Output) -> int:
    """By the engine that runs, else by one of its own with flows off."""
    client = running(project)
    broken = asyncio.run(_asked(client)) if client else _checked_here(project, settings)
    for line in broken:
        out.line(line)
    out.note(f"{len(broken)} broken" if broken else "Every record is accounted for, once.")
    return FlowError.exit_code if broken else 0


def _checked_here(project: Project, settings: Settings) -> list[str]:
    from workbench.engine.engine import Engine

    with undisturbed(project):
        engine = Engine(project, settings, flows=False)
        engine.start()
    try:
        return engine.check_data()
    finally:
        engine.stop()


async def _asked(client: EngineClient) -> list[str]:
    try:
        return list(await client.check_data())
    finally:
        await client.aclose()
