"""How all files of a source are read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from workbench.connectors.lines import Cutter


@dataclass(frozen=True, slots=True)
class Reading:
    """What a source was told once, and what its files share; `longest` is the longest line in bytes."""

    cutter: Cutter
    longest: int
    header: bool
    follow: bool
    clock: Callable[[], float]
