"""A query's rows as a table, fetched page by page in the engine's own formatting."""

from __future__ import annotations

from collections.abc import AsyncIterator

from workbench.cli.output import Output, aligned, visible, widths_of
from workbench.client import EngineClient
from workbench.protocol import QueryStatus

PAGE = 200
"""Rows that the engine formats at once."""
SHOWN = 1000
"""Rows that a terminal gets, and by which the columns of longer plain tables are measured."""
NULL = "NULL"


async def print_some(client: EngineClient, query: QueryStatus, out: Output) -> None:
    """The first rows, for a person at a terminal."""
    rows = [row async for row in _rows(client, query, SHOWN)]
    out.table([name for name, _ in query.columns], rows, await _numeric(client, query))
    more = f" (the first {len(rows):,} shown; --format csv gives all)" if query.rows > len(rows) else ""
    out.note(f"{query.rows:,} {'row' if query.rows == 1 else 'rows'}{more}, {query.seconds:.2f} s")


async def print_all(client: EngineClient, query: QueryStatus, out: Output) -> None:
    """All rows as plain text; the columns are as wide as the first rows need."""
    names = list(visible([name for name, _ in query.columns]))
    numeric = await _numeric(client, query)
    first: list[tuple[str, ...]] = []
    widths: list[int] = []
    async for row in _rows(client, query, query.rows):
        if widths:
            out.line(aligned(row, widths, numeric))
            continue
        first.append(row)
        if len(first) == SHOWN:
            widths = _print_first(names, first, numeric, out)
    if not widths:
        _print_first(names, first, numeric, out)


def _print_first(names: list[str], rows: list[tuple[str, ...]], numeric: tuple[bool, ...], out: Output) -> list[int]:
    widths = widths_of([names, *rows])
    for row in (names, *rows):
        out.line(aligned(row, widths, numeric))
    return widths


async def _numeric(client: EngineClient, query: QueryStatus) -> tuple[bool, ...]:
    page = await client.page(query.id, 0, 1)
    return page.numeric or (False,) * len(query.columns)


async def _rows(client: EngineClient, query: QueryStatus, limit: int) -> AsyncIterator[tuple[str, ...]]:
    stop = min(limit, query.rows)
    for offset in range(0, stop, PAGE):
        page = await client.page(query.id, offset, min(PAGE, stop - offset))
        for row in page.rows:
            yield tuple(NULL if cell is None else cell for cell in row)
