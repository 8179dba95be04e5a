"""Fields that no longer fit the columns: told in every snapshot, and a column added for one of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from workbench.config import Project
from workbench.engine.catalog import Catalog
from workbench.engine.control import Arguments, Intent, Target, impossible, takes
from workbench.engine.sentences import count
from workbench.errors import SourceError, UsageError
from workbench.language.additions import spelled, with_column
from workbench.language.definitions import Column, StreamingTable, StreamRef
from workbench.language.project import load
from workbench.language.words import reserved_column
from workbench.protocol import DriftStatus
from workbench.store import catalog as book
from workbench.store.names import literal, quote, stored
from workbench.store.session import Session
from workbench.stream.drift import Drifted
from workbench.stream.drift_lines import shown_line
from workbench.stream.infer import common_type, json_kind
from workbench.stream.json_exact import RESCUED
from workbench.stream.nesting import pointer
from workbench.stream.output import Output
from workbench.stream.pump import Pump

LOOKED_AT = 1_000
"""Stored rows by which the type of a field is told."""

FITS = {
    "BIGINT": "json_type({rest}, {path}) IN ('BIGINT', 'UBIGINT')",
    "DOUBLE": "json_type({rest}, {path}) IN ('BIGINT', 'UBIGINT', 'DOUBLE')",
    "BOOLEAN": "json_type({rest}, {path}) = 'BOOLEAN'",
}
"""Which values of a rescued field a column of the type takes; of other types, those that can be cast."""


class ColumnAddition:
    """The action `column`, for Control, and the drifts of a snapshot.

    A table whose columns were inferred gets the column in the catalog, and stored rows its values out of `_rescued_data`; for one
    whose columns are declared the column is written into its pipelines file.

    Args:
        renew: builds these flows anew, after reading the pipelines; in the writer's turn.
    """

    def __init__(self, project: Project, pump: Pump, catalog: Catalog, renew: Callable[[Session, frozenset[str]], None]) -> None:
        self._project, self._pump, self._catalog, self._renew = project, pump, catalog, renew

    def statuses(self) -> tuple[DriftStatus, ...]:
        """Every field that does not fit, of all streams."""
        return tuple(self._status(output, one) for output in self._pump.assembler.plan.outputs for one in output.drift.found())

    def _status(self, output: Output, one: Drifted) -> DriftStatus:
        free = one.kind == "new" and not reserved_column(one.field)
        addable = free and self._how(output.table) != "" and output.name == output.table.name
        kind = one.type if one.kind != "vanished" else _declared(self._catalog, output.table, one.field)
        return DriftStatus(output.table.name, one.field, one.kind, kind, shown_line(one.sample), one.count, one.at, addable)

    def _how(self, table: StreamingTable) -> str:
        """Where the columns of a table are written: `catalog`, `file`, or nowhere that can be changed for the user."""
        entry = self._catalog.entries.get(table.name.lower())
        if entry is None or table.query is None or not table.query.identity or isinstance(table.source, StreamRef):
            return ""
        if getattr(table.source, "schema", None) is not None:
            return ""
        if not table.columns:
            return "catalog"
        return "file" if (self._project.root / entry.file).is_file() and not self._project.files else ""

    def plan(self, session: Session, target: Target, arguments: Arguments) -> Intent:
        """Add the column of a field."""
        takes(arguments, "field")
        field, table = str(arguments.get("field") or ""), target.table
        if not field:
            raise UsageError("No field is named", "`workbench drift` lists fields without a column.")
        entry = self._catalog.entries.get(table.name.lower())
        known = next((c for c in entry.columns if c.name.lower() == field.lower()), None) if entry is not None else None
        if known is not None:
            return impossible(*_what_instead(table.name, known))
        if reserved_column(field):
            kept = entry is not None and self._is_rescued(table)
            hint = f"Read it as json_extract({RESCUED}, {literal(pointer(field))})." if kept else "Take it by another name in the SELECT."
            return impossible(f"The column name {field} is given out here: a field of that name can have no column.", hint)
        how = self._how(table)
        if not how:
            hint = "Name the field in its SELECT, or in schema => '…' of its source." if table.query else "Name the field in its flows."
            return impossible(f"The columns of {table.name} are chosen by its definition.", hint)
        met = self._met(session, table, field)
        if met is None:
            return impossible(f"No record of {table.name} had a field {field} without a column lately.", "`workbench drift` lists those.")
        column = Column(field, common_type(met - {""}))
        return self._into_catalog(session, table, column) if how == "catalog" else self._into_file(table, column)

    def _met(self, session: Session, table: StreamingTable, field: str) -> set[str] | None:
        """The types of the values that a field without a column had; None when none was met."""
        drifts = [one for output in self._pump.assembler.plan.outputs if output.name == table.name for one in output.drift.found()]
        found = [set(one.kinds) for one in drifts if one.kind == "new" and one.field == field]
        if self._is_rescued(table):
            path = literal(pointer(field))
            rows = session.execute(
                f"SELECT json_extract({RESCUED}, {path})::VARCHAR FROM {stored(table.name)}"
                f" WHERE json_exists({RESCUED}, {path}) LIMIT {LOOKED_AT}"
            )
            found += [{json_kind(_value(text)) for (text,) in rows}] if rows else []
        return set().union(*found) if found else None

    def _is_rescued(self, table: StreamingTable) -> bool:
        return any(c.name == RESCUED for c in self._catalog.entries[table.name.lower()].columns)

    def _into_catalog(self, session: Session, table: StreamingTable, column: Column) -> Intent:
        entry = self._catalog.entries[table.name.lower()]
        path = literal(pointer(column.name))
        fits = _fits(column, path)
        says = [f"{table.name} gets the column {column.name} {column.type}; records fill it from now on."]
        if self._is_rescued(table):
            has, fit = session.execute(
                f"SELECT count(*) FILTER (json_exists({RESCUED}, {path})), count(*) FILTER ({fits}) FROM {stored(table.name)}"
            )[0]
            says.append(f"{count(fit, 'stored row')} {'gets its value' if fit == 1 else 'get their values'} out of {RESCUED}.")
            if has > fit:
                says.append(f"{count(has - fit, 'stored row')} with null or another type in it: kept in {RESCUED}, NULL in the column.")
        else:
            says.append("Rows that are stored already have NULL there; a rewind reads their records again.")

        def work(own: Session) -> str:
            places = [i for i, c in enumerate(entry.columns) if c.name in (RESCUED, "_violations")] or [len(entry.columns)]
            columns = (*entry.columns[: places[0]], column, *entry.columns[places[0] :])
            wider = replace(entry, columns=columns, input=(*entry.input, column), commit=self._pump.assembler.commit_id)
            with own.transaction():
                book.add_columns(own, wider, [column])
                if self._is_rescued(table):
                    gone = literal(f"{{{_json(column.name)}:null}}")
                    own.execute(
                        f"UPDATE {stored(table.name)} SET {quote(column.name)} = {_taken(column, path)},"
                        f" {RESCUED} = nullif(json_merge_patch({RESCUED}, {gone})::VARCHAR, '{{}}') WHERE {fits}"
                    )
                book.save(own, wider)
            self._renew(own, frozenset((table.name,)))
            return f"{table.name} has the column {column.name} {column.type} now"

        return Intent(says, work, [column.name, column.type, [(c.name, c.type) for c in entry.input]])

    def _into_file(self, table: StreamingTable, column: Column) -> Intent:
        entry = self._catalog.entries[table.name.lower()]
        path = self._project.root / entry.file
        written = f"{spelled(column.name)} {column.type}"
        edit = _edited(path, table.text, written)
        if edit is None:
            return impossible(
                f"{entry.file} could not be changed for you.", f"Write {written} into the column list of {table.name} yourself."
            )
        before = {(p.line, p.message) for p in load({entry.file: edit.before}).problems}
        broken = [p for p in load({entry.file: edit.after}).problems if (p.line, p.message) not in before and p.column]
        if broken and not before:
            return impossible(f"{entry.file} would not be right with {written}: {broken[0].message}", "Write it yourself.")
        line = edit.after.count("\n", 0, edit.place) + 1
        says = [
            f"{entry.file}:{line} gets the column {written} in the list of {table.name}:",
            f"  {edit.after.splitlines()[line - 1].strip()}",
            "Records fill it from now on. Rows that are stored already have NULL there; a rewind reads their records again.",
        ]

        def work(own: Session) -> str:
            _write(path, edit.bytes)
            self._renew(own, frozenset((table.name,)))
            return f"{entry.file}:{line}: {table.name} has the column {written} now"

        return Intent(says, work, [written, hashlib.sha256(edit.before.encode(errors="replace")).hexdigest()])


@dataclass(frozen=True, slots=True)
class Edit:
    """A pipelines file before and after, in lines that end with a newline; `bytes` as it is to be written; `place`: of the column."""

    before: str
    after: str
    bytes: bytes
    place: int


def _edited(path: Path, statement: str, column: str) -> Edit | None:
    """The file with a column added to a statement; None when the statement is not there once, word for word."""
    try:
        raw = path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    lines = "\r\n" if "\r\n" in raw and raw.count("\n") == raw.count("\r\n") else "\n"
    text, statement = raw.replace(lines, "\n"), statement.replace(lines, "\n")
    wider = with_column(statement, column)
    if wider is None or text.count(statement) != 1:
        return None
    start = text.index(statement)
    after = text[:start] + wider + text[start + len(statement) :]
    return Edit(text, after, after.replace("\n", lines).encode(), start + _first_difference(statement, wider, column))


def _first_difference(statement: str, wider: str, column: str) -> int:
    differs = (i for i, (a, b) in enumerate(zip(statement, wider, strict=False)) if a != b)
    return wider.index(column, max(0, next(differs, len(statement)) - len(column)))


def _write(path: Path, content: bytes) -> None:
    """Replace a file at once, with its mode.

    Raises:
        SourceError: it cannot be written.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(content)
        part.chmod(path.stat().st_mode & 0o7777)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise SourceError(f"{path}: {error.strerror}", "Write the column into it yourself.") from error


def _what_instead(table: str, column: Column) -> list[str]:
    """What can be done about values that a column does not take."""
    shown = f"SELECT * FROM workbench.quarantine WHERE stream = {literal(table)} AND list_contains(rules, '_type')"
    return [
        f"{table} has the column {column.name} already, a {column.type}: a column that rows are stored in keeps its type.",
        f"No such record is lost: what {column.type} does not take is rejected by the rule _type. To look at them: {shown}.",
        f"To take them from now on: a second streaming table over the same source, with {column.name} VARCHAR.",
        f"Or DROP STREAMING TABLE {table} (that deletes its rows), declare {column.name} VARCHAR, and let it be read again.",
    ]


def _declared(catalog: Catalog, table: StreamingTable, field: str) -> str:
    entry = catalog.entries.get(table.name.lower())
    return next((c.type for c in entry.input if c.name == field), "") if entry else ""


def _fits(column: Column, path: str) -> str:
    """SQL: whether a row's rescued value fits the column."""
    if column.type in FITS:
        return FITS[column.type].format(rest=RESCUED, path=path)
    there = f"json_exists({RESCUED}, {path}) AND json_type({RESCUED}, {path}) <> 'NULL'"
    return f"({there} AND {_taken(column, path)} IS NOT NULL)"


def _taken(column: Column, path: str) -> str:
    if column.type == "JSON":
        return f"json_extract({RESCUED}, {path})"
    text = f"json_extract_string({RESCUED}, {path})"
    return text if column.type == "VARCHAR" else f"try_cast({text} AS {column.type})"


def _json(text: str) -> str:
    return json.dumps(text)


def _value(text: str | None) -> object:
    try:
        return json.loads(text or "null")
    except ValueError:
        return text
