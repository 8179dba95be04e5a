"""Session windows as partial aggregates: which of them belong together, as SQL.

A row is late when its time + gap <= the watermark that it sees. Before a row is taken, every session is closed whose last time + gap
<= that watermark; the row joins the open sessions of its keys that are within the gap of it, touching counts. So:
1. Rows ahead of their watermark join whatever is within the gap: those of one delta are merged at once, and carry `_b` = UNBOUND.
2. A row at or behind its watermark, but not late, stays a partial of its own and carries `_b` = watermark - gap: sessions whose last
   time is at or before `_b` were closed when it came.
3. In the order of their starts, with E the latest end so far, a partial begins a new session when it starts after E + gap; or when
   its `_b` >= E, and no partial that starts in (E, E + gap] has a `_b` < E (such a one came earlier and prolonged the session).
4. Merging the partials of a session keeps the answer when the merged one carries the greatest `_b`: whatever comes later starts
   after every `_b` that is stored.
"""

from __future__ import annotations

from dataclasses import dataclass

UNBOUND = -(1 << 62)
HIDDEN = ("_end", "_b", "_late", "_first")
"""Columns of a session state besides keys and partials: its last time (microseconds), `_b`, whether its rows came late, and the
place of the first of its rows in their commit."""
_PLACES = 1 << 22
"""More than the rows of a commit."""


@dataclass(frozen=True, slots=True)
class SessionShape:
    """A session state: how many keys and partials it has, which key is the session's start, and the gap in microseconds."""

    keys: int
    partials: int
    window: int
    gap: int
    merges: bool
    """Late rows are taken in (ON LATE UPDATE): the view merges all rows within the gap, whatever was closed."""

    @property
    def start(self) -> str:
        return f"_k{self.window}"

    @property
    def others(self) -> list[str]:
        return [f"_k{i}" for i in range(self.keys) if i != self.window]

    def partial(self, each: str, combined: list[str]) -> str:
        """Rows of a delta, grouped by time and `_b`, to its partials: those ahead of their watermark are merged by the gap."""
        part = ", ".join([*self.others, "_b", "_late"])
        before = f"lag(_end) OVER (PARTITION BY {part} ORDER BY _end)"
        joins = f"NOT _late AND _b = {UNBOUND} AND _end - {before} <= {self.gap}"
        near = f"SELECT *, _first AS _commit, CASE WHEN {joins} THEN 0 ELSE 1 END AS _new FROM ({each}) AS _each"
        numbered = f"SELECT *, sum(_new) OVER (PARTITION BY {part} ORDER BY _end) AS _g FROM ({near})"
        return f"SELECT {', '.join(self._columns(combined))} FROM ({numbered}) GROUP BY {part}, _g"

    def combine(self, combined: list[str]) -> str:
        """Stored partials to one a session; late rows stay apart from the others."""
        part = [*self.others, "_late"]
        grouped = ", ".join([*part, "_g", "_s IS NULL"])
        return f"SELECT {', '.join(self._columns(combined))} FROM ({self._numbered('_state', part, True)}) GROUP BY {grouped}"

    def groups(self, answers: list[str], relation: str = "_state") -> str:
        """One row a session with its keys and answers."""
        begun = [f"make_timestamptz(min(_s)) AS {self.start}" if i == self.window else f"_k{i}" for i in range(self.keys)]
        numbered = self._numbered(relation, self.others, not self.merges)
        return f"SELECT {', '.join([*begun, *answers])} FROM ({numbered}) GROUP BY {', '.join([*self.others, '_g', '_s IS NULL'])}"

    def closable(self, count: int) -> str:
        """One row a session as it closes, late rows left out: `_key`, `_start`, `_last`, `_rows`."""
        part = self.others
        numbered = self._numbered("(SELECT * FROM _state WHERE NOT _late AND _end IS NOT NULL)", part, True)
        return (
            f"SELECT json_array({', '.join(part)})::VARCHAR AS _key, min(_s) AS _start, max(_end) AS _last, sum(_p{count})::BIGINT AS _rows"
            f" FROM ({numbered}) GROUP BY {', '.join([*part, '_g', '_s IS NULL'])}"
        )

    @staticmethod
    def placed(each: str) -> str:
        """Rows of a whole stream, grouped by time and `_b`, as if they were stored: in the order of their places."""
        return f"(SELECT * REPLACE (_first % {_PLACES} AS _first), _first // {_PLACES} AS _commit FROM ({each}))"

    def _columns(self, combined: list[str]) -> list[str]:
        begun = f"make_timestamptz(min(epoch_us({self.start}))) AS {self.start}"
        keys = [begun if i == self.window else f"_k{i}" for i in range(self.keys)]
        return [*keys, *combined, "max(_end) AS _end", "max(_b) AS _b", "_late", "min(_first) AS _first"]

    def _numbered(self, relation: str, part: list[str], bounded: bool) -> str:
        """The relation with `_g`, the number of its session among those of its keys, and `_s`, its start in microseconds."""
        split = ", ".join([*part, "_s IS NULL"])
        order = f"_commit * {_PLACES} + least(_first, {_PLACES - 1}) AS _commit"
        begun = f"SELECT * REPLACE ({order}), epoch_us({self.start}) AS _s FROM {relation}"
        ends = (
            f"SELECT *, max(_end) OVER (PARTITION BY {split} ORDER BY _s ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS _e"
            f" FROM ({begun})"
        )
        closed = ""
        if bounded:
            reach = f"greatest(_e + {self.gap} - _s, 0)"
            least = f"min(_b) OVER (PARTITION BY {split} ORDER BY _s RANGE BETWEEN CURRENT ROW AND {reach} FOLLOWING)"
            closed = f" WHEN _b >= _e AND {least} >= _e THEN 1"
        new = f"SELECT *, CASE WHEN _e IS NULL OR _s > _e + {self.gap} THEN 1{closed} ELSE 0 END AS _new FROM ({ends})"
        return f"SELECT *, sum(_new) OVER (PARTITION BY {split} ORDER BY _s) AS _g FROM ({new})"
