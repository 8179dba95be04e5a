"""Rewinding a streaming table and replaying it: what that would do, and doing it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC
from itertools import accumulate

from workbench.batch import Offset
from workbench.engine.catalog import Catalog
from workbench.engine.control import Arguments, Intent, Target, impossible, takes
from workbench.engine.sentences import MOST_NAMED, commit_name, count, listed
from workbench.engine.standing import offsets, standing
from workbench.errors import QueryError, UsageError
from workbench.language.definitions import FlowQuery, InsertFlow, MaterializedView, ReadSocket, ReadStdin, StreamingTable, StreamRef
from workbench.language.graph import stored_tables
from workbench.moments import moment
from workbench.store.rewind import (
    Past,
    Place,
    Probe,
    Rewind,
    Rewound,
    begun_after,
    commit_by,
    commit_of,
    losses,
    past,
    taken_back,
    time_of,
    write_rewind,
)
from workbench.store.session import Session
from workbench.stream.derived import Derivation
from workbench.stream.flow import Flow
from workbench.stream.pump import Pump


@dataclass(frozen=True, slots=True)
class Again:
    """What is read again of one file, from `start` to `stop`; `offset` is where the source begins, None when it cannot."""

    start: Place
    stop: Place
    offset: Offset | None

    @property
    def records(self) -> int:
        return self.stop.line - self.start.line


@dataclass(frozen=True, slots=True)
class Scope:
    """What is put back: tables with the commit each goes back to, their flows with what is read again, the views over them."""

    tables: dict[str, int]
    flows: tuple[Rewound, ...]
    again: tuple[Again, ...]
    orphans: tuple[tuple[str, int], ...]
    """Flows that nothing reads any more, with the records that they would have to read again."""
    running: tuple[tuple[str, str], ...]
    """Running states, each with its stream."""
    batch: tuple[str, ...]

    @property
    def gone(self) -> tuple[Again, ...]:
        return tuple(one for one in self.again if one.offset is None and one.records)


class Rewinding:
    """The action `rewind`, for Control.

    Args:
        renew: builds these flows anew from what is stored; rewound: told of the tables that were put back.
    """

    def __init__(
        self,
        pump: Pump,
        catalog: Catalog,
        clock: Callable[[], float],
        renew: Callable[[Session, frozenset[str]], None],
        rewound: Callable[[Session, tuple[str, ...]], None],
        probe: Probe = lambda step: None,
    ) -> None:
        self._pump, self._catalog, self._clock = pump, catalog, clock
        self._renew, self._rewound, self._probe = renew, rewound, probe

    def rewind(self, session: Session, target: Target, arguments: Arguments) -> Intent:
        """Put a table back to what it was after a commit, and read on from there."""
        takes(arguments, "commit", "time", "offset", "row", "beginning")
        table = target.table
        commit = self._commit(session, table, arguments)
        newest = session.execute("SELECT max(id) FROM _system.commits WHERE stream = ?", [table.name])[0][0]
        if newest is None or newest <= commit:
            since = f" after commit {commit:,} ({time_of(session, commit)} UTC)" if commit else ""
            return impossible(f"{table.name} has stored nothing{since}: there is nothing to rewind.")
        if back := taken_back(session, table.name, commit):
            return impossible(
                f"{table.name} is no longer as it was after commit {commit:,}: commit {back[1]:,} took it back to {commit_name(back[0])}.",
                f"It can go back to {commit_name(back[0])}{' or one before it' if back[0] else ''}, or to a commit from {back[1]:,} on.",
            )
        scope = self._scope(session, table, commit)
        says = [*_commits_of_place(session, table.name, arguments, commit), *self._says(session, table, commit, scope)]
        if closed := [flow.flow for flow in scope.flows if self._is_stopped(flow.flow)]:
            return impossible(f"Its source is closed: {listed(closed)} is stopped.", "Resume it first, or pause it instead.")
        if scope.gone or scope.orphans:
            return impossible(*self._lost(scope))
        last = session.execute("SELECT coalesce(max(commit), 0) FROM _system.rewinds")[0][0]
        facts: list[object] = [commit, sorted(scope.tables.items()), [f.flow for f in scope.flows], scope.running, last]
        return Intent(says, lambda own: self._do(own, table, scope), facts)

    def _do(self, session: Session, table: StreamingTable, scope: Scope) -> str:
        kept = scope.tables[table.name]
        gone, follows = losses(session, table.name, kept), self._what_follows(table, scope)
        assembler = self._pump.assembler
        rewind = Rewind(assembler.commit_id + 1, self._clock(), scope.flows, scope.running)
        write_rewind(session, rewind, self._probe)
        assembler.commit_id = rewind.commit
        self._renew(session, frozenset(flow.flow for flow in scope.flows))
        self._rewound(session, tuple(scope.tables))
        return (
            f"{table.name} went back to {commit_name(kept)} in commit {rewind.commit:,}; {follows};"
            f" {count(gone.rows, 'row')} and {count(gone.rejections, 'rejection')} were removed"
        )

    def _commit(self, session: Session, table: StreamingTable, arguments: Arguments) -> int:
        """The commit to go back to.

        Raises:
            UsageError: not exactly one place is named, or there is none such.
        """
        given = [name for name, value in arguments.items() if value is not None and value is not False]
        if len(given) != 1:
            raise UsageError("A rewind goes to one place", "Give one of commit, time, offset (file:byte), row (file:line) and beginning.")
        (name,) = given
        value = arguments[name]
        if name == "beginning":
            return 0
        if name == "commit":
            newest = self._pump.assembler.commit_id
            if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= newest:
                raise UsageError(f"{value!r} is no commit", f"Commits go from 1 to {newest:,}; `workbench.commits` lists them.")
            return value
        if name == "time":
            now = self._clock()
            at = moment(str(value), now, UTC)
            if at is not None and at.timestamp() > now:
                raise UsageError(f"{value!r} is yet to come", "A rewind goes to a time that was.")
            try:
                return commit_by(session, str(value) if at is None else at.isoformat())
            except QueryError as error:
                hint = "Write it as 2026-01-31 10:00, 10:00 or 10 min ago; UTC unless it has a zone."
                raise UsageError(f"{value!r} is no time", hint) from error
        return self._commit_of_place(session, table, name, str(value))

    def _commit_of_place(self, session: Session, table: StreamingTable, name: str, value: str) -> int:
        """The commit before the one that read a record: so far back that the record is read again."""
        file, colon, number = value.rpartition(":")
        if not colon or not number.isascii() or not number.isdigit():
            raise UsageError(f"{value!r} is no place in a file", "Write offset as file:byte, row as file:line.")
        found = commit_of(session, table.name, file, "byte" if name == "offset" else "line", int(number))
        if found is None:
            what = f"byte {int(number):,}" if name == "offset" else f"line {int(number):,}"
            hint = "`SELECT file, byte, line FROM workbench.offsets` tells how far it is."
            raise UsageError(f"{table.name} has not read {what} of {file}", hint)
        return found - 1

    def _scope(self, session: Session, table: StreamingTable, commit: int) -> Scope:
        definitions = self._catalog.graph.definitions
        writers: dict[str, list[StreamingTable | InsertFlow]] = {}
        for definition in definitions:
            if isinstance(definition, StreamingTable | InsertFlow) and definition.query is not None:
                writers.setdefault(_table_of(definition).lower(), []).append(definition)
        tables = self._derived(table, commit, writers)
        flows: list[Rewound] = []
        again: list[Again] = []
        orphans: list[tuple[str, int]] = []
        for name, stream in session.execute("SELECT name, stream FROM _system.flows ORDER BY name"):
            if stream not in tables:
                continue
            kept = tables[stream]
            was = past(session, name, kept)
            running = next((flow for flow in self._pump.flows if name in flow.names), None)
            places = _places(session, name, was, kept, running) if running else ()
            if running is None and name not in {derived.name for derived in self._pump.assembler.plan.derived}:
                records = standing(session, name).totals.rows_in - was.totals.rows_in
                orphans += [(name, records)] if records else []
            again += [one for one in places if isinstance(one, Again)]
            starts = (one.offset if isinstance(one, Again) else one for one in places)
            flows.append(Rewound(name, stream, kept, was.totals, was.offset, tuple(o for o in starts if o is not None)))
        views = [d for d in definitions if isinstance(d, MaterializedView)]
        lower = {name.lower(): name for name in tables}
        running_views = tuple((v.name, lower[v.running.stream.lower()]) for v in views if v.running and v.running.stream.lower() in lower)
        batch = tuple(v.name for v in views if not v.running and any(name.lower() in lower for name in self._stored(v)))
        return Scope(tables, tuple(flows), tuple(again), tuple(orphans), running_views, batch)

    def _stored(self, view: MaterializedView) -> tuple[str, ...]:
        return stored_tables(self._catalog.graph, view.tables)

    def _derived(self, table: StreamingTable, commit: int, writers: dict[str, list[StreamingTable | InsertFlow]]) -> dict[str, int]:
        """The table and all that derive from it; those that remember rows (joins, deduplications) begin anew."""
        tables = {table.name: 0 if any(_remembers(w) for w in writers.get(table.name.lower(), ())) else commit}
        lower = {table.name.lower(): table.name}
        grown = True
        while grown:
            grown = False
            for name, flows in writers.items():
                read = {lower[stream] for flow in flows for stream in _streams(flow) if stream in lower}
                if not read:
                    continue
                kept = 0 if any(_remembers(flow) for flow in flows) or any(tables[stream] == 0 for stream in read) else commit
                own = lower.setdefault(name, _table_of(flows[0]))
                if tables.get(own, commit + 1) > kept:
                    tables[own] = kept
                    grown = True
        return tables

    def _says(self, session: Session, table: StreamingTable, commit: int, scope: Scope) -> list[str]:
        said = []
        for name, kept in scope.tables.items():
            gone = losses(session, name, kept)
            goes = "goes back" if name == table.name else "derives from it and goes back"
            since = "" if not kept else f" ({time_of(session, kept)} UTC)"
            removed = f"{count(gone.rows, 'row')} and {count(gone.rejections, 'rejection')} stored since then are removed"
            said.append(f"{name} {goes} to {commit_name(kept)}{since}: {removed}.")
            if kept < commit:
                said.append(f"{name} rests on rows that were remembered (a join, DISTINCT ON): it is built anew from its beginning.")
        said += _read_again(scope.again)
        said += self._in_another_order(session, scope)
        said += self._derived_again(scope)
        if scope.running:
            said.append(f"Rebuilt from stored rows: {listed(tuple(view for view, _ in scope.running))}.")
        if scope.batch:
            said.append(f"As before until the next refresh: {listed(scope.batch)}.")
        return said

    def _what_follows(self, table: StreamingTable, scope: Scope) -> str:
        """Where the rows of a table come from again."""
        rows = sum(number for derived, number in self._derived_flows(scope) if derived.table.name == table.name)
        if rows and not scope.again:
            return f"derived again: {count(rows, 'row')} of the streams that it reads"
        return f"to be read again: {count(sum(one.records for one in scope.again), 'record')}"

    def _derived_again(self, scope: Scope) -> list[str]:
        """From which rows tables over streams come again: those that stay stored, at once; those that are read again, with them."""
        said = []
        for derived, rows in self._derived_flows(scope):
            back = [stream for stream in derived.inputs if stream.lower() in {name.lower() for name in scope.tables}]
            if back:
                said.append(f"{derived.table.name} is derived again from {listed(back)}, as its rows come again.")
            elif rows:
                said.append(f"{derived.table.name} is derived again from stored rows: {count(rows, 'row')} of {listed(derived.inputs)}.")
        return list(dict.fromkeys(said))  # several flows may come the same way

    def _in_another_order(self, session: Session, scope: Scope) -> list[str]:
        """What event time makes of files that came side by side and are read again one after the other."""
        together = _side_by_side(session, scope)
        graph = self._catalog.graph
        views = [graph.get(view) for view, _ in scope.running]
        judged = [v.name for v in views if isinstance(v, MaterializedView) and v.running and v.running.window]
        for derived, _ in self._derived_flows(scope):
            definition = graph.get(derived.name)
            if isinstance(definition, StreamingTable | InsertFlow) and _remembers(definition):
                judged.append(derived.table.name)
        if not together or not judged:
            return []
        order = f"{together} of them were read side by side, and are read one after the other now"
        return [f"{order}: by event time other rows may be late than before, and {listed(dict.fromkeys(judged))} may differ."]

    def _derived_flows(self, scope: Scope) -> list[tuple[Derivation, int]]:
        """The flows over streams that go back, each with the rows that it has taken since then."""
        was = {flow.flow: flow.totals.rows_in for flow in scope.flows}
        return [(d, d.totals.rows_in - was[d.name]) for d in self._pump.assembler.plan.derived if d.name in was]

    def _is_stopped(self, name: str) -> bool:
        return any(flow.stopped for flow in self._pump.flows if name in flow.names)

    def _lost(self, scope: Scope) -> list[str]:
        """Why a rewind would lose records."""
        records = sum(one.records for one in scope.gone) + sum(number for _, number in scope.orphans)
        said = [f"It cannot be done: {count(records, 'record')} could not be read again."]
        for one in scope.gone[:MOST_NAMED]:
            place = f"byte {one.start.byte:,} on (lines {one.start.line + 1:,} to {one.stop.line:,})"
            said.append(f"{one.start.file} is no longer there from {place}.")
        said += [f"{name}, which read {count(number, 'record')} of them, does not run any more." for name, number in scope.orphans]
        sources = (self._catalog.graph.get(flow.flow) for flow in scope.flows)
        if any(isinstance(getattr(definition, "source", None), ReadSocket | ReadStdin) for definition in sources):
            said.append("What comes over a socket or standard input is kept only until it is committed.")
        back = "; so may files that are put back" if any("://" not in one.start.file for one in scope.gone) else ""
        return [*said, f"A rewind to a later commit may do{back}."]


def _places(session: Session, name: str, was: Past, kept: int, running: Flow) -> tuple[Offset | Again, ...]:
    """Where each file of a flow stands afterwards: as now, or somewhere before that from where it is read again."""
    begun = begun_after(session, name, kept)
    found: list[Offset | Again] = []
    for now in offsets(session, name):
        start = was.places.get(now.file_id) or begun.get(now.file_id)
        if start is None or (start.byte, start.line) == (now.byte, now.line):
            found.append(now)
            continue
        with running.source_lock:
            running.tell()
            offset = running.source.place(now.file_id, now.file, start.byte, start.line)
        running.settle()
        again = Again(replace(start, file=now.file), Place(now.file_id, now.file, now.byte, now.line), offset)
        found.append(now if offset is None and not again.records else again)
    return tuple(found)


def _side_by_side(session: Session, scope: Scope) -> int:
    """How many of the files (or other sources) that are read again were read in turn with another one of them."""
    wanted = {one.start.file_id for one in scope.again if one.records}
    reads: dict[str, tuple[int, int]] = {}
    for flow in scope.flows:
        found = session.execute(
            "WITH s AS (SELECT id, unnest(spans) AS s FROM _system.commits WHERE flow = ? AND id > ?)"
            " SELECT s.file_id, min(id), max(id) FROM s GROUP BY s.file_id",
            [flow.flow, flow.kept],
        )
        for file_id, first, last in found:
            if file_id in wanted:
                known = reads.get(file_id, (first, last))
                reads[file_id] = min(first, known[0]), max(last, known[1])
    spans = sorted(reads.values())
    reached = list(accumulate((last for _, last in spans), max, initial=-1))
    begins = [*(first for first, _ in spans), math.inf][1:]
    return sum(before > first or after < last for (first, last), before, after in zip(spans, reached, begins, strict=False))


def _commits_of_place(session: Session, table: str, arguments: Arguments, kept: int) -> list[str]:
    """Why a rewind to a place in a file goes further back: what the commit that read it read of that file.

    Args:
        kept: the commit before that one.
    """
    unit, value = next(((name, str(arguments[name])) for name in ("offset", "row") if arguments.get(name) is not None), ("", ""))
    if not unit:
        return []
    file, _, digits = value.rpartition(":")
    number, first, last = int(digits), *(('s."from"', 's."to"') if unit == "offset" else ("s.from_line", "s.to_line"))
    rows = session.execute(
        "WITH s AS (SELECT unnest(spans) AS s FROM _system.commits WHERE stream = ? AND id = ?)"
        f" SELECT min({first}), max({last}) FROM s WHERE s.file = ? OR ends_with(s.file, '/' || ?)",
        [table, kept + 1, file, file],
    )
    begin, end = rows[0]
    if begin is None or number <= begin + (unit == "row"):
        return []
    read = f"bytes {begin:,} to {end:,}" if unit == "offset" else f"lines {begin + 1:,} to {end:,}"
    what = f"byte {number:,}" if unit == "offset" else f"line {number:,}"
    return [f"A rewind goes to where a commit ended: commit {kept + 1:,} read {read} of {file}, {what} among them."]


def _table_of(definition: StreamingTable | InsertFlow) -> str:
    return definition.table if isinstance(definition, InsertFlow) else definition.name


def _streams(definition: StreamingTable | InsertFlow) -> set[str]:
    """The streaming tables, in lower case, whose rows a flow takes."""
    query: FlowQuery | None = definition.query
    names = [definition.source.name] if isinstance(definition.source, StreamRef) else []
    names += [query.join.right] if query is not None and query.join is not None else []
    return {name.lower() for name in names}


def _remembers(definition: StreamingTable | InsertFlow) -> bool:
    query = definition.query
    return query is not None and (query.join is not None or query.distinct is not None)


def _read_again(again: Iterable[Again]) -> list[str]:
    there = [one for one in again if one.offset is not None]
    if not there:
        return []
    records, size = sum(one.records for one in there), sum(one.stop.byte - one.start.byte for one in there)
    said = [f"Read again: {count(records, 'record')}, {size:,} bytes."]
    said += [f"{one.start.file} from byte {one.start.byte:,}, line {one.start.line + 1:,}." for one in there[:MOST_NAMED]]
    return said + ([f"And {len(there) - MOST_NAMED} more files."] if len(there) > MOST_NAMED else [])
