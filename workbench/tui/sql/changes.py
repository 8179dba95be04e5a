"""What changed between two refreshes of a live result, by the key that its first columns make."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from workbench.tui.numbers import number_of

REFRESHES = 20
"""How many values of each row the sparkline remembers."""

Row = tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """One row against the last result: `delta` of its amount, `new` when its key was not there."""

    delta: float = 0.0
    new: bool = False
    fresh: bool = True
    """Found by the newest refresh (drawn bold), not by the one before."""


@dataclass(slots=True)
class Changes:
    """Follows the amount (the first numeric column after the keys) of every row through refreshes.

    Attributes:
        keys: how many leading columns are the key.
        amount: index of the column that is followed; None when there is none.
        changed: rows that differ from the last result.
    """

    keys: int = 0
    amount: int | None = None
    changed: int = 0
    rows: dict[Row, Change] = field(default_factory=dict)
    history: dict[Row, deque[float]] = field(default_factory=dict)
    _values: dict[Row, Row] | None = None

    def key(self, row: Row) -> Row:
        return row[: self.keys]

    def take(self, rows: Sequence[Row], numeric: Sequence[bool]) -> None:
        """A new result; compares it with the one before."""
        self._shape(numeric)
        old, old_changes = self._values, self.rows
        new: dict[Row, Row] = {self.key(row): row for row in rows}
        self.rows, self.changed = {}, 0
        for key, row in new.items():
            self._remember(key, row)
            if old is None:
                continue
            if key not in old:
                self.rows[key] = Change(new=True)
            elif old[key] != row:
                self.rows[key] = Change(delta=self._amount(row) - self._amount(old[key]))
            elif key in old_changes and old_changes[key].fresh:
                before = old_changes[key]
                self.rows[key] = Change(before.delta, before.new, fresh=False)
        self.changed = sum(1 for change in self.rows.values() if change.fresh)
        self.history = {key: values for key, values in self.history.items() if key in new}
        self._values = new

    def forget(self) -> None:
        """Starts anew: the statement is another one."""
        self.rows, self.history, self._values, self.changed = {}, {}, None, 0

    def _shape(self, numeric: Sequence[bool]) -> None:
        self.keys = next((i for i, is_number in enumerate(numeric) if is_number), len(numeric))
        self.amount = self.keys if self.keys < len(numeric) else None
        if self.keys == 0 and len(numeric) > 1:
            self.keys, self.amount = 1, next((i for i in range(1, len(numeric)) if numeric[i]), None)

    def _amount(self, row: Row) -> float:
        return (number_of(row[self.amount]) or 0.0) if self.amount is not None else 0.0

    def _remember(self, key: Row, row: Row) -> None:
        if self.amount is not None:
            self.history.setdefault(key, deque(maxlen=REFRESHES)).append(self._amount(row))
