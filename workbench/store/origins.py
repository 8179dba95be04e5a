"""Which flow read each stored row from the outside world."""

from __future__ import annotations

import numpy as np

from workbench.store.session import Session


class Origins:
    """The origins of a streaming table's rows, by their place in the order in which they were stored.

    Promises: one run a stretch of rows with one origin, however many commits it took.
    """

    def __init__(self, session: Session, stream: str) -> None:
        rows = session.execute(
            "WITH o AS (SELECT id, rowid AS place, unnest(origins, recursive := true), generate_subscripts(origins, 1) AS run"
            " FROM _system.commits WHERE stream = ?),"
            " n AS (SELECT *, flow IS DISTINCT FROM lag(flow) OVER w AS begins FROM o WINDOW w AS (ORDER BY id, place, run)),"
            " r AS (SELECT *, sum(begins::INT) OVER (ORDER BY id, place, run ROWS UNBOUNDED PRECEDING) AS stretch FROM n)"
            ' SELECT any_value(flow), sum("rows")::BIGINT FROM r GROUP BY stretch ORDER BY stretch',
            [stream],
        )
        self._names = [name for name, _ in rows]
        self._edges = np.cumsum([0, *(count for _, count in rows)])

    @property
    def flows(self) -> tuple[str, ...]:
        """All origins, in the order of their first rows."""
        return tuple(dict.fromkeys(self._names))

    def between(self, first: int, stop: int) -> tuple[tuple[str, int], ...]:
        """Runs (flow, rows) of the rows `first`…`stop`, from 0."""
        low = int(np.searchsorted(self._edges, first, side="right")) - 1
        found = []
        for place in range(max(low, 0), len(self._names)):
            begin, end = max(first, int(self._edges[place])), min(stop, int(self._edges[place + 1]))
            if begin >= stop:
                break
            found.append((self._names[place], end - begin))
        return tuple(found)
