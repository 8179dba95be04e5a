"""Names as their definitions spell them: letter case does not tell names apart, so the rest of the workbench need not know about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from workbench.language.definitions import Definition, FlowQuery, InsertFlow, MaterializedView, SourceSpec, StreamingTable, StreamRef


def respelled(definition: Definition, names: Mapping[str, str]) -> Definition:
    """The definition with its own name and all names that it reads spelled as `names` (by lower-case name) has them."""
    name = names.get(definition.name.lower(), definition.name)
    if isinstance(definition, StreamingTable):
        source = _source(definition.source, names) if definition.source else None
        return replace(definition, name=name, source=source, query=_query(definition.query, names) if definition.query else None)
    if isinstance(definition, InsertFlow):
        table = names.get(definition.table.lower(), definition.table)
        source = _source(definition.source, names)
        return replace(definition, name=name, table=table, source=source, query=_query(definition.query, names))
    tables = _spelled(definition.tables, names)
    if isinstance(definition, MaterializedView) and definition.running:
        stream = names.get(definition.running.stream.lower(), definition.running.stream)
        running = replace(definition.running, stream=stream, tables=_spelled(definition.running.tables, names))
        return replace(definition, name=name, tables=tables, running=running)
    return replace(definition, name=name, tables=tables)


def _source(source: SourceSpec | StreamRef, names: Mapping[str, str]) -> SourceSpec | StreamRef:
    return StreamRef(names.get(source.name.lower(), source.name)) if isinstance(source, StreamRef) else source


def _query(query: FlowQuery, names: Mapping[str, str]) -> FlowQuery:
    join = replace(query.join, right=names.get(query.join.right.lower(), query.join.right)) if query.join else None
    return replace(query, tables=_spelled(query.tables, names), join=join)


def _spelled(tables: tuple[str, ...], names: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(names.get(table.lower(), table) for table in tables)
