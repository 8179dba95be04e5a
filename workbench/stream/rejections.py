"""Rejected records on their way to quarantine, and the names of the rules they broke."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from workbench.batch import RESERVED_RULES
from workbench.errors import ExpectationFailed
from workbench.language.definitions import StreamingTable
from workbench.store.commit import RuleCount
from workbench.store.inserts import repeated
from workbench.stream.pending import Cut

FEW = 200
"""Rows whose rules are listed one by one: to find equal ones first takes longer."""


class RuleBook:
    """The rules of one streaming table, by their bit in a rule mask.

    Args:
        expectations: names in the order of the table's expectations.
        marks: those of them that only mark.
    """

    def __init__(self, expectations: tuple[str, ...], marks: frozenset[str]) -> None:
        self.names = (*RESERVED_RULES, *expectations)
        self.marks = np.uint64(sum(1 << i for i, name in enumerate(self.names) if name in marks))
        self._lists: dict[int, list[str]] = {}

    def lists(self, masks: np.ndarray) -> pa.Array:
        """The broken rules of each row, list<string>[n]."""
        if len(masks) <= FEW:
            return pa.array([self.broken(mask) for mask in masks.tolist()], pa.list_(pa.string()))
        distinct, where = np.unique(masks, return_inverse=True)
        return pa.array([self.broken(int(mask)) for mask in distinct], pa.list_(pa.string())).take(pa.array(where))

    def violations(self, masks: np.ndarray) -> pa.Array:
        """The broken marks of each row, for `_violations`; fast where no row broke any."""
        marked = masks & self.marks
        if not marked.any():
            return pa.ListArray.from_arrays(pa.array(np.zeros(len(masks) + 1, np.int32)), pa.array([], pa.string()))
        return self.lists(marked)

    def broken(self, mask: int) -> list[str]:
        if mask not in self._lists:
            self._lists[mask] = [name for i, name in enumerate(self.names) if mask >> i & 1]
        return self._lists[mask]

    def counts(self, masks: np.ndarray, last_id: int | None) -> tuple[RuleCount, ...]:
        """How often each rule was broken; `last_id` goes to every rule that the last rejected row broke."""
        broken = masks[masks != 0]
        found = []
        for i, name in enumerate(self.names):
            count = int(np.count_nonzero(broken & np.uint64(1 << i)))
            if count:
                found.append(RuleCount(name, count, last_id if not self.marks >> np.uint64(i) & np.uint64(1) else None))
        return tuple(found)


def rejections(cuts: Sequence[Cut], book: RuleBook, first_id: int, source: str) -> pa.Table | None:
    """The rejected rows of some pieces as rows for quarantine; None when there are none."""
    cuts = [cut for cut in cuts if len(cut.rejected)]
    if not cuts:
        return None
    sizes = [len(cut.rejected) for cut in cuts]
    count = sum(sizes)
    return pa.table(
        {
            "id": np.arange(first_id, first_id + count, dtype=np.int64),
            "rules": book.lists(np.concatenate([cut.mask[cut.rejected] for cut in cuts])),
            "raw": pa.chunked_array([cut.raw_lines for cut in cuts]),
            "source": repeated(source, count),
            "file": pa.chunked_array([repeated(cut.raw.start.file, size) for cut, size in zip(cuts, sizes, strict=True)]),
            "line": np.concatenate([cut.lines(cut.rejected) for cut in cuts]),
            "offset": np.concatenate([cut.offsets(cut.rejected) for cut in cuts]),
            "arrived_at": np.repeat([cut.raw.arrived_at for cut in cuts], sizes),
        }
    )


def derived_rejections(
    book: RuleBook, mask: np.ndarray, raw: pa.Array, source: str, file: str, places: np.ndarray, at: float, first_id: int
) -> pa.Table | None:
    """Rejected rows of a flow over streaming tables as rows for quarantine; None when there are none.

    Args:
        mask: uint64[n], of the rejected rows alone; `raw` and `places` (what they were the how-manieth of) are theirs too.
    """
    count = len(mask)
    if not count:
        return None
    return pa.table(
        {
            "id": np.arange(first_id, first_id + count, dtype=np.int64),
            "rules": book.lists(mask),
            "raw": raw,
            "source": repeated(source, count),
            "file": repeated(file, count),
            "line": places + 1,
            "offset": places,
            "arrived_at": pa.repeat(at, count),
        }
    )


def stop_on_fail(flow: str, table: StreamingTable, book: RuleBook, mask: np.ndarray, what: str, streams: Sequence[str]) -> None:
    """Stop a flow over streaming tables before it stores a row that broke a rule ON VIOLATION FAIL UPDATE.

    Args:
        what: `row` or `pair`, as messages call what it judges.

    Raises:
        ExpectationFailed: some row did.
    """
    for bit, rule in enumerate(table.expectations, len(book.names) - len(table.expectations)):
        if rule.action == "fail" and (mask & np.uint64(1 << bit)).any():
            names = list(dict.fromkeys(streams))
            both, them = " and ".join(names), names[0] if len(names) == 1 else "them"
            raise ExpectationFailed(
                f"{flow} stopped: a {what} of {both} broke {rule.name} ({rule.predicate}), ON VIOLATION FAIL UPDATE",
                f"Nothing of that batch is stored, of {both} neither. Mend the rule or the data, then resume {them}.",
            )
