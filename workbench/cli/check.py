"""`workbench check`: what is wrong with the pipelines, or with the stored data."""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict

from workbench.cli.arguments import Arguments
from workbench.cli.attach import running
from workbench.cli.output import Output
from workbench.cli.project import project_of
from workbench.cli.visit import undisturbed
from workbench.client import EngineClient
from workbench.config import Project, Settings
from workbench.errors import EngineError, FlowError, PipelineError, Problem, StoreError

PATIENCE = 2.0
"""Seconds to wait for commands that have the database open."""
SEEN = 1.0
"""Seconds after which an engine has seen an edit."""


def check(arguments: Arguments, out: Output) -> int:
    """Say everything that is wrong with the pipelines, or with the stored data."""
    project, settings = project_of(arguments)
    if arguments.data:
        return _check_data(project, settings, out)
    try:
        client = running(project)
    except EngineError:
        client = None  # one of another version has the database
    problems = _beside_running(client, project) if client else _beside_stored(project, out)
    for problem in problems:
        out.line(str(problem))
    out.note(f"{len(problems)} {'problem' if len(problems) == 1 else 'problems'}" if problems else "The pipelines are right.")
    return PipelineError.exit_code if problems else 0


def _beside_running(client: EngineClient, project: Project) -> list[Problem]:
    """What the engine that runs finds too: it knows what is stored."""
    from workbench.engine.check import check_project
    from workbench.language.project import changed_at

    found = list(check_project(project))
    edited = time.time() - changed_at(project.root)
    known = asyncio.run(_known(client, SEEN - edited if 0 <= edited < SEEN else 0.0))
    return found + [problem for problem in known if problem not in found]


async def _known(client: EngineClient, wait: float) -> list[Problem]:
    try:
        await asyncio.sleep(wait)
        return [Problem(**asdict(problem)) for problem in (await client.snapshot()).problems]
    finally:
        await client.aclose()


def _beside_stored(project: Project, out: Output) -> list[Problem]:
    from workbench.engine.check import check_project, check_stored

    try:
        with undisturbed(project, PATIENCE):  # an engine that starts meanwhile finds the database closed
            return list(check_stored(project))
    except StoreError as error:
        out.note(f"Checked without what is stored: {error.message}")
        return list(check_project(project))


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
