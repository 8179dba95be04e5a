"""The moving parts of an engine, made and wired: what each of them sets off in the others."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from workbench.config import Project, Settings
from workbench.engine.catalog import Catalog
from workbench.engine.events import EventLog
from workbench.engine.late import Late
from workbench.engine.losses import Losses
from workbench.engine.monitor import Monitor
from workbench.engine.planner import Planner
from workbench.engine.sizes import size
from workbench.engine.sources import Sources
from workbench.engine.tail import TailRing
from workbench.inputs import waiting_inputs
from workbench.jobs.queue import JobQueue, load_runs
from workbench.jobs.triggers import Triggers
from workbench.language.definitions import Graph
from workbench.protocol import Action
from workbench.store.commit import Probe
from workbench.store.database import Database
from workbench.store.ids import last_commit, last_rejection
from workbench.store.session import Session
from workbench.stream.pump import Pump
from workbench.stream.tick import Assembler, Plan, Tick

if TYPE_CHECKING:
    from workbench.engine.control import Control
    from workbench.engine.datasets import Datasets
    from workbench.engine.drift import ColumnAddition
    from workbench.engine.inspection import Inspector
    from workbench.engine.snapshot import SnapshotMaker
    from workbench.store.query import QueryPool


class Works:
    """Everything over one database that reads, stores, refreshes and remembers. Nothing runs before its owner starts it, and what only
    answers questions is made when somebody asks.

    Args:
        reads: False when the engine runs with flows off.
        input: the descriptor of what is piped in; None: nothing is.
        changed: called when there is something new to show.
        execute: carries out statements of the pipeline language; None when a text is none.
    """

    def __init__(
        self,
        project: Project,
        settings: Settings,
        database: Database,
        *,
        reads: bool,
        input: int | None,
        clock: Callable[[], float],
        probe: Probe,
        changed: Callable[[], None],
        execute: Callable[[str], str | None],
    ) -> None:
        self._project, self._settings, self._database = project, settings, database
        self._clock, self._probe, self._changed, self._execute = clock, probe, changed, execute
        writer = database.writer
        self.monitor, self.ring, self.losses = Monitor(), TailRing(), Losses(writer)
        self.triggers = Triggers(Graph(()))
        self.shown = 0
        """The last commit that the tail knows of."""
        self.look_due = False
        """The pipelines are to be looked at in the next round of housekeeping."""
        self.events = EventLog(clock, _last_id(writer, "events"))
        self.pump = self._make_pump(Assembler(Plan(), last_commit(writer), last_rejection(writer)))
        self.jobs = JobQueue(database.session(), self.pump.control, clock, changed, self._on_refreshed, _last_id(writer, "job_runs"))
        self.sources = Sources(project, input, size(settings.spool_limit), reads, self.pump.news, clock)
        planner = Planner(self.sources.open, settings.idle_timeout)
        self.catalog = Catalog(project, self.pump, planner, self.events, clock, reads, self.sources)
        self.columns, self.control = Late(self._make_columns), Late(self._make_control)
        self.datasets, self.snapshots = Late(self._make_datasets), Late(self._make_snapshots)
        self.inspector, self.queries = Late(self._make_inspector), Late(self._make_queries)
        if any(project.spool.glob("*")):  # results that an engine which was killed has left
            self.queries()
        self.monitor.load(writer)
        self.jobs.restore(load_runs(writer))

    def close_sources(self) -> None:
        """Read and receive nothing any more."""
        for flow in self.pump.flows:
            flow.close()
        self.sources.close()

    # In the writer's turn

    def reload(self, session: Session, extra: str = "") -> None:
        """Let run what the pipelines say now, statements of the console with them."""
        for view in self.catalog.reload(session, extra):
            self.jobs.enqueue(view, "its definition is new")
        self.triggers.follow(self.catalog.graph)
        self.shown = self.pump.assembler.commit_id
        self._changed()

    def drop(self, session: Session, name: str) -> None:
        """Remove a dataset with all its rows."""
        self.catalog.drop(session, name)
        with self.pump.lock:  # a snapshot that is being made looks into both
            self.monitor.forget(name)
            self.ring.forget(name)
        self.reload(session)

    def renew(self, session: Session, flows: frozenset[str]) -> None:
        """Build flows anew from what is stored of them; what they had read and not committed is read again.

        Should that fail, nothing runs until the housekeeper could read the pipelines again: what ran before would go on from
        where it no longer stands.
        """
        try:
            for flow in self.pump.flows:
                if flows.intersection(flow.names):
                    with self.pump.lock:
                        flow.held = "its source is being opened anew"
                    flow.close()
                    self.losses.look([flow])
            self.catalog.reload(session, anew=flows)
        except BaseException:
            self.catalog.let_go()
            self.look_due = True
            raise
        self.triggers.follow(self.catalog.graph)
        self.shown = self.pump.assembler.commit_id

    def _rewound(self, session: Session, tables: tuple[str, ...]) -> None:
        """What is remembered of tables that went back is forgotten."""
        with self.pump.lock:
            for table in tables:
                self.monitor.forget(table)
                self.ring.forget(table)
            self.monitor.load(session)
        self.triggers.updated(list(tables))

    def _on_commit(self, tick: Tick) -> None:
        commit = tick.commit
        assert commit is not None
        with self.pump.lock:
            self.monitor.record(commit)
        for delta in commit.streams:
            self.ring.add(delta, tick.pieces.get(delta.flow, []), self.pump.assembler.plan.books[delta.stream])
        self.shown = commit.id
        self.triggers.updated([d.stream for d in commit.streams] + [v.view for v in commit.views])
        self._changed()

    def _on_refreshed(self, view: str) -> None:
        self.triggers.updated([view])

    # How they are made

    def _make_pump(self, assembler: Assembler) -> Pump:
        return Pump(
            self._database,
            assembler,
            threads=self._settings.threads or min(2, os.cpu_count() or 1),
            chunk=self._settings.chunk,
            poll=self._settings.poll,
            tick=self._settings.tick,
            probe=self._probe,
            on_commit=self._on_commit,
            on_change=self._changed,
            clock=self._clock,
        )

    def _make_queries(self) -> QueryPool:
        from workbench.language.gate import admit
        from workbench.store.query import QueryPool
        from workbench.store.travel import TimeTravel

        return QueryPool(
            self._database.queries,
            self._project.spool,
            size(self._settings.result_limit),
            admit,
            self._execute,
            lambda: self.pump.assembler.commit_id,
            TimeTravel(self.catalog.states).rewrite,
        )

    def _make_inspector(self) -> Inspector:
        from workbench.engine.inspection import Inspector

        return Inspector(self._database.session())

    def _make_snapshots(self) -> SnapshotMaker:
        from workbench.engine.snapshot import SnapshotMaker

        drifts, inputs = self.columns().statuses, partial(waiting_inputs, self._project)
        return SnapshotMaker(
            self.monitor, self.pump, self.jobs, self.catalog, self.events, self.datasets(), drifts, inputs, self.losses,
            self.sources.trouble,
        )  # fmt: skip

    def _make_datasets(self) -> Datasets:
        from workbench.engine.datasets import Datasets

        return Datasets(self._database.session())

    def _make_columns(self) -> ColumnAddition:
        from workbench.engine.drift import ColumnAddition

        return ColumnAddition(self._project, self.pump, self.catalog, self.renew)

    def _make_control(self) -> Control:
        from workbench.engine.control import Control, Planning
        from workbench.engine.rewinding import Rewinding
        from workbench.engine.skipping import Skipping

        rewinding = Rewinding(self.pump, self.catalog, self._clock, self.renew, self._rewound, self._probe)
        skipping = Skipping(self.pump, self._clock, self.renew)
        more: dict[Action, Planning] = {"rewind": rewinding.rewind, "end": skipping.end, "column": self.columns().plan}
        return Control(self.pump, self.catalog, self.events, self.renew, more)


def _last_id(session: Session, table: str) -> int:
    return int(session.execute(f"SELECT coalesce(max(id), 0) FROM _system.{table}")[0][0])
