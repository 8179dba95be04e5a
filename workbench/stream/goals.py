"""When a run over what is there has read enough of a source that always has news."""

from __future__ import annotations

from workbench.batch import Offset
from workbench.store.session import Session


class Goals:
    """How far each file has to be read: to where it ended at one moment of the run. What comes later may be read, and need not.

    Until `set`, and for a file that is never read that far (it was truncated meanwhile), only a look that finds nothing
    ends the run.
    """

    def __init__(self) -> None:
        self._read: dict[str, int] = {}
        self._left: dict[str, int] | None = None

    @property
    def known(self) -> bool:
        return self._left is not None

    @property
    def met(self) -> bool:
        return self._left is not None and not self._left

    def set(self, ends: tuple[Offset, ...], stored: dict[str, int]) -> None:
        """Args: ends: of the source now; stored: bytes of each file that are committed."""
        done = stored | self._read
        self._left = {end.file_id: end.byte for end in ends if end.byte > done.get(end.file_id, 0)}

    def read(self, offset: Offset) -> None:
        """A read reached this."""
        self._read[offset.file_id] = offset.byte
        if self._left is not None and offset.byte >= self._left.get(offset.file_id, offset.byte + 1):
            del self._left[offset.file_id]


def stored_bytes(session: Session, flow: str) -> dict[str, int]:
    """How far each file of a flow is committed."""
    return dict(session.execute("SELECT file_id, byte FROM workbench.offsets WHERE flow = ?", [flow]))
