"""The running whole of a project: its database, its flows, its jobs, and the answers about them."""

from __future__ import annotations

import logging
import os
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from workbench import __version__
from workbench.batch import Offset
from workbench.config import Project, Settings
from workbench.connectors.source import Source
from workbench.connectors.watch import Watcher
from workbench.engine.check import check_data
from workbench.engine.console import Console
from workbench.engine.datasets import datasets
from workbench.engine.events import EventLog
from workbench.engine.inspection import Inspector
from workbench.engine.lock import EngineLock
from workbench.engine.log import last_lines, write_log
from workbench.engine.monitor import Monitor, RuleHistory
from workbench.engine.pipelines import Pipelines, pipeline_texts, read_project
from workbench.engine.planner import Planner
from workbench.engine.sources import fixed_folder, open_files_source
from workbench.engine.snapshot import SnapshotMaker
from workbench.engine.tail import TailRing
from workbench.errors import NotFound, Problem, UsageError, WorkbenchError
from workbench.jobs.queue import JobQueue, load_runs
from workbench.jobs.triggers import Triggers
from workbench.language.definitions import Graph, MaterializedView, ReadFiles, StreamingTable
from workbench.language.gate import admit
from workbench.protocol import PROTOCOL, Dataset, Hello, QuarantineDetail, QuarantinePage, Snapshot, StatePage, Tail
from workbench.store import catalog
from workbench.store.catalog import Entry
from workbench.store.commit import Counts, Probe
from workbench.store.database import open_database
from workbench.store.query import QueryPool
from workbench.store.session import Session
from workbench.store.state import rebuild, store_rebuilt
from workbench.stream.pump import Pump
from workbench.stream.tick import Assembler, Plan, Tick

log = logging.getLogger(__name__)

CHORES = 0.5
"""Seconds between rounds of housekeeping: notices, triggers, sources whose schema waits for a first record."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What a `run --once` did. `counts` by stream, of this run; `failed` and `waiting`: name → why."""

    counts: dict[str, Counts]
    failed: dict[str, str] = field(default_factory=dict)
    waiting: dict[str, str] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


class Engine:
    """One project, running. Safe from any thread.

    Args:
        flows: False opens everything and reads no source.
        probe: called before each step of every commit (tests kill the process there).

    Raises:
        DatabaseLocked, DatabaseDamaged, DatabaseNewer, StoreError: from `start`.
    """

    def __init__(
        self,
        project: Project,
        settings: Settings,
        flows: bool = True,
        *,
        clock: Callable[[], float] = time.time,
        probe: Probe = lambda step: None,
    ) -> None:
        self.project, self.settings = project, settings
        self.problems: tuple[Problem, ...] = ()
        self.started_at = clock()
        self._reads, self._clock, self._probe = flows, clock, probe
        self._graph = Graph(())
        self._waiting: dict[str, str] = {}
        self._entries: dict[str, Entry] = {}
        self._datasets: tuple[Dataset, ...] = ()
        self._monitor, self._ring = Monitor(), TailRing()
        self._changed = threading.Condition()
        self._touched_at = 0.0
        self._texts: dict[str, str] = {}
        self._chores = threading.Event()
        self._reload_due = False
        self._stopping = False

    def start(self) -> None:
        """Open the project and let it run."""
        self._lock = EngineLock(self.project.lock)
        try:
            self._log_handler = write_log(self.project.log)
            self._database = open_database(
                self.project.database, self.settings.memory_limit, self.settings.query_memory_limit, (self.project.root, self.project.state)
            )
        except BaseException:
            self._lock.release()
            raise
        writer = self._database.writer
        self._events = EventLog(self._clock, writer.execute("SELECT coalesce(max(id), 0) FROM _system.events")[0][0])
        self._inspector = Inspector(self._database.session())
        self._snapshots = SnapshotMaker(self._monitor)
        self._planner = Planner(self._open_source)
        commit = writer.execute("SELECT coalesce(max(id), 0) FROM _system.commits")[0][0]
        quarantine = writer.execute("SELECT coalesce(max(id), 0) FROM _system.quarantine")[0][0]
        self._assembler = Assembler(Plan(), commit, quarantine)
        self._pump = Pump(
            self._database,
            self._assembler,
            threads=self.settings.threads or min(2, os.cpu_count() or 1),
            chunk=self.settings.chunk,
            poll=self.settings.poll,
            tick=self.settings.tick,
            probe=self._probe,
            on_commit=self._on_commit,
            on_change=self._touch,
            clock=self._clock,
        )
        self._jobs = JobQueue(
            self._database.session(), self._pump.control, self._clock, self._touch, self._on_refreshed,
            writer.execute("SELECT coalesce(max(id), 0) FROM _system.job_runs")[0][0],
        )  # fmt: skip
        self._triggers = Triggers(self._graph)
        self.queries = QueryPool(
            self._database.queries, self.project.spool, _bytes(self.settings.result_limit), admit, self.execute, lambda: self._assembler.commit_id
        )
        self._console = Console(self)
        self._load_history(writer)
        self._texts = pipeline_texts(self.project)
        self._reload(writer)
        self._pump.start()
        self._jobs.start()
        self._watcher = Watcher((), self._wake)
        if self._reads:
            self._watcher.watch(self._watched())
        self._housekeeper = threading.Thread(target=self._keep_house, name="chores", daemon=True)
        self._housekeeper.start()

    def stop(self) -> None:
        """Finish the commit that is under way and close; everything else is read again at the next start."""
        self._stopping = True
        self._chores.set()
        self._watcher.close()
        self.queries.shut()
        self._jobs.stop()
        self._housekeeper.join()
        self._pump.stop()
        self._inspector.close()
        for flow in self._assembler.plan.flows:
            flow.source.close()
        try:
            self._events.save(self._database.writer)
        except WorkbenchError as error:
            log.warning("the last events were not stored: %s", error)
        self._database.close()
        self._lock.release()
        logging.getLogger("workbench").removeHandler(self._log_handler)
        self._log_handler.close()

    def run_once(self) -> Summary:
        """Read all that is there, refresh what that triggers, and return when everything is stored."""
        before = {flow.name: flow.totals for flow in self._assembler.plan.flows}
        if not self.problems:
            self._pump.drain()
            self._settle_jobs()
        return self._summary(before)

    # What is asked

    def hello(self) -> Hello:
        return Hello(__version__, PROTOCOL, os.getpid(), self.project.name, str(self.project.root), self.started_at)

    def snapshot(self) -> Snapshot:
        with self._pump.lock:
            return self._snapshots.make(
                self._clock(),
                self._assembler.commit_id,
                self._assembler.plan,
                self._graph,
                self._waiting,
                self._pump.stalled,
                self._jobs.statuses(),
                self.problems,
                self._events.latest(),
                self._datasets,
            )

    def wait_snapshot(self, after: float, timeout: float) -> Snapshot:
        """A snapshot as soon as something changed since the one taken at `after`, or when the time is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or self._touched_at > after, timeout)
        return self.snapshot()

    def tail(self, name: str, limit: int = 100, filter: str = "") -> Tail:
        table = self._stream(name)
        total = self._total(table.name)
        if not filter:
            return self._ring.tail(table.name, limit, total)
        columns = tuple(c.name for c in self._entries[table.name.lower()].columns)
        return self._inspector.search(table, columns, filter, limit, total)

    def state(self, name: str, limit: int = 50, client: str = "") -> StatePage:
        view = next((v for v in self._assembler.plan.views if v.name.lower() == name.lower()), None)
        if view is None:
            raise NotFound(f"There is no running state {name}", "Streams list their views; `select * from workbench.catalog` lists all.")
        return self._inspector.state(view, client, limit, self._assembler.commit_id)

    def quarantine(self, stream: str | None = None, rule: str | None = None, offset: int = 0, limit: int = 50) -> QuarantinePage:
        return self._inspector.quarantine(stream, rule, offset, limit)

    def quarantine_detail(self, id: int) -> QuarantineDetail:
        tables = {d.name: d for d in self._graph.definitions if isinstance(d, StreamingTable)}
        entries = {e.name: e for e in self._entries.values()}
        return self._inspector.detail(id, tables, {name: entry.input for name, entry in entries.items()})

    def log(self, lines: int = 100) -> list[str]:
        return last_lines(self.project.log, lines)

    # What is commanded

    def execute(self, sql: str) -> str | None:
        """Carry out a statement of the pipeline language; None when the text is none."""
        return self._console.execute(sql)

    def pause(self, name: str) -> str:
        return self._set_paused(name, True)

    def resume(self, name: str) -> str:
        return self._set_paused(name, False)

    def refresh(self, name: str, full: bool = False) -> str:
        definition = self._graph.get(name)
        if isinstance(definition, MaterializedView) and definition.running is None:
            run = self._jobs.enqueue(definition, "by hand")
            return f"{definition.name}: refresh is run #{run}"
        if isinstance(definition, MaterializedView):
            if not full:
                return f"{definition.name} is a running state and always up to date; REFRESH FULL rebuilds it from stored rows"
            self._pump.control(lambda session: self._rebuild(session, definition)).result()
            return f"{definition.name}: rebuilt from the stored rows"
        if isinstance(definition, StreamingTable):
            raise UsageError(
                f"{definition.name} is a streaming table: it takes each record once, there is nothing to refresh",
                f"To read everything again: DROP STREAMING TABLE {definition.name} while it is out of the pipelines, then put it back.",
            )
        raise NotFound(f"There is no materialized view {name}", "`select name, kind from workbench.catalog` lists what there is.")

    def reload(self, extra: str = "") -> tuple[Problem, ...]:
        """Read the pipelines again and let what changed run; gives the mistakes, under which the old ones go on."""
        problems: tuple[Problem, ...] = self._pump.control(lambda session: self._reload(session, extra)).result()
        return problems

    def check_data(self) -> list[str]:
        """Broken invariants of what is stored, as of one commit; empty when everything holds."""
        broken: list[str] = self._pump.control(lambda session: check_data(session, self._entries, self._graph)).result()
        return broken

    def drop(self, name: str) -> None:
        """Remove a dataset with all its rows; the console has checked that nothing needs it."""
        self._pump.control(lambda session: self._drop(session, name)).result()

    @property
    def graph(self) -> Graph:
        return self._graph

    @property
    def entries(self) -> dict[str, Entry]:
        return self._entries

    # In the writer's turn

    def _reload(self, session: Session, extra: str = "") -> tuple[Problem, ...]:
        found = read_project(self.project, catalog.entries(session), extra)
        if extra and found.problems:
            return found.problems
        for change in found.changes:
            if change.says and change.definition.name not in found.waiting:
                self._events.add("info", change.says)
        planned = self._planner.apply(session, found.changes, found.removed, self._assembler, self._clock())
        with self._pump.lock:
            for flow in planned.plan.flows:
                flow.held = not self._reads
            self._assembler.plan = planned.plan
        self._take_over(session, found)
        for view in planned.refresh:
            if self._reads:
                self._jobs.enqueue(view, "its definition is new")
        self._touch()
        return found.problems

    def _take_over(self, session: Session, found: Pipelines) -> None:
        for problem in found.problems:
            if problem not in self.problems:
                self._events.add("error", f"{problem.file}:{problem.line}:{problem.column}: {problem.message}")
        for name, why in found.waiting.items():
            if name not in self._waiting:
                self._events.add("info", why, name)
        self.problems, self._graph, self._waiting = found.problems, found.graph, found.waiting
        self._triggers = Triggers(found.graph)
        self._entries = catalog.entries(session)
        self._datasets = datasets(self._entries, session)

    def _rebuild(self, session: Session, view: MaterializedView) -> None:
        assert view.running is not None
        running = next(v for v in self._assembler.plan.views if v.name == view.name)
        rebuilt = rebuild(session, view.running, self._entries[view.running.stream.lower()].columns)
        session.execute("BEGIN")
        try:
            store_rebuilt(session, view.name, view.running.stream, rebuilt, self._assembler.commit_id)
            session.execute("COMMIT")
        except BaseException:
            session.execute("ROLLBACK")
            raise
        running.event_time, running.late = rebuilt.event_time, rebuilt.late_total
        running.partials = running.groups = rebuilt.partials.num_rows
        self._events.add("info", f"{view.name} was rebuilt from stored rows")

    def _drop(self, session: Session, name: str) -> None:
        catalog.drop(session, self._entries[name.lower()])
        self._monitor.forget(name)
        self._ring.forget(name)
        self._reload(session)

    def _on_commit(self, tick: Tick) -> None:
        commit = tick.commit
        assert commit is not None
        self._monitor.record(commit)
        cuts = {flow.name: pieces for flow, pieces in tick.cuts}
        for delta in commit.streams:
            if delta.stream in cuts:
                self._ring.add(delta, cuts[delta.stream], self._assembler.plan.books[delta.stream])
        self._triggers.updated([d.stream for d in commit.streams] + [v.view for v in commit.views])
        self._touch()

    # Housekeeping

    def _keep_house(self) -> None:
        while not self._stopping:
            self._chores.wait(CHORES)
            self._chores.clear()
            if self._stopping:
                return
            try:
                self._do_chores()
            except Exception:
                log.exception("housekeeping failed; it goes on")

    def _do_chores(self) -> None:
        for flow in self._assembler.plan.flows:
            with self._pump.lock:
                notices, flow.notices = flow.notices, []
            for text in notices:
                self._events.add("warning", text, flow.name)
        due, self._reload_due = self._reload_due, False
        if self._reads and (self._pipelines_changed() if due else bool(self._waiting)):
            self.reload()
            self._watcher.watch(self._watched())
        if self._reads:
            self._triggers.run_due(time.monotonic(), self._jobs.enqueue)
        if self._events.unsaved:
            self._pump.control(self._events.save).result()
            self._touch()

    def _pipelines_changed(self) -> bool:
        texts = pipeline_texts(self.project)
        changed = texts != self._texts
        self._texts = texts
        return changed

    def _wake(self) -> None:
        """Something changed in a watched folder: sources are looked at now, pipelines in the next round."""
        self._pump.wake()
        self._reload_due = True
        self._chores.set()

    def _watched(self) -> tuple[Path, ...]:
        pipelines = self.project.root / "pipelines"
        folders = {pipelines, *(p for p in pipelines.rglob("*") if p.is_dir())} if not self.project.files else set()
        for definition in self._graph.definitions:
            if isinstance(definition, StreamingTable) and isinstance(definition.source, ReadFiles):
                folders.add(fixed_folder(self.project.root, definition.source.glob))
        return tuple(sorted(folder for folder in folders if folder.is_dir()))

    def _settle_jobs(self) -> None:
        """Run what is due until a refresh makes nothing else due."""
        while True:
            self._triggers.run_due(time.monotonic(), self._jobs.enqueue, force=True)
            if self._jobs.idle:
                return
            self._jobs.wait_idle()

    def _summary(self, before: dict[str, Counts]) -> Summary:
        counts, failed = {}, {}
        for flow in self._assembler.plan.flows:
            start = before.get(flow.name, Counts()).as_tuple()
            counts[flow.name] = Counts(*(now - then for now, then in zip(flow.totals.as_tuple(), start, strict=True)))
            if flow.error:
                failed[flow.name] = str(flow.error)
        for run in self._jobs.statuses():
            if run.state == "failed" and run.started_at >= self.started_at:
                failed[run.job] = run.error
        return Summary(counts, failed, dict(self._waiting), self.problems)

    def _set_paused(self, name: str, paused: bool) -> str:
        table = self._stream(name)
        flow = next((f for f in self._assembler.plan.flows if f.name == table.name), None)
        if flow is None:
            raise UsageError(f"{table.name} moves with its stream, it has no source of its own", "Pause the stream that it reads.")

        def work(session: Session) -> None:
            session.execute("UPDATE _system.streams SET paused = ? WHERE name = ?", [paused, flow.name])
            with self._pump.lock:
                if paused:
                    flow.paused = True
                else:
                    flow.resume()

        self._pump.control(work).result()
        self._events.add("info", "paused by hand" if paused else "resumed by hand", flow.name)
        self._pump.wake()
        self._touch()
        return f"{flow.name} is {'paused; what arrives waits in its files' if paused else 'running'}"

    def _stream(self, name: str) -> StreamingTable:
        definition = self._graph.get(name)
        if not isinstance(definition, StreamingTable):
            raise NotFound(f"There is no streaming table {name}", "`workbench status` lists them.")
        return definition

    def _total(self, name: str) -> int:
        plan = self._assembler.plan
        totals = {flow.name: flow.totals for flow in plan.flows} | {derived.name: derived.totals for derived in plan.derived}
        return totals.get(name, Counts()).rows_in

    def _open_source(self, table: StreamingTable, options: tuple[tuple[str, str], ...], offsets: tuple[Offset, ...]) -> Source:
        assert isinstance(table.source, ReadFiles)
        return open_files_source(self.project, table.name, table.source, options, offsets)

    def _on_refreshed(self, view: str) -> None:
        self._triggers.updated([view])

    def _touch(self) -> None:
        with self._changed:
            self._touched_at = self._clock()
            self._changed.notify_all()

    def _load_history(self, session: Session) -> None:
        """What earlier engines counted and ran."""
        for stream, rule, total, first, last, last_id in session.execute(
            "SELECT stream, rule, total, epoch(first_seen), epoch(last_seen), last_id FROM _system.rules WHERE total > 0"
        ):
            self._monitor.rules[(stream, rule)] = RuleHistory(total, first, last, last_id)
        self._jobs.restore(load_runs(session))


def _bytes(text: str) -> int:
    """A size such as `4GB` in bytes.

    Raises:
        UsageError: it is none.
    """
    found = re.fullmatch(r"\s*([\d.]+)\s*([KMGT]?)i?B?\s*", text, re.IGNORECASE)
    if not found:
        raise UsageError(f"{text!r} is not a size", "Write a number and a unit, such as 4GB.")
    return int(float(found[1]) * 1024 ** " KMGT".index(found[2].upper() or " "))
