"""Values of a row group that its types do not allow: DuckDB would take them for others, or stop at them for good."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Flags = npt.NDArray[np.bool_]

FIRST, LAST = -9_223_372_022_400_000_000, (1 << 63) - 2
"""Microseconds of DuckDB's first and last time."""
ENDLESS = (1 << 63) - 1
UNITS = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
"""Of a second."""


def sound(table: pa.Table) -> tuple[pa.Table, Flags]:
    """The table as DuckDB can take it, NULL where it could not, and the rows where that is so."""
    bad = np.zeros(table.num_rows, np.bool_)
    for place, name in enumerate(table.column_names):
        column = _known(table.column(place).combine_chunks())
        if not _is_sound(column):
            wrong = np.array([not _is_sound(pa.concat_arrays([column.slice(row, 1)])) for row in range(len(column))], np.bool_)
            column = column.take(pa.array(np.arange(len(column)), mask=wrong))
            bad |= wrong
        table = table.set_column(place, pa.field(name, column.type), column)
    return table, bad


def _known(column: Any) -> Any:
    """A column of a type that DuckDB does not know as another one."""
    if pa.types.is_float16(column.type):
        return column.cast(pa.float32())
    return column.cast(pa.string()) if pa.types.is_decimal256(column.type) else column


def _is_sound(array: Any) -> bool:
    try:
        array.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return all(_in_range(leaf) for leaf in _leaves(array))


def _leaves(array: Any) -> Iterator[Any]:
    kind = array.type
    if pa.types.is_map(kind):
        parts = [array.keys, array.items]
    elif pa.types.is_struct(kind) or pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        flat = array.flatten()
        parts = flat if isinstance(flat, list) else [flat]
    else:
        parts = []
        yield array
    for part in parts:
        yield from _leaves(part)


def _in_range(leaf: Any) -> bool:
    limits = _limits(leaf.type)
    if limits is None or leaf.null_count == len(leaf):
        return True
    counts = leaf.cast(pa.int32()).cast(pa.int64()) if pa.types.is_time32(leaf.type) else leaf.cast(pa.int64())
    counts = pc.if_else(pc.is_in(counts, pa.array([ENDLESS, -ENDLESS])), 0, counts)
    found = pc.min_max(counts).as_py()
    return bool(limits[0] <= found["min"] and found["max"] <= limits[1])


def _limits(kind: Any) -> tuple[int, int] | None:
    if pa.types.is_time(kind):
        return 0, 86_400 * UNITS[kind.unit]
    if not pa.types.is_timestamp(kind):
        return None
    return (
        (1 - ENDLESS, ENDLESS - 1)
        if kind.unit == "ns"
        else (FIRST * UNITS[kind.unit] // UNITS["us"], LAST * UNITS[kind.unit] // UNITS["us"])
    )
