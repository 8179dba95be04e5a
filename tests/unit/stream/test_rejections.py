"""Rule masks become names, counts and violations."""

from __future__ import annotations

import numpy as np

from workbench.stream.rejections import RuleBook

BOOK = RuleBook(("positive", "known"), frozenset({"known"}))


def test_names_follow_the_bits() -> None:
    assert BOOK.broken(0b1) == ["_malformed"]
    assert BOOK.broken(0b110000) == ["positive", "known"]


def test_violations_hold_marks_only() -> None:
    masks = np.array([0, 0b100000, 0b110000], dtype=np.uint64)
    assert BOOK.violations(masks).to_pylist() == [[], ["known"], ["known"]]
    assert BOOK.violations(np.zeros(2, np.uint64)).to_pylist() == [[], []]


def test_counts_name_each_broken_rule() -> None:
    masks = np.array([0, 0b100000, 0b110000, 0b1], dtype=np.uint64)
    counts = {c.rule: (c.count, c.last_id) for c in BOOK.counts(masks, 9)}
    assert counts == {"_malformed": (1, 9), "positive": (1, 9), "known": (2, None)}
