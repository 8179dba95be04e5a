"""The latest records of each stream, kept formatted for whoever looks."""

from __future__ import annotations

import time
from collections import defaultdict, deque

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


class TailRing:
    """The last records of every stream, accepted and rejected in the order of their lines.

    Only the end of each commit is formatted, so the cost of a commit does not grow with its size.
    """

    def __init__(self) -> None:
        self._rows: dict[str, deque[TailRow]] = defaultdict(lambda: deque(maxlen=KEPT))
        self._columns: dict[str, tuple[tuple[str, ...], tuple[bool, ...]]] = {}

    def add(self, delta: StreamDelta, cuts: list[Cut], book: RuleBook) -> None:
        """Take the end of what a commit stored of a stream."""
        if not cuts:  # a flow over streaming tables
            self._rows[delta.stream].extend(self._derived(delta))
            return
        first_id = delta.rejections["id"][0].as_py() if delta.rejections is not None else 0
        rejected_before = sum(len(cut.rejected) for cut in cuts)
        room = PER_COMMIT
        rows: list[TailRow] = []
        for cut in reversed(cuts):
            rejected_before -= len(cut.rejected)
            part = self._format(delta, cut, book, room, first_id + rejected_before)
            rows[:0] = part
            room -= len(part)
            if room <= 0:
                break
        self._rows[delta.stream].extend(rows)

    def forget(self, stream: str) -> None:
        self._rows.pop(stream, None)
        self._columns.pop(stream, None)

    def tail(self, stream: str, limit: int, total: int) -> Tail:
        columns, numeric = self._columns.get(stream, ((), ()))
        rows = list(self._rows[stream])[-limit:] if limit > 0 else []
        return Tail(stream, columns, numeric, tuple(rows), total)

    def _derived(self, delta: StreamDelta) -> list[TailRow]:
        """The last accepted rows of a stream over a stream; its rejected ones are in quarantine."""
        if delta.rows is None:
            return []
        shown = np.flatnonzero(delta.rows["_verdict"].to_numpy() == ACCEPTED)[-PER_COMMIT:]
        names = [c for c in delta.columns if not c.startswith("_")]
        table = delta.rows.select(names).take(pa.array(shown))
        self._columns[delta.stream] = (tuple(names), format.numeric_columns(table.schema))
        first = delta.totals.accepted - len(shown) + 1
        now = time.time()
        return [TailRow(now, first + i, tuple("" if c is None else c for c in row)) for i, row in enumerate(format.cells_of_rows(table))]

    def _format(self, delta: StreamDelta, cut: Cut, book: RuleBook, room: int, first_id: int) -> list[TailRow]:
        shown = np.flatnonzero((cut.verdict == ACCEPTED) | (cut.verdict == REJECTED))[-room:]
        if not len(shown):
            return []
        names = [c for c in delta.columns if not c.startswith("_")]
        table = cut.rows.select(names).take(pa.array(shown))
        cells = format.cells_of_rows(table)
        self._columns[delta.stream] = (tuple(names), format.numeric_columns(table.schema))
        lines = cut.lines(shown)
        unreadable = (1 << len(RESERVED_RULES)) - 1 - 4  # a row that only lacks a value has its cells
        rows = []
        for i, row in enumerate(shown):
            mask, dropped = int(cut.mask[row]), cut.verdict[row] == REJECTED
            place = int(np.searchsorted(cut.rejected, row)) if dropped else 0
            raw = _text(cut.raw_lines[place].as_py()) if dropped else ""
            shown_cells = () if mask & unreadable else tuple("" if c is None else c for c in cells[i])
            rows.append(
                TailRow(
                    cut.raw.arrived_at,
                    int(lines[i]),
                    shown_cells,
                    tuple(book.broken(mask)),
                    bool(dropped),
                    raw,
                    first_id + place if dropped else None,
                )
            )
        return rows


def _text(raw: bytes | None) -> str:
    return (raw or b"")[:RAW_KEPT].decode("utf-8", "replace")
