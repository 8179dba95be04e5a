"""Rows of one stream that wait for partners from another, let go when none can come any more."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Times = npt.NDArray[np.int64]
_SMALL = 4096
"""Rows; neighbouring pieces that are smaller become one."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """Some rows with their event times in microseconds, and the least and greatest of these."""

    rows: pa.Table
    times: Times
    low: int
    high: int


@dataclass(slots=True)
class Buffer:
    """Rows in the order in which they came.

    Promises: `near` gives exactly the rows in a range of time; `expire` forgets exactly those before a time, at the latest when
    they are half of what is held.
    """

    _pieces: list[_Piece] = field(default_factory=list)
    _floor: int | None = None

    @property
    def rows(self) -> int:
        return sum(len(piece.times) for piece in self._pieces)

    @property
    def bytes(self) -> int:
        return sum(piece.rows.nbytes + piece.times.nbytes for piece in self._pieces)

    def add(self, rows: pa.Table, times: Times) -> None:
        if not len(times):
            return
        last = self._pieces[-1] if self._pieces else None
        if last is not None and len(last.times) + len(times) <= _SMALL and last.rows.schema.equals(rows.schema):
            self._pieces.pop()
            rows, times = pa.concat_tables([last.rows, rows]), np.concatenate([last.times, times])
        self._pieces.append(_piece(rows.combine_chunks(), times))

    def near(self, low: int, high: int) -> pa.Table | None:
        """The rows whose times are in `low`…`high`, both included; None when there are none."""
        low = low if self._floor is None else max(low, self._floor)
        found = []
        for piece in self._pieces:
            if piece.high < low or piece.low > high:
                continue
            inside = (piece.times >= low) & (piece.times <= high)
            if inside.all():
                found.append(piece.rows)
            elif inside.any():
                found.append(piece.rows.filter(pa.array(inside)))
        return pa.concat_tables(found, promote_options="permissive") if found else None

    def expire(self, before: int) -> None:
        """No row whose time is less than `before` is needed any more."""
        self._floor = before if self._floor is None else max(before, self._floor)
        self._pieces = [kept for piece in self._pieces if (kept := _trimmed(piece, self._floor)) is not None]


def _piece(rows: pa.Table, times: Times) -> _Piece:
    return _Piece(rows, times, int(times.min()), int(times.max()))


def _trimmed(piece: _Piece, floor: int) -> _Piece | None:
    if piece.high < floor:
        return None
    if piece.low >= floor:
        return piece
    inside = piece.times >= floor
    if np.count_nonzero(inside) * 2 > len(inside):
        return piece
    return _piece(piece.rows.filter(pa.array(inside)).combine_chunks(), piece.times[inside])
