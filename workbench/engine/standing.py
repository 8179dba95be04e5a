"""Where a flow stands: what the last commit left of it."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.batch import Offset
from workbench.store.commit import Counts
from workbench.store.session import Session


@dataclass(frozen=True, slots=True)
class Standing:
    """`offset` counts bytes of the source, all files together; `rate_limit` is records a second."""

    totals: Counts
    offset: int = 0
    offsets: tuple[Offset, ...] = ()
    paused: bool = False
    stopped: bool = False
    rate_limit: float | None = None

    @property
    def place(self) -> object:
        """Equal for two flows that can go on as one."""
        places = frozenset((offset.file_id, offset.byte, offset.line) for offset in self.offsets)
        return places, self.paused, self.stopped, self.rate_limit


def standing(session: Session, flow: str) -> Standing:
    """What is stored of a flow; all zero for one that has stored nothing yet."""
    rows = session.execute(
        "SELECT rows_in, accepted, rejected, filtered, blank, multiplied, bytes, paused, stopped, rate_limit"
        " FROM workbench.flows WHERE name = ?",
        [flow],
    )
    if not rows:
        return Standing(Counts())
    *_, offset, paused, stopped, rate_limit = rows[0]
    return Standing(Counts(*rows[0][:6]), offset, offsets(session, flow), paused, stopped, rate_limit)


def offsets(session: Session, flow: str) -> tuple[Offset, ...]:
    """How far each file of a flow is committed."""
    rows = session.execute(
        "SELECT unnest(max_by(struct_pack(file_id, file, byte, line, done, mark), commit), recursive := true)"
        " FROM _system.offsets WHERE flow = ? GROUP BY file_id",
        [flow],
    )
    return tuple(Offset(*row) for row in rows)
