"""Which panes show, and that their heights fill the screen exactly."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.tui.layout import mode_of, plan
from workbench.tui.widgets.stream_zoom import _columns as zoom_columns
from workbench.tui.widgets.streams import _columns as columns

ZOOMS = ("", "streams", "tail", "state", "jobs", "failures", "editor", "result")


@settings(max_examples=300)
@given(
    st.integers(80, 300),
    st.integers(20, 100),
    st.integers(0, 4),
    st.integers(0, 50),
    st.integers(0, 50),
    st.booleans(),
    st.sampled_from("1234"),
    st.sampled_from(ZOOMS),
)
def test_the_body_is_filled_and_no_pane_is_too_low(
    width: int, height: int, band: int, streams: int, sources: int, has_view: bool, pane: str, zoom: str
) -> None:
    layout = plan(width, height, band=band, streams=streams, sources=sources, has_view=has_view, pane=pane, zoom=zoom)
    body = height - 2 - band
    blank = 1 if layout.strips else 0
    assert layout.top + layout.sql + layout.stream_zoom + layout.job_zoom + layout.failure_zoom + layout.strips + blank == body
    left = layout.streams + layout.tail + layout.state
    assert left in {0, layout.top}
    assert layout.jobs + layout.failures in {0, layout.top}
    assert layout.sql == (1 + layout.editor + layout.result if layout.sql else 0)
    assert layout.tail == 0 or layout.tail >= 3


@pytest.mark.parametrize(
    ("width", "height", "mode"),
    [
        (120, 36, "full"),
        (100, 30, "full"),
        (99, 30, "single"),
        (100, 29, "single"),
        (80, 20, "single"),
        (79, 20, "small"),
        (80, 19, "small"),
    ],
)
def test_modes(width: int, height: int, mode: str) -> None:
    assert mode_of(width, height) == mode


def test_120_by_36_is_as_drawn() -> None:
    layout = plan(120, 36, band=0, streams=5, has_view=True, pane="1", zoom="")
    assert (layout.streams, layout.tail, layout.state, layout.jobs, layout.failures) == (8, 8, 6, 11, 11)
    assert (layout.editor, layout.result, layout.right) == (4, 7, 40)


def test_sources_are_listed_when_all_of_them_fit_or_not_at_all() -> None:
    def lines(streams: int, sources: int) -> int:
        return plan(120, 36, band=0, streams=streams, sources=sources, has_view=True, pane="1", zoom="").streams

    assert lines(5, 3) == 2 + 5 + 3 + 1
    assert lines(5, 4) == lines(5, 0) == 8
    assert lines(2, 2) == 2 + 2 + 2 + 1


def test_columns_of_zoomed_streams_drop_in_order_and_never_what_says_how_far_behind() -> None:
    order: list[str] = []
    before = zoom_columns(140)
    for cells in range(140, 50, -1):
        now = zoom_columns(cells)
        order += [name for name in now if before[name] and not now[name]]
        before = now
    assert order == ["spark", "queue", "rejected", "unread", "left", "slow"]
    assert [name for name, cells in zoom_columns(120).items() if not cells] == ["lost"]
    assert [name for name, cells in zoom_columns(80).items() if cells] == ["slow", "left", "unread"]


def test_columns_of_streams_drop_in_order() -> None:
    order = []
    before = columns(120)
    for cells in range(120, 40, -1):
        now = columns(cells)
        order += [name for name in now if before[name] and not now[name]]
        before = now
    assert order == ["spark", "queue", "rejected", "rows"]
    assert columns(77)["spark"] == 14


def test_lost_rows_have_a_column_before_all_others() -> None:
    assert columns(80)["lost"] == zoom_columns(120)["lost"] == 0
    for cells in (77, 80, 60):
        assert columns(cells, True)["lost"]
        assert zoom_columns(cells, True)["lost"]
    assert columns(77, True)["spark"] == 8


def test_every_zoom_of_every_pane_has_a_layout() -> None:
    for zoom, pane in product(ZOOMS, "1234"):
        assert plan(120, 36, band=0, streams=5, has_view=True, pane=pane, zoom=zoom) != plan(
            120, 10, band=0, streams=5, has_view=True, pane=pane, zoom=zoom
        )
