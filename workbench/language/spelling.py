"""Names as their definitions spell them: letter case does not tell names apart, so the rest of the workbench need not know about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from workbench.language.definitions import Definition, MaterializedView, StreamingTable, StreamRef


def respelled(definition: Definition, names: Mapping[str, str]) -> Definition:
    """The definition with its own name and all names that it reads spelled as `names` (by lower-case name) has them."""
    name = names.get(definition.name.lower(), definition.name)
    if isinstance(definition, StreamingTable):
        source = definition.source
        if isinstance(source, StreamRef):
            source = StreamRef(names.get(source.name.lower(), source.name))
        query = replace(definition.query, tables=_spelled(definition.query.tables, names))
        return replace(definition, name=name, source=source, query=query)
    tables = _spelled(definition.tables, names)
    if isinstance(definition, MaterializedView) and definition.running:
        stream = names.get(definition.running.stream.lower(), definition.running.stream)
        running = replace(definition.running, stream=stream, tables=_spelled(definition.running.tables, names))
        return replace(definition, name=name, tables=tables, running=running)
    return replace(definition, name=name, tables=tables)


def _spelled(tables: tuple[str, ...], names: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(names.get(table.lower(), table) for table in tables)
