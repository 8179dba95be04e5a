"""The command `sql`: a query's result as a table, or in a format for programs."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from workbench.cli.arguments import FORMATS, Arguments
from workbench.cli.attach import attached
from workbench.cli.output import Output
from workbench.cli.rows import SHOWN, print_all, print_some
from workbench.client import EngineClient
from workbench.errors import QueryCancelled, QueryError, UsageError
from workbench.protocol import QueryStatus

WAIT = 1.0
"""Seconds that one question for a query's state may take."""


def sql(arguments: Arguments, out: Output) -> int:
    """Print the result of a query."""
    text = _text(arguments)
    form = _format(arguments)
    if form in ("parquet", "arrow") and not arguments.output and out.terminal:
        raise UsageError(f"{form} is no text for a terminal", "Give --output FILE, or pipe it into a program.")
    return asyncio.run(_sql(arguments, text, form, out))


def _text(arguments: Arguments) -> str:
    given: str | None = arguments.sql
    if given in (None, "-"):
        if given is None and sys.stdin.isatty():
            raise UsageError("sql needs a query", "workbench sql 'select 1', or give it on standard input.")
        given = sys.stdin.read()
    if not given or not given.strip():
        raise UsageError("The query is empty", "workbench sql 'select 1'")
    return given


def _format(arguments: Arguments) -> str:
    if arguments.format:
        return str(arguments.format)
    ending = Path(arguments.output or "").suffix.lstrip(".").lower()
    return ending if ending in FORMATS else "table"


async def _sql(arguments: Arguments, text: str, form: str, out: Output) -> int:
    async with attached(arguments) as client:
        query = await client.submit(text)
        try:
            query = await _settled(client, query, whole=form != "table" or not out.terminal or bool(arguments.output))
            if query.statement:
                out.note(query.statement)
            elif form == "table" and out.terminal and not arguments.output:
                await print_some(client, query, out)
            else:
                await _write(client, query, form, arguments.output, out)
        except asyncio.CancelledError:
            with suppress(Exception):
                await client.cancel(query.id)
            raise
        finally:
            with suppress(Exception):
                await client.close_query(query.id)
    return 0


async def _settled(client: EngineClient, query: QueryStatus, whole: bool) -> QueryStatus:
    """The query once it has ended, or (unless the `whole` result is wanted) once it has enough rows.

    Raises:
        QueryError: it failed.
    """
    while query.state == "running" and (whole or query.rows <= SHOWN):
        query = await client.query(query.id, WAIT)
    if query.state == "cancelled":
        raise QueryCancelled("The query was cancelled.")
    if query.state == "failed":
        raise QueryError(f"{query.error}{_caret(query)}", query.hint, query.position)
    return query


def _caret(query: QueryStatus) -> str:
    """The line of the query that an error is about, with a caret under the place."""
    if query.position is None:
        return ""
    before = query.sql[: query.position]
    start = before.rfind("\n") + 1
    line = query.sql[start:].split("\n", 1)[0]
    pad = "".join("\t" if c == "\t" else " " for c in before[start:])
    return f"\n  {line}\n  {pad}^"


async def _write(client: EngineClient, query: QueryStatus, form: str, output: str | None, out: Output) -> None:
    """The whole result in a format, to standard output or a file."""
    if output is None and form == "table":
        await print_all(client, query, out)
    elif output is None:
        out.stdout.flush()
        await _convert(client, query, form, out.binary)
        out.binary.flush()
    else:
        with _replacing(Path(output)) as path:
            if form == "table":
                with path.open("w", encoding="utf-8") as text:
                    await print_all(client, query, Output(text, out.stderr))
            else:
                with path.open("wb") as file:
                    await _convert(client, query, form, file)
        out.note(f"{query.rows:,} {'row' if query.rows == 1 else 'rows'} in {output}, {query.seconds:.2f} s")


@contextmanager
def _replacing(target: Path) -> Iterator[Path]:
    """A path to write to, which becomes the target once all is written: no reader sees half a file.

    Raises:
        UsageError: it cannot be written.
    """
    part = target.with_name(f".{target.name}.part")
    try:
        yield part
        part.replace(target)
    except OSError as error:
        raise UsageError(f"{target}: {error.strerror}", "Choose a place that you may write to.") from error
    finally:
        part.unlink(missing_ok=True)


async def _convert(client: EngineClient, query: QueryStatus, form: str, target: BinaryIO) -> None:
    """Read the result's Arrow stream and write it in a format; neither is ever whole in memory."""
    if form == "arrow":
        async for block in client.arrow(query.id):
            target.write(block)
        return
    from workbench.cli.formats import write_stream

    reading, writing = os.pipe()

    def convert() -> None:
        with os.fdopen(reading, "rb") as source:
            write_stream(source, target, form)

    work = asyncio.create_task(asyncio.to_thread(convert))
    # When the conversion fails its end of the pipe closes; what went wrong is in `work`.
    with suppress(BrokenPipeError), os.fdopen(writing, "wb", buffering=0) as sink:
        async for block in client.arrow(query.id):
            await asyncio.to_thread(_write_block, sink, block)
    await work


def _write_block(sink: BinaryIO, block: bytes) -> None:
    view = memoryview(block)
    while view:
        view = view[sink.write(view) :]
