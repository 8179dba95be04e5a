"""From definitions to what runs: tables made or changed, running states rebuilt, flows and views built."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

from workbench.batch import RESERVED_RULES, Offset
from workbench.connectors.closed import ClosedSource
from workbench.connectors.source import Source
from workbench.engine.backlog import Backlog
from workbench.engine.changes import Change, problem_of
from workbench.engine.derivations import Blueprint, deduplication, derivation
from workbench.engine.standing import Standing, standing
from workbench.errors import FlowError, Problem, QueryError, WorkbenchError
from workbench.language.definitions import (
    Column,
    Definition,
    InsertFlow,
    MaterializedView,
    ReadStdin,
    SourceSpec,
    StreamingTable,
    StreamRef,
    TemporaryView,
)
from workbench.store import catalog
from workbench.store.catalog import Entry
from workbench.store.commit import Commit, write
from workbench.store.inserts import Inserts
from workbench.store.session import Session
from workbench.stream.derived import Derivation
from workbench.stream.distinct import Deduplication
from workbench.stream.flow import Flow
from workbench.stream.output import Output
from workbench.stream.rebuild import rebuild
from workbench.stream.rejections import RuleBook
from workbench.stream.running import RunningView
from workbench.stream.steps import FlowSteps, Recipe
from workbench.stream.tick import Assembler, Plan

OpenSource = Callable[[str, SourceSpec, tuple[tuple[str, str], ...], tuple[Offset, ...]], Source]
"""Opens a source: the flow that reads, what, the options of its format, where it stands."""
VIOLATIONS = Column("_violations", "VARCHAR[]")


@dataclass(frozen=True, slots=True)
class Wanted:
    """An output that is to be fed from the outside world, with where it stands."""

    recipe: Recipe
    standing: Standing
    keep: bool
    change: Change
    distinct: Deduplication | None = None


@dataclass(slots=True)
class Planned:
    """What a plan leads to: what runs, the batch views whose results are due, and what the stored rows do not allow."""

    plan: Plan
    refresh: list[MaterializedView] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    tables: dict[str, tuple[StreamingTable, Change]] = field(default_factory=dict)
    """The streaming tables, by lower-case name."""
    readers: dict[str, list[str]] = field(default_factory=dict)
    """For each stream, in lower case, the running states over it."""
    wanted: list[Wanted] = field(default_factory=list)
    sources: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """For each streaming table, in lower case, the flows that read its rows from the outside world."""
    entries: dict[str, Entry] = field(default_factory=dict)
    """All that is stored now."""

    def feeds(self, table: str, sources: Iterable[str]) -> None:
        """Say that a table's rows come from these flows too."""
        self.sources[table.lower()] = tuple(dict.fromkeys((*self.sources.get(table.lower(), ()), *sources)))


class Planner:
    """Carries out changes in the writer's turn; each definition in one transaction of its own.

    A definition that fails on rows that are stored is a Problem of its own: it is left out, with what streams from it,
    and tried again at the next reload; all others run.

    Args:
        open_source: opens the source of a streaming table at its committed offsets.
    """

    def __init__(self, open_source: OpenSource, idle_timeout: float = 30.0) -> None:
        self._open_source, self._idle_timeout = open_source, idle_timeout

    def apply(
        self,
        session: Session,
        changes: Iterable[Change],
        removed: Iterable[Entry],
        assembler: Assembler,
        at: float,
        anew: frozenset[str] = frozenset(),
    ) -> Planned:
        """Make the database fit the definitions and build what is to run; flows that did not change go on as they are. The caller closes
        the others.

        Args:
            anew: names of flows that are built anew all the same.
        """
        changes = tuple(changes)
        tables = {c.definition.name.lower(): (c.definition, c) for c in changes if isinstance(c.definition, StreamingTable)}
        planned = Planned(Plan(), tables=tables, readers=_readers(changes))
        behind: set[str] = set()
        failed: set[str] = set()
        for entry in removed:
            _set_aside(session, entry)
        for change in changes:
            name, reads = change.definition.name.lower(), _streams_of(change.definition)
            if failed.intersection(reads):
                _leave_out(session, change, planned)
                failed.add(name)
                continue
            missed = isinstance(change.definition, MaterializedView) and behind.intersection(reads)
            try:
                caught_up = self._carry_out(session, replace(change, step="rebuild") if missed else change, assembler, planned, at)
            except (QueryError, FlowError) as error:
                planned.problems.append(_not_built(change, error))
                _leave_out(session, change, planned)
                failed.add(name)
                continue
            if caught_up is not None:
                behind.add(caught_up)
        planned.entries = catalog.entries(session)
        self._open(session, planned, assembler.plan, anew)  # the last step that can fail: whoever gets what it opened closes it
        return planned

    def _carry_out(self, session: Session, change: Change, assembler: Assembler, planned: Planned, at: float) -> str | None:
        """One definition, stored and built; the table, in lower case, that had rows of its stream to catch up with."""
        with session.transaction():
            self._store(session, change, assembler.commit_id, planned)
        derived = self._build(session, change, assembler.plan, planned)
        if derived is None:
            return None
        table = derived.table.name.lower()
        caught_up = self._catch_up(session, derived, planned.readers.get(table, ()), assembler, at)
        return table if caught_up else None

    def _store(self, session: Session, change: Change, commit: int, planned: Planned) -> None:
        if change.step == "keep":
            return
        # What only has to be built anew was in force before.
        definition, entry = change.definition, replace(change.entry, commit=commit) if change.says else change.entry
        if isinstance(definition, StreamingTable):
            rules = (*RESERVED_RULES, *(rule.name for rule in definition.expectations))
            if change.step == "create":
                catalog.create_streaming_table(session, entry, rules)
            else:
                catalog.add_columns(session, entry, change.new_columns)
                catalog.add_rules(session, entry.name, rules)
                catalog.save(session, entry)
            if definition.source is not None:
                catalog.create_flow(session, entry.name, entry.name)
        elif isinstance(definition, InsertFlow):
            catalog.create_flow(session, entry.name, definition.table)
            catalog.save(session, entry)
        elif isinstance(definition, TemporaryView):
            catalog.create_temporary_view(session, entry, definition.sql)
        elif definition.running is None:
            catalog.create_materialized_view(session, entry)
        else:
            catalog.create_running_state(session, entry, definition.running.finish)
            stream = definition.running.stream.lower()
            columns = tuple(c.name for c in planned.tables[stream][1].defined)
            rebuild(session, definition, definition.running, columns, planned.sources.get(stream, ()), commit)

    def _build(self, session: Session, change: Change, old: Plan, planned: Planned) -> Derivation | None:
        """Put what runs into the plan; gives a flow over streaming tables, which may have to catch up."""
        definition, plan = change.definition, planned.plan
        if isinstance(definition, StreamingTable):
            names = tuple(rule.name for rule in definition.expectations)
            marks = frozenset(rule.name for rule in definition.expectations if rule.action == "mark")
            plan.books[definition.name] = RuleBook(names, marks)
        if isinstance(definition, StreamingTable | InsertFlow) and definition.source is not None:
            return self._flow(session, change, planned)
        if isinstance(definition, MaterializedView) and definition.running:
            stream = definition.running.stream.lower()
            columns = tuple(c.name for c in planned.tables[stream][1].defined)
            plan.views.append(_running_view(session, definition, columns, planned.sources.get(stream, ()), change, old))
        elif isinstance(definition, MaterializedView) and (change.step != "keep" or not _was_refreshed(session, definition.name)):
            planned.refresh.append(definition)
        return None

    def _flow(self, session: Session, change: Change, planned: Planned) -> Derivation | None:
        definition = change.definition
        assert isinstance(definition, StreamingTable | InsertFlow)
        assert definition.query is not None
        table, of_table = planned.tables[(definition.table if isinstance(definition, InsertFlow) else definition.name).lower()]
        stand = standing(session, definition.name)
        blueprint = _blueprint(definition, table, change, of_table, planned, stand)
        if isinstance(definition.source, StreamRef):
            derived = derivation(session, blueprint, definition.source)
            join = definition.query.join
            sources = (definition.name,) if join else planned.sources.get(definition.source.name.lower(), ())
            planned.feeds(table.name, sources)
            planned.plan.derived.append(derived)
            return derived
        assert definition.source is not None
        columns = tuple(c for c in of_table.defined if c.name != VIOLATIONS.name)
        recipe = Recipe(
            definition.name, table, definition.source, definition.query, change.entry.input, columns, planned.plan.books[table.name],
            change.entry.options, change.inferred,
        )  # fmt: skip
        keep = change.step == "keep" and of_table.step == "keep"
        distinct = deduplication(session, blueprint, recipe.source.label, (definition.name,))
        planned.wanted.append(Wanted(recipe, stand, keep, of_table, distinct))
        planned.feeds(table.name, (definition.name,))
        return None

    def _open(self, session: Session, planned: Planned, old: Plan, anew: frozenset[str]) -> None:
        """Flows for all outputs: those that read the same source from the same place share one. Should it fail midway, those that are
        new are closed again."""
        groups: dict[object, list[Wanted]] = {}
        drifts = {output.name: output.drift for output in old.outputs}
        for found in planned.wanted:
            known = drifts.get(found.recipe.name)
            wanted = found if known is None else replace(found, recipe=replace(found.recipe, drift=known))
            alike = (wanted.recipe.source, wanted.recipe.options, wanted.standing.place)
            groups.setdefault(alike, []).append(wanted)
        with ExitStack() as opened:
            for group in groups.values():
                self._open_group(session, group, planned, old, anew, opened)
            opened.pop_all()

    def _open_group(
        self, session: Session, group: list[Wanted], planned: Planned, old: Plan, anew: frozenset[str], opened: ExitStack
    ) -> None:
        names = tuple(wanted.recipe.name for wanted in group)
        flow = next((f for f in old.flows if f.names == names), None)
        if flow is not None and all(wanted.keep for wanted in group) and not anew.intersection(names):
            for output, wanted in zip(flow.outputs, group, strict=True):
                output.table = wanted.recipe.table
            planned.plan.flows.append(flow)
            return
        try:
            flow = self._new_flow(session, group)
        except WorkbenchError as error:
            planned.problems += [_not_built(wanted.change, error) for wanted in group]
            return
        opened.callback(flow.source.close)
        planned.plan.flows.append(flow)

    def _new_flow(self, session: Session, group: list[Wanted]) -> Flow:
        first = group[0]
        stand = first.standing
        source: Source = ClosedSource()
        if not stand.stopped:
            source = self._open_source(first.recipe.name, first.recipe.source, first.recipe.options, stand.offsets)
        try:
            return self._flow_over(session, source, group)
        except BaseException:
            source.close()
            raise

    def _flow_over(self, session: Session, source: Source, group: list[Wanted]) -> Flow:
        first, stand = group[0], group[0].standing
        recipes = tuple(wanted.recipe for wanted in group)
        outputs = [_output(session, wanted) for wanted in group]
        timeout = first.recipe.source.idle_timeout
        flow = Flow(
            outputs, source, lambda own: FlowSteps(recipes, own), self._idle_timeout if timeout is None else timeout,
            isinstance(first.recipe.source, ReadStdin),
        )  # fmt: skip
        flow.paused, flow.stopped = stand.paused, stand.stopped
        if flow.paused:
            source.rescan()  # so that it is known whether something waits there
        flow.allowance.limit(stand.rate_limit)
        return flow

    def _catch_up(self, session: Session, derived: Derivation, readers: Iterable[str], assembler: Assembler, at: float) -> bool:
        """Bring a flow over streaming tables up to the rows that they have stored; whether there were any."""
        began, inserts = derived.totals.rows_in, Inserts(session)
        for arrivals in Backlog(session, derived.inputs, began):
            if derived.totals.rows_in == began:
                _disown(session, readers)
            found = derived.delta(session, arrivals, frozenset(), at, assembler.quarantine_id + 1)
            if found is None:
                continue
            delta, _ = found
            write(inserts, Commit(assembler.commit_id + 1, at, (delta,)))
            assembler.commit_id += 1
            assembler.quarantine_id += delta.counts.rejected
            derived.advance(delta)
        inserts.forget()
        return derived.totals.rows_in > began


def _blueprint(
    definition: StreamingTable | InsertFlow, table: StreamingTable, change: Change, of_table: Change, planned: Planned, stand: Standing
) -> Blueprint:
    assert definition.query is not None
    plain = tuple(c for c in of_table.defined if c.name != VIOLATIONS.name)
    return Blueprint(
        definition.name, table, definition.query, plain, len(plain) < len(of_table.defined), change.entry.state,
        planned.plan.books[table.name], stand.totals, planned.sources,
    )  # fmt: skip


def _output(session: Session, wanted: Wanted) -> Output:
    recipe = wanted.recipe
    columns = tuple(c.name for c in wanted.change.defined)
    output = Output(recipe.name, recipe.table, columns, recipe.source.label, wanted.standing.totals, wanted.standing.offset)
    output.distinct = wanted.distinct
    output.drift = recipe.drift
    output.drift.settle(c.name for c in recipe.reads)
    if recipe.as_of_commit:
        selector = recipe.selector(session)
        output.select = lambda batch: recipe.marked(selector.select(batch))
    return output


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
        if isinstance(change.definition, MaterializedView):
            for stream in _streams_of(change.definition):
                found.setdefault(stream, []).append(change.definition.name)
    return found


def _streams_of(definition: Definition) -> tuple[str, ...]:
    """The streaming tables, in lower case, that a definition takes rows from as they are stored, or writes them to."""
    if isinstance(definition, MaterializedView) and definition.running:
        return (definition.running.stream.lower(),)
    if not isinstance(definition, StreamingTable | InsertFlow):
        return ()
    found = [definition.table] if isinstance(definition, InsertFlow) else []
    if isinstance(definition.source, StreamRef):
        found.append(definition.source.name)
    if definition.query is not None and definition.query.join:
        found.append(definition.query.join.right)
    return tuple(name.lower() for name in found)


def _not_built(change: Change, error: WorkbenchError) -> Problem:
    definition = change.definition
    where = f" from the stored rows of {' and '.join(_streams_of(definition))}" if isinstance(error, QueryError | FlowError) else ""
    hint = error.hint or "All others run. Mend this one and save the file: it is tried again."
    return problem_of(definition, f"{definition.name} cannot be built{where}: {error.message}", hint)


def _leave_out(session: Session, change: Change, planned: Planned) -> None:
    """Keep what is stored of a definition that does not run; when it runs again, it is built anew from its stream."""
    name = change.definition.name
    planned.plan.derived = [derived for derived in planned.plan.derived if derived.name != name]
    planned.wanted = [wanted for wanted in planned.wanted if wanted.recipe.name != name]
    if change.old is not None:
        if change.old.kind == "running state":
            _set_aside(session, change.old)
    elif (entry := catalog.entries(session).get(name.lower())) is not None:
        with session.transaction():
            catalog.drop(session, entry)


def _running_view(
    session: Session, view: MaterializedView, columns: tuple[str, ...], sources: tuple[str, ...], change: Change, old: Plan
) -> RunningView:
    """The view as it runs already, where neither it nor its stream changed; else one that begins at what is stored."""
    assert view.running is not None
    running = next((v for v in old.views if v.name == view.name and v.columns == columns and v.sources == sources), None)
    if running is not None and change.step == "keep":
        running.view = view
        return running
    return RunningView.load(session, view, view.running, columns, sources)


def _was_refreshed(session: Session, view: str) -> bool:
    return bool(session.execute("SELECT count(*) FROM _system.job_runs WHERE job = ? AND state = 'done'", [view])[0][0])
