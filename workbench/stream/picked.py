"""Some rows of a table in several pieces."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa


def picked(table: pa.Table, rows: npt.NDArray[np.int64]) -> pa.Table:
    """Copies of some rows, never descending; a plain `take` would first copy all the others into one piece."""
    found, at = [], 0
    for batch in table.to_batches():
        low, high = np.searchsorted(rows, [at, at + batch.num_rows])
        if low < high:
            found.append(batch.take(pa.array(rows[low:high] - at)))
        at += batch.num_rows
    return pa.Table.from_batches(found, schema=table.schema)
