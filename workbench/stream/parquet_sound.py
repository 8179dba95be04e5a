"""Values of a row group that its types do not allow: DuckDB would take them for others, or stop at them for good."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from workbench.errors import FlowError
from workbench.stream.nesting import leaves, rebuilt

Flags = npt.NDArray[np.bool_]

FIRST, LAST = -9_223_372_022_400_000_000, (1 << 63) - 2
"""Microseconds of DuckDB's first and last time."""
ENDLESS = (1 << 63) - 1
"""The count that DuckDB takes for an endless time, unless it has to be made finer."""
UNITS = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
"""Of a second."""
NUMBER = "NUMBER"
"""Of more digits than DuckDB has: its text."""
PIECES = 16
"""Into which a column with a wrong value is cut to find it."""


def sound(table: pa.Table, where: str) -> tuple[pa.Table, Flags]:
    """The table as DuckDB can take it, NULL where it could not, and the rows where that is so.

    Args:
        where: the stream and the file, for an error.

    Raises:
        FlowError: a column is of a type that cannot be read at all.
    """
    bad = np.zeros(table.num_rows, np.bool_)
    for place, name in enumerate(table.column_names):
        column = table.column(place).combine_chunks()
        try:
            column = _known(column)
            wrong = _wrong(column)
            if wrong.any():
                column = column.take(pa.array(np.arange(len(column)), mask=wrong))
        except pa.ArrowException as error:
            raise unreadable(where, name, column.type, error) from error
        bad |= wrong
        table = table.set_column(place, pa.field(name, column.type), column)
    return table, bad


def unreadable(where: str, name: str, kind: Any, error: Exception) -> FlowError:
    """The error for a column that cannot be read."""
    reason = str(error).split("\n", 1)[0]
    return FlowError(
        f"{where}: the column {name} cannot be read as {kind}: {reason}",
        "Write the file without this column, or with it as text or another plain type; or keep the file out of the source's pattern.",
    )


def _known(column: Any) -> Any:
    """A column of types that DuckDB does not know, or that cannot be cut in pieces, as another one."""
    if pa.types.is_list_view(column.type) or pa.types.is_large_list_view(column.type):
        ends = np.cumsum(pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False), dtype=np.int64)
        column = pa.LargeListArray.from_arrays(pa.array(np.concatenate([[0], ends])), column.flatten(), mask=column.is_null())
    kind = known(column.type)
    return column if kind == column.type else column.cast(kind)


def known(kind: Any) -> Any:
    """A type, with others in it for those that DuckDB does not know; dictionaries are read, for one wrong entry spoils them whole."""
    types = pa.types
    if types.is_dictionary(kind):
        return known(kind.value_type)
    if types.is_struct(kind):
        return pa.struct([_field(field) for field in kind])
    if types.is_map(kind):
        return pa.map_(_field(kind.key_field), _field(kind.item_field), kind.keys_sorted)
    if types.is_fixed_size_list(kind):
        return pa.list_(_field(kind.value_field), kind.list_size)
    for is_list, list_ in LISTS:
        if is_list(kind):
            return list_(_field(kind.value_field))
    return next((plain for is_such, plain in PLAIN if is_such(kind)), kind)


LISTS = (
    (pa.types.is_list, pa.list_),
    (pa.types.is_large_list, pa.large_list),
    (pa.types.is_list_view, pa.list_view),
    (pa.types.is_large_list_view, pa.large_list_view),
)
PLAIN = (
    (pa.types.is_float16, pa.float32()),
    (pa.types.is_decimal256, pa.string()),
    (pa.types.is_string_view, pa.string()),
    (pa.types.is_binary_view, pa.binary()),
)


def spelled(kind: str, arrow: Any) -> str:
    """DuckDB's name for a type of Arrow's once it is `known`, with NUMBER for the numbers that are texts then."""
    held = list(_held(arrow))
    if not any(pa.types.is_decimal256(one) for one in held) or len(held) != len(list(leaves(kind))):
        return kind
    ordered = iter(held)
    return rebuilt(kind, lambda leaf: NUMBER if pa.types.is_decimal256(next(ordered)) else leaf)


def _held(kind: Any) -> Iterator[Any]:
    """The types in a type that are made of no others."""
    if pa.types.is_dictionary(kind):
        yield from _held(kind.value_type)
    elif pa.types.is_map(kind):
        yield from (*_held(kind.key_type), *_held(kind.item_type))
    elif pa.types.is_struct(kind):
        for field in kind:
            yield from _held(field.type)
    elif pa.types.is_fixed_size_list(kind) or any(is_list(kind) for is_list, _ in LISTS):
        yield from _held(kind.value_type)
    else:
        yield kind


def _field(field: Any) -> Any:
    return field.with_type(known(field.type))


def _wrong(column: Any) -> Flags:
    """The rows with a value that is not sound: what holds one is cut until it is one row."""
    wrong = np.zeros(len(column), np.bool_)
    spans = [(0, len(column))]
    while spans:
        start, stop = spans.pop()
        if _is_sound(column if stop - start == len(column) else pa.concat_arrays([column.slice(start, stop - start)])):
            continue
        if stop - start == 1:
            wrong[start] = True
            continue
        step = -(-(stop - start) // PIECES)
        spans += [(at, min(at + step, stop)) for at in range(start, stop, step)]
    return wrong


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
    elif pa.types.is_fixed_size_list(kind) or pa.types.is_struct(kind) or any(is_list(kind) for is_list, _ in LISTS):
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
    counts = leaf.cast(pa.int32()).cast(pa.int64()) if leaf.type.bit_width == 32 else leaf.cast(pa.int64())
    if pa.types.is_timestamp(leaf.type) and (leaf.type.tz is None or leaf.type.unit in ("us", "ns")):
        counts = pc.if_else(pc.is_in(counts, pa.array([ENDLESS, -ENDLESS])), 0, counts)
    found = pc.min_max(counts).as_py()
    return bool(limits[0] <= found["min"] and found["max"] <= limits[1])


def _limits(kind: Any) -> tuple[int, int] | None:
    if pa.types.is_date32(kind):
        return 1 - (1 << 31), (1 << 31) - 1
    if pa.types.is_time(kind):
        return 0, 86_400 * UNITS[kind.unit]
    if pa.types.is_duration(kind) and kind.unit in ("s", "ms"):
        most = ENDLESS * UNITS[kind.unit] // UNITS["us"]
        return -most, most
    if not pa.types.is_timestamp(kind):
        return None
    return (
        (1 - ENDLESS, ENDLESS - 1)
        if kind.unit == "ns"
        else (FIRST * UNITS[kind.unit] // UNITS["us"], LAST * UNITS[kind.unit] // UNITS["us"])
    )
