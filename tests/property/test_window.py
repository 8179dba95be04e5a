"""The watermark that each row sees, and which rows are late, are the same wherever batches are cut."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from workbench.language.definitions import EventWindow
from workbench.store.running import Progress
from workbench.stream.window import NEVER, EventTime, hops, late_rows

SOURCES = ("a", "b", "c")
events = st.lists(st.tuples(st.sampled_from((*SOURCES, "gone")), st.one_of(st.none(), st.integers(-10_000, 10_000))), max_size=60)
idle = st.sets(st.sampled_from(SOURCES)).map(frozenset)
sizes = st.integers(1, 500)
tumbling = st.builds(lambda size, key: EventWindow("ts", size if key == 0 else 0, 0, key, slide=size), sizes, st.sampled_from([0, None]))
hopping = st.builds(lambda size, part: EventWindow("ts", size, 0, 0, "hopping", max(1, size * part // 100)), sizes, st.integers(1, 100))
sessions = st.builds(lambda size: EventWindow("ts", size, 0, 0, "session"), sizes)


def runs(found: list[tuple[str, int | None]]) -> tuple[np.ndarray, list[tuple[str, int]]]:
    times = np.array([NEVER if time is None else time for _, time in found], dtype=np.int64)
    return times, [(source, 1) for source, _ in found]


@given(events, idle, st.integers(1, 3), st.integers(0, 700), st.lists(st.integers(0, 60), max_size=5))
def test_any_cut_gives_the_same_watermarks(
    found: list[tuple[str, int | None]], idle: frozenset[str], sources: int, delay: int, cuts: list[int]
) -> None:
    whole = EventTime(Progress(), SOURCES[:sources], idle, delay)
    expected = whole.move(*runs(found)).tolist()
    progress, seen = Progress(), []
    edges = sorted(min(cut, len(found)) for cut in cuts)
    for start, stop in zip([0, *edges], [*edges, len(found)], strict=True):
        time = EventTime(progress, SOURCES[:sources], idle, delay)
        seen += time.move(*runs(found[start:stop])).tolist()
        progress = time.progress(0, 0)
    assert seen == expected
    assert progress == whole.progress(0, 0)


@given(events, idle, st.integers(1, 3), st.integers(0, 700))
def test_the_watermark_is_what_the_definition_says(
    found: list[tuple[str, int | None]], idle: frozenset[str], sources: int, delay: int
) -> None:
    known = SOURCES[:sources]
    seen = EventTime(Progress(), known, idle, delay).move(*runs(found))
    tops: dict[str, int] = {}
    watermark = NEVER
    for place, (source, time) in enumerate(found):
        assert seen[place] == watermark
        if time is not None:
            tops[source] = max(tops.get(source, time), time)
        active = [s for s in known if s not in idle]
        if active and all(s in tops for s in active):
            watermark = max(watermark, min(tops[s] for s in active) - delay)


@given(events, tumbling | sessions)
def test_late_is_what_the_definition_says(found: list[tuple[str, int | None]], window: EventWindow) -> None:
    times, origins = runs([("a", time) for _, time in found])
    seen = EventTime(Progress(), ("a",), frozenset(), 0).move(times, origins)
    late = late_rows(times, seen, window)
    for place, (_, time) in enumerate(found):
        expected = False
        if time is not None and seen[place] != NEVER:
            if window.key is None:
                expected = time < seen[place]
            elif window.kind == "session":
                expected = time + window.size <= seen[place]
            else:
                expected = time // window.size * window.size + window.size <= seen[place]
        assert bool(late[place]) == bool(expected)


@given(events, hopping)
def test_a_row_is_in_every_window_around_it_and_late_for_those_that_ended(found: list[tuple[str, int | None]], window: EventWindow) -> None:
    times, origins = runs([("a", time) for _, time in found])
    seen = EventTime(Progress(), ("a",), frozenset(), 0).move(times, origins)
    made = hops(times, seen, window)
    rows, starts = made.missed(window.slide)
    missed = list(zip(rows.tolist(), starts.tolist(), strict=True))
    for place, (_, time) in enumerate(found):
        if time is None:
            assert (made.whole[place], made.timely[place]) == (1, 1)
            continue
        newest = time // window.slide * window.slide
        around = [start for start in range(newest, time - window.size, -window.slide) if start <= time < start + window.size]
        late = [start for start in around if seen[place] != NEVER and start + window.size <= seen[place]]
        assert made.whole[place] == len(around)
        assert [start for row, start in missed if row == place] == late
