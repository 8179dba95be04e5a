"""The project's definitions as they stand: read, bound, compared with what is stored."""

from __future__ import annotations

from dataclasses import dataclass, replace

from workbench.config import Project
from workbench.engine.changes import Change, plan_change
from workbench.engine.inference import Inference
from workbench.engine.planner import VIOLATIONS
from workbench.engine.sources import Sources
from workbench.errors import Problem
from workbench.language.definitions import Graph, InsertFlow, StreamingTable
from workbench.language.project import Written, load, read_pipelines
from workbench.language.spelling import respelled
from workbench.store.binder import bind
from workbench.store.catalog import Entry
from workbench.store.database import system_tables
from workbench.store.session import scratch

CONSOLE = "<console>"
OPENED = "<command line>"
CATALOG = "<catalog>"


@dataclass(frozen=True, slots=True)
class Pipelines:
    """Definitions that can run, in order, with what each of them changes.

    `problems`: mistakes; when there are any, `changes` describe the old definitions, which keep running.
    `waiting`: names that cannot run yet, with the reason. `removed`: stored, and defined no more.
    """

    graph: Graph
    changes: tuple[Change, ...]
    problems: tuple[Problem, ...]
    waiting: dict[str, str]
    removed: tuple[Entry, ...]


def read_project(project: Project, entries: dict[str, Entry], extra: str = "", sources: Sources | None = None) -> Pipelines:
    """Read, bind and compare.

    Args:
        extra: statements typed into the console just now.
        sources: gives the first records of sources whose columns are not known; None: of files alone.
    """
    sources = sources or Sources(project, receives=False)
    written = pipeline_texts(project)
    texts = dict(written.files)
    typed = "\n".join(f"{entry.text};" for entry in entries.values() if entry.file == CONSOLE)
    if typed or extra:
        texts[CONSOLE] = f"{typed}\n{extra}" if extra else typed
    found = _resolve(project, texts, entries, sources)
    if written.unread:
        found = replace(found, problems=(*written.unread, *found.problems))
    if not found.problems:
        return found
    old = "\n".join(f"{entry.text};" for entry in entries.values() if entry.digest)
    if not old:
        return found
    stored = _resolve(project, {CATALOG: old}, entries, sources)
    return Pipelines(stored.graph, tuple(c for c in stored.changes if c.step == "keep"), found.problems, stored.waiting, ())


def pipeline_texts(project: Project) -> Written:
    """All pipelines of a project, by file name."""
    if not project.files:
        return read_pipelines(project.root)
    from workbench.engine.opened import pipeline_for

    return Written({OPENED: pipeline_for(project.files)})


def _resolve(project: Project, texts: dict[str, str], entries: dict[str, Entry], sources: Sources) -> Pipelines:
    loaded = load(texts)
    # What is stored was stored under the first spelling of a name.
    stored = {key: entry.name for key, entry in entries.items()}
    graph, problems = Graph(tuple(respelled(d, stored) for d in loaded.graph.definitions)), list(loaded.problems)
    inference = Inference(sources, entries)
    bound = bind(graph, scratch, inference.columns, project.root, system_tables())
    problems += bound.problems
    changes: list[Change] = []
    for definition in graph.definitions:
        schema = bound.schemas.get(definition.name)
        if schema is None:
            continue
        columns = schema.output
        table = graph.get(definition.table) if isinstance(definition, InsertFlow) else definition
        if isinstance(table, StreamingTable) and any(rule.action == "mark" for rule in table.expectations):
            columns = (*columns, VIOLATIONS)
        options = inference.options.get(definition.name, ())
        change = plan_change(definition, columns, schema.input, schema.state, options, entries.get(definition.name.lower()))
        if isinstance(change, Problem):
            problems.append(change)
        else:
            changes.append(replace(change, inferred=schema.inferred))
    names = {d.name.lower() for d in graph.definitions}
    removed = tuple(entry for key, entry in entries.items() if key not in names)
    problems.sort(key=lambda p: (p.file, p.line, p.column))
    waiting = {name: sources.in_vain.get(name, why) for name, why in bound.waiting.items()}
    return Pipelines(graph, tuple(changes), tuple(problems), waiting, removed)
