"""Where some bytes may end and are still known: a hash up to each of their newest line ends."""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import dataclass
from hashlib import blake2b

MOST = 32
"""Line ends that are kept; with what stands before them in a mark they take some two hundred bytes."""
SIZE = 4
"""Bytes of a hash; two files whose names are those of a rotation are compared by it, nothing else is."""


@dataclass(frozen=True, slots=True)
class Steps:
    """Tells of other bytes whether their whole lines are a beginning of those that these are the steps of.

    `before`: line ends that came earlier than those that are kept.
    """

    before: int = 0
    hashes: str = ""

    @classmethod
    def of(cls, data: bytes) -> Steps:
        *lines, _half = data.split(b"\n")
        before = max(0, len(lines) - MOST)
        hashed = blake2b(b"".join(line + b"\n" for line in lines[:before]), digest_size=SIZE)
        hashes = []
        for line in lines[before:]:
            hashed.update(line + b"\n")
            hashes.append(hashed.digest())
        return cls(before, b64encode(b"".join(hashes)).decode()) if hashes else NO_STEPS

    @property
    def parts(self) -> tuple[int, str] | None:
        return (self.before, self.hashes) if self.hashes else None

    def know(self, data: bytes) -> bool | None:
        """Whether the lines of `data` are the first ones of what was read, to the last byte; None where nothing tells."""
        at = (data.count(b"\n") - self.before - 1) * SIZE
        if at < 0 or not self.hashes:
            return None
        whole = data[: data.rindex(b"\n") + 1]
        return b64decode(self.hashes)[at : at + SIZE] == blake2b(whole, digest_size=SIZE).digest()


NO_STEPS = Steps()
