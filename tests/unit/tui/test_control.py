"""Commands on a stream by keys: asked for, shown, done, refused; columns for new fields."""

from __future__ import annotations

from dataclasses import replace

from tests.unit.tui.fake_engine import PLAN, FakeEngine, snapshot
from tests.unit.tui.flowing import drifts, flowing
from tests.unit.tui.stage import Stage, staged
from workbench.protocol import ControlPlan

REWIND = {"commit": 9_312}


async def ask_rewind(stage: Stage) -> None:
    await stage.press("r")
    await stage.shows("Rewind orders to")
    await stage.press("number_sign", *"9312")
    await stage.shows("✓ commit 9,312")
    await stage.press("enter")
    await stage.shows("Rewind orders to commit 9,312?")


async def test_a_rewind_is_typed_shown_and_done_with_its_token() -> None:
    async with staged() as stage:
        await ask_rewind(stage)
        assert stage.engine.asked("plan_control") == [("plan_control", "orders", "rewind", REWIND)]
        assert stage.sees("118 windows that were closed open again.")
        assert not stage.engine.asked("control")
        await stage.press("r")
        await stage.until(lambda: stage.engine.asked("control") == [("control", "orders", "rewind", "t-1", REWIND)])
        await stage.shows("rewind of orders is done")
        assert stage.focused == "streams"


async def test_enter_on_a_plan_does_nothing_but_leave_it() -> None:
    async with staged() as stage:
        await ask_rewind(stage)
        await stage.press("enter")
        await stage.until(lambda: not stage.sees("Rewind orders"))
        assert not stage.engine.asked("control")


async def test_a_plan_that_is_outdated_is_shown_again_and_not_done() -> None:
    async with staged() as stage:
        stage.engine.outdated = 1
        stage.engine.plans = [PLAN, replace(PLAN, says=("Now it goes elsewhere.",), token="t-2")]
        await ask_rewind(stage)
        await stage.press("r")
        await stage.shows("▲ it changed since it was shown, look again")
        assert stage.sees("Now it goes elsewhere.")
        assert not stage.sees("rewind of orders is done")
        await stage.press("r")
        await stage.shows("rewind of orders is done")
        assert [call[3] for call in stage.engine.asked("control")] == ["t-1", "t-2"]


async def test_what_cannot_be_done_says_why_and_has_no_key_for_it() -> None:
    async with staged() as stage:
        stage.engine.plans = [
            ControlPlan("", "rewind", ("orders/2026-11-22.ndjson was cut at byte 0 since.",), possible=False, token="t-1")
        ]
        await ask_rewind(stage)
        assert stage.sees("▲ this cannot be done")
        assert stage.sees("was cut at byte 0 since.")
        assert not stage.sees("rewind it")
        await stage.press("r", "enter")
        assert stage.sees("this cannot be done")
        await stage.press("escape")
        await stage.until(lambda: not stage.sees("this cannot be done"))
        assert not stage.engine.asked("control")


async def test_what_is_so_already_is_no_alarm() -> None:
    async with staged() as stage:
        stage.engine.plans = [ControlPlan("", "rewind", ("orders is there already.",), possible=False, already=True)]
        await ask_rewind(stage)
        assert stage.sees("there is nothing to do")
        assert not stage.sees("this cannot be done")
        assert not stage.sees("rewind it")


async def test_enter_does_nothing_while_the_place_is_not_understood() -> None:
    async with staged() as stage:
        await stage.press("r", "enter")
        assert stage.sees("Rewind orders to")
        await stage.press(*"soon")
        await stage.shows("▲ neither beginning, a commit, a time nor file:byte")
        await stage.press("enter")
        assert stage.sees("Rewind orders to")
        assert not stage.engine.asked("plan_control")
        await stage.press("escape")
        await stage.until(lambda: not stage.sees("Rewind orders to"))
        assert stage.focused == "streams"


async def test_tab_takes_the_examples_and_each_of_them_is_understood() -> None:
    async with staged() as stage:
        await stage.press("r")
        for understood in ("✓ the beginning", "✓ commit 9,312", "✓ 16:54:00", "✓ 17:14:40", "✓ byte 0 of FILE", "✓ the beginning"):
            await stage.press("tab")
            await stage.shows(understood)


async def test_no_key_of_the_panes_reaches_them_from_the_line() -> None:
    async with staged() as stage:
        await stage.press("r", *"qpz1?", "q")
        assert stage.sees("qpz1?q")
        assert stage.app.return_value is None


async def test_limit_stop_and_end_show_their_plans() -> None:
    async with staged(engine=FakeEngine(flowing())) as stage:
        await stage.press("l")
        await stage.shows("now without a limit")
        await stage.press(*"20k", "enter")
        await stage.shows("Limit orders to 20,000 rows/s?")
        await stage.press("l")
        await stage.until(lambda: stage.engine.asked("control") == [("control", "orders", "limit", "t-1", {"rows": 20_000.0})])
        await stage.press("j", "l")
        await stage.shows("now 5,000 rows/s")
        await stage.press(*"none", "enter")
        await stage.shows("Lift the limit of clicks?")
        await stage.press("escape")
        for key, question, action in (("S", "Stop clicks?", "stop"), ("E", "Read clicks from the end?", "end")):
            await stage.press(key)
            await stage.shows(question)
            await stage.press(key)
            await stage.until(lambda action=action: stage.engine.asked("control")[-1][1:3] == ("clicks", action))  # type: ignore[misc]


async def test_p_starts_a_stopped_stream_again_after_showing_what_that_does() -> None:
    async with staged(engine=FakeEngine(flowing())) as stage:
        await stage.press("j", "j", "j")
        assert stage.app.picture.stream == "stock"
        await stage.press("p")
        await stage.shows("Go on with stock?")
        await stage.press("p")
        await stage.until(lambda: stage.engine.asked("control") == [("control", "stock", "resume", "t-1", {})])


async def test_an_engine_that_refuses_is_a_toast() -> None:
    async with staged() as stage:
        stage.engine.dead = True
        await stage.press("S")
        await stage.shows("No engine answers.")
        assert stage.app.screen is stage.app.main


async def test_commands_have_keys_in_the_zoom_and_names_in_the_palette() -> None:
    async with staged() as stage:
        await stage.press("z")
        for word in ("r rewind", "E from the end", "l limit", "S stop", "w windows", "L late rows"):
            assert stage.sees(word)
        await stage.command("limit str")
        await stage.shows("Limit orders to")


async def test_a_new_field_is_a_band_with_a_line_of_it_and_a_adds_its_column() -> None:
    async with staged(engine=FakeEngine(replace(flowing(), drifts=drifts()))) as stage:
        await stage.shows("orders: new field coupon in 41 rows, which no column holds")
        assert stage.sees('"coupon":"SUMMER-26"}')
        assert stage.sees("+1 more")
        await stage.press("a")
        await stage.shows("Add the column coupon VARCHAR to orders?")
        assert not stage.engine.asked("control")
        await stage.press("a")
        await stage.until(lambda: stage.engine.asked("control") == [("control", "orders", "column", "t-1", {"field": "coupon"})])


async def test_the_band_goes_once_its_fields_were_looked_at() -> None:
    async with staged(engine=FakeEngine(replace(flowing(), drifts=drifts()))) as stage:
        await stage.shows("orders: new field coupon")
        await stage.press("exclamation_mark")
        await stage.shows("2 fields without a fitting column")
        assert stage.sees('{"click_id":9,"visitor":"v-77"}')
        assert not stage.sees("change visitor")
        await stage.press("1")
        await stage.shows("Add the column coupon VARCHAR to orders?")
        await stage.press("escape")
        await stage.until(lambda: not stage.sees("new field coupon"))
        await stage.press("z")
        await stage.shows("new field coupon in 41 rows")


async def test_a_field_that_cannot_be_added_says_why() -> None:
    why = ControlPlan("", "column", ("schema => declares the input of orders; write the field there.",), possible=False)
    fixed = replace(drifts()[0], addable=False)
    async with staged(engine=FakeEngine(replace(flowing(), drifts=(fixed,)))) as stage:
        stage.engine.plans = [why]
        await stage.shows("a why not")
        await stage.press("a")
        await stage.shows("▲ this cannot be done")
        assert stage.sees("write the field there.")


async def test_a_without_new_fields_says_so() -> None:
    async with staged(engine=FakeEngine(snapshot())) as stage:
        await stage.press("a")
        await stage.shows("Every field has its column.")


async def test_problems_come_before_fields() -> None:
    from tests.unit.tui.test_states import PROBLEM

    async with staged(engine=FakeEngine(replace(flowing(), drifts=drifts(), problems=(PROBLEM,)))) as stage:
        await stage.shows("pipelines/shop.sql:3:8")
        assert not stage.sees("new field coupon")
        await stage.press("exclamation_mark")
        await stage.shows("1 problem in the pipelines, 2 fields without a fitting column")
