"""What `y` copies: the view as SQL, so that it can be asked again anywhere; a record as its raw line."""

from __future__ import annotations

from workbench.protocol import RuleStatus, RunStatus
from workbench.tui.picture import Picture


def name(text: str) -> str:
    """A name as SQL wants it."""
    return text if text.isidentifier() and text.isascii() and text.lower() == text else '"' + text.replace('"', '""') + '"'


def value(text: str) -> str:
    """A text as SQL wants it."""
    return "'" + text.replace("'", "''") + "'"


def streams_sql() -> str:
    return "SELECT * FROM workbench.streams;"


def tail_sql(picture: Picture) -> str:
    """The chosen stream, with the filter as a condition over every column."""
    sql = f"SELECT * FROM {name(picture.stream)}"
    if picture.filter:
        columns = picture.tail.columns if picture.tail is not None else ()
        tests = [f"contains(lower({name(c)}::VARCHAR), {value(picture.filter.lower())})" for c in columns]
        sql += f"\nWHERE {' OR '.join(tests)}" if tests else ""
    return f"{sql}\nLIMIT 100;"


def state_sql(picture: Picture) -> str:
    return f"SELECT * FROM {name(picture.view)};"


def late_sql(view: str) -> str:
    """Rows that came too late for a view, the latest first."""
    return f"SELECT * EXCLUDE (view) FROM workbench.late WHERE view = {value(view)} ORDER BY commit DESC LIMIT 1000;"


def windows_sql(view: str) -> str:
    """Windows of a view, open and closed, the newest first."""
    return f"SELECT * EXCLUDE (view) FROM workbench.windows WHERE view = {value(view)} ORDER BY window_start DESC LIMIT 1000;"


VIEW_QUESTIONS = {"late": late_sql, "windows": windows_sql}
"""What can be asked about a running state by one key."""


def jobs_sql(run: RunStatus | None) -> str:
    where = f" WHERE job = {value(run.job)}" if run is not None else ""
    return f"SELECT * FROM workbench.job_runs{where};"


def kept_sql(rule: RuleStatus) -> str:
    """Rows that broke a rule and were kept in their table, the latest first."""
    return f"SELECT * FROM {name(rule.stream)}\nWHERE list_contains(_violations, {value(rule.rule)}) ORDER BY _commit DESC LIMIT 1000;"


def failures_sql(rule: RuleStatus | None) -> str:
    if rule is None:
        return "SELECT * FROM workbench.quarantine;"
    return f"SELECT * FROM workbench.quarantine\nWHERE stream = {value(rule.stream)} AND list_contains(rules, {value(rule.rule)});"
