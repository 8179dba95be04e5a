"""Every key of the panes does what its line in the help says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.tui.fake_engine import FakeEngine, snapshot, tail_row
from tests.unit.tui.stage import staged
from workbench.tui.choice import ExitChoice
from workbench.tui.palette import GRAPHITE, PAPER


async def test_digits_go_to_panes_and_tab_goes_round() -> None:
    async with staged() as stage:
        for key, pane in (("2", "jobs"), ("3", "failures"), ("4", "editor"), ("1", "streams")):
            if stage.focused == "editor":
                await stage.press("escape")
            await stage.press(key)
            assert stage.focused == pane
        await stage.press("tab")
        assert stage.focused == "tail"
        await stage.press("shift+tab")
        assert stage.focused == "streams"


async def test_moving_in_streams_chooses_one() -> None:
    async with staged() as stage:
        await stage.press("j")
        assert stage.app.picture.stream == "clicks"
        await stage.until(lambda: ("tail", "clicks") in [call[:2] for call in stage.engine.calls])
        await stage.press("G")
        assert stage.app.picture.stream == "audit"
        await stage.press("k", "up")
        assert stage.app.picture.stream == "payments"
        await stage.press("g")
        assert stage.app.picture.stream == "orders"
        await stage.press("down", "pagedown", "pageup")
        assert stage.app.picture.stream == "orders"


async def test_the_cursor_stays_on_its_row_when_rows_move() -> None:
    async with staged() as stage:
        await stage.press("j")
        streams = snapshot().streams
        stage.app.picture.figures_at = 0.0
        stage.engine.push(replace(snapshot(9_413), streams=(streams[2], streams[0], streams[1])))
        await stage.until(lambda: stage.app.picture.snapshot is not None and stage.app.picture.snapshot.commit == 9_413)
        assert stage.app.picture.stream == "clicks"


async def test_enter_goes_in_and_escape_comes_out() -> None:
    async with staged() as stage:
        await stage.press("enter")
        assert stage.focused == "tail"
        await stage.press("escape")
        assert stage.focused == "streams"


async def test_slash_filters_the_tail_in_the_engine_as_it_is_typed() -> None:
    async with staged() as stage:
        await stage.press("slash", "r", "e", "f")
        await stage.until(lambda: stage.engine.asked("tail")[-1][3] == "ref")
        await stage.press("enter")
        await stage.shows("/ref  40 of 5.1k")
        assert stage.focused == "streams"
        await stage.press("escape")
        await stage.until(lambda: stage.engine.asked("tail")[-1][3] == "")
        assert not stage.sees("/ref")


async def test_escape_in_the_prompt_drops_the_filter() -> None:
    async with staged() as stage:
        await stage.press("slash", "x", "escape")
        assert stage.app.picture.filter == ""
        assert stage.focused == "streams"
        assert stage.app.main.footer.display


async def test_the_filter_works_while_paused() -> None:
    async with staged() as stage:
        await stage.press("space")
        await stage.shows("PAUSED")
        await stage.press("slash", "r", "e", "f", "enter")
        await stage.until(lambda: stage.engine.asked("tail")[-1][3] == "ref")
        await stage.shows("/ref")
        assert stage.sees("PAUSED")


async def test_shift_g_resumes_a_paused_view_from_the_list_too() -> None:
    async with staged() as stage:
        chosen = stage.app.picture.stream
        await stage.press("space")
        await stage.until(lambda: stage.app.picture.paused)
        await stage.press("G")
        await stage.until(lambda: not stage.app.picture.paused)
        assert stage.app.picture.stream == chosen


async def test_space_pauses_the_view_and_says_what_came_meanwhile() -> None:
    async with staged() as stage:
        await stage.press("space")
        await stage.until(lambda: stage.app.picture.paused)
        shown = [line for line in stage.text.splitlines() if "o-88427" in line]
        stage.engine.tail_rows = tuple(tail_row(i) for i in range(200, 260))
        streams = snapshot().streams
        more = replace(streams[0], rows_in=streams[0].rows_in + 4_211)
        stage.engine.push(replace(snapshot(9_413), streams=(more, *streams[1:])))
        await stage.shows("+4,211 new")
        assert [line for line in stage.text.splitlines() if "o-88427" in line] == shown
        await stage.press("tab", "G")
        await stage.shows("FOLLOW")
        await stage.shows("o-884472")


async def test_moving_up_in_the_tail_stops_the_following_and_f_follows_again() -> None:
    async with staged() as stage:
        await stage.press("enter", "k")
        await stage.shows("PAUSED")
        await stage.press("pageup", "pageup", "g")
        await stage.shows("o-884213")
        await stage.press("f")
        await stage.shows("FOLLOW")
        await stage.shows("o-884272")


async def test_a_rejected_row_of_the_tail_opens_in_failures() -> None:
    async with staged() as stage:
        await stage.press("enter", "enter")
        await stage.shows("q-10482")
        assert stage.focused == "failure-detail"


async def test_p_asks_before_it_pauses_ingestion_and_resumes_without_asking() -> None:
    async with staged() as stage:
        await stage.press("p")
        await stage.shows("Pause ingestion of orders?")
        assert stage.sees("space pauses only the view")
        await stage.press("escape")
        assert not stage.engine.asked("control")
        await stage.press("p")
        await stage.shows("Pause ingestion of orders?")
        await stage.press("p")
        await stage.until(lambda: stage.engine.asked("control") == [("control", "orders", "pause", "t-1", {})])
        await stage.shows("pause of orders is done")
        await stage.press("G", "p")
        await stage.until(lambda: stage.engine.asked("resume") == [("resume", "audit")])


async def test_colon_goes_to_a_stream_a_job_a_rule_and_a_table() -> None:
    async with staged() as stage:
        await stage.press("colon", *"pay", "enter")
        assert stage.app.picture.stream == "payments"
        await stage.press("colon", *"rollup", "enter")
        assert (stage.focused, stage.app.main.jobs.row) == ("jobs", "42")
        await stage.press("colon", *"ts_not", "enter")
        assert stage.focused == "failures"
        assert stage.app.main.failures.current is not None
        assert stage.app.main.failures.current.rule == "ts_not_null"
        await stage.press("colon", *"quarantine", "enter")
        await stage.until(lambda: stage.engine.asked("submit"))
        assert stage.engine.asked("submit")[0][1] == "SELECT * FROM workbench.quarantine LIMIT 100"


async def test_tab_in_the_prompt_takes_the_next_suggestion() -> None:
    async with staged() as stage:
        await stage.press("colon", "s", "tab")
        assert stage.app.main.prompt.choice == "sql"
        await stage.press("enter")
        assert stage.focused == "editor"


async def test_z_zooms_and_escape_comes_back() -> None:
    async with staged() as stage:
        for key, pane in (("1", "stream-zoom"), ("2", "job-zoom"), ("3", "failure-rules")):
            await stage.press(key, "z")
            assert stage.focused == pane
            assert not stage.sees(" 4  SQL")
            await stage.press("escape")
            await stage.shows(" 4  SQL")
        await stage.press("2", "z", "z")
        assert stage.focused == "jobs"


async def test_a_digit_leaves_the_zoom_of_another_pane() -> None:
    async with staged() as stage:
        await stage.press("2", "enter", "1")
        assert stage.focused == "streams"
        assert stage.sees(" 4  SQL")


async def test_y_copies_each_pane_as_sql(tmp_path: Path) -> None:
    async with staged(state=tmp_path) as stage:
        await stage.press("y")
        assert stage.app.clipboard == "SELECT * FROM workbench.streams;"
        await stage.press("tab", "slash", *"ref", "enter", "y")
        assert "FROM orders" in stage.app.clipboard
        assert "contains(lower(status::VARCHAR), 'ref')" in stage.app.clipboard
        await stage.press("2", "y")
        assert stage.app.clipboard == "SELECT * FROM workbench.job_runs WHERE job = 'load_customers';"
        await stage.press("3", "y")
        assert "list_contains(rules, 'amount_not_negative')" in stage.app.clipboard
        assert (tmp_path / "copied.txt").read_text("utf-8") == stage.app.clipboard
        await stage.shows("copied rejected rows as SQL to the clipboard")


async def test_y_copies_the_line_under_the_cursor_of_a_paused_tail() -> None:
    async with staged() as stage:
        await stage.press("enter", "space")
        await stage.until(lambda: stage.app.picture.paused)
        await stage.press("y")
        assert stage.app.clipboard.startswith("o-884272\tu-55310")


async def test_e_exports_what_a_pane_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with staged() as stage:
        await stage.press("e")
        await stage.shows("5 rows written to")
        await stage.press("3", "e")
        await stage.shows("4 rows written to")
        names = sorted(path.name.partition("-")[0] for path in tmp_path.iterdir())
        assert names == ["failures", "streams"]
        text = next(tmp_path.glob("streams-*.csv")).read_text("utf-8")
        assert text.splitlines()[1].startswith("orders,RUN,98200.0")


async def test_question_mark_lists_the_keys_of_the_pane() -> None:
    async with staged() as stage:
        await stage.press("2", "question_mark")
        await stage.shows("Keys: jobs")
        assert stage.sees("R  refresh")
        assert not stage.sees("pause ingest")
        await stage.press("escape", "1", "question_mark")
        await stage.shows("pause ingest")


async def test_ctrl_p_runs_a_command_by_name() -> None:
    async with staged() as stage:
        await stage.command("dark or")
        await stage.until(lambda: stage.app.picture.look.palette is PAPER)
        await stage.until(lambda: stage.app.theme == "paper")
        await stage.command("dark or")
        await stage.until(lambda: stage.app.picture.look.palette is GRAPHITE)


async def test_f12_switches_the_mouse_and_says_so() -> None:
    async with staged() as stage:
        await stage.press("f12")
        await stage.shows("mouse off")
        await stage.press("f12")
        await stage.shows("mouse on")


async def test_q_asks_and_leaving_is_the_safe_answer() -> None:
    async with staged() as stage:
        await stage.press("q")
        await stage.shows("Leave the engine running?")
        await stage.press("escape")
        await stage.until(lambda: not stage.sees("Leave the engine running?"))
        await stage.press("q", "enter")
        await stage.until(lambda: stage.app.return_value is not None)
        assert stage.app.return_value == ExitChoice("leave")
        assert not stage.engine.asked("stop")


async def test_q_ends_a_demo_unless_it_is_to_go_on() -> None:
    async with staged() as stage:
        stage.app.picture.demo = "its folder is deleted"
        await stage.press("q")
        await stage.shows("End the demo?")
        assert stage.sees("its generator and its engine stop, its folder is deleted")
        await stage.press("enter")
        await stage.until(lambda: stage.app.return_value is not None)
        assert stage.app.return_value == ExitChoice("stop")
    async with staged() as stage:
        stage.app.picture.demo = "its folder stays"
        await stage.press("q")
        await stage.shows("generator and engine go on until `workbench stop`")
        await stage.press("l")
        await stage.until(lambda: stage.app.return_value is not None)
        assert stage.app.return_value == ExitChoice("leave")


async def test_q_can_stop_the_engine() -> None:
    async with staged() as stage:
        await stage.press("q", "s")
        await stage.until(lambda: stage.app.return_value is not None)
        assert stage.app.return_value == ExitChoice("stop")
        assert stage.engine.asked("stop")


async def test_capital_r_refreshes_the_chosen_job() -> None:
    async with staged() as stage:
        await stage.press("2", "j", "R")
        await stage.until(lambda: stage.engine.asked("refresh") == [("refresh", "rollup_daily", False)])
        await stage.shows("rollup_daily is being refreshed")


async def test_new_runs_show_on_top_until_somebody_is_at_the_list() -> None:
    async with staged() as stage:
        jobs = stage.app.main.jobs

        def comes(run: int) -> tuple[int, str]:
            snapshot = jobs.picture.snapshot
            assert snapshot is not None
            jobs.picture.snapshot = replace(snapshot, runs=(replace(snapshot.runs[0], id=run), *snapshot.runs))
            return jobs.place, jobs.row

        assert [comes(run) for run in (990, 991)] == [(0, "990"), (0, "991")]
        await stage.press("2")
        jobs.go(0)
        chosen = jobs.row
        assert comes(992) == (1, chosen)
        jobs.go(2)
        chosen = jobs.row
        await stage.press("1")
        assert comes(993)[1] == chosen


async def test_slash_filters_jobs_and_failures_too() -> None:
    async with staged() as stage:
        await stage.press("2", "slash", *"dedupe", "enter")
        await stage.until(lambda: not stage.sees("load_customers"))
        assert stage.sees("dedupe_clicks")
        await stage.press("escape")
        await stage.shows("load_customers")
        await stage.press("3", "slash", *"ts_", "enter")
        await stage.until(lambda: not stage.sees("known_level"))


async def test_v_shows_the_next_running_state() -> None:
    async with staged() as stage:
        await stage.press("tab", "tab", "v")
        await stage.until(lambda: ("state", "revenue_by_country") in [call[:2] for call in stage.engine.calls])
        await stage.shows("revenue_by_country")


async def test_the_mouse_chooses_opens_and_scrolls() -> None:
    async with staged() as stage:
        await stage.click("#streams", offset=(4, 3))
        assert stage.app.picture.stream == "clicks"
        await stage.click("#jobs", offset=(4, 3), times=2)
        await stage.until(lambda: stage.focused == "job-zoom")


async def test_no_letter_does_anything_but_text_in_the_editor() -> None:
    async with staged() as stage:
        await stage.press("4", *"qzpjy1?:/ ")
        assert stage.app.main.sql.editor.text == "qzpjy1?:/ "
        assert stage.app.screen is stage.app.main


async def test_nothing_is_asked_while_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbench.tui.link.DETAILS", 0.0)
    async with staged() as stage:
        seen: list[int] = []

        def quiet() -> bool:
            seen.append(len(stage.engine.calls))
            return len(seen) > 50 and len(set(seen[-50:])) == 1

        await stage.until(quiet, "fifty looks without a call")


async def test_enter_on_an_ordinary_row_zooms_the_tail_and_on_a_group_the_state() -> None:
    async with staged() as stage:
        stage.engine.tail_rows = stage.engine.tail_rows[:3]
        stage.app.link.look_now()
        await stage.until(lambda: stage.app.picture.tail is not None and len(stage.app.picture.tail.rows) == 3)
        await stage.press("enter", "enter")
        await stage.until(lambda: not stage.sees("revenue_by_minute"))
        await stage.press("escape", "tab", "enter")
        await stage.until(lambda: not stage.sees("FOLLOW"))
        assert stage.sees("revenue_by_minute")


async def test_every_key_in_the_footer_is_bound() -> None:
    async with staged(engine=FakeEngine()) as stage:
        for pane in ("1", "2", "3"):
            await stage.press(pane)
            for active in stage.app.screen.active_bindings.values():
                action = active.binding.action
                namespace, _, name = action.rpartition(".")
                node = {"app": stage.app, "screen": stage.app.main}.get(namespace, active.node)
                name = name.partition("(")[0]
                assert hasattr(node, f"action_{name}") or hasattr(node, f"_action_{name}"), action
