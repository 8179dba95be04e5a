"""Commands that ask a running engine: status, quarantine, refresh, stop."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime

from workbench.cli.arguments import Arguments
from workbench.cli.attach import attached, none_runs, running
from workbench.cli.output import Output
from workbench.cli.project import project_of
from workbench.client import EngineClient
from workbench.errors import FlowError
from workbench.launch import stop_engine
from workbench.protocol import FlowStatus, QuarantineDetail, QuarantinePage, RunStatus, Snapshot, StreamStatus, to_json

STREAM_COLUMNS = ("stream", "state", "rows/s", "behind s", "behind rows", "in", "accepted", "rejected", "filtered", "blank", "lost")
RUN_COLUMNS = ("run", "job", "state", "s", "rows", "why")
QUARANTINE_COLUMNS = ("id", "stream", "rules", "file", "line", "byte", "record")
VERDICT_COLUMNS = ("rule", "verdict", "action", "value", "predicate")
RUNS_SHOWN = 10
LOOK_AGAIN = 0.1
"""Seconds between two looks at a refresh."""


def status(arguments: Arguments, out: Output) -> int:
    """Say how streams and jobs are doing; 3 when a flow has failed, 1 when the pipelines have errors."""
    return asyncio.run(_status(arguments, out))


async def _status(arguments: Arguments, out: Output) -> int:
    project, _ = project_of(arguments)
    client = running(project)
    if client is None:
        if arguments.json:
            out.line(json.dumps({"running": False, "root": str(project.root)}))
        else:
            out.note(f"{none_runs(project)}.")
        return 0
    try:
        hello, snapshot = await client.hello(), await client.snapshot()
    finally:
        await client.aclose()
    if arguments.json:
        out.line(json.dumps({"running": True, **to_json(hello), **to_json(snapshot)}, ensure_ascii=False))
    else:
        since = datetime.fromtimestamp(hello.started_at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        out.note(f"{project.root}: engine {hello.pid}, since {since}, commit {snapshot.commit}, {snapshot.rate:,.0f} rows/s")
        _print_snapshot(snapshot, out)
    if any(stream.state == "FAIL" for stream in snapshot.streams):
        return FlowError.exit_code
    return 1 if snapshot.problems else 0


def _print_snapshot(snapshot: Snapshot, out: Output) -> None:
    streams = [
        (
            s.name,
            s.state,
            f"{s.rate:.0f}",
            f"{s.lag_seconds:.1f}",
            str(s.lag_rows),
            str(s.rows_in),
            str(s.accepted),
            str(s.rejected),
            str(s.filtered),
            str(s.blank),
            str(sum(flow.dropped for flow in s.flows)),
        )
        for s in snapshot.streams
    ]
    out.table(STREAM_COLUMNS, streams, (False, False, *[True] * 9))
    if snapshot.runs:
        out.line()
        out.table(RUN_COLUMNS, [_run_row(r) for r in snapshot.runs[:RUNS_SHOWN]], (True, False, False, True, True, False))
    for stream in snapshot.streams:
        for note in _notes(stream):
            out.note(f"{stream.name}: {note}")
    for name in snapshot.inputs:
        out.note(f"{'standard input' if name == '-' else name}: no record has come yet; the first makes it a table")
    for problem in snapshot.problems:
        out.note(f"{problem.file}:{problem.line}:{problem.column}: {problem.message}")


def _notes(stream: StreamStatus) -> list[str]:
    """Why it waits or failed, and what was lost; of a table with several flows each flow's."""
    several = len(stream.flows) > 1
    details = dict.fromkeys(f"{flow.name}: {flow.detail}" if several else flow.detail for flow in stream.flows if flow.detail)
    notes = list(details) or ([stream.detail] if stream.detail else [])
    for flow in stream.flows:
        if flow.dropped:
            notes.append(f"{flow.dropped:,} records sent to {flow.source.split(' ', 1)[-1]} were lost: {_losses(flow)}")
    return notes


def _losses(flow: FlowStatus) -> str:
    """Where records were lost, and what helps."""
    kernel, full = flow.dropped_by_kernel, flow.dropped - flow.dropped_by_kernel
    said = [f"{kernel:,} in the kernel's buffer (raise net.core.rmem_max)"] if kernel else []
    return " and ".join([*said, f"{full:,} since the spool had no room"] if full else said)


def _run_row(run: RunStatus) -> tuple[str, ...]:
    rows = "" if run.rows is None else str(run.rows)
    return (f"#{run.id}", run.job, run.state, f"{run.seconds:.1f}", rows, run.error or run.cause)


def quarantine_list(arguments: Arguments, out: Output) -> int:
    """List rejected records, newest first."""
    return asyncio.run(_quarantine_list(arguments, out))


async def _quarantine_list(arguments: Arguments, out: Output) -> int:
    async with attached(arguments) as client:
        page = await client.quarantine(arguments.stream, arguments.rule, 0, arguments.limit)
    if arguments.json:
        for row in page.rows:
            out.line(json.dumps(to_json(row), ensure_ascii=False))
    else:
        _print_quarantine(page, out)
    return 0


def _print_quarantine(page: QuarantinePage, out: Output) -> None:
    rows = [(str(r.id), r.stream, ", ".join(r.rules), r.file, str(r.line), str(r.offset), r.preview) for r in page.rows]
    out.table(QUARANTINE_COLUMNS, rows, (True, False, False, False, True, True, False))
    if page.total > len(page.rows):
        out.note(f"{len(page.rows)} of {page.total}; --limit N shows more.")


def quarantine_show(arguments: Arguments, out: Output) -> int:
    """Show one rejected record with everything that is known."""
    return asyncio.run(_quarantine_show(arguments, out))


async def _quarantine_show(arguments: Arguments, out: Output) -> int:
    async with attached(arguments) as client:
        detail = await client.quarantine_detail(arguments.id)
    if arguments.json:
        out.line(json.dumps(to_json(detail), ensure_ascii=False))
    else:
        _print_detail(detail, out)
    return 0


def _print_detail(detail: QuarantineDetail, out: Output) -> None:
    row = detail.row
    arrived = datetime.fromtimestamp(row.arrived_at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    out.line(f"#{row.id}  {row.stream}  {row.file}:{row.line}  byte {row.offset}  {detail.size} bytes")
    out.line(f"arrived {arrived}, commit {detail.commit}, {detail.state}")
    out.line()
    out.line(detail.raw)
    out.line()
    words = {True: "broken", False: "holds", None: "not judged"}
    verdicts = [(v.rule, words[v.broken], v.action, v.value, v.predicate) for v in detail.verdicts]
    out.table(VERDICT_COLUMNS, verdicts, (False,) * len(VERDICT_COLUMNS))


def refresh(arguments: Arguments, out: Output) -> int:
    """Refresh a materialized view and wait for it; 3 when it failed."""
    return asyncio.run(_refresh(arguments, out))


async def _refresh(arguments: Arguments, out: Output) -> int:
    async with attached(arguments) as client:
        begun = [r.id for r in (await client.snapshot()).runs if r.state != "waiting"]  # a run that waits serves, and is waited for
        before = max(begun, default=0)
        reply = await client.refresh(arguments.name, arguments.full)
        out.note(reply.text)
        run = await _finished(client, arguments.name, before)
    if run is None:
        return 0
    out.note(f"#{run.id} {run.job}: {run.state} in {run.seconds:.1f} s{f', {run.rows:,} rows' if run.rows is not None else ''}")
    if run.state == "done":
        return 0
    raise FlowError(f"{run.job}: {run.error or run.state}")


async def _finished(client: EngineClient, job: str, before: int) -> RunStatus | None:
    """The run that a refresh began, once it has ended; None when the refresh needed none."""
    patience = time.monotonic() + 1.0
    while True:
        runs = [r for r in (await client.snapshot()).runs if r.id > before and r.job.lower() == job.lower()]
        if runs and runs[0].state in ("done", "failed", "cancelled"):
            return runs[0]
        if not runs and time.monotonic() > patience:
            return None
        await asyncio.sleep(LOOK_AGAIN)


def stop_running(arguments: Arguments, out: Output) -> int:
    """Stop the engine, of whatever version, and wait until it has closed the database; nothing to do is fine."""
    project, _ = project_of(arguments)
    reply = stop_engine(project)
    out.note(reply.text if reply else f"{none_runs(project)}.")
    return 0
