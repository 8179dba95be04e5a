"""A join of two streams gives each pair of on-time rows once, wherever commits are cut and whenever it starts anew."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import zip_longest
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.joining import Row, Stage
from workbench.store.session import Session, scratch
from workbench.stream import join

SELECT = """CREATE STREAMING TABLE m (CONSTRAINT small EXPECT (ln + rn < 1000) ON VIOLATION DROP ROW)
AS SELECT x.n AS ln, y.n AS rn FROM STREAM a WATERMARK ts DELAY OF INTERVAL '{left} microseconds' AS x
JOIN STREAM b WATERMARK seen DELAY OF INTERVAL '{right} microseconds' AS y
ON x.id = y.id AND y.seen >= x.ts + INTERVAL '{low} microseconds' AND y.seen <= x.ts + INTERVAL '{high} microseconds'
"""


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    made = scratch()
    yield made
    made.close()


def on_time(commits: list[tuple[list[Row], frozenset[str]]], sources: tuple[str, ...], delay: int) -> list[bool]:
    """Row by row, as the definition says; sources that are idle in a commit do not hold the watermark in it."""
    tops: dict[str, int] = {}
    watermark: int | None = None
    out = []
    for rows, idle in commits:
        active = [source for source in sources if source not in idle]
        for row in [None, *rows]:
            if row is not None:
                out.append(row.time is not None and (watermark is None or row.time >= watermark))
                if row.time is not None:
                    tops[row.source] = max(tops.get(row.source, row.time), row.time)
            if active and all(source in tops for source in active):
                low = min(tops[source] for source in active) - delay
                watermark = low if watermark is None else max(watermark, low)
    return out


def expected(left: list[Row], right: list[Row], timely: tuple[list[bool], list[bool]], low: int, high: int) -> list[tuple[int, int]]:
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
    idles=st.lists(st.frozensets(st.sampled_from(["a", "s", "t"]), max_size=2), min_size=8, max_size=8),
    many=st.sampled_from([0, 20_000]),
)
def test_all_pairs_once_for_every_cut(
    session: Session,
    left: list[list[Row]],
    right: list[list[Row]],
    delays: tuple[int, int],
    bounds: tuple[int, int],
    restarts: set[int],
    fails: set[int],
    idles: list[frozenset[str]],
    many: int,
) -> None:
    low, high = bounds
    stage = Stage(session, {"a": ("a",), "b": ("s", "t")}, SELECT.format(left=delays[0], right=delays[1], low=low, high=high))
    commits: list[tuple[list[Row], list[Row]]] = list(zip_longest(left, right, fillvalue=[]))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(join, "MANY", many)
        for i, (ours, theirs) in enumerate(commits):
            if i in restarts:
                stage.flow.prune(stage.session)
                stage.flow = stage.start()
            stage.commit(ours, theirs, i in fails, idles[i])
    taken = [(ours, theirs, idles[i]) for i, (ours, theirs) in enumerate(commits) if ours or theirs]
    first = on_time([(ours, idle) for ours, _, idle in taken], ("a",), delays[0])
    second = on_time([(theirs, idle) for _, theirs, idle in taken], ("s", "t"), delays[1])
    rows = [row for cut in left for row in cut], [row for cut in right for row in cut]
    assert sorted(stage.found) == expected(*rows, (first, second), low, high)
    for name, flags, came in zip("ab", (first, second), rows, strict=True):
        assert stage.late[name] == sum(not ok and row.time is not None for ok, row in zip(flags, came, strict=True))
