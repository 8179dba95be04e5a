"""`workbench.windows`: one view over the windows of all running states, each of which has a view of its own in the schema `_windows`."""

from __future__ import annotations

from collections.abc import Iterable

from workbench.store.names import quote
from workbench.store.session import Session

NONE = (
    "SELECT NULL::VARCHAR AS view, NULL::VARCHAR AS key, NULL::TIMESTAMPTZ AS window_start, NULL::TIMESTAMPTZ AS window_end,"
    " NULL::VARCHAR AS state, NULL::TIMESTAMPTZ AS closed_at, NULL::BIGINT AS rows, NULL::BIGINT AS late, NULL::BIGINT AS commit"
    " WHERE false"
)
SHOWN = "SELECT DISTINCT view_name FROM duckdb_views() WHERE schema_name = '_windows' ORDER BY view_name"
"""The running states whose windows are shown."""


def united(views: Iterable[str]) -> str:
    """The statement that makes `workbench.windows` of these running states."""
    parts = [f"FROM _windows.{quote(view)}" for view in views]  # their start and end take the names of the first part
    return f"CREATE OR REPLACE VIEW workbench.windows AS {' UNION ALL '.join([NONE, *parts])}"


def publish_windows(session: Session, view: str, sql: str) -> None:
    """Let `workbench.windows` show a view's windows, open and closed.

    Args:
        sql: gives its columns; empty for a view without windows.
    """
    if not sql:
        hide_windows(session, view)
        return
    session.execute(f"CREATE OR REPLACE VIEW _windows.{quote(view)} AS {sql}")
    _unite(session)


def hide_windows(session: Session, view: str) -> None:
    session.execute(f"DROP VIEW IF EXISTS _windows.{quote(view)}")
    _unite(session)


def _unite(session: Session) -> None:
    session.execute(united(name for (name,) in session.execute(SHOWN)))
