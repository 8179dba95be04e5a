"""What it means that a new flow reads files of which its table has rows already, in sentences."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from workbench.connectors.files.listing import Listing
from workbench.engine.changes import Change
from workbench.engine.sentences import count, listed
from workbench.language.definitions import InsertFlow, ReadFiles, StreamingTable
from workbench.store.session import Session


def repeats(session: Session, root: Path, changes: Iterable[Change]) -> list[str]:
    """One for each flow that is about to begin with what another one of its table has read."""
    said = []
    for change in changes:
        definition = change.definition
        if change.step == "keep" or not isinstance(definition, StreamingTable | InsertFlow):
            continue
        source, table = definition.source, definition.table if isinstance(definition, InsertFlow) else definition.name
        if isinstance(source, ReadFiles) and source.start == "beginning":
            read = _read_by_others(session, definition.name, table)
            files = {found.name for found in Listing(source.glob, root).look().found.values()} & set(read) if read else set()
            if files:
                readers, files_of_it = listed({r: None for f in sorted(files) for r in sorted(read[f])}), count(len(files), "file")
                said.append(
                    f"{definition.name} reads {source.glob} from its beginning: of {files_of_it} of it {table} may have rows already, which"
                    f" {readers} read, and gets them a second time"
                )
    return said


def _read_by_others(session: Session, flow: str, table: str) -> dict[str, set[str]]:
    """The files of which a table has rows, each with the flows that read them; none when the flow goes on where it has been."""
    rows = session.execute(
        "SELECT DISTINCT o.file, o.flow FROM _system.offsets o JOIN _system.flows f ON o.flow = f.name"
        " WHERE lower(f.stream) = lower(?) AND o.byte > 0",
        [table],
    )
    found: dict[str, set[str]] = {}
    for file, reader in rows:
        found.setdefault(file, set()).add(reader)
    return {} if any(flow in readers for readers in found.values()) else found
