"""Which values of a chunk the fast JSON reader certainly got right: asked in numpy, which takes a tenth of what SQL does.

The reader gives whole numbers as DOUBLE. 0 and 1 may be false and true, a fraction is rounded by a cast, and beyond 2^53 neighbours look
alike: all these are doubtful. So is NULL, which a value may have become that is none of its column's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Flags = npt.NDArray[np.bool_]
Check = Callable[[Any], tuple[Any, Flags | None]]
"""Of an array that the reader gave: the values to take, and which of them are right; None: all that are not NULL."""

WHOLE = {
    "TINYINT": pa.int8(),
    "SMALLINT": pa.int16(),
    "INTEGER": pa.int32(),
    "BIGINT": pa.int64(),
    "UTINYINT": pa.uint8(),
    "USMALLINT": pa.uint16(),
    "UINTEGER": pa.uint32(),
    "UBIGINT": pa.uint64(),
}
"""Whole types that are made of the reader's DOUBLEs here."""
ENDLESS = np.int64((1 << 63) - 1)
"""DuckDB's `infinity` among times; the negative one is its opposite."""


def whole(kind: str, low: int, high: int) -> Check:
    """DOUBLEs as whole numbers of a type, right between `low` and `high`."""
    type = WHOLE[kind]
    dtype = type.to_pandas_dtype()

    def check(read: Any) -> tuple[Any, Flags]:
        doubles = _numbers(read, np.float64)
        with np.errstate(invalid="ignore"):  # what is behind a NULL may be anything
            numbers = doubles.astype(np.int64)
        right = numbers == doubles
        right &= (numbers - np.int64(low)).view(np.uint64) <= np.uint64(high - low)
        right &= numbers.view(np.uint64) > 1
        values = pa.py_buffer(numbers.astype(dtype, copy=False))
        return pa.Array.from_buffers(type, len(read), [read.buffers()[0], values], read.null_count), right

    return check


def real(read: Any) -> tuple[Any, Flags]:
    """DOUBLEs as they are."""
    doubles = _numbers(read, np.float64)
    right: Flags = doubles != 0
    right &= doubles != 1
    right &= np.abs(doubles) < 1e308
    return read, right


def moment(read: Any) -> tuple[Any, Flags]:
    """TIMESTAMPTZ."""
    times = _numbers(read, np.int64)
    right: Flags = times != ENDLESS
    right &= times != -ENDLESS
    return read, right


def present(read: Any) -> tuple[Any, None]:
    """Anything that is not NULL."""
    return read, None


def taken(column: pa.ChunkedArray, check: Check, sure: Flags) -> pa.ChunkedArray:
    """A column's values; `sure` loses the rows whose value is doubtful."""
    found, at = [], 0
    for chunk in column.chunks:
        read = pa.concat_arrays([chunk]) if chunk.offset else chunk
        values, right = check(read)
        rows = sure[at : at + len(read)]
        if right is not None:
            rows &= right
        if read.null_count:
            rows &= read.is_valid().to_numpy(zero_copy_only=False)
        found.append(values)
        at += len(read)
    return pa.chunked_array(found) if found else check(column.combine_chunks())[0]


def broken(column: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """The rows in which a BOOLEAN is not TRUE."""
    held = [_held(chunk) for chunk in column.chunks]
    return np.flatnonzero(np.concatenate(held) == 0) if held else np.zeros(0, np.int64)


def _held(bits: Any) -> npt.NDArray[np.uint8]:
    """1 for TRUE, 0 for FALSE and NULL."""
    if bits.offset:
        bits = pa.concat_arrays([bits])
    found = _unpacked(bits.buffers()[1], len(bits))
    if bits.null_count:
        found &= _unpacked(bits.buffers()[0], len(bits))
    return found


def _unpacked(buffer: Any, count: int) -> npt.NDArray[np.uint8]:
    return np.unpackbits(np.frombuffer(buffer, np.uint8), count=count, bitorder="little") if count else np.zeros(0, np.uint8)


def _numbers(array: Any, dtype: type[np.generic]) -> npt.NDArray[Any]:
    """The values of an array without an offset, as they lie in memory."""
    return np.frombuffer(array.buffers()[1], dtype, len(array)) if len(array) else np.zeros(0, dtype)
