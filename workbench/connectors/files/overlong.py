"""A line too long to keep: found to its end in bounded memory."""

from __future__ import annotations

import mmap
from dataclasses import dataclass

from workbench.batch import KEPT_OF_TOO_LONG, Overlong
from workbench.connectors.content import Content
from workbench.connectors.lines import find_newline

MOST = 256 << 20
"""Bytes looked at in one call, so that one endless line does not hold up the other files."""


@dataclass(slots=True)
class OverlongScan:
    """The search for the newline of the line that starts at `start`; `at` is where it goes on."""

    start: int
    line: int
    at: int
    head: bytes = b""

    def advance(self, content: Content, memory: mmap.mmap) -> tuple[bool, bool]:
        """Look on: (the newline was found, the content's end was reached). Afterwards `at` is the newline's or the end's place."""
        self.head = self.head or content.peek(self.start, KEPT_OF_TOO_LONG)
        stop = self.at + MOST
        while self.at < stop:
            with memoryview(memory) as view:
                count = content.read_into(view, self.at)
            newline = find_newline(memory, count)
            if newline >= 0:
                self.at += newline
                return True, False
            self.at += count
            if count < len(memory):
                return False, True
        return False, False

    def told(self) -> Overlong:
        length = self.at - self.start
        return Overlong(self.line, self.start, length, self.head[:length])
