"""`workbench check`: the pipelines beside what is stored, and the invariants of that."""

from __future__ import annotations

from workbench.config import Project
from workbench.engine.pipelines import read_project
from workbench.errors import Problem
from workbench.language.definitions import Graph, MaterializedView
from workbench.store.catalog import Entry
from workbench.store.glance import stored_entries
from workbench.store.proof import check_state
from workbench.store.session import Session
from workbench.store.verify import check_stream


def check_project(project: Project) -> tuple[Problem, ...]:
    """Every mistake in a project's pipelines; touches no database."""
    return read_project(project, {}).problems


def check_stored(project: Project) -> tuple[Problem, ...]:
    """The same, with what the stored rows forbid, while no engine has the database open.

    Raises:
        StoreError: it cannot be opened now.
    """
    return read_project(project, stored_entries(project.database)).problems


def check_data(session: Session, entries: dict[str, Entry], graph: Graph) -> list[str]:
    """Broken invariants of what is stored, in words; empty when everything holds."""
    wrong: list[str] = []
    for entry in entries.values():
        if entry.kind == "streaming table":
            wrong += check_stream(session, entry)
        elif entry.kind == "running state" and entry.digest:
            view = graph.get(entry.name)
            if isinstance(view, MaterializedView) and view.running:
                wrong += check_state(session, entry, view.running, entries[view.running.stream.lower()].columns)
    return wrong
