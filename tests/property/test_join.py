"""A join of two streams gives each pair of on-time rows once, wherever commits are cut and whenever it starts anew."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.joining import Row, Stage

SELECT = """CREATE STREAMING TABLE m (CONSTRAINT small EXPECT (ln + rn < 1000) ON VIOLATION DROP ROW)
AS SELECT x.n AS ln, y.n AS rn FROM STREAM a WATERMARK ts DELAY OF INTERVAL '{left} microseconds' AS x
JOIN STREAM b WATERMARK seen DELAY OF INTERVAL '{right} microseconds' AS y
ON x.id = y.id AND y.seen >= x.ts + INTERVAL '{low} microseconds' AND y.seen <= x.ts + INTERVAL '{high} microseconds'
"""


def on_time(rows: list[Row], sources: tuple[str, ...], delay: int) -> list[bool]:
    """Row by row, as the definition says."""
    tops: dict[str, int] = {}
    watermark: int | None = None
    out = []
    for row in rows:
        out.append(row.time is not None and (watermark is None or row.time >= watermark))
        if row.time is not None and row.source in sources:
            tops[row.source] = max(tops.get(row.source, row.time), row.time)
            if len(tops) == len(sources):
                low = min(tops.values()) - delay
                watermark = low if watermark is None else max(watermark, low)
    return out


def expected(left: list[Row], right: list[Row], stage: Stage, low: int, high: int, delays: tuple[int, int]) -> list[tuple[int, int]]:
    timely = [on_time(left, stage.sources["a"], delays[0]), on_time(right, stage.sources["b"], delays[1])]
    return sorted(
        (i, j)
        for i, x in enumerate(left)
        for j, y in enumerate(right)
        if timely[0][i] and timely[1][j] and x.id is not None and x.id == y.id and low <= (y.time or 0) - (x.time or 0) <= high
    )


def spaced(cuts: list[list[Row]]) -> list[list[Row]]:
    """Times as they come: later and later, but for the jitter that was drawn."""
    flat = [row for rows in cuts for row in rows]
    moved = [replace(row, time=None if row.time is None else row.time + 2 * i) for i, row in enumerate(flat)]
    sizes = [len(rows) for rows in cuts]
    return [moved[sum(sizes[:i]) : sum(sizes[: i + 1])] for i in range(len(sizes))]


def rows_of(sources: tuple[str, ...]) -> Any:
    row = st.builds(Row, st.sampled_from([0, 0, 1, None]), st.sampled_from([None, *range(-12, 6)]), st.sampled_from(sources))
    return st.lists(st.lists(row, max_size=6), max_size=8).map(spaced)


@settings(deadline=None, max_examples=50)
@given(
    left=rows_of(("a",)),
    right=rows_of(("s", "t")),
    delays=st.sampled_from([(0, 0), (3, 9), (12, 2)]),
    bounds=st.sampled_from([(0, 10), (-9, 15), (5, 5), (-20, -4)]),
    restarts=st.sets(st.integers(0, 8)),
    fails=st.sets(st.integers(0, 8)),
)
def test_all_pairs_once_for_every_cut(
    left: list[list[Row]], right: list[list[Row]], delays: tuple[int, int], bounds: tuple[int, int], restarts: set[int], fails: set[int]
) -> None:
    low, high = bounds
    stage = Stage({"a": ("a",), "b": ("s", "t")}, SELECT.format(left=delays[0], right=delays[1], low=low, high=high))
    for i in range(max(len(left), len(right))):
        if i in restarts:
            stage.flow.prune(stage.session)
            stage.flow = stage.start()
        stage.commit(left[i] if i < len(left) else [], right[i] if i < len(right) else [], i in fails)
    flat = [row for rows in left for row in rows], [row for rows in right for row in rows]
    assert sorted(stage.found) == expected(*flat, stage, low, high, delays)
    for name, rows, delay in (("a", flat[0], delays[0]), ("b", flat[1], delays[1])):
        timely = on_time(rows, stage.sources[name], delay)
        assert stage.late[name] == sum(not ok and row.time is not None for ok, row in zip(timely, rows, strict=True))
