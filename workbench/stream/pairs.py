"""Rows of two inputs joined by a flow's SELECT, each pair judged by the table's expectations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from workbench.store.session import Session
from workbench.stream.select import Selected, Selector


@dataclass(frozen=True, slots=True)
class Pairs:
    """The table's columns of m pairs; `verdict` uint8[m], `mask` uint64[m]; `raw` binary[k]: the rejected ones as JSON, both rows."""

    table: pa.Table
    verdict: npt.NDArray[np.uint8]
    mask: npt.NDArray[np.uint64]
    raw: Any

    @classmethod
    def together(cls, parts: Sequence[Pairs]) -> Pairs:
        """One after the other."""
        if not parts:
            return cls(pa.table({}), np.zeros(0, np.uint8), np.zeros(0, np.uint64), pa.array([], pa.binary()))
        return cls(
            pa.concat_tables([part.table for part in parts]),
            np.concatenate([part.verdict for part in parts]),
            np.concatenate([part.mask for part in parts]),
            pa.concat_arrays([part.raw for part in parts]),
        )


def pairs(session: Session, selector: Selector, left: pa.Table | None, right: pa.Table | None, at: float) -> Pairs | None:
    """The pairs of these rows that satisfy the query, by the place of their left row, then of their right one; None without rows.

    Raises:
        FlowError: the SELECT or an expectation failed on a row.
    """
    if left is None or right is None:
        return None
    with session.relation("_right", right.append_column("_row", pa.array(np.arange(right.num_rows)))):
        found = selector.select_rows(left, at)
    partner = found.table.column("_k0").to_numpy()
    order = np.lexsort((partner, found.record))
    raw = _raw(session, found, partner, order, left, right)
    return Pairs(found.table.drop_columns("_k0").take(pa.array(order)), found.verdict[order], found.mask[order], raw)


def _raw(session: Session, found: Selected, partner: Any, order: Any, left: pa.Table, right: pa.Table) -> Any:
    rejected = order[found.verdict[order] == 1]
    if not len(rejected):
        return pa.array([], pa.binary())
    both = {
        "left": left.take(pa.array(found.record[rejected])).combine_chunks().to_struct_array(),
        "right": right.take(pa.array(partner[rejected])).combine_chunks().to_struct_array(),
    }
    with session.relation("_rows", pa.table(both)):
        texts = session.arrow("SELECT to_json(_rows)::VARCHAR AS raw FROM _rows")
    return texts.column(0).combine_chunks().cast(pa.binary())
