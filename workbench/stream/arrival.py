"""Rows on their way into a streaming table, with the sources that they came from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Arrival:
    """What one flow brings into one streaming table in one commit.

    Shapes: m rows. `rows` has the table's columns and `_verdict` uint8; `verdict` uint8[m] (0: accepted). `origins`: runs
    (name of the source's flow, rows), in the order of the rows, m rows together; through streaming tables over streaming
    tables a row keeps the flow that read it from the outside world.
    """

    flow: str
    rows: pa.Table
    verdict: np.ndarray
    origins: tuple[tuple[str, int], ...]

    def accepted_origins(self) -> tuple[tuple[str, int], ...]:
        """The runs of origins of the accepted rows alone."""
        edges = np.cumsum([0, *(count for _, count in self.origins)])
        taken = np.concatenate([[0], np.cumsum(self.verdict == 0)])
        counts = taken[edges[1:]] - taken[edges[:-1]]
        return tuple((name, int(count)) for (name, _), count in zip(self.origins, counts, strict=True) if count)
