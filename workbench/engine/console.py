"""Statements of the pipeline language typed into the console: the only way in which SQL changes anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.errors import NotFound, UsageError
from workbench.language.definitions import Definition, Drop, InsertFlow, Refresh, Statement
from workbench.language.graph import reads
from workbench.language.script import is_statement, parse_script

if TYPE_CHECKING:
    from workbench.engine.engine import Engine

CONSOLE = "<console>"


class Console:
    """Carries statements out, one after another; what a file of the project defines can only be changed there."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def execute(self, text: str) -> str | None:
        """What was done, in words; None when the text is no statement of the language.

        Raises:
            PipelineError: mistakes in it, with places counted in this text.
            UsageError: it cannot be done here.
        """
        if not is_statement(text):
            return None
        return "\n".join(self._run(statement) for statement in parse_script(text))

    def _run(self, statement: Statement) -> str:
        if isinstance(statement, Refresh):
            return self._engine.refresh(statement.name, statement.full)
        if isinstance(statement, Drop):
            return self._drop(statement)
        return self._define(statement)

    def _define(self, definition: Definition) -> str:
        old = self._engine.catalog.entries.get(definition.name.lower())
        if old is not None and old.file != CONSOLE:
            raise UsageError(f"{definition.name} is defined in {old.file}:{old.line}", "Change it there; saving the file is enough.")
        if old is not None:
            raise UsageError(f"{definition.name} exists already", "DROP it first, or choose another name (it was typed into the console).")
        self._engine.reload(f"{definition.text};")
        return f"{definition.name} was created; to keep it with the project, copy the statement into pipelines/"

    def _drop(self, drop: Drop) -> str:
        entry = self._engine.catalog.entries.get(drop.name.lower())
        if entry is None:
            if drop.if_exists:
                return f"there is no {drop.name}"
            raise NotFound(f"There is no {drop.kind} {drop.name}", "`select name, kind from workbench.catalog` lists what there is.")
        kind = "materialized view" if entry.kind == "running state" else entry.kind
        if kind != drop.kind:
            raise UsageError(f"{entry.name} is a {kind}, not a {drop.kind}", f"Write DROP {kind.upper()} {entry.name}.")
        definition = self._engine.graph.get(entry.name)
        if definition is not None and entry.file != CONSOLE:
            raise UsageError(
                f"{entry.name} is defined in {entry.file}:{entry.line}", "Take it out of that file first; its rows stay until you drop it."
            )
        readers = [d.name for d in self._engine.graph.definitions if entry.name.lower() in _reads(d) and d.name != entry.name]
        if readers:
            raise UsageError(f"{entry.name} is needed by {', '.join(readers)}", "Drop those first.")
        self._engine.drop(entry.name)
        if isinstance(definition, InsertFlow):
            return f"{entry.name} was dropped; its rows stay in {definition.table}"
        return f"{entry.name} was dropped, with everything that was stored of it"


def _reads(definition: Definition) -> set[str]:
    """Lower-case names that a definition reads or writes into."""
    target = (definition.table,) if isinstance(definition, InsertFlow) else ()
    return {name.lower() for name in (*reads(definition), *target)}
