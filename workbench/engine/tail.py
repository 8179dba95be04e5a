"""The latest records of each stream, kept formatted for whoever looks."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from workbench.batch import ACCEPTED, REJECTED, RESERVED_RULES
from workbench.protocol import Tail, TailRow
from workbench.store import format
from workbench.store.commit import StreamDelta
from workbench.stream.pending import Cut
from workbench.stream.rejections import RuleBook

KEPT = 400
PER_COMMIT = 60
RAW_KEPT = 300
UNREADABLE = (1 << len(RESERVED_RULES)) - 1 - 4
"""Rules whose rejects have no cells to show; a row that only lacks a value has them."""


class TailRing:
    """The last records of every stream, accepted and rejected in the order of their lines.

    Only the end of each commit is kept, so the cost of a commit does not grow with its size; it is formatted when somebody looks.
    """

    def __init__(self) -> None:
        self._ends: dict[str, deque[_End]] = defaultdict(lambda: deque(maxlen=KEPT))
        self._columns: dict[str, tuple[tuple[str, ...], tuple[bool, ...]]] = {}

    def add(self, delta: StreamDelta, cuts: list[Cut], book: RuleBook) -> None:
        """Take the end of what a commit stored of a stream."""
        names = tuple(c for c in delta.columns if not c.startswith("_"))
        found = self._of_cuts(delta, cuts, names, book) if cuts else self._derived(delta, names)
        ends = self._ends[delta.stream]
        ends.extend(found)
        if found:
            self._columns[delta.stream] = (names, format.numeric_columns(found[-1].table.schema))
        while ends and sum(end.count for end in ends) - ends[0].count >= KEPT:
            ends.popleft()

    def forget(self, stream: str) -> None:
        self._ends.pop(stream, None)
        self._columns.pop(stream, None)

    def tail(self, stream: str, limit: int, total: int) -> Tail:
        columns, numeric = self._columns.get(stream, ((), ()))
        rows = [row for end in list(self._ends[stream]) for row in end.rows()]
        return Tail(stream, columns, numeric, tuple(rows[-min(limit, KEPT) :] if limit > 0 else ()), total)

    def _of_cuts(self, delta: StreamDelta, cuts: list[Cut], names: tuple[str, ...], book: RuleBook) -> list[_End]:
        id = (delta.rejections["id"][0].as_py() if delta.rejections is not None else 0) + sum(len(cut.rejected) for cut in cuts)
        room = PER_COMMIT
        found: list[_End] = []
        for cut in reversed(cuts):
            id -= len(cut.rejected)
            shown = np.flatnonzero((cut.verdict == ACCEPTED) | (cut.verdict == REJECTED))[-room:]
            if len(shown):
                found.insert(0, _End.of_cut(cut, shown, names, book, id))
            room -= len(shown)
            if room <= 0:
                break
        return found

    def _derived(self, delta: StreamDelta, names: tuple[str, ...]) -> list[_End]:
        """The last accepted rows of a stream over a stream; its rejected ones are in quarantine."""
        if delta.rows is None:
            return []
        shown = np.flatnonzero(delta.rows["_verdict"].to_numpy() == ACCEPTED)[-PER_COMMIT:]
        first = delta.totals.accepted - len(shown) + 1
        if not len(shown):
            return []
        return [_End(_taken(delta.rows, names, shown), time.time(), len(shown), lambda: [_Place(first + i) for i in range(len(shown))])]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a record stands, and what was wrong with it."""

    line: int
    rules: tuple[str, ...] = ()
    unreadable: bool = False
    raw: bytes | None = None
    id: int | None = None


class _End:
    """The last records of one commit and source; holds nothing of the rest."""

    def __init__(self, table: pa.Table, arrived_at: float, count: int, places: Callable[[], list[_Place]]) -> None:
        self.table = table
        self.count = count
        self._arrived_at = arrived_at
        self._places = places
        self._rows: tuple[TailRow, ...] | None = None

    @classmethod
    def of_cut(cls, cut: Cut, shown: np.ndarray, names: tuple[str, ...], book: RuleBook, first_id: int) -> _End:
        """Args: first_id: of the cut's first rejected row in quarantine."""
        lines, masks = cut.lines(shown), cut.mask[shown]
        dropped = cut.verdict[shown] == REJECTED
        nth = np.searchsorted(cut.rejected, shown)
        raws = cut.raw_lines.take(pa.array(nth[dropped]))

        def places() -> list[_Place]:
            raw = iter(raws.to_pylist())
            return [
                _Place(
                    line,
                    tuple(book.broken(mask)) if mask else (),
                    bool(mask & UNREADABLE),
                    *((next(raw) or b"", first_id + n) if out else ()),
                )
                for line, mask, out, n in zip(lines.tolist(), masks.tolist(), dropped.tolist(), nth.tolist(), strict=True)
            ]

        return cls(_taken(cut.rows, names, shown), cut.raw.arrived_at, len(shown), places)

    def rows(self) -> tuple[TailRow, ...]:
        """Formatted at the first look."""
        if self._rows is None:
            cells = format.cells_of_rows(self.table)
            self._rows = tuple(self._row(place, row) for place, row in zip(self._places(), cells, strict=True))
        return self._rows

    def _row(self, place: _Place, row: tuple[str | None, ...]) -> TailRow:
        cells = () if place.unreadable else tuple("" if c is None else c for c in row)
        dropped = place.raw is not None
        return TailRow(self._arrived_at, place.line, cells, place.rules, dropped, _text(place.raw) if dropped else "", place.id)


def _taken(rows: pa.Table, names: tuple[str, ...], shown: np.ndarray) -> pa.Table:
    """Copies of some rows at the end, so that the commit's rows can be freed."""
    first = int(shown[0])
    return rows.select(list(names)).slice(first).take(pa.array(shown - first))


def _text(raw: bytes | None) -> str:
    return (raw or b"")[:RAW_KEPT].decode("utf-8", "replace")
