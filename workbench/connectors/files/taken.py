"""What one look into a content gave: bytes in memory, and the whole records among them."""

from __future__ import annotations

import mmap
from dataclasses import dataclass

from workbench.connectors.content import Content
from workbench.connectors.identity import Peek
from workbench.connectors.lines import Cut


@dataclass(slots=True)
class Taken:
    """`count` bytes from `start`, the end of the content reached or not; `unended`: the last record was given the newline that it lacks."""

    memory: mmap.mmap
    start: int
    count: int
    at_end: bool
    cut: Cut
    unended: bool = False

    def peek(self, content: Content) -> Peek:
        """The content's bytes, where the bytes that were taken speak for themselves: what was read is what is remembered."""

        def peek(start: int, length: int) -> bytes:
            if start < self.start:
                return content.peek(start, length)
            return self.memory[start - self.start : start - self.start + length]

        return peek
