"""The definitions in force: read from the pipelines, bound, stored, and swapped into the running pump."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import replace

from workbench.config import Project
from workbench.engine.departures import departures
from workbench.engine.events import EventLog
from workbench.engine.pipelines import Pipelines, pipeline_texts, read_project
from workbench.engine.planner import Planner
from workbench.engine.repeats import repeats
from workbench.engine.sentences import hinted
from workbench.engine.sources import Sources
from workbench.errors import NotFound, PipelineError, Problem, UsageError, WorkbenchError
from workbench.language.definitions import (
    Graph,
    InsertFlow,
    MaterializedView,
    ReadFiles,
    ReadSocket,
    ReadStdin,
    RunningState,
    SourceSpec,
    StreamingTable,
    StreamRef,
)
from workbench.language.project import Written
from workbench.store import catalog as book
from workbench.store.catalog import Entry
from workbench.store.session import Session
from workbench.stream.flow import Flow
from workbench.stream.pump import Pump
from workbench.stream.rebuild import rebuild
from workbench.stream.tick import Plan

log = logging.getLogger(__name__)

FLOWS_OFF = "nothing is read: this engine only answers questions"
MISTAKEN = "a run over what is there reads nothing until the problems of the pipelines are mended"


class Catalog:
    """What the project defines, as it runs now.

    A mistake in the pipelines changes nothing: the old definitions go on, and `problems` says what is wrong. All
    methods that take a session run in the writer's turn.

    Args:
        reads: False when the engine runs with flows off.
    """

    def __init__(
        self,
        project: Project,
        pump: Pump,
        planner: Planner,
        events: EventLog,
        clock: Callable[[], float],
        reads: bool,
        sources: Sources,
    ) -> None:
        self.graph = Graph(())
        self.entries: dict[str, Entry] = {}
        self.problems: tuple[Problem, ...] = ()
        self.waiting: dict[str, str] = {}
        self._vain: set[str] = set()
        """Flows of which it was told that no record so far tells their columns."""
        self.careful = False
        """Nothing runs while there are problems: not what is right, nor what was in force before."""
        self.held = "" if reads else FLOWS_OFF
        """Why nothing at all runs, in words; empty when it does."""
        self._project, self._pump, self._planner, self._events = project, pump, planner, events
        self._clock, self._reads, self._sources = clock, reads, sources
        self._written: Written | None = None
        self._said: frozenset[str] = frozenset()
        """What the last reload said, if it failed."""

    def changed_on_disk(self) -> bool:
        """Whether the pipelines read otherwise than at the last look."""
        written = pipeline_texts(self._project)
        changed, self._written = written != self._written, written
        return changed

    def look_again(self) -> None:
        """Take the pipelines for changed at the next look."""
        self._written = None

    def arrived(self) -> bool:
        """Whether a flow that waits for its first record may have one now: only then is it worth reading everything again."""
        flows = self.flows()
        waiting = self.waiting  # another thread may read the pipelines anew meanwhile
        come = any(name in flows and self._has_come(name, flows[name].source) for name in waiting)
        for name, why in list(self._sources.in_vain.items()):
            if name in waiting:
                self._tell_vain(name, why)
                waiting[name] = why
        return come

    def _tell_vain(self, name: str, why: str) -> None:
        """Once for each flow: what was looked at is more each time."""
        if name not in self._vain:
            self._vain.add(name)
            self._events.add("warning", why, name)

    def _has_come(self, name: str, source: SourceSpec | StreamRef | None) -> bool:
        if source is None or isinstance(source, StreamRef):
            return False
        try:
            return self._sources.sample(name, source) is not None
        except WorkbenchError:
            return True  # the reading of the pipelines tells it

    def let_go(self) -> None:
        """Run nothing until the next reload, which builds everything from what is stored."""
        self.look_again()
        _close(self._swap(Plan()))

    def reload(self, session: Session, extra: str = "", anew: frozenset[str] = frozenset()) -> tuple[MaterializedView, ...]:
        """Let run what the pipelines say now; gives the batch views whose results are due.

        Whatever it raises, what ran before goes on, its sources open. Only when definitions of what runs were stored by then, nothing
        runs until the next reload: it must be built from what is stored.

        Args:
            extra: statements from the console. Raises PipelineError, and keeps none of them, when they do not fit in.
            anew: names of flows whose sources are opened anew, where they stand now.
        """
        found = read_project(self._project, book.entries(session), extra, self._sources)
        if extra and found.problems:
            raise PipelineError(found.problems)
        self._say(session, found)
        before = book.entries(session), self._pump.assembler.commit_id
        try:
            due = self._let_run(session, found, extra, anew)
        except PipelineError:
            raise
        except BaseException:
            self._go_back(session, before)
            raise
        self._said = frozenset()
        return due

    def _say(self, session: Session, found: Pipelines) -> None:
        """What changes; once, though a reload that fails is tried again."""
        said = [("info", change.says) for change in found.changes if change.says and change.definition.name not in found.waiting]
        said += [("warning", sentence) for sentence in repeats(session, self._project.root, found.changes)]
        for kind, text in said:
            if text not in self._said:
                self._events.add(kind, text)
        self._said = frozenset(text for _, text in said)

    def _let_run(self, session: Session, found: Pipelines, extra: str, anew: frozenset[str]) -> tuple[MaterializedView, ...]:
        assembler = self._pump.assembler
        # Those that run may go on, should this fail.
        self._sources.expect((name, table.source) for name, table in (*self.flows().items(), *flows_of(found.graph).items()))
        planned = self._planner.apply(session, found.changes, found.removed, assembler, self._clock(), anew)
        for sentence in departures(self._project.root, (entry for entry in found.removed if self.graph.get(entry.name) is not None)):
            self._events.add("warning", sentence)
        problems = (*found.problems, *planned.problems)
        if self._reads:
            self.held = MISTAKEN if self.careful and problems else ""
        with self._pump.lock:
            for flow in planned.plan.flows:
                flow.held = self.held
                before = [old for old in assembler.plan.flows if old is not flow and old.name in flow.names]
                for old in before:  # nobody looks at theirs any more, or only who began to before
                    flow.notices, old.notices = [*old.notices, *flow.notices], []
            gone = self._swap(planned.plan)
        _close(gone)
        self._take_over(planned.entries, replace(found, problems=problems))
        self._expect()
        if extra and planned.problems:
            self.reload(session)
            raise PipelineError(tuple(planned.problems))
        if not self.held:
            return tuple(planned.refresh)
        for view in planned.refresh:
            book.put_off(session, view.name)
        return ()

    def _go_back(self, session: Session, before: tuple[dict[str, Entry], int]) -> None:
        """A reload broke off. Args: before: what was stored when it began, and the last commit."""
        self.look_again()
        entries, commit = before
        try:
            now = book.entries(session)
            same = commit == self._pump.assembler.commit_id and all(now.get(name) == entry for name, entry in entries.items())
            for name, entry in now.items():
                if entry.kind == "materialized view" and entry != entries.get(name):
                    book.put_off(session, entry.name)  # its refresh was not handed out
        except WorkbenchError:
            same = False
        if not same:
            self.let_go()
            self._events.add("warning", "nothing is read until the pipelines are: some of what they say has been stored already")
        self._expect()

    def _swap(self, plan: Plan) -> list[Flow]:
        """Let this plan run from now on; gives the flows of the one before that are not in it."""
        assembler = self._pump.assembler
        with self._pump.lock:
            old, assembler.plan = assembler.plan.flows, plan
        return [flow for flow in old if not any(flow is one for one in plan.flows)]

    def rebuild(self, session: Session, view: MaterializedView) -> None:
        """Compute a running state anew from the stored rows."""
        assert view.running is not None
        plan = self._pump.assembler.plan
        running = next((v for v in plan.views if v.name == view.name), None)
        if running is None:
            raise UsageError(f"{view.name} does not run", "The problems say why; once they are mended it is rebuilt by itself.")
        with session.transaction():
            built = rebuild(session, view, view.running, running.columns, running.sources, self._pump.assembler.commit_id)
        plan.views[plan.views.index(running)] = built
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

    def states(self) -> dict[str, RunningState]:
        """The running states, by lower-case name."""
        views = (d for d in self.graph.definitions if isinstance(d, MaterializedView))
        return {view.name.lower(): view.running for view in views if view.running is not None}

    def flows(self) -> dict[str, StreamingTable]:
        """For each flow the table that it writes into, with the flow's own source and query."""
        return flows_of(self.graph)

    def flows_as_read(self) -> dict[str, StreamingTable]:
        """The same, with the options of the format that were inferred."""
        found = self.flows()
        for name, table in found.items():
            entry = self.entries.get(name.lower())
            if isinstance(table.source, ReadFiles | ReadSocket | ReadStdin) and entry is not None and entry.options:
                found[name] = replace(table, source=replace(table.source, options=entry.options))
        return found

    def _expect(self) -> None:
        """Tell the sources who reads them: flows that read for others too, and those that wait for their columns."""
        flows, running = self.flows(), self._pump.flows
        together = {name for flow in running for name in flow.names}
        names = [*(flow.name for flow in running), *(name for name in flows if name not in together)]
        self._sources.expect((name, flows[name].source) for name in names if name in flows)
        self._sources.settle()

    def _take_over(self, entries: dict[str, Entry], found: Pipelines) -> None:
        for problem in found.problems:
            if problem not in self.problems:
                where = f"{problem.file}:{problem.line}:{problem.column}"
                self._events.add("error", hinted(f"{where}: {problem.message}", problem.hint))
        self._vain &= found.waiting.keys() & self._sources.in_vain.keys()
        for name, why in found.waiting.items():
            if name in self._sources.in_vain:
                self._tell_vain(name, why)
            elif name not in self.waiting:
                self._events.add("info", why, name)
        self.problems, self.graph, self.waiting, self.entries = found.problems, found.graph, found.waiting, entries


def _close(flows: Iterable[Flow]) -> None:
    """One that fails at that keeps no other open."""
    for flow in flows:
        try:
            flow.close()
        except Exception:
            log.exception("the source of %s was not closed well", flow.name)


def flows_of(graph: Graph) -> dict[str, StreamingTable]:
    """For each flow the table that it writes into, with the flow's own source and query."""
    tables = {d.name.lower(): d for d in graph.definitions if isinstance(d, StreamingTable)}
    found = {table.name: table for table in tables.values() if table.source is not None}
    for flow in graph.definitions:
        if isinstance(flow, InsertFlow) and flow.table.lower() in tables:
            found[flow.name] = replace(tables[flow.table.lower()], source=flow.source, query=flow.query)
    return found
