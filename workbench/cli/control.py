"""Commands on one stream: each prints what it will do, and does it once that is agreed to."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime

from workbench.cli.arguments import Arguments
from workbench.cli.attach import attached, none_runs, running
from workbench.cli.output import Output
from workbench.cli.project import project_of
from workbench.client import Argument
from workbench.errors import EngineUnavailable, FlowError, NotFound, UsageError
from workbench.moments import moment, speed
from workbench.protocol import Action, DriftStatus, to_json

NOT_DONE = FlowError.exit_code
DRIFT_COLUMNS = ("stream", "field", "what", "type", "lines", "since", "sample")


def pause(arguments: Arguments, out: Output) -> int:
    """Pause a stream."""
    return asyncio.run(_commanded(arguments, out, "pause", {}, agreed=True, start=False))


def resume(arguments: Arguments, out: Output) -> int:
    """Go on with a paused, stopped or failed stream."""
    return asyncio.run(_commanded(arguments, out, "resume", {}, agreed=True, start=False))


def stop(arguments: Arguments, out: Output) -> int:
    """Close a stream's source; without a name, stop the engine."""
    if arguments.name is None:
        from workbench.cli.ask import stop_running

        return stop_running(arguments, out)
    return asyncio.run(_commanded(arguments, out, "stop", {}))


def limit(arguments: Arguments, out: Output) -> int:
    """Set how fast a stream may read, or lift that."""
    return asyncio.run(_commanded(arguments, out, "limit", {"rows": _rate(arguments.rate)}, agreed=True))


def skip(arguments: Arguments, out: Output) -> int:
    """Read a stream on from the end."""
    return asyncio.run(_commanded(arguments, out, "end", {}))


def rewind(arguments: Arguments, out: Output) -> int:
    """Put a stream back, and replay it."""
    places: dict[str, Argument] = {
        "commit": arguments.to_commit,
        "time": None if arguments.to_time is None else _time(arguments.to_time),
        "offset": arguments.to_offset,
        "row": arguments.to_row,
        "beginning": arguments.to_beginning or None,
    }
    given = {name: value for name, value in places.items() if value is not None}
    return asyncio.run(_commanded(arguments, out, "rewind", given))


def add_column(arguments: Arguments, out: Output) -> int:
    """Add the column of a drifted field."""
    return asyncio.run(_commanded(arguments, out, "column", {"field": arguments.field}))


async def _commanded(
    arguments: Arguments, out: Output, action: Action, given: Mapping[str, Argument], agreed: bool = False, start: bool = True
) -> int:
    """Print the plan and carry it out; 3 when it cannot be done, or was not agreed to; 0 too when there is nothing to do."""
    async with attached(arguments, start) as client:
        plan = await client.plan_control(arguments.name, action, **given)
        for sentence in plan.says:
            out.note(sentence)
        if not plan.possible:
            return 0 if plan.already else NOT_DONE
        if not (agreed or arguments.yes or _agreed(out)):
            return NOT_DONE
        out.note((await client.control(arguments.name, action, plan.token, **given)).text)
    return 0


def _agreed(out: Output) -> bool:
    """Ask; only a person at a terminal can be asked."""
    if not (sys.stdin.isatty() and out.stderr.isatty()):
        out.note("Nothing was done: --yes does it.")
        return False
    out.stderr.write("Do it? [y/N] ")
    out.stderr.flush()
    answer = sys.stdin.readline().strip().lower()
    if answer not in ("y", "yes"):
        out.note("Nothing was done.")
        return False
    return True


def _time(text: str) -> str:
    """A time that still means the same when the plan is agreed to; one that only SQL understands stays as it is."""
    at = moment(text, time.time(), UTC)
    return text if at is None else at.isoformat()


def _rate(text: str) -> float | None:
    try:
        return speed(text)
    except ValueError as error:
        raise UsageError(f"{text!r} is no limit: {error}", "Write rows a second, such as 1000 or 20k; none lifts it.") from None


def drift(arguments: Arguments, out: Output) -> int:
    """List fields that no longer fit the columns."""
    return asyncio.run(_drift(arguments, out))


async def _drift(arguments: Arguments, out: Output) -> int:
    project, _ = project_of(arguments)
    client = running(project)
    if client is None:
        raise EngineUnavailable(
            f"{none_runs(project)}: only one that reads knows what does not fit now",
            "Start it with `workbench run`. What was noticed before is stored:"
            " workbench sql \"SELECT stream, text FROM workbench.events WHERE text LIKE '%field%'\"",
        )
    try:
        snapshot = await client.snapshot()
    finally:
        await client.aclose()
    name = arguments.name
    if name and name.lower() not in {stream.name.lower() for stream in snapshot.streams}:
        raise NotFound(f"There is no streaming table {name}", "`workbench status` lists them.")
    found = [one for one in snapshot.drifts if not name or one.stream.lower() == name.lower()]
    if arguments.json:
        for one in found:
            out.line(json.dumps(to_json(one), ensure_ascii=False))
    elif not found:
        out.note("Every field fits.")
    else:
        out.table(DRIFT_COLUMNS, [_row(one) for one in found], (False, False, False, False, True, False, False))
        if any(one.addable for one in found):
            out.note("`workbench add-column STREAM FIELD` adds the column of one.")
    return 0


def _row(drift: DriftStatus) -> tuple[str, ...]:
    since = datetime.fromtimestamp(drift.at, UTC).strftime("%Y-%m-%d %H:%M:%S")
    return (drift.stream, drift.field, drift.kind, drift.type, f"{drift.count:,}", since, drift.sample)
