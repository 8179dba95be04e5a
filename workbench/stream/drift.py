"""How the records of a source come to differ from its columns: new, vanished and retyped fields, each told once."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from workbench.protocol import DriftKind
from workbench.stream.infer import common_type

MOST = 100
"""Fields that are told by name: where names are data, such as ids, every record brings new ones."""
STEADY = 5_000
"""Rows that a field must have been in, and then be gone for, to count as vanished."""
MOSTLY = 0.5
"""Share of rows that makes a field one that is there."""
SETTLED = 100
"""Values of a field after which their sorts (number, string, …) are what is usual."""
SAMPLE = 300
"""Bytes of a sample line that are kept."""


@dataclass(slots=True)
class Drifted:
    """One field that no longer fits; `kinds` are the types of its values with their records and a sample each, `count` the records
    seen with it (without it: vanished)."""

    kind: DriftKind
    field: str
    at: float
    count: int = 0
    kinds: dict[str, tuple[int, bytes]] = dataclasses.field(default_factory=dict)

    @property
    def type(self) -> str:
        """The column that would hold its values; of a retyped field the type that most of them have."""
        if self.kind == "retyped" and self.kinds:
            return max(self.kinds, key=lambda kind: self.kinds[kind][0])
        return common_type(set(self.kinds) - {""})

    @property
    def sample(self) -> bytes:
        """A record with it, of the type that it is said to be if there is one."""
        return self.kinds.get(self.type, next(iter(self.kinds.values()), (0, b"")))[1]


@dataclass(slots=True)
class _Presence:
    """How many of the rows before had the field, and for how many it is gone."""

    rows: int = 0
    had: int = 0
    gone: int = 0


class Drift:
    """What is known of one source; safe from any thread, and bounded: at most `MOST` fields, a sample each."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._found: dict[tuple[DriftKind, str], Drifted] = {}
        self._presence: dict[str, _Presence] = {}
        self._headed: set[str] = set()
        self._sorts: dict[str, tuple[frozenset[str], int]] = {}
        self._full = False
        self._asked: set[str] = set()

    def first(self, what: str) -> bool:
        """Whether this was not asked before, by any thread: what concerns a whole source is told once."""
        with self._lock:
            new = what not in self._asked and len(self._asked) < MOST
            self._asked.add(what)
            return new

    def seen(self, kind: DriftKind, field: str, count: int, kinds: Iterable[str], sample: bytes) -> bool:
        """Count records with a field that does not fit; whether it is the first time, and is to be told."""
        with self._lock:
            known = self._found.get((kind, field))
            if known is None and len(self._found) >= MOST:
                return False
            drifted = known or Drifted(kind, field, self._clock())
            drifted.count += count
            for one in set(kinds) or {""}:
                had, first = drifted.kinds.get(one, (0, bytes(sample[:SAMPLE])))
                drifted.kinds[one] = (had + count, first)
            self._found[(kind, field)] = drifted
            return known is None

    def overflows(self) -> bool:
        """Whether this is the moment to say that no more will be told."""
        with self._lock:
            told, self._full = self._full, self._full or len(self._found) >= MOST
            return self._full and not told

    def vanished(self, rows: int, present: Mapping[str, int]) -> list[str]:
        """Take note of how many of some rows had each field; gives those that are missing for long by now."""
        with self._lock:
            return [name for name, had in present.items() if self._is_gone(name, rows, had)]

    def _is_gone(self, name: str, rows: int, had: int) -> bool:
        seen = self._presence.setdefault(name, _Presence())
        if had:
            seen.rows, seen.had, seen.gone = seen.rows + rows, seen.had + had, 0
            self._found.pop(("vanished", name), None)
            while seen.rows > 4 * STEADY:
                seen.rows, seen.had = seen.rows // 2, seen.had // 2
            return False
        seen.gone += rows
        return seen.gone >= STEADY and seen.rows >= STEADY and seen.had >= MOSTLY * seen.rows

    def had(self, field: str) -> None:
        """A header names the field."""
        with self._lock:
            self._headed.add(field)
            self._found.pop(("vanished", field), None)

    def lacks(self, field: str) -> bool:
        """Whether a header that does not name the field is news: one before it did."""
        with self._lock:
            return field in self._headed

    def unusual(self, sorts: Mapping[str, str]) -> list[str]:
        """The fields of a record whose value is of another sort (number, string, …) than all those before it."""
        with self._lock:
            return [name for name, sort in sorts.items() if self._is_unusual(name, sort)]

    def _is_unusual(self, name: str, sort: str) -> bool:
        usual, looks = self._sorts.get(name, (frozenset[str](), 0))
        if looks < SETTLED:
            self._sorts[name] = (usual | {sort}, looks + 1)
            return False
        return sort not in usual

    def settle(self, columns: Iterable[str]) -> None:
        """Forget new fields that have their column now."""
        names = {name.lower() for name in columns}
        with self._lock:
            for key in [key for key in self._found if key[0] == "new" and key[1].lower() in names]:
                del self._found[key]

    def found(self) -> tuple[Drifted, ...]:
        """Everything that does not fit, the oldest first."""
        with self._lock:
            return tuple(self._found.values())
