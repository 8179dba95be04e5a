"""Appends the shop's events to the sample project's files, and turns the files over."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from workbench.demo.shop import Shop

KEPT = 160 << 20
"""Bytes that all files of a feed may take; the oldest rotated ones go first."""
ROTATED = 6 << 20
"""Bytes at which a file is renamed and a new one begun: under a minute at the usual rate."""
ORDERS_SHARE = 0.6
"""Of the rows; the others are clicks."""
MOST = 5.0
"""Seconds of events that one step makes up for, after a sleep of the machine."""


class EventFile:
    """One growing file, `orders/orders.ndjson`, and its rotated elders, `orders/orders-1.ndjson` and so on."""

    def __init__(self, folder: Path, rotated: int = ROTATED) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._path = folder / f"{folder.name}.ndjson"
        self._limit = rotated
        self._rest = b""
        self._number = max((int(p.stem.rpartition("-")[2]) for p in self.elders()), default=0)
        self._descriptor = self._open()

    def elders(self) -> list[Path]:
        """Rotated files, the oldest first."""
        found = [p for p in self._folder.glob(f"{self._folder.name}-*.ndjson") if p.stem.rpartition("-")[2].isdecimal()]
        return sorted(found, key=lambda p: int(p.stem.rpartition("-")[2]))

    def append(self, lines: list[str], cut: bool = False) -> None:
        """Write lines at the end; with `cut` the last one is left half-written until the next call."""
        data = self._rest + "".join(f"{line}\n" for line in lines).encode()
        stop = len(data) - 20 if cut and len(data) > 20 else len(data)
        self._rest = data[stop:]
        view = memoryview(data)[:stop]
        while view:
            view = view[os.write(self._descriptor, view) :]
        if not self._rest and os.fstat(self._descriptor).st_size >= self._limit:
            self._rotate()

    def size(self) -> int:
        """Bytes of the file and its elders."""
        return os.fstat(self._descriptor).st_size + sum(p.stat().st_size for p in self.elders())

    def close(self) -> None:
        """Write what is still half a line, and let go of the file."""
        if self._rest:
            os.write(self._descriptor, self._rest)
            self._rest = b""
        os.close(self._descriptor)

    def _rotate(self) -> None:
        os.close(self._descriptor)
        self._number += 1
        self._path.rename(self._folder / f"{self._folder.name}-{self._number}.ndjson")
        self._descriptor = self._open()

    def _open(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)


class Feed:
    """Writes about `rate` rows a second into a copy of the sample project, never more than `kept` bytes of files.

    Args:
        root: the project's folder.
        rate: rows a second, orders and clicks together.
        seed: of everything that is random.
        clock: seconds since 1970.
    """

    def __init__(self, root: Path, rate: float, seed: int, clock: Callable[[], float], kept: int = KEPT, rotated: int = ROTATED) -> None:
        self._clock = clock
        self._rate = rate
        self._kept = kept
        self._last = clock()
        self._shop = Shop(seed, self._last)
        self._orders = EventFile(root / "sample_data" / "orders", rotated)
        self._clicks = EventFile(root / "sample_data" / "clicks", rotated)
        self._owed = 0.0
        self._steps = 0

    def backfill(self, seconds: float, rate: float) -> None:
        """Write the past in one go, thinly, so that there is something to see at once."""
        rows = int(seconds * rate)
        self._write([self._last - seconds + i / rate for i in range(rows)])

    def step(self) -> int:
        """Write what happened since the last step; the number of rows."""
        now = self._clock()
        passed = min(MOST, max(0.0, now - self._last))
        self._last = now
        self._owed += passed * self._rate * self._shop.busy(now)
        rows = int(self._owed)
        self._owed -= rows
        self._steps += 1
        self._write([now - passed + passed * i / rows for i in range(rows)], cut=self._steps % 40 == 0)
        if self._steps % 100 == 0:
            self._prune()
        return rows

    def close(self) -> None:
        self._orders.close()
        self._clicks.close()

    def _write(self, times: list[float], cut: bool = False) -> None:
        orders = round(len(times) * ORDERS_SHARE)
        step = len(times) / orders if orders else 0.0
        chosen = {int(i * step) for i in range(orders)}
        self._orders.append([self._shop.order(t) for i, t in enumerate(times) if i in chosen], cut)
        self._clicks.append([self._shop.click(t) for i, t in enumerate(times) if i not in chosen])

    def _prune(self) -> None:
        elders = sorted((*self._orders.elders(), *self._clicks.elders()), key=lambda p: p.stat().st_mtime)
        size = self._orders.size() + self._clicks.size()
        for path in elders:
            if size <= self._kept:
                return
            size -= path.stat().st_size
            path.unlink()
