"""What makes a file the same file: device and inode, and its bytes at the head and just before the offset."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any, Literal

from workbench.connectors.steps import NO_STEPS, Steps

HEAD = TAIL = 1024
"""Bytes that are remembered of a file's head, and of what stands just before the offset."""

Left = Literal["", "gone", "deleted"]
"""How a file was given up: nobody knows where it is; or its inode is free for others."""

Peek = Callable[[int, int], bytes]
"""peek(position, length): those bytes of the (decompressed) content, fewer at its end."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A hash of `length` bytes at `start`: the content had them when it was read."""

    start: int = 0
    length: int = 0
    digest: str = ""

    @classmethod
    def of(cls, start: int, data: bytes) -> Evidence:
        return cls(start, len(data), blake2b(data, digest_size=16).hexdigest())

    @property
    def stop(self) -> int:
        return self.start + self.length

    @property
    def parts(self) -> tuple[int, int, str] | None:
        return (self.start, self.length, self.digest) if self.length else None

    def holds(self, peek: Peek) -> bool:
        return not self.length or Evidence.of(self.start, peek(self.start, self.length)) == self


@dataclass(frozen=True, slots=True)
class Identity:
    """Enough to recognise a file's content again; inodes are reused and small files share heads, so all must agree.

    `middle` stands somewhere from a quarter to the half of what was read: a copy that was made a moment before has it too.
    `steps` are those of the tail: a copy that lacks only some of its lines is known to its end.
    The evidence may reach beyond an offset in the middle of a batch: those bytes were seen too. `since` is the mtime
    when the file was last seen unread (it orders files), `stamp` the size and mtime_ns when the offset was taken, `unended` says
    that the last record before the offset had no newline, `first_look` how many files `start => 'end'` skipped,
    `target` where the file really is when its name is a link. `skip` is set until what `start => 'end'` skips is stored: the size
    at the first look. `left` is set when the file was given up; `copy` says that all of it was read elsewhere.
    """

    device: int
    inode: int
    head: Evidence = Evidence()
    tail: Evidence = Evidence()
    middle: Evidence = Evidence()
    steps: Steps = NO_STEPS
    since: int = 0
    stamp: tuple[int, int] = (0, 0)
    unended: bool = False
    first_look: int = 0
    target: str = ""
    skip: int = 0
    left: Left = ""
    copy: bool = False

    def same_content(self, peek: Peek) -> bool:
        return self.head.holds(peek) and self.tail.holds(peek)

    def grown(self, peek: Peek, position: int) -> Identity:
        """The identity of the same content after it was read up to `position`."""
        head = self.head
        if head.length < HEAD and position > head.length:
            head = Evidence.of(0, peek(0, min(HEAD, position)))
        start = max(0, position - TAIL)
        data = peek(start, position - start)
        return replace(self, head=head, tail=Evidence.of(start, data), steps=Steps.of(data))

    def halved(self, peek: Peek, position: int) -> Identity:
        """The identity with a middle that fits what was read up to `position`."""
        half = position // 2
        if half // 2 <= self.middle.stop <= half:
            return self
        start = max(0, half - TAIL)
        return replace(self, middle=Evidence.of(start, peek(start, half - start)))

    def met(self, peek: Peek) -> Identity:
        """The identity with the whole lines of the head that are there now, read or not; with half a line where that is all.

        Whole lines do not change any more; zeros at the end may be room that a writer reserved.
        """
        if self.head.length >= HEAD:
            return self
        data = peek(0, HEAD)
        seen = data[: data.rfind(b"\n") + 1] or data.rstrip(b"\0")
        return replace(self, head=Evidence.of(0, seen)) if len(seen) > self.head.length else self

    def rewound(self, stored: Identity) -> Identity:
        """The identity with the evidence of a stored one: of what was read since, the file may have lost what a copy of it lacks."""
        return replace(self, head=stored.head, tail=stored.tail, middle=stored.middle, steps=stored.steps, unended=stored.unended)

    def mark(self) -> str:
        told: dict[str, object] = {"device": self.device, "inode": self.inode, "since": self.since, "stamp": self.stamp}
        told |= {"head": self.head.parts, "tail": self.tail.parts, "middle": self.middle.parts, "steps": self.steps.parts}
        told |= {"unended": self.unended, "first_look": self.first_look}
        told |= {"target": self.target, "skip": self.skip, "left": self.left, "copy": self.copy}
        return json.dumps({name: value for name, value in told.items() if value}, separators=(",", ":"))

    @classmethod
    def from_mark(cls, mark: str) -> Identity:
        """Read `Offset.mark`; an empty one is an identity that no file has."""
        told: dict[str, Any] = json.loads(mark) if mark else {"device": -1, "inode": -1}
        for name in ("head", "tail", "middle"):
            told[name] = Evidence(*told.get(name, ()))
        told["steps"] = Steps(*told.get("steps", ()))
        told["stamp"] = tuple(told.get("stamp", (0, 0)))
        return cls(**told)
