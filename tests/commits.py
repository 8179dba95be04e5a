"""What holds of every commit."""

from __future__ import annotations

from workbench.store.commit import Counts

STEPS = 9
"""The numbered steps of store.commit.write."""


def balanced(counts: Counts) -> bool:
    """Whether every record has one fate."""
    return counts.rows_in + counts.multiplied == counts.accepted + counts.rejected + counts.filtered + counts.blank
