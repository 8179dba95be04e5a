"""The SQL pane: running, cancelling, paging, tabs, live results, mistakes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.tui.fake_engine import FakeEngine, snapshot
from tests.unit.tui.stage import COLUMNS, ROWS, SQL, Stage, staged
from workbench.protocol import QueryStatus
from workbench.tui.sql.desk import REFRESH
from workbench.tui.widgets.editor import BURST


async def ready(stage: Stage, sql: str = SQL) -> None:
    await stage.press("4")
    stage.type_sql(sql)
    await stage.settle()


@pytest.mark.parametrize("key", ["ctrl+j", "f5", "ctrl+enter"])
async def test_three_keys_run_the_statement_under_the_cursor(key: str) -> None:
    async with staged() as stage:
        await ready(stage, f"select 1;\n{SQL};\nselect 3")
        stage.app.main.sql.editor.move_cursor((2, 3))
        await stage.press(key)
        await stage.shows("12,841")
        assert stage.engine.asked("submit") == [("submit", SQL)]
        assert stage.sees("6 rows  0.21 s")


async def test_a_newline_within_a_burst_is_pasted_text_not_a_run() -> None:
    async with staged() as stage:
        await stage.press("4")
        editor = stage.app.main.sql.editor
        setattr(editor, "burst", 60.0)  # noqa: B010
        await stage.press("a", "ctrl+j", "b")
        assert editor.text == "a\nb"
        assert not stage.engine.asked("submit")
        assert 0 < BURST < 0.05


async def test_a_paste_is_tamed() -> None:
    async with staged() as stage:
        await stage.press("4")
        from textual import events

        stage.app.main.sql.editor.post_message(events.Paste("select\t1\r\n\x1b[31m"))
        await stage.until(lambda: "select" in stage.app.main.sql.editor.text)
        assert stage.app.main.sql.editor.text == "select  1\n␛[31m"


async def test_while_it_runs_the_title_is_the_progress_bar_and_first_rows_show() -> None:
    engine = FakeEngine()
    engine.slow = True
    async with staged(engine=engine) as stage:
        await ready(stage)
        await stage.press("f5")
        await stage.shows("44%  2.5 s  about 3.2 s left  ^c cancel")
        await stage.shows("12841" if stage.sees("12841") else "12,841")
        assert "━" in next(line for line in stage.text.splitlines() if line.startswith("result"))
        engine.finish()
        await stage.shows("6 rows  2.5")


@pytest.mark.parametrize("key", ["ctrl+c", "escape"])
async def test_ctrl_c_and_escape_cancel_what_runs(key: str) -> None:
    engine = FakeEngine()
    engine.slow = True
    async with staged(engine=engine) as stage:
        await ready(stage)
        await stage.press("f5")
        await stage.shows("^c cancel")
        await stage.press(key)
        await stage.until(lambda: engine.asked("cancel"))
        await stage.shows("cancelled")
        assert stage.focused == "editor"


async def test_escape_leaves_the_editor_when_nothing_runs() -> None:
    async with staged() as stage:
        await ready(stage)
        await stage.press("escape")
        assert stage.focused == "result"
        await stage.press("enter")
        assert stage.focused == "editor"


async def test_a_mistake_shows_message_hint_and_place() -> None:
    engine = FakeEngine()
    engine.fail = QueryStatus("", "", "failed", 0.01, 0, (), error='Column "amuont" not found', hint="Did you mean amount?", position=7)
    async with staged(engine=engine) as stage:
        await ready(stage, "select 1;\nselect amuont from orders")
        stage.app.main.sql.editor.move_cursor((1, 0))
        await stage.press("f5")
        await stage.shows('Column "amuont" not found')
        assert stage.sees("line 1, column 8")
        assert stage.sees("Did you mean amount?")
        marked = [span for span in stage.app.main.sql.editor.get_line(1).spans if "reverse" in str(span.style)]
        assert [(span.start, span.end) for span in marked] == [(7, 13)]
        await stage.press("x")
        assert not [span for span in stage.app.main.sql.editor.get_line(1).spans if "reverse" in str(span.style)]


async def test_a_statement_of_the_language_says_what_was_done() -> None:
    engine = FakeEngine()
    engine.fail = QueryStatus("", "", "done", 0.05, 0, (), statement="Streaming table clicks was created.")
    async with staged(engine=engine) as stage:
        await ready(stage, "create streaming table clicks as select 1")
        await stage.press("f5")
        await stage.shows("Streaming table clicks was created.")


async def test_millions_of_rows_are_paged_and_only_shown_pages_are_asked_for() -> None:
    engine = FakeEngine()
    rows = _Range(5_000_000)
    engine.results["select * from big"] = ((("i", "BIGINT"), ("name", "VARCHAR")), rows)
    async with staged(engine=engine) as stage:
        await ready(stage, "select * from big")
        await stage.press("f5")
        await stage.shows("5,000,000 rows")
        await stage.press("escape", "G")
        await stage.shows("4999999")
        await stage.press("pageup", "k")
        await stage.shows("row 4,999,994")
        await stage.press("g")
        await stage.shows("row 1")
        assert len(engine.asked("page")) <= 3


async def test_wide_results_scroll_by_columns() -> None:
    engine = FakeEngine()
    columns = tuple((f"column_{i}", "VARCHAR") for i in range(40))
    engine.results["select * from wide"] = (columns, [tuple(f"value {i} of the row" for i in range(40))])
    async with staged(engine=engine) as stage:
        await ready(stage, "select * from wide")
        await stage.press("f5")
        await stage.shows("column_0")
        await stage.press("escape", "l", "right")
        await stage.until(lambda: not stage.sees("column_1 "))
        assert stage.sees("column_2 ")
        await stage.press("h", "left")
        await stage.shows("column_0 ")


async def test_a_live_result_refreshes_after_commits_and_shows_what_changed() -> None:
    engine = FakeEngine()
    async with staged(engine=engine) as stage:
        now = [1000.0]
        stage.app.main.sql.desk._clock = lambda: now[0]
        await ready(stage)
        await stage.press("ctrl+r")
        await stage.shows("⟳ 2 s")
        await stage.shows("12,841")
        engine.results[SQL] = (COLUMNS, [("DE", "13053", "271884.10"), *ROWS[1:]])
        now[0] += REFRESH
        engine.push(snapshot(9_413))
        await stage.until(lambda: stage.app.picture.snapshot is not None and stage.app.picture.snapshot.commit == 9_413)
        stage.app.main.beat()
        await stage.shows("▲ 1 changed")
        assert stage.sees("▲ +212")
        submitted = len(engine.asked("submit"))
        now[0] += REFRESH
        stage.app.main.beat()
        await stage.settle()
        assert len(engine.asked("submit")) == submitted, "nothing was committed, so nothing is asked"
        await stage.press("ctrl+r")
        await stage.until(lambda: not stage.sees("⟳"))


async def test_tabs_keep_their_text_and_result() -> None:
    async with staged() as stage:
        await ready(stage)
        await stage.press("f5")
        await stage.shows("12,841")
        await stage.press("ctrl+n")
        assert stage.app.main.sql.editor.text == ""
        assert stage.sees("1 orders   2 new")
        await stage.press(*"abc", "f2")
        assert stage.app.main.sql.editor.text == SQL
        assert stage.sees("12,841")
        await stage.press("f2")
        assert stage.app.main.sql.editor.text == "abc"
        await stage.press("ctrl+w")
        assert stage.app.main.sql.editor.text == SQL
        await stage.press("ctrl+w")
        assert stage.app.main.sql.editor.text == ""
        await stage.until(lambda: stage.engine.asked("close_query"))


async def test_f8_brings_back_what_was_run(tmp_path: Path) -> None:
    async with staged(state=tmp_path) as stage:
        await ready(stage, "select 41")
        await stage.press("f5")
        await stage.until(lambda: stage.engine.asked("submit"))
        await stage.press("f8")
        await stage.shows("1 statements, newest first")
        await stage.press("enter")
        await stage.until(lambda: stage.app.main.sql.editor.text == "select 41;\nselect 41")
    async with staged(state=tmp_path) as stage:
        await stage.press("4", "f8")
        await stage.shows("select 41")


async def test_ctrl_o_says_when_there_is_no_terminal_to_hand_over() -> None:
    async with staged() as stage:
        await stage.press("4", "ctrl+o")
        await stage.shows("cannot be handed to $EDITOR")


async def test_a_result_is_exported_page_by_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    engine = FakeEngine()
    engine.results["select * from big"] = ((("i", "BIGINT"), ("name", "VARCHAR")), _Range(450))
    async with staged(engine=engine) as stage:
        await ready(stage, "select * from big")
        await stage.press("f5")
        await stage.shows("450 rows")
        await stage.press("escape", "e")
        await stage.shows("450 rows written to")
    lines = next(tmp_path.glob("big-*.csv")).read_text("utf-8").splitlines()
    assert (lines[0], lines[1], lines[-1], len(lines)) == ("i,name", '0,"row, 0"', '449,"row, 449"', 451)


async def test_nulls_are_told_from_empty_text_and_controls_do_no_harm() -> None:
    engine = FakeEngine()
    engine.results["select *"] = ((("a", "VARCHAR"), ("b", "VARCHAR")), [(None, ""), ("\x1b[2J", "[red]日本[/red]")])
    async with staged(engine=engine) as stage:
        await ready(stage, "select *")
        await stage.press("f5")
        await stage.shows("NULL")
        assert stage.sees("␛[2J")
        assert stage.sees("[red]日本[/red]")
        assert "\x1b" not in stage.text


async def test_an_engine_that_is_gone_is_said() -> None:
    async with staged() as stage:
        await ready(stage)
        stage.engine.dead = True
        await stage.press("f5")
        await stage.shows("No engine answers.")


async def test_running_twice_warns_instead_of_losing_the_first() -> None:
    engine = FakeEngine()
    engine.slow = True
    async with staged(engine=engine) as stage:
        await ready(stage)
        await stage.press("f5")
        await stage.shows("^c cancel")
        await stage.press("f5")
        await stage.shows("A query runs in this tab already")
        assert len(engine.asked("submit")) == 1
        engine.finish()


async def test_a_truncated_result_says_so() -> None:
    engine = FakeEngine()
    async with staged(engine=engine) as stage:
        await ready(stage)
        await stage.press("f5")
        await stage.shows("12,841")
        run = stage.app.main.sql.desk.tab.run
        assert run is not None
        assert run.status is not None
        run.status = replace(run.status, truncated=True)
        stage.app.main.sql.frame()
        await stage.shows("cut at the result limit")


class _Range(list[tuple[str | None, ...]]):
    """Rows that are made when they are looked at."""

    def __init__(self, rows: int) -> None:
        super().__init__()
        self._rows = rows

    def __len__(self) -> int:
        return self._rows

    def __getitem__(self, place):  # type: ignore[no-untyped-def]
        return (str(place), f"row, {place}")
