"""From definitions to what runs: tables made or changed, running states rebuilt, flows and views built."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from workbench.batch import RESERVED_RULES, Offset
from workbench.connectors.source import Source
from workbench.engine.changes import Change, problem_of
from workbench.errors import FlowError, Problem, QueryError, WorkbenchError
from workbench.language.definitions import Column, Definition, MaterializedView, ReadFiles, StreamingTable, StreamRef, TemporaryView
from workbench.store import catalog
from workbench.store.catalog import Entry
from workbench.store.commit import Commit, Counts, write
from workbench.store.names import quote, stored
from workbench.store.session import Session
from workbench.store.state import partial_rows, rebuild, store_rebuilt
from workbench.stream.derived import Derived
from workbench.stream.flow import Flow
from workbench.stream.rejections import RuleBook
from workbench.stream.running import RunningView
from workbench.stream.select import Selector
from workbench.stream.steps import FlowSteps, Recipe
from workbench.stream.tick import Assembler, Plan

OpenSource = Callable[[StreamingTable, tuple[tuple[str, str], ...], tuple[Offset, ...]], Source]
VIOLATIONS = Column("_violations", "VARCHAR[]")
BACKFILL_ROWS = 122_880


@dataclass(slots=True)
class Planned:
    """What a plan leads to: what runs, the batch views whose results are due, and what the stored rows do not allow."""

    plan: Plan
    refresh: list[MaterializedView] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    filled: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """For each stream, in lower case, the columns that new rows fill."""
    readers: dict[str, list[str]] = field(default_factory=dict)
    """For each stream, in lower case, the running states over it."""


class Planner:
    """Carries out changes in the writer's turn; each definition in one transaction of its own.

    A definition that fails on rows that are stored is a Problem of its own: it is left out, with what streams from it,
    and tried again at the next reload; all others run.

    Args:
        open_source: opens the source of a streaming table at its committed offsets.
    """

    def __init__(self, open_source: OpenSource) -> None:
        self._open_source = open_source

    def apply(self, session: Session, changes: Iterable[Change], removed: Iterable[Entry], assembler: Assembler, at: float) -> Planned:
        """Make the database fit the definitions and build what runs; flows that did not change go on as they are."""
        changes = tuple(changes)
        filled = {change.definition.name.lower(): tuple(c.name for c in change.defined) for change in changes}
        planned = Planned(Plan(), filled=filled, readers=_readers(changes))
        behind: set[str] = set()
        failed: set[str] = set()
        for entry in removed:
            _set_aside(session, entry)
        for change in changes:
            stream, name = _stream_of(change.definition), change.definition.name.lower()
            if stream in failed:
                _leave_out(session, change, planned.plan)
                failed.add(name)
                continue
            missed = isinstance(change.definition, MaterializedView) and stream in behind
            try:
                caught_up = self._carry_out(session, replace(change, step="rebuild") if missed else change, assembler, planned, at)
            except (QueryError, FlowError) as error:
                planned.problems.append(_not_built(change, error))
                _leave_out(session, change, planned.plan)
                failed.add(name)
                continue
            if caught_up:
                behind.add(name)
        _retire(assembler.plan, planned.plan)
        return planned

    def _carry_out(self, session: Session, change: Change, assembler: Assembler, planned: Planned, at: float) -> bool:
        """One definition, stored and built; whether it had rows of its stream to catch up with."""
        with session.transaction():
            self._store(session, change, assembler.commit_id)
        self._build(session, change, assembler.plan, planned)
        definition = change.definition
        derived = isinstance(definition, StreamingTable) and isinstance(definition.source, StreamRef)
        readers = planned.readers.get(definition.name.lower(), ())
        return derived and self._catch_up(session, planned.plan.derived[-1], readers, assembler, at)

    def _store(self, session: Session, change: Change, commit: int) -> None:
        definition, entry = change.definition, change.entry
        if change.step == "keep":
            return
        if isinstance(definition, StreamingTable):
            rules = (*RESERVED_RULES, *(rule.name for rule in definition.expectations))
            if change.step == "create":
                catalog.create_streaming_table(session, entry, rules)
            else:
                catalog.add_columns(session, entry, change.new_columns)
                catalog.add_rules(session, entry.name, rules)
                catalog.save(session, entry)
        elif isinstance(definition, TemporaryView):
            catalog.create_temporary_view(session, entry, definition.sql)
        elif definition.running is None:
            catalog.create_materialized_view(session, entry)
        else:
            rebuilt = rebuild(session, definition.running, _columns_of(session, definition.running.stream))
            catalog.create_running_state(session, entry, definition.running.finish)
            store_rebuilt(session, entry.name, definition.running.stream, rebuilt, commit)

    def _build(self, session: Session, change: Change, old: Plan, planned: Planned) -> None:
        definition, plan = change.definition, planned.plan
        if isinstance(definition, StreamingTable):
            names = tuple(rule.name for rule in definition.expectations)
            marks = frozenset(rule.name for rule in definition.expectations if rule.action == "mark")
            plan.books[definition.name] = RuleBook(names, marks)
            if isinstance(definition.source, ReadFiles):
                plan.flows.append(self._flow(session, change, old, plan.books[definition.name]))
            else:
                plan.derived.append(self._derived(session, change, plan.books[definition.name]))
        elif isinstance(definition, MaterializedView) and definition.running:
            plan.views.append(_running_view(session, definition, planned.filled[definition.running.stream.lower()], change, old))
        elif isinstance(definition, MaterializedView) and (change.step != "keep" or not _was_refreshed(session, definition.name)):
            planned.refresh.append(definition)

    def _flow(self, session: Session, change: Change, old: Plan, book: RuleBook) -> Flow:
        table = change.definition
        assert isinstance(table, StreamingTable)
        if change.step == "keep" and (flow := next((f for f in old.flows if f.name == table.name), None)):
            flow.table = table
            return flow
        defined = change.defined
        recipe = Recipe(table, change.entry.input, tuple(c for c in defined if c.name != VIOLATIONS.name), book, change.entry.options)
        source = self._open_source(table, change.entry.options, _offsets(session, table.name))
        flow = Flow(table, tuple(c.name for c in defined), source, lambda own: FlowSteps(recipe, own))
        flow.totals, flow.offset, flow.paused = _totals(session, table.name)
        return flow

    def _derived(self, session: Session, change: Change, book: RuleBook) -> Derived:
        table = change.definition
        assert isinstance(table, StreamingTable)
        assert isinstance(table.source, StreamRef)
        stream = table.source.name
        defined = change.defined
        plain = tuple(c for c in defined if c.name != VIOLATIONS.name)
        selector = Selector(session, table.query, plain, table.expectations, table.name, f"STREAM {stream}")
        totals, _, _ = _totals(session, table.name)
        return Derived(table, stream, tuple(c.name for c in defined), book, selector.select_rows, totals, len(plain) < len(defined))

    def _catch_up(self, session: Session, derived: Derived, readers: Iterable[str], assembler: Assembler, at: float) -> bool:
        """Bring a streaming table over a stream up to the rows that its stream has stored; whether there were any."""
        began = derived.totals.rows_in
        source = _columns_of(session, derived.stream)
        names = ", ".join(quote(c.name) for c in source)
        while True:
            done = derived.totals.rows_in
            rows = session.arrow(f"SELECT {names} FROM {stored(derived.stream)} ORDER BY rowid LIMIT {BACKFILL_ROWS} OFFSET {done}")
            if not rows.num_rows:
                return done > began
            if done == began:
                _disown(session, readers)
            delta, _ = derived.delta(rows, at, assembler.quarantine_id + 1)
            write(session, Commit(assembler.commit_id + 1, at, (delta,)))
            assembler.commit_id += 1
            assembler.quarantine_id += delta.counts.rejected
            derived.advance(delta)


def _disown(session: Session, views: Iterable[str]) -> None:
    """Should the engine die between a catch-up and the rebuild of the states that read it, the next start rebuilds them."""
    for view in views:
        session.execute("UPDATE _system.catalog SET digest = '' WHERE name = ?", [view])


def _set_aside(session: Session, entry: Entry) -> None:
    """A definition that is gone from the pipelines: what is stored stays; should it return, its state is rebuilt."""
    if entry.kind == "temporary view":
        with session.transaction():
            catalog.drop(session, entry)
    elif entry.kind == "running state" and entry.digest:
        session.execute("UPDATE _system.catalog SET digest = '' WHERE name = ?", [entry.name])


def _readers(changes: Iterable[Change]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for change in changes:
        stream = _stream_of(change.definition)
        if stream is not None and isinstance(change.definition, MaterializedView):
            found.setdefault(stream, []).append(change.definition.name)
    return found


def _stream_of(definition: Definition) -> str | None:
    """The stream, in lower case, that a definition takes rows from as they are stored."""
    if isinstance(definition, StreamingTable) and isinstance(definition.source, StreamRef):
        return definition.source.name.lower()
    if isinstance(definition, MaterializedView) and definition.running:
        return definition.running.stream.lower()
    return None


def _not_built(change: Change, error: WorkbenchError) -> Problem:
    definition, stream = change.definition, _stream_of(change.definition)
    where = f" from the stored rows of {stream}" if stream else ""
    hint = "All others run. Mend this one and save the file: it is tried again."
    return problem_of(definition, f"{definition.name} cannot be built{where}: {error.message}", hint)


def _leave_out(session: Session, change: Change, plan: Plan) -> None:
    """Keep what is stored of a definition that does not run; when it runs again, it is built anew from its stream."""
    plan.derived = [derived for derived in plan.derived if derived.name != change.definition.name]
    if change.old is not None:
        if change.old.kind == "running state":
            _set_aside(session, change.old)
    elif (entry := catalog.entries(session).get(change.definition.name.lower())) is not None:
        with session.transaction():
            catalog.drop(session, entry)


def _retire(old: Plan, new: Plan) -> None:
    """Close the sources of flows that are no longer run, or run anew."""
    kept = {id(flow) for flow in new.flows}
    for flow in old.flows:
        if id(flow) not in kept:
            with flow.source_lock:
                flow.source.close()


def _running_view(session: Session, view: MaterializedView, columns: tuple[str, ...], change: Change, old: Plan) -> RunningView:
    """The view as it runs already, where neither it nor its stream's columns changed; else one that begins at what is stored."""
    assert view.running is not None
    running = next((v for v in old.views if v.name == view.name and v.columns == columns), None)
    if running is not None and change.step == "keep":
        running.view = view
        return running
    rows = session.execute("SELECT event_time, late FROM _system.watermarks WHERE view = ?", [view.name])
    event_time, late = rows[0] if rows else (None, 0)
    partials = partial_rows(session, view.name)
    return RunningView(view, view.running, columns, event_time, late, partials, partials)


def _columns_of(session: Session, stream: str) -> tuple[Column, ...]:
    return catalog.entries(session)[stream.lower()].columns


def _offsets(session: Session, stream: str) -> tuple[Offset, ...]:
    rows = session.execute("SELECT file_id, file, byte, line, done, mark FROM _system.offsets WHERE stream = ?", [stream])
    return tuple(Offset(*row) for row in rows)


def _totals(session: Session, stream: str) -> tuple[Counts, int, bool]:
    rows = session.execute(
        'SELECT rows_in, accepted, rejected, filtered, blank, multiplied, "offset", paused FROM _system.streams WHERE name = ?', [stream]
    )
    return (Counts(*rows[0][:6]), rows[0][6], rows[0][7]) if rows else (Counts(), 0, False)


def _was_refreshed(session: Session, view: str) -> bool:
    return bool(session.execute("SELECT count(*) FROM _system.job_runs WHERE job = ? AND state = 'done'", [view])[0][0])
