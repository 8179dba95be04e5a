"""What the terminal shows besides the healthy case: starting, lost, problems, empty, failed, small, hostile data."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.tui.fake_engine import NOW, FakeEngine, snapshot, tail_row
from tests.unit.tui.stage import screen_lines, staged, until
from workbench.errors import EngineUnavailable
from workbench.protocol import Notice, ProblemStatus, Snapshot
from workbench.tui.app import WorkbenchApp
from workbench.tui.engine_api import EngineApi
from workbench.tui.picture import Picture

EMPTY = Snapshot(NOW, 0, (), (), (), (), (), (), 0.0, 0.0)
PROBLEM = ProblemStatus(
    "pipelines/shop.sql", 3, 8, 'There is no column "amuont"', "Did you mean amount?", "SELECT amuont FROM STREAM orders", 6
)


async def test_the_screen_opens_before_the_engine_answers_and_fills_when_it_does() -> None:
    gate, fake = asyncio.Event(), FakeEngine()

    async def connect() -> EngineApi:
        await gate.wait()
        return fake

    app = WorkbenchApp(Picture("shop"), connect)
    async with app.run_test(size=(120, 36)) as pilot:
        await until(pilot, lambda: "starting the engine…" in "\n".join(screen_lines(app)), lambda: "starting")
        assert "Streams" in "\n".join(screen_lines(app))
        gate.set()
        await until(pilot, lambda: "98.2k" in "\n".join(screen_lines(app)), lambda: "figures")


async def test_a_dead_engine_is_said_with_its_last_words_and_can_be_restarted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbench.tui.link.RETRY", 3600.0)  # or it is found again before a key is pressed
    log = tmp_path / "engine.log"
    log.write_text("info started\nerror out of \x1b[31mmemory\n", "utf-8")
    async with staged(log=log) as stage:
        stage.engine.die()
        await stage.shows("The engine does not answer.")
        assert stage.sees("engine gone")
        assert stage.sees("error out of ␛[31mmemory")
        stage.engine.dead = False
        await stage.press("r")
        await stage.until(lambda: stage.app.picture.connection == "live")
        assert stage.engine.asked("start") == [("start",), ("start",)]
        await stage.until(lambda: not stage.sees("engine gone"))
        await stage.shows("98.2k")


async def test_an_engine_that_comes_back_is_attached_by_itself() -> None:
    async with staged() as stage:
        stage.engine.die()
        await stage.shows("The engine does not answer.")
        stage.engine.dead = False
        await stage.until(lambda: stage.app.picture.connection == "live")
        await stage.until(lambda: not stage.sees("The engine does not answer."))


async def test_an_engine_that_never_started_shows_why() -> None:
    async def connect() -> EngineApi:
        raise EngineUnavailable("The engine ended with code 3", "The database is locked by pid 4711.")

    app = WorkbenchApp(Picture("shop"), connect)
    async with app.run_test(size=(120, 36)) as pilot:
        await until(pilot, lambda: "locked by pid 4711" in "\n".join(screen_lines(app)), lambda: "the reason")
        await pilot.press("q")
        await until(pilot, lambda: app.return_value is not None, lambda: "the end")
        assert app.return_value is not None
        assert app.return_value.kind == "quit"


async def test_problems_show_as_a_band_with_place_line_and_caret() -> None:
    second = replace(PROBLEM, line=9, message="There is no table ordres")
    async with staged(engine=FakeEngine(replace(snapshot(), problems=(PROBLEM, second)))) as stage:
        await stage.shows("pipelines/shop.sql:3:8")
        lines = stage.text.splitlines()
        source = next(i for i, line in enumerate(lines) if "SELECT amuont" in line)
        assert lines[source + 1].index("^^^^^^") == lines[source].index("amuont")
        assert stage.sees("The old definitions keep running.")
        assert stage.sees("+1 more")
        await stage.press("exclamation_mark")
        await stage.shows("2 problems in the pipelines")
        assert stage.sees("There is no table ordres")
        await stage.press("escape")
        stage.engine.push(snapshot(9_413))
        await stage.until(lambda: not stage.sees("shop.sql"))


async def test_failed_and_waiting_streams_say_why() -> None:
    streams = snapshot().streams
    failed = replace(streams[0], state="FAIL", detail="amount >= 0 broke in line 17: ON VIOLATION FAIL UPDATE")
    waiting = replace(streams[1], state="WAIT", detail="nothing matches clicks/*.ndjson yet")
    async with staged(engine=FakeEngine(replace(snapshot(), streams=(failed, waiting)))) as stage:
        await stage.shows("amount >= 0 broke in line 17")
        assert stage.sees("nothing matches clicks/*.ndjson yet")
        assert stage.sees("✗ 1 failed")
        await stage.press("p")
        await stage.shows("Go on with orders?")
        await stage.press("p")
        await stage.until(lambda: stage.engine.asked("control") == [("control", failed.name, "resume", "t-1", {})])


async def test_a_long_reason_is_whole_in_the_zoom() -> None:
    why = (
        "no JSON object tells its columns: declare them. " + "Looked at: the first 1,048,576 bytes of read_files in/*.log; " * 2 + "no more"
    )
    waiting = replace(snapshot().streams[0], state="WAIT", detail=why)
    async with staged(engine=FakeEngine(replace(snapshot(), streams=(waiting,)))) as stage:
        await stage.press("z")
        await stage.shows("no JSON object tells its columns: declare them.")
        await stage.until(lambda: stage.sees("no more"))


async def test_an_input_without_a_record_is_waited_for_by_its_name() -> None:
    async with staged(engine=FakeEngine(replace(EMPTY, inputs=("tcp://localhost:5140",))), filled=False) as stage:
        await stage.shows("Nothing has come to tcp://localhost:5140 yet. The first record")
        assert not stage.sees("No streams yet")
        busy = Notice(1, NOW, "warning", "tcp://localhost:5140: cannot listen: Address already in use; it is tried again")
        stage.engine.push(replace(EMPTY, inputs=("tcp://localhost:5140",), notices=(busy,)))
        await stage.until(lambda: stage.sees("cannot listen: Address already in use") and not stage.sees("Nothing has come"))


async def test_a_first_stream_is_in_the_list_as_soon_as_its_rows_are_in_the_tail() -> None:
    async with staged(engine=FakeEngine(replace(EMPTY, inputs=("tcp://localhost:5140",))), filled=False) as stage:
        await stage.shows("Nothing has come to tcp://localhost:5140 yet.")
        stage.engine.push(snapshot())
        await stage.shows("● FOLLOW")
        assert stage.sees("● 5 live") or stage.sees("● 3 live"), stage.text
        assert not stage.sees("No streams yet")
        assert stage.sees("clicks")


async def test_empty_panes_say_what_to_do() -> None:
    async with staged(engine=FakeEngine(EMPTY), filled=False) as stage:
        await stage.shows("No streams yet. Write CREATE STREAMING TABLE")
        assert stage.sees("No jobs. A materialized view")
        assert stage.sees("Nothing was rejected.")
        assert stage.sees("Write SQL above and press ^j.")
        await stage.press("j", "k", "G", "enter", "p", "y", "z", "escape")


async def test_a_small_window_gets_a_sentence_and_a_larger_one_everything() -> None:
    async with staged(size=(70, 15)) as stage:
        await stage.shows("This window is 70×15; workbench needs 80×20.")
        await stage.pilot.resize_terminal(120, 36)
        await stage.shows(" 2  Jobs")


async def test_one_pane_at_a_time_with_strips() -> None:
    async with staged(size=(80, 24)) as stage:
        assert stage.sees(" 2  Jobs      ► 2")
        await stage.press("2")
        await stage.shows(" 1  Streams   ● 3")
        assert stage.sees("#41 load_customers")
        await stage.press("4")
        await stage.shows(" 3  Failures  ✗ 214")
        assert stage.sees("^j run")
        await stage.press("escape", "3", "enter", "enter", "enter")
        await stage.shows("q-10482")


async def test_data_cannot_reach_the_terminal_as_control() -> None:
    engine = FakeEngine()
    bad = replace(
        tail_row(1),
        cells=("\x1b]0;owned\x07", "日本語", "\x9b2J", "[red]x[/]", "1.00", "E\u202e", "\r\n"),
        rules=("r\x1b[5m",),
        dropped=True,
    )
    engine.tail_rows = (bad,)
    streams = snapshot().streams
    engine.now = replace(snapshot(), streams=(replace(streams[0], name="o\x1b[2Jrders"), *streams[1:]))
    async with staged(engine=engine) as stage:
        await stage.shows("␛]0;owned␇")
        assert stage.sees("日本語")
        assert stage.sees("[red]x[/]")
        assert all(line.isprintable() for line in stage.text.splitlines())
        assert {strip.cell_length for strip in stage.app.main.streams.tail._strips} == {77}


async def test_notices_become_toasts_and_are_listed() -> None:
    async with staged() as stage:
        await stage.beat(3.0)
        notice = Notice(2, NOW, "warning", "clicks: the file was truncated", "clicks")
        stage.engine.push(replace(snapshot(9_413), notices=(notice,)))
        await stage.until(lambda: stage.app.picture.snapshot is not None and stage.app.picture.snapshot.commit == 9_413)
        await stage.beat(3.0)
        await stage.shows("clicks: the file was truncated")
        await stage.app.run_action("notices")
        await stage.shows("Notices")


async def test_the_screens_own_delay_is_shown_and_late_over_50_ms() -> None:
    async with staged() as stage:
        await stage.beat(87.0)
        await stage.shows("ui 87 ms")


async def test_only_lines_that_differ_are_repainted() -> None:
    async with staged() as stage:
        streams = stage.app.main.streams.streams
        assert streams.frame() == 0
        figures = stage.app.picture.figures
        assert figures is not None
        changed = replace(figures.streams[1], rate=50_000.0)
        stage.app.picture.figures = replace(figures, streams=(figures.streams[0], changed, *figures.streams[2:]))
        assert streams.frame() == 1


async def test_a_paused_view_stands_still_but_for_header_lag_and_jobs() -> None:
    async with staged() as stage:
        await stage.press("space")
        await stage.shows("PAUSED")
        streams = snapshot().streams
        slower = replace(streams[0], rate=5.0, lag_seconds=7.7)
        rules = tuple(replace(rule, recent=rule.recent + 400) for rule in snapshot().rules)
        stage.engine.push(replace(snapshot(9_500), streams=(slower, *streams[1:]), rate=12_300, rules=rules, runs=()))
        await stage.shows("12.3k rows/s")
        await stage.shows("7.7 s")
        assert stage.sees("98.2k")
        assert stage.sees("214 in 5 min")
        assert not stage.sees("load_customers")


async def test_a_paused_tail_stands_still_whatever_asks() -> None:
    async with staged() as stage:
        await stage.press("space")
        await stage.shows("PAUSED")
        link, held, state = stage.app.link, stage.app.picture.tail, stage.app.picture.state
        stage.engine.tail_rows = tuple(tail_row(i) for i in range(200, 260))
        await link._fetch(stage.engine)
        await stage.pilot.resize_terminal(130, 40)
        await stage.shows("PAUSED")
        await link._fetch(stage.engine)
        assert stage.app.picture.tail is held
        assert stage.app.picture.state is state
        stage.app.picture.filter = "ref"
        await link._fetch(stage.engine)
        assert stage.app.picture.tail is not held


async def test_a_quiet_engine_is_asked_nothing_but_once_after_the_last_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbench.tui.link.DETAILS", 0.0)
    async with staged() as stage:
        link = stage.app.link
        link._look_after(9_600)
        assert link._wanted.is_set()
        link._wanted.clear()
        link._look_after(9_600)
        assert link._wanted.is_set()
        link._wanted.clear()
        link._look_after(9_600)
        assert not link._wanted.is_set()


async def test_failures_have_three_levels() -> None:
    async with staged() as stage:
        await stage.press("3", "enter")
        assert stage.focused == "failure-rules"
        await stage.shows("q-10482")
        assert stage.sees("171 rows")
        await stage.press("enter")
        assert stage.focused == "failure-rows"
        await stage.press("n")
        await stage.shows("q-10481")
        assert stage.engine.asked("quarantine")[0] == ("quarantine", "orders", "amount_not_negative", 0, 200)
        await stage.press("enter")
        assert stage.focused == "failure-detail"
        assert stage.sees("41,199,934")
        assert stage.sees("amount = -12.50")
        await stage.press("y")
        assert stage.app.clipboard.startswith('{"order_id":"o-884216"')
        for pane in ("failure-rows", "failure-rules", "failures"):
            await stage.press("escape")
            assert stage.focused == pane


async def test_new_stays_until_the_rule_is_opened() -> None:
    async with staged() as stage:
        assert stage.sees("NEW")
        await stage.press("3", "j", "enter", "enter", "escape", "escape")
        await stage.until(lambda: not stage.sees("NEW"))


async def test_jobs_zoomed_show_history_and_the_error_in_full() -> None:
    async with staged() as stage:
        await stage.press("2", *"jjjj", "enter")
        await stage.shows("#40 dedupe_clicks  ✗ FAILED")
        assert stage.sees("Out of memory: could not allocate 256 MB")
        assert stage.sees("select distinct on (click_id) *")
        assert stage.sees("11.8M")
