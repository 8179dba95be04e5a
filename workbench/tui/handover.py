"""What the focused pane hands over: as SQL or as a line by `y`, as a CSV file by `e`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from textual.widget import Widget

from workbench.errors import WorkbenchError
from workbench.protocol import StreamStatus
from workbench.tui import copying
from workbench.tui.export import Cells, file_for, write_result, write_rows
from workbench.tui.link import Link
from workbench.tui.numbers import share
from workbench.tui.panes.failures import FailureZoom
from workbench.tui.panes.sql import SqlPane
from workbench.tui.panes.streams import StreamPane
from workbench.tui.picture import Picture
from workbench.tui.sql.tab import Run
from workbench.tui.widgets.failures import Failures, rules_of
from workbench.tui.widgets.job_zoom import JobZoom
from workbench.tui.widgets.jobs import Jobs

STREAMS = (
    *("name", "state", "rows_per_second", "behind_seconds", "behind_rows", "behind_bytes", "catch_up_seconds", "slow"),
    *("queue_bytes", "queue_limit", "accepted", "rejected"),
)


class Panes(Protocol):
    """The screen, as far as it is needed here."""

    link: Link
    picture: Picture
    pane: str
    streams: StreamPane
    jobs: Jobs
    failures: Failures
    sql: SqlPane
    job_zoom: JobZoom
    failure_zoom: FailureZoom

    @property
    def focused(self) -> Widget | None: ...


def copy_of(panes: Panes) -> tuple[str, str]:
    """(text, what it is in words) of what `y` copies where the focus is; ("", "") for nothing."""
    where = panes.focused.id if panes.focused is not None else ""
    picture = panes.picture
    if where in {"streams", "stream-zoom"}:
        return copying.streams_sql(), "streams as SQL"
    if where == "tail" and picture.stream:
        row = panes.streams.tail.current
        if picture.paused and row is not None:
            return row.raw or "\t".join(row.cells), f"line {row.line:,}"
        return copying.tail_sql(picture), f"{picture.stream} as SQL"
    if where == "state" and picture.view:
        return copying.state_sql(picture), f"{picture.view} as SQL"
    if where in {"jobs", "job-zoom"}:
        return copying.jobs_sql(panes.job_zoom.current if where == "job-zoom" else panes.jobs.current), "runs as SQL"
    if where in {"failures", "failure-rules"}:
        rule = panes.failures.current if where == "failures" else panes.failure_zoom.rules.current
        return copying.failures_sql(rule), "rejected rows as SQL"
    if where in {"failure-rows", "failure-detail"} and panes.failure_zoom.one.detail is not None:
        return panes.failure_zoom.one.detail.raw, "the raw line"
    if where == "result" and panes.sql.desk.tab.run is not None:
        return panes.sql.desk.tab.run.statement.text + ";", "the query"
    return "", ""


async def export_of(panes: Panes, say: Callable[[str, str], None], folder: Path | None = None) -> None:
    """Writes what the focused pane shows into a CSV file in the working directory, and says where."""
    where = panes.focused.id if panes.focused is not None else ""
    folder = folder or Path.cwd()
    now = panes.picture.clock()
    try:
        if where in {"result", "editor"}:
            run = panes.sql.desk.tab.run
            if run is None or run.status is None or not run.columns or run.running:
                say("There is no finished result to export.", "warning")
                return
            path = file_for(folder, panes.sql.desk.tab.name, now)
            rows = await _result(panes, run, path, say)
        else:
            found = _table(panes, where or "")
            if found is None:
                say("There is nothing here to export.", "warning")
                return
            name, heads, table = found
            path = file_for(folder, name, now)
            rows = write_rows(path, heads, table)
        say(f"{rows:,} rows written to {path}", "info")
    except (WorkbenchError, OSError) as error:
        say(f"not exported: {error}", "error")


async def _result(panes: Panes, run: Run, path: Path, say: Callable[[str, str], None]) -> int:
    engine, total = panes.link.engine, run.pages.total
    if engine is None or run.status is None:
        raise WorkbenchError("the engine does not answer")

    def progress(done: int) -> None:
        if done % 20_000 == 0:
            say(f"exporting {share(done / max(1, total))}", "info")

    return await write_result(path, [name for name, _ in run.columns], engine, run.status.id, total, progress)


def _table(panes: Panes, where: str) -> tuple[str, Cells, Sequence[Cells]] | None:
    """(name, heads, rows) of a pane whose rows are here."""
    picture = panes.picture
    if where == "tail" and picture.tail is not None:
        tail = picture.tail
        rows = [[f"{row.at:.3f}", *(row.cells or [row.raw]), " ".join(row.rules)] for row in tail.rows]
        return tail.stream, ["arrived_at", *tail.columns, "broken_rules"], rows
    if where == "state" and picture.state is not None:
        return picture.state.view, picture.state.columns, [row.cells for row in picture.state.rows]
    if where in {"streams", "stream-zoom"} and picture.snapshot is not None:
        return "streams", STREAMS, [_stream(s) for s in picture.snapshot.streams]
    if where in {"jobs", "job-zoom"} and picture.runs:
        heads = ["id", "job", "state", "started_at", "seconds", "rows", "error"]
        return (
            "jobs",
            heads,
            [
                [str(r.id), r.job, r.state, f"{r.started_at:.3f}", f"{r.seconds:.3f}", "" if r.rows is None else str(r.rows), r.error]
                for r in sorted(picture.runs.values(), key=lambda r: r.id)
            ],
        )
    if where in {"failures", "failure-rules"}:
        heads = ["stream", "rule", "action", "recent", "total", "share"]
        return "failures", heads, [[r.stream, r.rule, r.action, str(r.recent), str(r.total), f"{r.share:.6f}"] for r in rules_of(picture)]
    if where in {"failure-rows", "failure-detail"}:
        heads = ["id", "stream", "rules", "file", "line", "byte", "record"]
        return (
            "quarantine",
            heads,
            [
                [str(r.id), r.stream, " ".join(r.rules), r.file, str(r.line), str(r.offset), r.preview]
                for r in panes.failure_zoom.records.records
            ],
        )
    return None


def _stream(s: StreamStatus) -> Cells:
    return [
        *(s.name, s.state, f"{s.rate:.1f}", f"{s.lag_seconds:.1f}", str(s.lag_rows), str(s.lag_bytes)),
        *("" if s.catch_up is None else f"{s.catch_up:.1f}", s.slow, str(s.queue_bytes), str(s.queue_limit)),
        *(str(s.accepted), str(s.rejected)),
    ]
