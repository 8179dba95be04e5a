"""Types of a project's definitions, found by binding them on empty tables in a scratch database."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from workbench.errors import Problem, QueryError
from workbench.language.definitions import (
    Column,
    Definition,
    Expectation,
    FlowQuery,
    Graph,
    InsertFlow,
    MaterializedView,
    RunningState,
    SourceSpec,
    StreamingTable,
    StreamRef,
)
from workbench.language.draft import Draft
from workbench.language.graph import reads
from workbench.language.tokens import Token
from workbench.language.words import reserved_column
from workbench.store.casts import converts
from workbench.store.constants import impossible
from workbench.store.names import literal, quote
from workbench.store.passage import Passage, Wrong
from workbench.store.session import Session

Infer = Callable[[SourceSpec, str], tuple[Column, ...] | None]
"""Columns of a source that declares none, by its flow's name; None when there is nothing to infer from yet."""

RESCUED = Column("_rescued_data", "VARCHAR")
VIOLATIONS = Column("_violations", "VARCHAR[]")
_WITHOUT = "Write SELECT * EXCLUDE (_rescued_data): fields that have no column stay where they are read from."
_GIVEN = (
    Column("_row", "BIGINT"),
    Column("_metadata", 'STRUCT(source VARCHAR, file VARCHAR, "offset" BIGINT, line BIGINT, peer VARCHAR, arrived_at TIMESTAMPTZ)'),
)
_GIVEN_NAMES = tuple(column.name for column in _GIVEN)
_NULL = '"NULL"'
"""DuckDB's type of a NULL that has none: it goes into every column."""
_UNTYPED = "INTEGER"
"""What DuckDB makes of it where nothing says otherwise."""
_TYPE = "Write a type that DuckDB has, such as DECIMAL(18,2), ENUM('a', 'b') or STRUCT(a BIGINT, b VARCHAR)."
_TRIGGER = "Write the view over the table, without STREAM and with TRIGGER ON UPDATE: it is computed anew after each change."


@dataclass(frozen=True, slots=True)
class Schema:
    """Columns of a dataset: those of its source, its own, and those of its running state (`_k0…`, `_p0…`).

    `output` of a streaming table has no `_violations`; it has `_rescued_data` where the input is inferred from JSON.
    A table that only flows write into has no `input`. Of a flow (CREATE FLOW), `output` is its table's: all of its columns,
    those that the flow does not give too. `state` of a flow are the types of `FlowQuery.extra`: keys and time of DISTINCT ON.
    `inferred`: the input was found in the data, so that new fields are looked out for.
    """

    input: tuple[Column, ...]
    output: tuple[Column, ...]
    state: tuple[Column, ...] = ()
    inferred: bool = False


@dataclass(slots=True)
class Bound:
    """What binding a graph found.

    `waiting`: definitions whose input is not known yet, and why. A definition is in exactly one of `schemas`, `waiting`
    and (itself, or something that it reads) `problems`.
    """

    schemas: dict[str, Schema] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    waiting: dict[str, str] = field(default_factory=dict)


def bind(graph: Graph, open_session: Callable[[], Session], infer: Infer, root: Path | None = None, system: str = "") -> Bound:
    """Bind every definition, each after what it reads.

    Args:
        open_session: opens an empty scratch database.
        root: where relative paths of read_csv(…) and its like begin; None: the current folder.
        system: statements that make the system tables readable that definitions may name; run (15 ms) when something is not found.
    """
    session = open_session()
    try:
        session.execute("SET errors_as_json = true")
        if root is not None:
            session.execute(f"SET file_search_path = {literal(str(root))}")
        binder = _Binder(session, graph, infer, system)
        for definition in graph.definitions:
            binder.bind(definition)
        return binder.bound
    finally:
        session.close()


@dataclass(frozen=True, slots=True)
class _Selected:
    """What a flow reads, and what its SELECT gives: the table's columns, and those for the runtime."""

    input: tuple[Column, ...]
    columns: tuple[Column, ...]
    extra: tuple[Column, ...]
    inferred: bool
    identity: bool


class _Binder:
    """Binds one definition after another; each sound one becomes an empty table that the next ones can read."""

    def __init__(self, session: Session, graph: Graph, infer: Infer, system: str) -> None:
        self._session = session
        self._graph = graph
        self._infer = infer
        self._system = system
        """What makes the system tables, until they are made."""
        self.bound = Bound()

    def bind(self, definition: Definition) -> None:
        name = definition.name
        needed = (*reads(definition), *((definition.table,) if isinstance(definition, InsertFlow) else ()))
        behind = next((d for n in needed if (d := self._graph.get(n)) and d.name not in self.bound.schemas), None)
        if behind is not None:
            if behind.name in self.bound.waiting:
                self.bound.waiting[name] = f"{behind.name} is not known yet: {self.bound.waiting[behind.name]}"
            return
        source = Passage(definition)
        try:
            schema = self._schema(definition, source)
        except Wrong as wrong:
            self.bound.problems += wrong.problems
            return
        except QueryError as error:
            self.bound.problems.append(self._unmade(definition, source, error))
            return
        if schema is None:
            assert isinstance(definition, (StreamingTable, InsertFlow))
            assert definition.source is not None
            assert not isinstance(definition.source, StreamRef)
            self.bound.waiting[name] = f"no record of {definition.source.label} is there to tell its columns"
            return
        if wrong_constants := impossible(self._session, source):
            self.bound.problems += wrong_constants
            return
        self.bound.schemas[name] = schema
        if not isinstance(definition, InsertFlow):
            marks = isinstance(definition, StreamingTable) and _marks(definition)
            self._table(f"main.{quote(name)}", (*schema.output, *((VIOLATIONS,) if marks else ())))

    def _unmade(self, definition: Definition, source: Passage, error: QueryError) -> Problem:
        """DuckDB makes no table of these columns: at the one whose type it does not take."""
        columns = definition.columns if isinstance(definition, StreamingTable | MaterializedView) else ()
        for column in columns:
            try:
                self._session.describe(f"SELECT NULL::{column.type or 'INTEGER'}")
            except QueryError as refused:
                return source.at_column(column.name, f"the type of {column.name} is refused: {source.worded(refused)}", _TYPE)
        return source.at_body(f"its columns are refused: {source.worded(error)}", _TYPE)

    def _schema(self, definition: Definition, source: Passage) -> Schema | None:
        if isinstance(definition, StreamingTable):
            return self._streaming_table(definition, source)
        if isinstance(definition, InsertFlow):
            return self._insert_flow(definition, source)
        if isinstance(definition, MaterializedView) and definition.running:
            return self._running(definition, definition.running, source)
        found = self._described(definition.sql, source, "query")
        carried = any(RESCUED in self.bound.schemas[name].output for name in reads(definition))
        found = _distinct(found, source, stored=isinstance(definition, MaterializedView), rescued=carried)
        return Schema((), _declared(definition, found, source))

    def _streaming_table(self, table: StreamingTable, source: Passage) -> Schema | None:
        selected: _Selected | None = None
        if table.source is not None and table.query is not None:
            selected = self._selected(table.name, table.source, table.query, table.columns, source)
            if selected is None:
                return None
        output = self._output(table, selected, source) if selected else table.columns
        self._table("_output", output)
        problems = [p for rule, tokens in source.rules() for p in self._rule(rule, tokens, source)]
        if problems:
            raise Wrong(problems)
        if selected is None:
            return Schema((), output)
        return Schema(selected.input, output, selected.extra, selected.inferred)

    def _insert_flow(self, flow: InsertFlow, source: Passage) -> Schema | None:
        table = self._graph.get(flow.table)
        assert isinstance(table, StreamingTable)
        output = self.bound.schemas[table.name].output
        plain = tuple(c for c in output if c != RESCUED)
        selected = self._selected(flow.name, flow.source, flow.query, plain if flow.query.identity else (), source, RESCUED in output)
        if selected is None:
            return None
        self._fits(table, output, selected.columns, source)
        return Schema(selected.input, output, selected.extra, selected.inferred)

    def _selected(
        self,
        name: str,
        origin: SourceSpec | StreamRef,
        query: FlowQuery,
        declared: tuple[Column, ...],
        source: Passage,
        rescues: bool = True,
    ) -> _Selected | None:
        """What a flow's SELECT gives; None while its input is not known.

        Args:
            declared: the columns that a plain SELECT * declares of its input too.
            rescues: fields that no column holds can go to `_rescued_data`.
        """
        given = self._input(name, origin, query, declared)
        if given is None:
            return None
        if clash := next((c.name for c in given if c.name.lower() in _GIVEN_NAMES), None):
            hint = "Declare its columns, each by a name of its own: schema => '…'."
            raise Wrong([source.at_body(f"the source has a column {clash}, a name that is given out here", hint)])
        inferred = not isinstance(origin, StreamRef) and origin.schema is None and not declared
        rescued = (RESCUED,) if inferred and rescues and not isinstance(origin, StreamRef) and origin.format == "json" else ()
        stream = self._stream(origin.name) if isinstance(origin, StreamRef) else given
        self._table("_input", (*stream, *rescued, *_GIVEN))
        sides = [stream]
        if query.join:
            sides.append(self._stream(query.join.right))
            self._table("_right", (*sides[1], _GIVEN[0]))
        source.check_times(sides)
        found = self._described(query.sql, source, "select", untyped=_NULL)[1:]
        found, extra = found[: len(found) - len(query.extra)], _typed(found[len(found) - len(query.extra) :])
        carried = any(RESCUED in side for side in sides)
        found = _distinct(tuple(c for c in found if c != VIOLATIONS), source, stored=True, rescued=bool(rescued) or carried)
        return _Selected(given, found, extra, inferred, query.identity)

    def _input(
        self, name: str, origin: SourceSpec | StreamRef, query: FlowQuery, declared: tuple[Column, ...]
    ) -> tuple[Column, ...] | None:
        if isinstance(origin, StreamRef):
            return tuple(c for c in self._stream(origin.name) if c != VIOLATIONS)
        if origin.schema is not None:
            return origin.schema
        if query.identity and declared:
            return declared
        found = self._infer(origin, name)
        if found is None:
            return None
        # A field of JSON that has a name of ours goes where all fields go that are no columns.
        known = (RESCUED.name, *(_GIVEN_NAMES if origin.format == "json" else ()))
        return tuple(c for c in found if c.name.lower() not in known)

    def _stream(self, name: str) -> tuple[Column, ...]:
        """Everything that a reader of a streaming table can name."""
        table = self._graph.get(name)
        assert isinstance(table, StreamingTable)
        return (*self.bound.schemas[table.name].output, *((VIOLATIONS,) if _marks(table) else ()))

    def _output(self, table: StreamingTable, selected: _Selected, source: Passage) -> tuple[Column, ...]:
        """The table's columns: as declared, else as the SELECT gives them."""
        found = selected.columns
        if not table.columns:
            strict = {c.name.lower(): c for c in selected.input} if selected.identity else {}
            return tuple(strict.get(c.name.lower(), c) for c in _typed(found))
        names = {c.name.lower(): c for c in found}
        declared = {c.name.lower() for c in table.columns}
        problems = []
        for column in table.columns:
            gives = names.get(column.name.lower())
            if gives is None:
                near = ", ".join(c.name for c in found if c.name.lower() not in declared)
                hint = (
                    f"Name one of its columns so ({near} AS {column.name}), or take it out of the list."
                    if near
                    else "Add it to the SELECT."
                )
                problems.append(source.at_column(column.name, f"the SELECT gives no column {column.name}", hint))
            elif not converts(self._session, gives.type, column.type):
                message = f"{column.name} is declared {column.type}, but the SELECT gives {gives.type}"
                problems.append(source.at_column(column.name, message, f"Declare {gives.type}, or convert it in the SELECT."))
        extra = [c.name for c in found if c.name.lower() not in declared]
        if extra:
            hint = _WITHOUT if extra == [RESCUED.name] else "Declare it, or leave it out of the SELECT."
            problems.append(source.at_body(f"the SELECT gives {', '.join(extra)}, which the column list does not have", hint))
        if problems:
            raise Wrong(problems)
        return table.columns

    def _fits(self, table: StreamingTable, columns: tuple[Column, ...], found: tuple[Column, ...], source: Passage) -> None:
        """What a flow gives goes into its table: by name, and by type as the table's own SELECT would."""
        names = {c.name.lower(): c for c in columns}
        given = {c.name.lower() for c in found}
        problems = []
        for column in found:
            own = names.get(column.name.lower())
            if own is None:
                has = ", ".join(c.name for c in columns)
                hint = f"Declare it there, name it otherwise (… AS column), or leave it out. {table.name} has {has}."
                hint = _WITHOUT if column == RESCUED else hint
                problems.append(source.at_item(column.name, f"{table.name} has no column {column.name}", hint))
            elif not converts(self._session, column.type, own.type):
                message = f"{own.name} of {table.name} is {own.type}, but the SELECT gives {column.type}"
                problems.append(source.at_item(column.name, message, "Convert it in the SELECT."))
        for column in columns:
            if column.not_null and column.name.lower() not in given:
                message = f"{table.name}.{column.name} is NOT NULL, and the SELECT gives no column {column.name}"
                problems.append(source.at_body(message, f"Name one of its columns so (… AS {column.name})."))
        if problems:
            raise Wrong(problems)

    def _rule(self, rule: Expectation, predicate: list[Token], source: Passage) -> list[Problem]:
        """In a WHERE as well: there DuckDB refuses what looks at other rows."""
        draft = Draft().add("SELECT (", predicate, ") AS holds FROM _output WHERE (", predicate, ")")
        try:
            [(_, kind)] = self._describe(draft.sql)
        except QueryError as error:
            return [source.problem(error, draft, predicate)]
        if kind == "BOOLEAN":
            return []
        hint = "Write a comparison, such as amount > 0."
        return [source.text.problem(predicate[0].start, predicate[-1].stop, f"{rule.name} is {kind}, not true or false", hint)]

    def _running(self, view: MaterializedView, state: RunningState, source: Passage) -> Schema:
        stream = self._stream(state.stream)
        self._table("_rows", (*stream, *state.extras))
        self._table("_delta", (*stream, *state.extras))
        source.check_names({c.name.lower(): c for c in stream})
        found = _declared(view, _distinct(self._described(state.recompute, source, "recompute"), source, stored=True), source)
        kept = self._described(state.partial, source, "partial", _TRIGGER)
        self._table("_state", (*kept, Column("_commit", "BIGINT")))
        combined = self._described(state.combine, source, "combine", _TRIGGER)
        finished = self._described(state.finish, source, "finish", _TRIGGER)
        if [(c.name, c.type) for c in combined] != [(c.name, c.type) for c in kept]:
            raise Wrong([source.at_body("the partial sums of this view cannot be combined", _TRIGGER)])
        for plain, own in zip(found, finished, strict=True):
            if plain.type != own.type:
                message = f"{plain.name} would be {own.type} as a running state, the query gives {plain.type}"
                raise Wrong([source.at_body(message, f"Cast the column to {plain.type} in the SELECT.")])
        return Schema(stream, found, kept)

    def _described(self, sql: str, source: Passage, draft: str, hint: str = "", untyped: str = _UNTYPED) -> tuple[Column, ...]:
        """What a query gives. Args: untyped: the type of a NULL that has none."""
        try:
            return _typed((Column(name, kind) for name, kind in self._describe(sql)), untyped)
        except QueryError as error:
            problem = source.problem(error, source.parsed.drafts[draft], source.parsed.body)
            if hint:
                problem = replace(problem, message=f"this cannot be kept as a running state: {problem.message}", hint=hint)
            raise Wrong([problem]) from error

    def _describe(self, sql: str) -> list[tuple[str, str]]:
        try:
            return self._session.describe(sql)
        except QueryError:
            if not self._system:
                raise
        self._session.execute(self._system)
        self._system = ""
        return self._session.describe(sql)

    def _table(self, name: str, columns: tuple[Column, ...]) -> None:
        kind = "TABLE" if name.startswith("main.") else "TEMP TABLE"
        self._session.execute(f"CREATE OR REPLACE {kind} {name} ({', '.join(f'{quote(c.name)} {c.type}' for c in columns)})")


def _typed(columns: Iterable[Column], untyped: str = _UNTYPED) -> tuple[Column, ...]:
    return tuple(replace(column, type=column.type.replace(_NULL, untyped)) for column in columns)


def _marks(table: StreamingTable) -> bool:
    return any(rule.action == "mark" for rule in table.expectations)


def _distinct(columns: tuple[Column, ...], source: Passage, stored: bool, rescued: bool = False) -> tuple[Column, ...]:
    """The columns, when no two have the same name and none has one that is given out here."""
    seen: set[str] = set()
    for column in columns:
        if column.name.lower() in seen:
            raise Wrong(
                [source.at_body(f"two columns are named {column.name}", "Name one of them otherwise with AS; letter case does not count.")]
            )
        seen.add(column.name.lower())
        if stored and reserved_column(column.name) and not (rescued and column == RESCUED):
            raise Wrong(
                [source.at_body(f"the column name {column.name} is reserved", f"Give it another name: {column.name} AS …, or EXCLUDE it.")]
            )
    return columns


def _declared(view: Definition, found: tuple[Column, ...], source: Passage) -> tuple[Column, ...]:
    """The query's columns with declared comments; declared types must be the query's."""
    if not isinstance(view, MaterializedView) or not view.columns:
        return found
    problems = []
    for own, column in zip(view.columns, found, strict=True):
        if own.type and own.type != column.type:
            message = f"{own.name} is declared {own.type}, but the query gives {column.type}"
            problems.append(source.at_column(own.name, message, f"Declare {column.type}, or convert it in the SELECT."))
    if problems:
        raise Wrong(problems)
    return tuple(replace(column, comment=own.comment) for own, column in zip(view.columns, found, strict=True))
