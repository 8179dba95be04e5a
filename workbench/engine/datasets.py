"""Every name that SQL can read, for completion and `go to`."""

from __future__ import annotations

from workbench.protocol import Dataset
from workbench.store.catalog import Entry
from workbench.store.session import Session


def datasets(entries: dict[str, Entry], session: Session) -> tuple[Dataset, ...]:
    """The project's datasets, then the system tables."""
    own = [Dataset(e.name, e.kind, e.comment, tuple((c.name, c.type) for c in e.columns)) for e in entries.values() if e.kind != "flow"]
    rows = session.execute(
        "SELECT view_name, list(column_name ORDER BY column_index), list(data_type ORDER BY column_index) FROM duckdb_views() v"
        " JOIN duckdb_columns() c ON c.schema_name = v.schema_name AND c.table_name = v.view_name"
        " WHERE v.schema_name = 'workbench' GROUP BY view_name ORDER BY view_name"
    )
    system = [Dataset(f"workbench.{name}", "system", "", tuple(zip(names, types, strict=True))) for name, names, types in rows]
    return (*sorted(own, key=lambda d: d.name), *system)
