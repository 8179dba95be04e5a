"""Pane 4: tabs, editor and result around one Desk."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult, SuspendNotSupported
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import TextArea

from workbench.errors import WorkbenchError
from workbench.tui.link import Link
from workbench.tui.messages import Opened, Toast
from workbench.tui.outside import edit
from workbench.tui.sheets.history import HistorySheet
from workbench.tui.sql.desk import Desk
from workbench.tui.sql.history import History
from workbench.tui.sql.statement import offset_of, place_of, word_at
from workbench.tui.sql.tab import Tab
from workbench.tui.text import tame
from workbench.tui.widgets.editor import Editor
from workbench.tui.widgets.result import Result
from workbench.tui.widgets.sql_title import SqlTitle


class SqlPane(Vertical):
    """Moves text between tabs and the editor, runs what the cursor stands on, shows where a mistake is."""

    DEFAULT_CSS = "SqlPane { height: 1fr; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+r", "live", "live"),
        Binding("f8", "history", "history"),
        Binding("ctrl+n", "new_tab", "new tab"),
        Binding("ctrl+w", "close_tab", "close tab", show=False),
        Binding("f2", "next_tab", "next tab", show=False),
        Binding("ctrl+o", "edit_outside", "$EDITOR"),
        Binding("f5,ctrl+j,ctrl+enter", "run", "run", show=False),
    ]

    def __init__(self, link: Link, history: Path | None) -> None:
        super().__init__(id="sql-pane")
        self._link = link
        self.desk = Desk(lambda: link.engine, self._changed, self._said, History(history))
        self.heading = SqlTitle(link.picture, self.desk, lambda: self.has_focus_within, id="sql-title")
        self.editor = Editor(link.picture.look.palette, id="editor")
        self.result = Result(link.picture, self.desk, id="result")
        self._shown: Tab | None = None

    def compose(self) -> ComposeResult:
        yield self.heading
        yield self.editor
        yield self.result

    def on_mount(self) -> None:
        self._changed()

    def on_unmount(self) -> None:
        self.desk.stop()

    def frame(self) -> None:
        self.heading.frame()
        self.result.frame()

    def redraw(self) -> None:
        self.editor.wear(self._link.picture.look.palette)
        self.heading.redraw()
        self.result.redraw()

    def lay_out(self, editor: int, result: int) -> None:
        """Heights; 0 hides."""
        self.editor.display = editor > 0
        self.editor.styles.height = max(1, editor)
        self.result.display = result > 0
        self.result.styles.height = max(1, result)

    def put(self, sql: str, run: bool = False) -> None:
        """Text into the active tab, behind what is there; runs it when asked to."""
        text = self.desk.tab.text.rstrip()
        joined = f"{text}{'' if not text or text.endswith(';') else ';'}{chr(10) if text else ''}{sql}"
        self.editor.load_text(tame(joined))
        self.desk.tab.text = self.editor.text
        self.editor.move_cursor(self.editor.document.end)
        if run:
            self.action_run()

    def look_at(self, sql: str) -> None:
        """Runs a query in the tab that holds it, or in a new one; a tab with nothing in it counts as new."""
        self._keep()
        held = next((i for i, tab in enumerate(self.desk.tabs) if tab.text == sql), None)
        if held is not None:
            self.desk.show(held)
        elif self.desk.tab.text.strip():
            self.desk.open(sql)
        else:
            self.desk.tab.text = sql
        self.editor.load_text(sql)
        self.action_run()
        self.result.focus()

    def on_editor_run(self) -> None:
        self.action_run()

    def on_editor_cancel(self) -> None:
        self.action_cancel()

    def on_editor_close_tab(self) -> None:
        self.action_close_tab()

    def on_editor_leave(self) -> None:
        if self.desk.tab.asking:
            self.action_cancel()
        else:
            self.result.focus()

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        event.stop()
        if self._shown is self.desk.tab:
            self.desk.tab.text = self.editor.text
            self.editor.point_at(None)

    def on_opened(self, message: Opened) -> None:
        if message.pane == "result":
            message.stop()
            self.editor.focus()

    def action_run(self) -> None:
        tab = self.desk.tab
        tab.text = self.editor.text
        self.editor.point_at(None)
        self.desk.run_at(offset_of(tab.text, *self.editor.cursor_location))

    def action_cancel(self) -> None:
        if not self.desk.cancel():
            self._said("Nothing runs in this tab.", "info")

    def action_live(self) -> None:
        if self.desk.tab.run is None:
            self.action_run()
        self.desk.toggle_live()

    def action_new_tab(self) -> None:
        self._keep()
        self.desk.open()
        self.editor.focus()

    def action_close_tab(self) -> None:
        self.desk.close()

    def action_next_tab(self) -> None:
        self._keep()
        self.desk.show((self.desk.active + 1) % len(self.desk.tabs))

    def action_history(self) -> None:
        self.app.push_screen(HistorySheet(self._link.picture, self.desk.history.statements), self._take)

    def action_edit_outside(self) -> None:
        try:
            with self.app.suspend():
                text = edit(self.editor.text)
        except SuspendNotSupported:
            self._said("This terminal cannot be handed to $EDITOR.", "warning")
            return
        except WorkbenchError as error:
            self._said(str(error), "error")
            return
        self.editor.load_text(tame(text))
        self.desk.tab.text = self.editor.text

    def _take(self, sql: str | None) -> None:
        if sql:
            self.put(sql)
            self.editor.focus()

    def _keep(self) -> None:
        self.desk.tab.text, self.desk.tab.place = self.editor.text, self.editor.cursor_location

    def _said(self, text: str, kind: str) -> None:
        self.post_message(Toast(text, kind))

    def _changed(self) -> None:
        tab = self.desk.tab
        if tab is not self._shown:
            self._shown = tab
            self.editor.load_text(tab.text)
            self.editor.move_cursor(tab.place)
        run = tab.run
        if run is not None and run.position is not None and run.error:
            start, stop = word_at(tab.text, run.position)
            row, column = place_of(tab.text, start)
            self.editor.point_at((row, column, column + stop - start))
        self.frame()
