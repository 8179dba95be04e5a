"""The running whole of a project: its database, its flows, its jobs, and the answers about them."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench import __version__
from workbench.config import Project, Settings
from workbench.connectors.usual import summed
from workbench.connectors.watch import Watcher
from workbench.engine.catalog import Catalog
from workbench.engine.console import Console
from workbench.engine.housekeeper import Housekeeper
from workbench.engine.inputs import begin_inputs
from workbench.engine.lock import EngineLock
from workbench.engine.log import last_lines, write_log
from workbench.engine.sentences import hinted
from workbench.engine.sizes import size
from workbench.engine.sources import fixed_folder, is_folder
from workbench.engine.summary import Summary, summarize
from workbench.engine.turn import in_turn
from workbench.engine.works import Works
from workbench.errors import NotFound, Problem, StoreError, UsageError, WorkbenchError
from workbench.filenames import shown
from workbench.inputs import STDIN, waiting_inputs
from workbench.language.definitions import Graph, InsertFlow, MaterializedView, ReadFiles, StreamingTable
from workbench.language.project import folders
from workbench.protocol import PROTOCOL, Action, ControlPlan, Hello, QuarantineDetail, QuarantinePage, Snapshot, StatePage, Tail
from workbench.store.commit import Counts, Probe
from workbench.store.database import open_database

if TYPE_CHECKING:
    from workbench.store.query import QueryPool

log = logging.getLogger(__name__)

SAVE_LOSSES = 2.0
"""Seconds between two times that counts of lost records are stored, at least."""
RETRY = 0.4
"""Seconds between two looks at definitions that wait for a first record, at least."""
AGAIN = "can be read again"
"""How a notice ends that is good news."""
LOOK = 2.0
"""Seconds between two looks at the pipelines where nothing tells that they changed, as on network filesystems."""


class Engine:
    """One project, running. Safe from any thread.

    Args:
        flows: False opens everything and reads no source.
        input: the descriptor of what is piped in; None: nothing is.
        watch: be told of changes in folders; False for one run over what is there: the poll is enough to it, and nothing runs while the
            pipelines have problems.
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
        input: int | None = None,
        watch: bool = True,
        clock: Callable[[], float] = time.time,
        probe: Probe = lambda step: None,
    ) -> None:
        self.project, self.settings = project, settings
        self.started_at = clock()
        self._reads, self._input, self._clock, self._probe = flows, input, clock, probe
        self._watches = flows and watch
        self._changed = threading.Condition()
        self._changed_at = 0.0
        self._stopping = False
        self._rereading = threading.Lock()
        """Held from a look at what the pipelines became until they are read anew: who looks next must not take that for done."""
        self._tried_at = self._losses_due = self._looked_at = 0.0
        self._told: dict[str, Counts] = {}
        """What the streaming tables had counted at the start, or at the end of the last run over what is there."""
        self._unread = ""
        """Why the pipelines were not read again the last time."""

    def start(self) -> None:
        """Open the project and let it run; when that fails, everything is given back."""
        for text in (self.settings.result_limit, self.settings.spool_limit):
            size(text)  # a wrong one is said before anything is opened
        self._lock = EngineLock(self.project.lock)
        # DuckDB judges relative paths, such as read_csv('countries.csv'), by the process's folder.
        self._came_from = os.open(".", os.O_RDONLY)
        os.chdir(self.project.standing)
        with ExitStack() as opened:
            opened.callback(self._lock.release)
            opened.callback(self._go_back)
            self._log_handler = write_log(self.project.log)
            opened.callback(self._end_log)
            self._database = open_database(
                self.project.database, self.settings.memory_limit, self.settings.query_memory_limit, (self.project.root, self.project.state)
            )
            opened.callback(self._database.close)
            self._begin()
            self._close_all = opened.pop_all().close

    def _begin(self) -> None:
        works = self._works = Works(
            self.project, self.settings, self._database, reads=self._reads, input=self._input, clock=self._clock, probe=self._probe,
            changed=self._touch, execute=self.execute,
        )  # fmt: skip
        self._events, self._pump, self._jobs, self._sources = works.events, works.pump, works.jobs, works.sources
        self._catalog = works.catalog
        self._catalog.careful = not self._watches
        self._console = Console(self)
        try:
            self._run()
        except BaseException:
            works.close_sources()  # or the next try finds their addresses in use
            raise

    def _run(self) -> None:
        writer = self._database.writer
        if self._reads:
            begin_inputs(self.project, self._sources)
            for name in waiting_inputs(self.project):
                self._events.add("info", f"{'what is piped in' if name == STDIN else name} becomes a table with its first record")
        self._catalog.changed_on_disk()
        self._works.reload(writer)
        self._works.triggers.catch_up(writer)
        self._told = self._pump.assembler.plan.totals()
        self._pump.start()
        self._jobs.start()
        self._watcher = Watcher((), self._wake)
        if self._watches:
            self._watcher.watch(self._watched())
        self._housekeeper = Housekeeper(self._do_chores)
        self._housekeeper.start()

    def stop(self, reason: str = "") -> None:
        """Finish the commit that is under way and close; everything else is read again at the next start.

        A second call does nothing. The last line of the log says that it ended so, and why: one that died says nothing.
        """
        if self._stopping:
            return
        self._ends = f"the engine has stopped{f': {reason}' if reason else ''}"
        self._stopping = True
        self._touch()
        self._works.queries.close(lambda queries: queries.shut())
        self._jobs.stop()
        self._pump.stop()
        self._housekeeper.stop()
        self._watcher.close()  # the housekeeper may have begun to watch anew
        self._works.inspector.close(lambda inspector: inspector.close())
        self._works.datasets.close(lambda datasets: datasets.close())
        self._works.close_sources()
        self._take_notices()
        self._works.losses.look(list(self._pump.flows))
        try:
            self._events.save(self._database.writer)
            self._works.losses.save(self._database.writer)
        except WorkbenchError as error:
            log.warning("the last events were not stored: %s", error)
        self._close_all()

    def run_once(self) -> Summary:
        """Read all that is there, refresh what that triggers, and return when everything is stored; nothing of it when the pipelines
        have problems at its start. One that comes to light with the first records of an input lets the others go on.

        Raises:
            StoreError: the engine broke down before all was stored.
        """
        plan, since = self._pump.assembler.plan, self._clock()
        before = self._told
        if not self.problems:
            self._catalog.careful = False
            self._drain()
            plan = self._pump.assembler.plan
            if self._pump.died:
                raise StoreError(f"The engine broke down: {self._pump.stalled}", "What was committed is safe: mend that and run it again.")
            if self._pump.stalled:
                raise StoreError(self._pump.stalled, "Mend that and run it again: it goes on after what is committed.")
            with self._pump.resting():  # news would make jobs due again and again
                self._settle_jobs()
        self._told = plan.totals()
        return summarize(plan, before, self._jobs.statuses(), since, self._catalog.waiting, self.problems, self._sources.unread)

    # What is asked

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Mistakes in the pipelines; the old definitions go on under them."""
        return self._catalog.problems

    def wait_broken(self) -> bool:
        """Wait until the database has stopped (True: a new engine goes on with it) or this engine is stopped."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or self._pump.database_stopped)
        return self._pump.database_stopped

    @property
    def graph(self) -> Graph:
        return self._catalog.graph

    @property
    def catalog(self) -> Catalog:
        return self._catalog

    @property
    def queries(self) -> QueryPool:
        return self._works.queries()

    def hello(self) -> Hello:
        root = shown(str(self.project.root))
        return Hello(__version__, PROTOCOL, os.getpid(), self.project.name, root, self.started_at, self._reads)

    def snapshot(self) -> Snapshot:
        return self._works.snapshots().make(self._clock())

    def wait_snapshot(self, after: float, timeout: float) -> Snapshot:
        """A snapshot as soon as something changed since the one taken at `after`, or when the time is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or self._changed_at > after, timeout)
        return self.snapshot()

    def tail(self, name: str, limit: int = 100, filter: str = "") -> Tail:
        """The latest records of a stream, or those of them that contain a text."""
        table = self._catalog.stream(name)
        counts = self._pump.assembler.plan.totals().get(table.name)
        total = counts.rows_in if counts else 0
        if not filter and (latest := self._works.ring.tail(table.name, limit, total)).rows:
            return latest
        if table.name.lower() not in self._catalog.entries:
            return Tail(table.name, (), (), (), 0)
        columns = tuple(c.name for c in self._catalog.entries[table.name.lower()].columns)
        return self._works.inspector().search(table, columns, filter, limit, total, self._works.shown)

    def state(self, name: str, limit: int = 50, client: str = "") -> StatePage:
        """The running state of a view; `changed` is counted from this client's last look."""
        view = next((v for v in self._pump.assembler.plan.views if v.name.lower() == name.lower()), None)
        if view is None:
            raise NotFound(f"There is no running state {name}", "`select name, kind from workbench.catalog` lists what there is.")
        return self._works.inspector().state(view, client, limit, self._pump.assembler.commit_id)

    def quarantine(self, stream: str | None = None, rule: str | None = None, offset: int = 0, limit: int = 50) -> QuarantinePage:
        return self._works.inspector().quarantine(stream, rule, offset, limit)

    def quarantine_detail(self, id: int) -> QuarantineDetail:
        inputs = {entry.name: entry.input for entry in self._catalog.entries.values()}
        return self._works.inspector().detail(id, self._catalog.flows_as_read(), inputs, self.project.root)

    def log(self, lines: int = 100) -> list[str]:
        return last_lines(self.project.log, lines)

    def check_data(self) -> list[str]:
        """Broken invariants of what is stored, as of one commit; empty when everything holds."""
        from workbench.engine.check import check_data

        return in_turn(self._pump, lambda session: check_data(session, self._catalog.entries, self.graph))

    # What is commanded

    def execute(self, text: str) -> str | None:
        """Carry out statements of the pipeline language; None when the text is none."""
        return self._console.execute(text)

    def pause(self, name: str) -> str:
        return self._commanded(name, "pause", None, {})

    def resume(self, name: str) -> str:
        return self._commanded(name, "resume", None, {})

    def plan_control(self, name: str, action: Action, arguments: Mapping[str, Any]) -> ControlPlan:
        """What a command on a stream would do; nothing is done."""
        return self._works.control().plan(name, action, arguments)

    def control(self, name: str, action: Action, token: str, arguments: Mapping[str, Any]) -> str:
        """Do what a plan said.

        Raises:
            PlanOutdated: it would be something else by now.
        """
        return self._commanded(name, action, token, arguments)

    def _commanded(self, name: str, action: Action, token: str | None, arguments: Mapping[str, Any]) -> str:
        done = self._works.control().carry_out(name, action, token, arguments)
        self._touch()
        return done

    def refresh(self, name: str, full: bool = False) -> str:
        """Refresh a batch view in a run of its own; with `full`, rebuild a running state."""
        definition = self.graph.get(name)
        if isinstance(definition, MaterializedView) and definition.running is None:
            return f"{definition.name}: refresh is run #{self._jobs.enqueue(definition, 'by hand')}"
        if isinstance(definition, MaterializedView):
            if not full:
                return f"{definition.name} is a running state and always up to date; REFRESH FULL rebuilds it from stored rows"
            in_turn(self._pump, lambda session: self._catalog.rebuild(session, definition))
            return f"{definition.name} was rebuilt from stored rows"
        if isinstance(definition, StreamingTable):
            raise UsageError(
                f"{definition.name} is a streaming table: it takes each record once, there is nothing to refresh",
                f"To read everything again: take it out of the pipelines, DROP STREAMING TABLE {definition.name}, put it back.",
            )
        raise NotFound(f"There is no materialized view {name}", "`select name, kind from workbench.catalog` lists what there is.")

    def reload(self, extra: str = "") -> None:
        """Read the pipelines again and let what changed run.

        Raises:
            PipelineError: `extra`, statements of the console, does not fit in; nothing changed.
        """
        in_turn(self._pump, lambda session: self._works.reload(session, extra))

    def drop(self, name: str) -> None:
        """Remove a dataset with all its rows; the console has checked that nothing needs it."""
        in_turn(self._pump, lambda session: self._works.drop(session, name))

    # Housekeeping

    def _do_chores(self) -> None:
        self._take_notices()
        with self._rereading:
            begun = self._reads and begin_inputs(self.project, self._sources)
            look, self._works.look_due = self._works.look_due or begun or self._look_due(), False
            if self._reads and ((look and self._catalog.changed_on_disk()) or self._retry_due()):
                self._reload_or_say()
        if not self._catalog.held:
            self._works.triggers.run_due(time.monotonic(), self._jobs.enqueue)
        if self._events.unsaved and not self._stopping:
            self._pump.control(self._events.save).result()
            self._touch()
        self._count_losses()

    def _count_losses(self) -> None:
        """What was lost is told in SQL too, a little later than on the screen."""
        losses, now = self._works.losses, time.monotonic()
        losses.look(list(self._pump.flows))
        if losses.unsaved and not self._stopping and now >= self._losses_due:
            self._losses_due = now + SAVE_LOSSES
            self._pump.control(losses.save).result()

    def _retry_due(self) -> bool:
        """Whether definitions that wait for a first record are to be tried again; files that change all the time hinder that not,
        nor make it more frequent."""
        now = time.monotonic()
        if not self._catalog.waiting or now - self._tried_at < RETRY:
            return False
        self._tried_at = now
        return self._catalog.arrived()

    def _look_due(self) -> bool:
        now = time.monotonic()
        if not self._watches or now - self._looked_at < LOOK:
            return False
        self._looked_at = now
        return True

    def _reload_or_say(self) -> None:
        """A reload that fails, however, is an event, and tried again in the next round."""
        try:
            self._pump.control(self._works.reload).result()  # it is broken off when the engine stops, as all housekeeping is
        except CancelledError:
            raise
        except Exception as error:
            self._say_unread(error)
            self._catalog.look_again()
            self._works.look_due = True
            return
        if self._unread:
            self._unread = ""
            self._events.add("info", "the pipelines were read again")
        if self._watches:
            self._watcher.watch(self._watched())

    def _say_unread(self, error: Exception) -> None:
        """Once, until it is something else or they were read: a round comes twice a second."""
        why, hint = f"{type(error).__name__}: {error}", "It is tried again; the log has more."
        if isinstance(error, WorkbenchError):
            why, hint = error.message, error.hint
        if why == self._unread:
            return
        self._unread = why
        if not isinstance(error, WorkbenchError):
            log.error("a reload failed", exc_info=error)
        self._events.add("error", hinted(f"the pipelines were not read again: {why}", hint))

    def _take_notices(self) -> None:
        """What sources had to say becomes events."""
        for flow in self._pump.flows:
            with self._pump.lock:
                notices, flow.notices = flow.notices, []
            warnings, usual = summed(notices)
            for text in warnings:
                self._events.add(_kind(text), text, flow.outputs[0].table.name)
            if usual:
                self._events.add("info", usual, flow.outputs[0].table.name)
        with self._pump.lock:
            said, self._pump.notices = self._pump.notices, []
        for text in (*said, *self._sources.notices()):
            self._events.add(_kind(text), text)

    def _drain(self) -> None:
        """Commit all that is there, and what is piped in to its end."""
        while True:
            readers = [flow for flow in self._pump.flows if flow.closes_windows]
            stuck = bool(readers) and not any(flow.runs for flow in readers) and not self._catalog.waiting
            over = self._sources.ended() or stuck
            with self._rereading:
                if begin_inputs(self.project, self._sources) or self._catalog.waiting or self._works.look_due:
                    self.reload()
            self._pump.drain(until=lambda: bool(self._pump.stalled))
            if over or self._pump.died or self._pump.stalled:
                return
            self._sources.wait(0.05)

    def _settle_jobs(self) -> None:
        """Run what is due until a refresh makes nothing else due, whoever hands it out: the housekeeper does so too."""
        while True:
            newest = self._jobs.newest
            self._jobs.wait_idle()
            self._works.triggers.run_due(time.monotonic(), self._jobs.enqueue, force=True)
            if self._jobs.idle and self._jobs.newest == newest:
                return

    def _wake(self, paths: frozenset[str]) -> None:
        """Something changed in a watched folder: sources are looked at soon, and the pipelines now if it was there."""
        self._pump.news()
        pipelines = self.project.root / "pipelines"
        under = (f"{pipelines}{os.sep}", f"{os.path.realpath(pipelines)}{os.sep}")  # some systems tell the path behind links
        if self.project.files or self._catalog.waiting or any(f"{path}{os.sep}".startswith(under) for path in paths):
            self._works.look_due = True
            self._housekeeper.wake()

    def _watched(self) -> tuple[Path, ...]:
        found = set(folders(self.project.root)) if not self.project.files else set()
        for definition in self.graph.definitions:
            if isinstance(definition, StreamingTable | InsertFlow) and isinstance(definition.source, ReadFiles):
                found.add(fixed_folder(self.project.root, definition.source.glob))
        return tuple(sorted(folder for folder in found if is_folder(folder)))

    def _end_log(self) -> None:
        if self._stopping:
            log.info(self._ends)
        logging.getLogger("workbench").removeHandler(self._log_handler)
        self._log_handler.close()

    def _go_back(self) -> None:
        os.fchdir(self._came_from)
        os.close(self._came_from)

    def _touch(self) -> None:
        with self._changed:
            self._changed_at = self._clock()
            self._changed.notify_all()


def _kind(notice: str) -> str:
    return "info" if notice.endswith(AGAIN) else "warning"
