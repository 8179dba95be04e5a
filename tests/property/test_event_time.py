"""Running states over event time: any cut, restart and compaction gives what is told row by row, and what SQL recomputes.

Invariants, for tumbling and hopping windows and sessions, each ON LATE, over one to three sources that become idle and active again:
1. groups, late rows, closed windows and the watermark are those of the row-by-row telling;
2. they are the same for every cut of the rows that keeps their order and the places where sources became idle;
3. a rebuild from the stored rows gives them again;
4. what the view showed at commit n can be read later.
"""

from __future__ import annotations

import json
from collections import Counter
from functools import cache
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.event_time import COLUMNS, SECOND, WINDOWS, Push, Row, Slow, Stage, answer, windowed
from workbench.store.state import as_of_sql
from workbench.stream.rebuild import rebuild

SOURCES = ("a", "b", "c")
rows = st.lists(
    st.builds(
        Row,
        st.sampled_from(SOURCES),
        st.sampled_from(["x", "y", None]),
        st.none() | st.integers(-12, 60),
        st.integers(0, 3),
        st.sampled_from([True, True, True, False]),
    ),
    max_size=30,
)
steps = st.lists(st.tuples(st.sampled_from(SOURCES), st.sampled_from(["x", "y"]), st.integers(-9, 4), st.integers(0, 3)), max_size=30)
marching = steps.map(lambda found: [Row(source, k, place * 2 + back, n) for place, (source, k, back, n) in enumerate(found)])
idles = st.lists(st.tuples(st.integers(0, 30), st.sets(st.sampled_from(SOURCES)).map(frozenset)), max_size=3)


@cache
def stage(kind: str, clause: str, delay: int) -> Stage:
    return Stage(windowed(kind, delay), clause)


def pushes(found: list[Row], flips: list[tuple[int, frozenset[str]]], cuts: list[int], ended: bool) -> list[Push]:
    """Commits of the rows, cut there and wherever a source became idle."""
    changes = {min(at, len(found)): idle for at, idle in flips}
    edges = sorted({0, len(found), *changes, *(min(cut, len(found)) for cut in cuts)})
    out, idle = [], frozenset[str]()
    for start, stop in pairwise([*edges, len(found)]):
        idle = changes.get(start, idle)
        out.append(Push(tuple(found[start:stop]), idle))
    if ended:
        out.append(Push((), idle, True))
    return out


def told(slow: Slow) -> dict[str, Any]:
    keyed = [(json.dumps([k]) if slow.window.kind == "session" else "", *rest) for k, *rest in slow.closed]
    return {"shown": slow.shown(), "closed": sorted(keyed, key=repr), "late": len(slow.late), "watermark": slow.watermark}


@pytest.mark.parametrize("clause", ["", "ON LATE UPDATE", "ON LATE DROP"])
@pytest.mark.parametrize("kind", list(WINDOWS))
@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    found=rows | marching,
    flips=idles,
    sources=st.integers(1, 3),
    delay=st.sampled_from([0, 3, 8]),
    cuts=st.lists(st.integers(0, 30), max_size=6),
    restarts=st.sets(st.integers(0, 8)),
    compactions=st.sets(st.integers(0, 8), max_size=3),
    ended=st.booleans(),
    looked_at=st.integers(0, 100),
    chunk_rows=st.sampled_from([1, 8, 100]),
)
def test_every_cut_gives_what_is_told_row_by_row(
    kind: str,
    clause: str,
    found: list[Row],
    flips: list[tuple[int, frozenset[str]]],
    sources: int,
    delay: int,
    cuts: list[int],
    restarts: set[int],
    compactions: set[int],
    ended: bool,
    looked_at: int,
    chunk_rows: int,
) -> None:
    known = SOURCES[:sources]
    found = [Row(row.source if row.source in known else "a", row.k, row.time, row.n, row.accepted) for row in found]
    on = stage(kind, clause, delay)
    on.sources = known
    on.clear()
    window = on.state.window
    assert window is not None
    slow, then = Slow(window, known), []
    for commit, push in enumerate(pushes(found, flips, cuts, ended)):
        if commit in restarts:
            on.restart()
        on.push(push)
        slow.push(push)
        if commit in compactions:
            on.compact()
            on.fold()
        then.append((on.commit, slow.shown()))
        assert on.shown() == slow.shown()
    on.push(Push((), slow.idle))
    wanted = told(slow)
    assert seen(on) == wanted
    assert on.late_counts() == counts(slow)
    commit, shown = then[looked_at % len(then)]
    assert answer(on.session, as_of_sql(on.session, "v", on.state, commit)) == shown
    with on.session.transaction():
        on.running = rebuild(on.session, on.view, on.state, tuple(c.name for c in COLUMNS), known, on.commit, chunk_rows)
    assert seen(on) == wanted
    assert on.check() == []


def seen(on: Stage) -> dict[str, Any]:
    watermark = on.running.progress.watermark
    return {
        "shown": on.shown(),
        "closed": on.closed(),
        "late": on.running.late,
        "watermark": None if watermark is None else watermark / SECOND,
    }


def counts(slow: Slow) -> list[tuple[Any, ...]]:
    """Late rows by window; of sessions by key and time."""
    sessions = slow.window.kind == "session"
    found = Counter((json.dumps([slow.keys[id]]) if sessions else "", time if start is None else start) for id, time, start in slow.late)
    return sorted(((key, start * SECOND, count) for (key, start), count in found.items()), key=repr)
