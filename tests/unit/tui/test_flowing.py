"""Sources, lag and event time on the screen: who is slow, what is lost, what holds a watermark back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.tui.fake_engine import FakeEngine, snapshot, state_page
from tests.unit.tui.flowing import flowing, sources, views
from tests.unit.tui.stage import Stage, staged
from workbench.protocol import Slow, Snapshot
from workbench.tui.copying import late_sql, windows_sql
from workbench.tui.drift import around
from workbench.tui.widgets.streams import trouble


def line_of(stage: Stage, text: str) -> str:
    return next(line for line in stage.text.splitlines() if text in line)


async def test_sources_stand_below_their_stream_and_the_cursor_passes_them_by() -> None:
    async with staged(engine=FakeEngine(flowing())) as stage:
        lines = stage.text.splitlines()
        start = next(i for i, line in enumerate(lines) if line.startswith("  clicks "))
        assert [line.split()[0] for line in lines[start + 1 : start + 5]] == ["clicks_eu", "clicks_us", "clicks_udp", "payments"]
        assert "42.7k" in line_of(stage, "clicks_us")
        await stage.press("j", "j")
        assert stage.app.picture.stream == "payments"
        await stage.press("k")
        assert stage.app.picture.stream == "clicks"
        await stage.click("#streams", offset=(4, 5))
        assert stage.app.picture.stream == "clicks"
        await stage.press("G")
        assert stage.app.picture.stream == "audit"


async def test_sources_are_left_out_where_not_all_of_them_fit() -> None:
    async with staged(size=(80, 24), engine=FakeEngine(flowing())) as stage:
        assert stage.sees("payments")
        assert not stage.sees("clicks_eu")
        assert "decode" in line_of(stage, "LAG")
        assert stage.sees("clicks  ✗ 1.2k lost  decoding is slow, about 21 s left")


@pytest.mark.parametrize(
    ("slow", "catch_up", "words"),
    [
        ("source", 21.0, "its source is slow, about 21 s left"),
        ("decode", None, "decoding is slow, not getting nearer"),
        ("commit", 200.0, "commits are slow, about 3.3 min left"),
        ("disk", 0.4, "the disk is slow, about 0.4 s left"),
        ("limit", 7_200.0, "held by its limit, about 2 h left"),
        ("", 3.0, "about 3.0 s left"),
    ],
)
def test_who_is_slow_and_how_long_in_words(slow: Slow, catch_up: float | None, words: str) -> None:
    assert trouble(replace(flowing().streams[1], slow=slow, catch_up=catch_up)) == words


def test_nobody_is_blamed_before_it_can_be_known() -> None:
    begun = replace(flowing().streams[1], slow="commit", catch_up=None, watched=False)
    assert trouble(begun) == "just begun"
    assert trouble(replace(begun, catch_up=21.0)) == "commits are slow, about 21 s left"


async def test_the_zoom_has_every_number_of_every_stream_and_all_of_the_chosen_one() -> None:
    async with staged(engine=FakeEngine(flowing())) as stage:
        await stage.press("j", "z")
        assert stage.focused == "stream-zoom"
        row = line_of(stage, "▌ clicks")
        for text in ("▲ LAG", "41.7k", "8.4 s", "43.1k", "9.5 MB", "21 s", "decode", "46%"):
            assert text in row
        assert stage.sees("43,100 rows  9.5 MB  8.4 s behind  decoding is slow, about 21 s left")
        assert stage.sees("31.0 MB of 67.0 MB decoded, not yet committed")
        assert "118 MB of 256 MB" in line_of(stage, "clicks_us  ")
        assert "12 " in line_of(stage, "clicks_us  ")
        udp = line_of(stage, "udp://0.0.0.0:5141")
        for text in ("✗ 1,204 lost before they could be kept", "limit 5,000 rows/s", "idle, holds no watermark"):
            assert text in udp
        visit = line_of(stage, "clicks_by_visit")
        for text in ("session", "17:23:31", "◔ 318", "90,412", "1,777 taken in", "1,271,000", "96.4 MB"):
            assert text in visit
        assert stage.sees("▲ waits for clicks_us   open visits 5 min after their last click")
        assert "3 left out" in line_of(stage, "clicks_once")


async def test_the_detail_scrolls_where_it_is_longer_than_the_screen() -> None:
    async with staged(size=(80, 24), engine=FakeEngine(flowing())) as stage:
        await stage.press("j", "z")
        await stage.shows("lines more   PgDn")
        assert not stage.sees("clicks_once")
        await stage.press("pagedown", "pagedown", "pagedown")
        await stage.shows("clicks_once")
        assert stage.sees("keys older than 10 min")
        assert not stage.sees("lines more")
        assert stage.sees("clicks  ▲ LAG")
        await stage.press("k", "j")
        await stage.shows("lines more   PgDn")


async def test_enter_in_the_zoom_opens_the_tail_and_escape_leads_back() -> None:
    async with staged(engine=FakeEngine(flowing())) as stage:
        await stage.press("z", "enter")
        assert stage.focused == "tail"
        assert not stage.sees(" 2  Jobs")
        await stage.press("escape")
        await stage.shows(" 2  Jobs")


async def test_a_stream_that_stops_or_fails_in_the_zoom_says_why() -> None:
    first = flowing()
    failed = replace(first.streams[0], state="FAIL", detail="amount >= 0 broke in line 17")
    async with staged(engine=FakeEngine(replace(first, streams=(failed, *first.streams[1:])))) as stage:
        await stage.press("z")
        assert stage.sees("orders  ✗ FAIL  amount >= 0 broke in line 17")
        assert "■ STOP" in line_of(stage, "stock")
        assert stage.sees("✗ 1 failed")
        assert stage.sees("■ 1 stopped")


async def test_the_header_says_what_was_lost_and_nothing_when_nothing_was() -> None:
    async with staged(engine=FakeEngine(flowing())) as stage:
        assert stage.sees("✗ 1,204 lost")
        stage.app.picture.figures_at = 0.0
        stage.engine.push(snapshot(9_413))
        await stage.until(lambda: not stage.sees("lost"))
        assert stage.sees("157k rows/s")


async def test_a_state_says_its_kind_late_rows_windows_and_watermark() -> None:
    async with staged(engine=FakeEngine(flowing())) as stage:
        assert stage.sees("revenue_by_minute  tumbling  ▲ 12 late listed  ◔ 2 open ── watermark 17:24:31")
        await stage.press("tab", "tab", "z")
        await stage.shows("◔ 2 open   1,438 closed   w lists them")
        assert stage.sees("12 listed   L lists them")
        assert stage.sees("4,320 rows   311 kB   windows are kept, 30 s for late rows")


async def test_a_state_says_which_source_holds_its_watermark_back_where_there_is_room() -> None:
    def quiet(first: Snapshot) -> Snapshot:
        return replace(first, views=tuple(replace(view, late=0) for view in views()))

    async with staged(engine=FakeEngine(quiet(flowing()))) as stage:
        await stage.press("j")
        await stage.shows("watermark 17:23:31 waits for clicks_us")
        await stage.press("tab", "tab", "z")
        await stage.shows("watermark   17:23:31   ▲ waits for clicks_us")


async def test_a_state_without_a_watermark_says_so() -> None:
    first = flowing()
    view = replace(views()[0], watermark=None, late=0, waits_for=("orders",))
    async with staged(engine=FakeEngine(replace(first, views=(view,)))) as stage:
        await stage.shows("no watermark yet waits for orders")


async def test_w_and_l_ask_for_windows_and_late_rows_in_a_tab_of_their_own() -> None:
    async with staged(engine=FakeEngine(flowing())) as stage:
        await stage.press("4")
        stage.type_sql("select 1")
        await stage.press("escape", "1", "L")
        await stage.until(lambda: stage.engine.asked("submit"))
        assert stage.engine.asked("submit")[-1][1] == late_sql("revenue_by_minute").rstrip(";")
        assert stage.focused == "result"
        await stage.press("1", "w")
        await stage.until(lambda: len(stage.engine.asked("submit")) == 2)
        assert stage.engine.asked("submit")[-1][1] == windows_sql("revenue_by_minute").rstrip(";")
        await stage.press("1", "L")
        await stage.until(lambda: len(stage.engine.asked("submit")) == 3)
        desk = stage.app.main.sql.desk
        assert [tab.text for tab in desk.tabs] == ["select 1", late_sql("revenue_by_minute"), windows_sql("revenue_by_minute")]
        assert desk.active == 1


async def test_a_paused_view_stands_still_in_the_zoom_but_for_what_is_unread() -> None:
    async with staged(engine=FakeEngine(flowing())) as stage:
        await stage.press("space")
        await stage.until(lambda: stage.app.picture.paused)
        await stage.press("z")
        first = flowing(9_500)
        slower = replace(first.streams[0], rate=5.0, lag_bytes=77_000_000, state="LAG", slow="disk")
        stage.engine.push(replace(first, streams=(slower, *first.streams[1:])))
        await stage.shows("77.0 MB")
        assert stage.sees("the disk is slow, not getting nearer")
        assert "98.2k" in line_of(stage, "▌ orders")


async def test_colon_goes_to_the_stream_of_a_source() -> None:
    async with staged(engine=FakeEngine(flowing())) as stage:
        await stage.press("colon", *"clicks_ud", "enter")
        assert stage.app.picture.stream == "clicks"


async def test_what_the_kernel_lost_is_told_apart() -> None:
    first = flowing()
    clicks = first.streams[1]
    flows = tuple(replace(f, dropped_by_kernel=904) if f.dropped else f for f in clicks.flows)
    engine = FakeEngine(replace(first, streams=(first.streams[0], replace(clicks, flows=flows), *first.streams[2:])))
    async with staged(engine=engine) as stage:
        await stage.press("j", "z")
        await stage.shows("904 of them by the kernel: raise net.core.rmem_max")


async def test_a_long_detail_is_shown_whole_at_80_cells() -> None:
    first = flowing()
    why = "its spool is full: senders wait until some of it is committed; invoices and shipments get nothing more either"
    clicks = replace(first.streams[1], flows=tuple(replace(f, detail=why) for f in first.streams[1].flows[:1]))
    async with staged(engine=FakeEngine(replace(first, streams=(first.streams[0], clicks))), size=(80, 24)) as stage:
        await stage.press("j", "z")
        await stage.shows("its spool is full: senders wait until some of it is committed; invoices and")
        assert stage.sees("    shipments get nothing more either")


async def test_w_without_a_state_says_so() -> None:
    async with staged(engine=FakeEngine(flowing())) as stage:
        await stage.press("j", "j", "w")
        await stage.shows("This stream has no running state.")


async def test_v_in_the_zoom_chooses_the_state_that_w_means() -> None:
    async with staged(engine=FakeEngine(flowing())) as stage:
        await stage.press("z", "v", "w")
        await stage.shows("revenue_by_country has no windows; v goes on to revenue_by_minute, which has.")
        await stage.press("v", "w")
        await stage.until(lambda: stage.engine.asked("submit"))
        assert "revenue_by_minute" in str(stage.engine.asked("submit")[-1][1])


async def test_a_state_without_event_time_has_no_late_rows_and_says_so() -> None:
    async with staged(engine=FakeEngine(flowing())) as stage:
        await stage.press("z", "v", "L")
        await stage.shows("revenue_by_country has no event time: no row of it is late; v goes on to")
        assert not stage.engine.asked("submit")


@pytest.mark.parametrize("keys", [["z"], ["space", "z"]])
async def test_a_stream_that_comes_in_the_place_of_the_chosen_one_is_shown_at_once(keys: list[str]) -> None:
    async with staged(engine=FakeEngine(flowing())) as stage:
        await stage.press(*keys)
        first = flowing(9_500)
        stage.engine.push(replace(first, streams=(replace(first.streams[0], name="brand_new"),)))
        await stage.shows("brand_new")


async def test_one_source_has_its_own_line_in_the_zoom_only() -> None:
    async with staged(engine=FakeEngine(flowing())) as stage:
        assert not stage.sees("orders/2026-11-22.ndjson")
        await stage.press("z")
        assert stage.sees("orders/2026-11-22.ndjson")


async def test_names_from_outside_cannot_reach_the_terminal_as_control() -> None:
    first = flowing()
    bad = tuple(replace(f, name="n\x1b[2J" + f.name, source="\x9b2J" + f.source, detail="\x07") for f in sources())
    clicks = replace(first.streams[1], flows=bad)
    view = replace(views()[2], waits_for=("\x1b]0;owned",), expires="\x1b[5m")
    async with staged(engine=FakeEngine(replace(first, streams=(first.streams[0], clicks), views=(view,)))) as stage:
        await stage.press("j", "z")
        await stage.shows("␛[2J")
        assert all(line.isprintable() for line in stage.text.splitlines())
        assert {strip.cell_length for strip in stage.app.main.stream_zoom._strips} == {120}


@pytest.mark.parametrize("cells", [10, 24, 40, 80])
def test_a_sample_is_cut_so_that_its_field_stays(cells: int) -> None:
    sample = "{" + ",".join(f'"field_{i}":{i}' for i in range(40)) + ',"coupon":"X"}'
    for field in ("field_0", "field_20", "coupon"):
        shown = around(sample, field, cells)
        assert len(shown) <= cells
        assert field in shown


async def test_new_windows_come_on_top_until_somebody_chooses_one() -> None:
    async with staged() as stage:
        await stage.until(lambda: stage.app.picture.state is not None)
        pane, page = stage.app.main.streams.state, state_page("revenue_by_minute")

        def windows(newest: int) -> None:
            rows = tuple(replace(page.rows[0], cells=(f"minute-{newest - i:02}", "1", "1", "1")) for i in range(12))
            stage.app.picture.state = replace(page, rows=rows)
            pane.frame()

        for newest in range(20, 40):
            windows(newest)
            await stage.shows(f"minute-{newest}")
        pane.go(1)
        for newest in range(40, 45):
            windows(newest)
            await stage.shows("minute-38")
