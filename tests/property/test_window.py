"""Lateness is the same wherever batches are cut."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from workbench.language.definitions import EventWindow
from workbench.stream.window import NEVER, judge

times = st.lists(st.one_of(st.none(), st.integers(-10_000, 10_000)), max_size=60)
windows = st.builds(EventWindow, st.just("ts"), st.integers(1, 500), st.integers(0, 700), st.sampled_from([0, None]))


@given(times, windows, st.lists(st.integers(0, 60), max_size=5))
def test_any_cut_gives_the_same_late_rows(events: list[int | None], window: EventWindow, cuts: list[int]) -> None:
    array = np.array([NEVER if t is None else t for t in events], dtype=np.int64)
    whole = judge(array, window, None)
    late: list[bool] = []
    top: int | None = None
    for part in np.split(array, sorted(c for c in cuts if c <= len(array))):
        judged = judge(part, window, top)
        late += judged.late.tolist()
        top = judged.event_time
    assert late == whole.late.tolist()
    assert top == whole.event_time


@given(times, windows)
def test_late_is_what_the_definition_says(events: list[int | None], window: EventWindow) -> None:
    array = np.array([NEVER if t is None else t for t in events], dtype=np.int64)
    judged = judge(array, window, None)
    top: int | None = None
    for i, time in enumerate(events):
        expected = False
        if time is not None and top is not None:
            watermark = top - window.delay
            if window.key is None:
                expected = time < watermark
            else:
                expected = time // window.size * window.size + window.size <= watermark
        assert bool(judged.late[i]) is expected
        if time is not None:
            top = time if top is None else max(top, time)
    assert judged.event_time == top
