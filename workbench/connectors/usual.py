"""Tidings that are no reason to worry: what a rotation does to files, a hundred at a time."""

from __future__ import annotations

from collections.abc import Sequence


class Usual(str):
    """A sentence about what is well and normal; of several that come together, one is enough."""

    __slots__ = ()


def summed(texts: Sequence[str]) -> tuple[list[str], str]:
    """Those that somebody should look at, and one sentence for all that is usual; empty when nothing is."""
    usual = [text for text in texts if isinstance(text, Usual)]
    more = f" (and {len(usual) - 1:,} more such {'change' if len(usual) == 2 else 'changes'} of files)" if len(usual) > 1 else ""
    return [text for text in texts if not isinstance(text, Usual)], f"{usual[-1]}{more}" if usual else ""
