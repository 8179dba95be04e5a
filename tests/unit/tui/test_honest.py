"""Numbers and words that say what they mean: totals, five minutes, what is old, where rows are, messages in full."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.tui.fake_engine import NOW, FakeEngine, rules, snapshot
from tests.unit.tui.flowing import drifts, flowing, views
from tests.unit.tui.stage import Stage, staged
from workbench.protocol import ControlPlan, FlowStatus, Snapshot

LONG = (
    "orders went back to commit 9,312 in commit 9,413; to be read again: 3,204,118 records;"
    " 3,204,118 rows and 3,204 rejections were removed"
)


def line_of(stage: Stage, word: str) -> str:
    return next(line for line in stage.text.splitlines() if word in line)


async def test_rejected_is_the_total_wherever_nothing_else_is_said() -> None:
    async with staged() as stage:
        assert stage.sees("✗ 2,140 rejected")
        assert " 1,710 " in line_of(stage, "▌ orders")
        assert stage.sees("Failures  214 in 5 min")
        await stage.press("z")
        assert line_of(stage, "▌ orders").rstrip().endswith("1,710")


async def test_a_large_total_keeps_its_column() -> None:
    first = snapshot()
    many = replace(first.streams[0], rejected=1_234_567)
    async with staged(engine=FakeEngine(replace(first, streams=(many, *first.streams[1:])))) as stage:
        assert " 1.23M " in line_of(stage, "▌ orders")


async def test_five_minutes_are_said_on_a_small_screen_too() -> None:
    async with staged(size=(80, 24)) as stage:
        assert "✗ 214 in 5 min" in line_of(stage, " 3  Failures")


@pytest.mark.parametrize("size", [(120, 36), (80, 24)])
async def test_lost_rows_have_a_column_when_there_are_some(size: tuple[int, int]) -> None:
    async with staged(size=size, engine=FakeEngine(flowing())) as stage:
        assert line_of(stage, "rows/s  60 s").split("rejected")[1].strip().startswith("lost")
        assert " 1.2k" in line_of(stage, "  clicks").split("decode")[1]
        await stage.press("z")
        await stage.shows("esc back")
        assert line_of(stage, "rows/s").rstrip().endswith("lost")
        assert line_of(stage, "  clicks ").rstrip().endswith("1.2k")
    async with staged(size=size) as stage:
        assert "lost" not in line_of(stage, "rows/s  60 s")


async def test_what_is_old_looks_old() -> None:
    async with staged(engine=FakeEngine(flowing())) as stage:
        stage.engine.die()
        await stage.shows("The engine does not answer.")
        await stage.press("escape")
        await stage.shows("as of 17:24:40, when the engine last answered")
        assert not stage.sees("RUN")
        assert not stage.sees("FOLLOW")
        orders = line_of(stage, "▌ orders")
        assert "· GONE" in orders
        assert "98.2k" not in orders
        assert "1,710" in orders
        stage.engine.dead = False
        await stage.until(lambda: stage.app.picture.connection == "live")
        await stage.until(lambda: "● RUN    98.2k" in line_of(stage, "▌ orders"))


async def test_old_figures_have_one_quiet_colour() -> None:
    async with staged(engine=FakeEngine(flowing())) as stage:
        streams = stage.app.main.streams.streams
        assert len(colours(streams)) > 3
        stage.engine.die()
        await stage.shows("The engine does not answer.")
        await stage.press("escape")
        await stage.until(lambda: colours(streams) == {streams.palette.muted})


def colours(pane: object) -> set[str]:
    """Of the text under a pane's title."""
    strips = getattr(pane, "_strips")[1:]  # noqa: B009 what is on the screen
    segments = [segment for strip in strips for segment in strip if segment.text.strip()]
    return {s.style.color.name for s in segments if s.style is not None and s.style.color is not None}


async def test_the_zoom_of_an_engine_that_is_gone_reads_nothing() -> None:
    async with staged(engine=FakeEngine(flowing())) as stage:
        await stage.press("z")
        stage.engine.die()
        await stage.shows("The engine does not answer.")
        await stage.press("escape")
        await stage.shows("Streams  5  as of 17:24:40, when the engine last answered")
        assert stage.sees("· GONE")
        await stage.until(lambda: not stage.sees("RUN") and not stage.sees("98.2k"))


def keeping() -> Snapshot:
    """The first rule keeps its rows."""
    first = snapshot()
    return replace(first, rules=(replace(rules()[0], action="mark"), *first.rules[1:]))


@pytest.mark.parametrize("size", [(120, 36), (80, 24)])
async def test_a_rule_that_keeps_rows_says_where_they_are(size: tuple[int, int]) -> None:
    async with staged(size=size, engine=FakeEngine(keeping())) as stage:
        await stage.press("3", "enter", "enter")
        await stage.shows("171 rejected  3,033 kept")
        assert stage.sees("3,033 more were kept in orders")
        await stage.press("s")
        await stage.until(lambda: stage.engine.asked("submit"))
        sql = str(stage.engine.asked("submit")[-1][1])
        assert sql == ("SELECT * FROM orders\nWHERE list_contains(_violations, 'amount_not_negative') ORDER BY _commit DESC LIMIT 1000")


async def test_a_rule_that_drops_rows_has_no_others() -> None:
    async with staged() as stage:
        await stage.press("3", "enter", "enter")
        await stage.shows("amount_not_negative  171 rows")
        assert not stage.sees("more were kept")
        await stage.press("s")
        await stage.shows("This rule keeps no rows: all that broke it are in quarantine.")
        assert not stage.engine.asked("submit")


async def test_the_record_of_a_rejected_row_has_room() -> None:
    async with staged() as stage:
        await stage.press("3", "enter", "enter")
        await stage.shows('▌ 17:24:40    884,216     2  {"order_id":"o-884216","')


async def test_l_says_which_view_has_late_rows() -> None:
    async with staged(engine=FakeEngine(flowing())) as stage:
        await stage.press("z", "v", "L")
        await stage.shows("no row of it is late; v goes on to revenue_by_minute, which has 12 such.")
        none = tuple(replace(view, late=0) for view in views())
        stage.engine.push(replace(flowing(9_413), views=none))
        await stage.until(lambda: stage.app.picture.snapshot is not None and stage.app.picture.snapshot.commit == 9_413)
        await stage.press("L")
        await stage.shows("no row of it is late; v goes on to revenue_by_minute, which has event time.")


@pytest.mark.parametrize("size", [(120, 36), (80, 24)])
async def test_what_a_command_did_is_said_whole(size: tuple[int, int]) -> None:
    now = [NOW]
    async with staged(size=size, clock=lambda: now[0]) as stage:
        stage.app.main.footer.say(LONG)
        await stage.until(lambda: not set(LONG.split()) - set(stage.text.split()), "all of its words")
        assert stage.sees("? help")
        now[0] += len(LONG) / 25 + 0.1
        await stage.beat()
        await stage.until(lambda: not stage.sees("went back"))


async def test_a_short_message_after_a_long_one_takes_its_place() -> None:
    async with staged() as stage:
        stage.app.main.footer.say(LONG)
        await stage.shows("went back to commit 9,312")
        stage.app.main.footer.say("copied")
        await stage.shows("✓ copied")
        await stage.until(lambda: not stage.sees("went back"))


async def test_a_notice_stays_in_its_line() -> None:
    async with staged() as stage:
        stage.app.main.footer.say(LONG, "warning", whole=False)
        await stage.until(lambda: "▲ orders went back" in stage.text.splitlines()[-1])
        assert stage.text.splitlines()[-1].count("…") == 1


async def test_a_place_in_a_file_is_shown_with_a_file_that_was_read() -> None:
    first = flowing()
    flow = FlowStatus("orders", "read_files orders/*.ndjson", "RUN")
    engine = FakeEngine(replace(first, streams=(replace(first.streams[0], flows=(flow,)), *first.streams[1:])))
    sql = "SELECT file FROM workbench.offsets WHERE stream = 'orders' AND file <> '' ORDER BY line DESC, file LIMIT 1"
    engine.results[sql] = ((("file", "VARCHAR"),), [("orders/2026-11-20.ndjson",)])
    async with staged(engine=engine) as stage:
        await stage.press("r")
        await stage.shows("orders/2026-11-20.ndjson:0")
        assert stage.engine.asked("close_query")


async def test_a_stream_without_files_has_no_place_in_one() -> None:
    first = flowing()
    flow = FlowStatus("orders", "read_socket tcp://:5140", "RUN")
    async with staged(engine=FakeEngine(replace(first, streams=(replace(first.streams[0], flows=(flow,)), *first.streams[1:])))) as stage:
        await stage.press("r")
        await stage.shows("10 min ago")
        assert not stage.sees(":0 ")


async def test_a_field_of_another_type_says_what_can_be_done() -> None:
    retyped = replace(drifts()[1], stream="orders", field="amount")
    why = ControlPlan("", "column", ("orders has the column amount already, a DOUBLE.", "To take them from now on: …"), possible=False)
    async with staged(engine=FakeEngine(replace(flowing(), drifts=(retyped,)))) as stage:
        stage.engine.plans = [why]
        await stage.shows("a why not")
        await stage.press("a")
        await stage.shows("amount of orders comes as VARCHAR   ▲ its column stays as it is; what can be done:")
        assert stage.sees("To take them from now on")
        await stage.press("escape", "exclamation_mark")
        await stage.shows("these records are rejected by the rule _type")


async def test_a_source_that_cannot_work_says_why() -> None:
    first = flowing()
    why = "cannot listen: Address already in use; it is tried again"
    flow = FlowStatus("orders", "read_socket tcp://:5140", "WAIT", detail=why)
    waiting = replace(first.streams[0], state="WAIT", detail=why, flows=(flow,))
    async with staged(engine=FakeEngine(replace(first, streams=(waiting, *first.streams[1:])))) as stage:
        assert "◷ WAIT   cannot listen: Address alre" in line_of(stage, "▌ orders")
        await stage.press("z")
        await stage.shows(f"orders  ◷ WAIT  {why}")
