"""What a new set of definitions means for what is stored already; said before it is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from workbench.errors import Problem
from workbench.language.definitions import (
    Column,
    Definition,
    InsertFlow,
    MaterializedView,
    ReadRate,
    StreamingTable,
    StreamRef,
    TemporaryView,
)
from workbench.store.catalog import Entry, Kind

Step = Literal["create", "change", "rebuild", "keep"]


@dataclass(frozen=True, slots=True)
class Change:
    """One definition beside what the catalog has of it. `says` is a sentence for the user; empty when nothing happens."""

    step: Step
    definition: Definition
    entry: Entry
    old: Entry | None
    says: str = ""
    defined: tuple[Column, ...] = ()
    """The columns that new rows fill; the entry's others are stored, and no longer defined."""
    inferred: bool = False
    """The columns of its source were found in the data."""

    @property
    def new_columns(self) -> tuple[Column, ...]:
        known = {c.name.lower() for c in self.old.columns} if self.old else set()
        return tuple(c for c in self.entry.columns if c.name.lower() not in known)


def kind_of(definition: Definition) -> Kind:
    if isinstance(definition, StreamingTable):
        return "streaming table"
    if isinstance(definition, InsertFlow):
        return "flow"
    if isinstance(definition, TemporaryView):
        return "temporary view"
    return "running state" if definition.running else "materialized view"


def plan_change(
    definition: Definition,
    columns: tuple[Column, ...],
    reads: tuple[Column, ...],
    state: tuple[Column, ...],
    options: tuple[tuple[str, str], ...],
    old: Entry | None,
) -> Change | Problem:
    """Compare a definition with its entry; a Problem when stored rows forbid the change."""
    kind = kind_of(definition)
    if old is not None and old.kind != kind:
        return problem_of(
            definition,
            f"{definition.name} is stored as a {old.kind}, it cannot become a {kind}",
            f"DROP {_spelled(old.kind)} {definition.name} first (that deletes what is stored), or choose another name.",
        )
    if isinstance(definition, StreamingTable):
        clash = _type_clash(definition, columns, old)
        if clash:
            return clash
    defined, columns = columns, _with_stored(columns, old) if isinstance(definition, StreamingTable) else columns
    comment = "" if isinstance(definition, TemporaryView) else definition.comment
    entry = Entry(
        definition.name, kind, comment, definition.span.file, definition.span.line, definition.text, definition.digest,
        _plain(columns), _plain(reads), _plain(state),
        old.commit if old else 0, options or _written_options(definition),
    )  # fmt: skip
    if old is None:
        return Change("create", definition, entry, None, f"{definition.name}: new {kind}", defined)
    if old.digest == entry.digest and old.columns == entry.columns and old.state == entry.state and old.input == entry.input:
        return Change("keep", definition, entry, old, "", defined)
    return Change(_step(definition), definition, entry, old, _says(definition, old, entry), defined)


def _plain(columns: tuple[Column, ...]) -> tuple[Column, ...]:
    """Names and types: all that the catalog keeps of columns."""
    return tuple(Column(c.name, c.type) for c in columns)


def _written_options(definition: Definition) -> tuple[tuple[str, str], ...]:
    source = definition.source if isinstance(definition, StreamingTable | InsertFlow) else None
    return () if source is None or isinstance(source, StreamRef | ReadRate) else source.options


def _step(definition: Definition) -> Step:
    return "rebuild" if isinstance(definition, MaterializedView) else "change"


def _says(definition: Definition, old: Entry, entry: Entry) -> str:
    name = definition.name
    if isinstance(definition, StreamingTable):
        added = [c.name for c in entry.columns if c.name not in {o.name for o in old.columns}]
        new = f" New columns ({', '.join(added)}) are NULL in them." if added else ""
        return f"{name} changed: the new definition judges rows from now on; rows already stored stay as they were judged.{new}"
    if isinstance(definition, InsertFlow):
        return f"{name} changed: the new definition takes its records from now on; rows already stored in {definition.table} stay"
    # Without a digest it is due for another reason, such as a rewind.
    changed = f"{name} changed:" if old.digest else f"{name}:"
    if isinstance(definition, MaterializedView) and definition.running:
        return f"{changed} its running state will be rebuilt from the stored rows of {definition.running.stream}"
    if isinstance(definition, MaterializedView):
        return f"{changed} it will be refreshed; until then it shows its last result"
    return f"{name} changed: queries read the new definition"


def _type_clash(table: StreamingTable, columns: tuple[Column, ...], old: Entry | None) -> Problem | None:
    known = {c.name.lower(): c.type for c in old.columns} if old else {}
    for column in columns:
        before = known.get(column.name.lower())
        if before is not None and before != column.type:
            return problem_of(
                table,
                f"{table.name}.{column.name} is stored as {before}, it cannot become {column.type}",
                f"Give the new column another name, or DROP STREAMING TABLE {table.name} (deletes its rows) and let it be read again.",
            )
    return None


def _with_stored(columns: tuple[Column, ...], old: Entry | None) -> tuple[Column, ...]:
    """Columns that are stored and no longer defined stay readable, after the others."""
    if old is None:
        return columns
    kept = {c.name.lower() for c in columns}
    return columns + tuple(c for c in old.columns if c.name.lower() not in kept)


def problem_of(definition: Definition, message: str, hint: str) -> Problem:
    """A mistake that only what is stored shows, at the place of the definition."""
    span = definition.span
    return Problem(span.file, span.line, span.column, message, hint, definition.text.splitlines()[0] if definition.text else "")


def _spelled(kind: Kind) -> str:
    return "MATERIALIZED VIEW" if kind == "running state" else kind.upper()
