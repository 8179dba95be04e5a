"""The definitions in force: read from the pipelines, bound, stored, and swapped into the running pump."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from workbench.config import Project
from workbench.engine.datasets import datasets
from workbench.engine.events import EventLog
from workbench.engine.pipelines import Pipelines, pipeline_texts, read_project
from workbench.engine.planner import Planner
from workbench.errors import NotFound, PipelineError, Problem, UsageError, WorkbenchError
from workbench.language.definitions import Graph, MaterializedView, StreamingTable
from workbench.protocol import Dataset
from workbench.store import catalog as book
from workbench.store.catalog import Entry
from workbench.store.session import Session
from workbench.store.state import rebuild, store_rebuilt
from workbench.stream.pump import Pump


class Catalog:
    """What the project defines, as it runs now.

    A mistake in the pipelines changes nothing: the old definitions go on, and `problems` says what is wrong. All
    methods that take a session run in the writer's turn.

    Args:
        reads: False when the engine runs with flows off.
    """

    def __init__(self, project: Project, pump: Pump, planner: Planner, events: EventLog, clock: Callable[[], float], reads: bool) -> None:
        self.graph = Graph(())
        self.entries: dict[str, Entry] = {}
        self.datasets: tuple[Dataset, ...] = ()
        self.problems: tuple[Problem, ...] = ()
        self.waiting: dict[str, str] = {}
        self._project, self._pump, self._planner, self._events = project, pump, planner, events
        self._clock, self._reads = clock, reads
        self._texts: dict[str, str] | None = None

    def changed_on_disk(self) -> bool:
        """Whether the pipelines read otherwise than at the last look."""
        try:
            texts = pipeline_texts(self._project)
        except WorkbenchError as error:
            self._events.add("error", str(error))
            return False
        changed, self._texts = texts != self._texts, texts
        return changed

    def look_again(self) -> None:
        """Take the pipelines for changed at the next look."""
        self._texts = None

    def reload(self, session: Session, extra: str = "") -> tuple[MaterializedView, ...]:
        """Let run what the pipelines say now; gives the batch views whose results are due.

        Args:
            extra: statements from the console. Raises PipelineError, and keeps none of them, when they do not fit in.
        """
        found = read_project(self._project, book.entries(session), extra)
        if extra and found.problems:
            raise PipelineError(found.problems)
        for change in found.changes:
            if change.says and change.definition.name not in found.waiting:
                self._events.add("info", change.says)
        assembler = self._pump.assembler
        planned = self._planner.apply(session, found.changes, found.removed, assembler, self._clock())
        with self._pump.lock:
            for flow in planned.plan.flows:
                flow.held = not self._reads
            assembler.plan = planned.plan
        self._take_over(session, replace(found, problems=(*found.problems, *planned.problems)))
        if extra and planned.problems:
            self.reload(session)
            raise PipelineError(tuple(planned.problems))
        return tuple(planned.refresh) if self._reads else ()

    def rebuild(self, session: Session, view: MaterializedView) -> None:
        """Compute a running state anew from the stored rows."""
        assert view.running is not None
        running = next((v for v in self._pump.assembler.plan.views if v.name == view.name), None)
        if running is None:
            raise UsageError(f"{view.name} does not run", "The problems say why; once they are mended it is rebuilt by itself.")
        rebuilt = rebuild(session, view.running, self.entries[view.running.stream.lower()].columns)
        with session.transaction():
            store_rebuilt(session, view.name, view.running.stream, rebuilt, self._pump.assembler.commit_id)
        running.event_time, running.late = rebuilt.event_time, rebuilt.late_total
        running.partials = running.groups = rebuilt.partials.num_rows
        self._events.add("info", f"{view.name} was rebuilt from the stored rows of {view.running.stream}")

    def drop(self, session: Session, name: str) -> None:
        """Remove a dataset with everything that is stored of it; the caller reloads."""
        with session.transaction():
            book.drop(session, self.entries[name.lower()])
        self._events.add("info", f"{name} was dropped")

    def stream(self, name: str) -> StreamingTable:
        """The streaming table of that name.

        Raises:
            NotFound: there is none.
        """
        definition = self.graph.get(name)
        if not isinstance(definition, StreamingTable):
            raise NotFound(f"There is no streaming table {name}", "`workbench status` lists them.")
        return definition

    def _take_over(self, session: Session, found: Pipelines) -> None:
        for problem in found.problems:
            if problem not in self.problems:
                self._events.add("error", f"{problem.file}:{problem.line}:{problem.column}: {problem.message}")
        for name, why in found.waiting.items():
            if name not in self.waiting:
                self._events.add("info", why, name)
        self.problems, self.graph, self.waiting = found.problems, found.graph, found.waiting
        self.entries = book.entries(session)
        self.datasets = datasets(self.entries, session)
