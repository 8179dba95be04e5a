"""Event time: which rows are late for a window, judged row by row against the running maximum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from workbench.language.definitions import EventWindow
from workbench.store.state import ENDLESS

NEVER = np.iinfo(np.int64).min
"""Stands for no event time at all; far from every real one."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """`late` bool[n]; `watermark` int64[n], microseconds, as each row saw it (NEVER before the first event time);
    `event_time` the running maximum after the last row, or None while there is none."""

    late: np.ndarray
    watermark: np.ndarray
    event_time: int | None


def judge(times: np.ndarray, window: EventWindow, event_time: int | None) -> Judgement:
    """Judge rows in offset order.

    A row is late when its window had ended before the watermark that the rows before it had set; without a window,
    when it lies behind that watermark itself. Rows without an event time (NEVER) are never late. Since each row is
    judged against all rows before it, where a batch is cut makes no difference.

    Args:
        times: int64[n], microseconds since 1970, NEVER for NULL and for rows that are not accepted.
        event_time: the running maximum before the first row.
    """
    if not len(times):
        return Judgement(np.zeros(0, bool), np.zeros(0, np.int64), event_time)
    start = NEVER if event_time is None else event_time
    highest = np.maximum.accumulate(times)
    before = np.empty_like(highest)
    before[0] = start
    np.maximum(highest[:-1], start, out=before[1:])
    watermark = np.where(before == NEVER, NEVER, before - window.delay)
    ends = times if window.key is None else times - times % window.size + window.size
    late = (times != NEVER) & (before != NEVER)
    late &= (ends < watermark) if window.key is None else (ends <= watermark)
    top = max(start, int(highest[-1]))
    return Judgement(late, watermark, None if top == NEVER else top)


def event_times(column: pa.ChunkedArray) -> np.ndarray:
    """A time column as int64 microseconds, NULL as NEVER. Any unit is taken."""
    if not pa.types.is_timestamp(column.type) or column.type.unit != "us":
        column = column.cast(pa.timestamp("us"), safe=False)  # nanoseconds are cut off, as epoch_us does
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    numbers = whole.view(pa.int64()) if not isinstance(whole, pa.ChunkedArray) else whole.cast(pa.int64())
    if numbers.null_count:
        numbers = pc.fill_null(numbers, NEVER)
    times = np.asarray(numbers.to_numpy(zero_copy_only=False), dtype=np.int64)
    endless = np.abs(times) > np.int64(ENDLESS)
    return np.where(endless, NEVER, times) if endless.any() else times
