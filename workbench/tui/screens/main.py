"""The main screen: puts the panes in their places and passes keys and news on to them."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import Screen

from workbench.errors import WorkbenchError
from workbench.protocol import Action, DriftStatus
from workbench.tui import copying
from workbench.tui.controls import Controls
from workbench.tui.goto import Place, matching
from workbench.tui.handover import copy_of, export_of
from workbench.tui.layout import PANE_OF, Layout, plan
from workbench.tui.link import Link
from workbench.tui.messages import Copy, Frame, Opened, PromptChanged, PromptDone, Toast
from workbench.tui.panes.failures import FailureZoom
from workbench.tui.panes.sql import SqlPane
from workbench.tui.panes.streams import StreamPane
from workbench.tui.widgets.event_time import missing
from workbench.tui.widgets.failures import Failures, newest, rules_of
from workbench.tui.widgets.footer import Footer
from workbench.tui.widgets.header import Header
from workbench.tui.widgets.job_zoom import JobZoom
from workbench.tui.widgets.jobs import Jobs
from workbench.tui.widgets.problems import ProblemBand
from workbench.tui.widgets.prompt import Prompt
from workbench.tui.widgets.small import TooSmall
from workbench.tui.widgets.stream_zoom import StreamZoom
from workbench.tui.widgets.streams import lines_of
from workbench.tui.widgets.strips import Strips
from workbench.tui.widgets.told import Told

FIRST = {"1": "streams", "2": "jobs", "3": "failures", "4": "editor"}
EACH_SECOND = 1.0
"""Seconds between looks at the last rejected record."""


class MainScreen(Screen[None]):
    """Four panes, or one and three strips, or one sentence. Questions are asked by the app."""

    DEFAULT_CSS = """
    MainScreen { layout: vertical; overflow: hidden hidden; layers: panes above; }
    MainScreen #top { height: 1fr; }
    MainScreen #right { width: 40; margin: 0 1 0 2; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("1", "pane('1')", "streams", show=False),
        Binding("2", "pane('2')", "jobs", show=False),
        Binding("3", "pane('3')", "failures", show=False),
        Binding("4", "pane('4')", "SQL", show=False),
        Binding("tab", "app.focus_next", "next pane", show=False),
        Binding("shift+tab", "app.focus_previous", "pane before", show=False),
        Binding("escape", "back", "back", show=False),
        Binding("space", "pause_view", "pause view", show=False),
        Binding("z", "zoom", "zoom"),
        Binding("y", "copy", "copy"),
        Binding("e", "export", "export", show=False),
        Binding("colon", "goto", "go to"),
        Binding("exclamation_mark", "app.problems", "problems", show=False),
        Binding("a", "add_column", "add column", show=False),
    ]

    def __init__(self, link: Link, history: Path | None) -> None:
        super().__init__()
        self.link, self.picture = link, link.picture
        self.zoom = ""
        self.streams = StreamPane(link)
        self.jobs = Jobs(link.picture, id="jobs")
        self.failures = Failures(link.picture, id="failures")
        self.sql = SqlPane(link, history)
        self.stream_zoom = StreamZoom(link.picture, id="stream-zoom")
        self.job_zoom = JobZoom(link.picture, id="job-zoom")
        self.failure_zoom = FailureZoom(link, id="failure-zoom")
        self.header, self.band, self.footer = Header(link.picture), ProblemBand(link.picture), Footer(link.picture)
        self.strips = Strips(link.picture, self.sql.desk, lambda: self.pane)
        self.prompt, self.small = Prompt(link.picture), TooSmall(link.picture)
        self.told = self.footer.told = Told(link.picture)
        self.controls = Controls(self, link, self.footer.say)
        self.pane = "1"
        self._shape: tuple[object, ...] = ()
        self._last_look = 0.0

    def compose(self) -> ComposeResult:
        yield self.header
        yield self.band
        yield self.small
        with Horizontal(id="top"):
            yield self.streams
            with Vertical(id="right"):
                yield self.jobs
                yield self.failures
        yield self.sql
        yield self.stream_zoom
        yield self.job_zoom
        yield self.failure_zoom
        yield self.strips
        yield self.footer
        yield self.prompt
        yield self.told

    def on_mount(self) -> None:
        self.lay_out(self.app.size.width, self.app.size.height)
        self.streams.streams.focus()

    def on_resize(self, event: events.Resize) -> None:
        self.lay_out(event.size.width, event.size.height)

    # News

    def on_frame(self, message: Frame) -> None:
        message.stop()
        self.refresh_panes()

    def on_toast(self, message: Toast) -> None:
        message.stop()
        self.footer.say(message.text, message.kind)

    def on_engine_lost(self) -> None:
        self.refresh_panes()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        self.pane = PANE_OF.get(event.widget.id or "", self.pane)
        self.lay_out(self.app.size.width, self.app.size.height)
        self.sql.heading.frame()
        self.call_after_refresh(self.footer.frame)

    def refresh_panes(self) -> None:
        """A frame of everything that shows."""
        self.lay_out(self.app.size.width, self.app.size.height)
        for pane in (
            self.header,
            self.band,
            self.streams,
            self.jobs,
            self.failures,
            self.sql,
            self.stream_zoom,
            self.job_zoom,
            self.failure_zoom,
            self.strips,
        ):
            if pane.display:
                pane.frame()
        self._look_at_last()

    def beat(self) -> None:
        """Once a second: clock, ages, toasts, live results."""
        self.header.frame()
        self.footer.frame()
        self.told.frame()
        self.jobs.frame()
        if self.picture.snapshot is not None:
            self.sql.desk.beat(self.picture.snapshot.commit)
        self._look_at_last()

    def redraw(self) -> None:
        """Everything anew: the palette changed."""
        self.styles.background = self.picture.look.palette.ground
        for pane in (
            *(self.header, self.band, self.streams, self.jobs, self.failures, self.sql),
            *(self.stream_zoom, self.job_zoom, self.failure_zoom, self.strips, self.footer, self.told, self.small),
        ):
            pane.redraw()

    # Places

    def lay_out(self, width: int, height: int) -> None:
        """Sizes and shows the panes; does nothing when nothing changed."""
        band, (streams, sources) = self.band.wanted(height), lines_of(self.picture.snapshot)
        shape = (width, height, band, streams, sources, bool(self.picture.view), self.pane, self.zoom)
        if shape == self._shape:
            return
        self._shape = shape
        has_view = bool(self.picture.view)
        layout = plan(width, height, band=band, streams=streams, sources=sources, has_view=has_view, pane=self.pane, zoom=self.zoom)
        self.band.styles.height = max(1, band)
        self._apply(layout, band, width)

    def _apply(self, layout: Layout, band: int, width: int) -> None:
        small = layout.mode == "small"
        self.small.display = small
        for pane, shown in ((self.header, not small), (self.footer, not small), (self.band, bool(band) and not small)):
            pane.display = shown
        top, right = self.query_one("#top"), self.query_one("#right")
        top.display, top.styles.height = layout.top > 0, max(1, layout.top)
        right.display = layout.jobs + layout.failures > 0
        right.styles.width = layout.right or "1fr"
        right.styles.margin = (0, 1, 0, 2) if layout.right else (0, 0, 0, 0)
        self.streams.display = layout.streams + layout.tail + layout.state > 0
        self.streams.lay_out(layout.streams, layout.tail, layout.state, layout.spaced)
        for body, lines in ((self.jobs, layout.jobs), (self.failures, layout.failures), (self.sql, layout.sql)):
            body.display, body.styles.height = lines > 0, max(1, lines)
        self.sql.lay_out(layout.editor, layout.result)
        self.stream_zoom.display = layout.stream_zoom > 0
        self.job_zoom.display, self.failure_zoom.display = layout.job_zoom > 0, layout.failure_zoom > 0
        if layout.failure_zoom:
            self.failure_zoom.lay_out(width, layout.failure_zoom)
        self.strips.display = layout.strips > 0
        self.strips.styles.margin = (1, 0, 0, 0)
        self.link.look_now()

    def action_pane(self, key: str) -> None:
        self.show_pane(key)

    def show_pane(self, key: str) -> None:
        """Goes to a pane; leaves a zoom that is another one's."""
        if self.zoom and PANE_OF.get(self.zoom) != key:
            self.zoom = ""
        self.pane = key
        self.lay_out(self.app.size.width, self.app.size.height)
        zoomed = {"streams": self.stream_zoom, "jobs": self.job_zoom, "failures": self.failure_zoom.rules}.get(self.zoom)
        if zoomed is not None:
            zoomed.focus()
        else:
            self.query_one(f"#{FIRST[key]}").focus()

    def zoom_to(self, zoom: str) -> None:
        """Gives a widget the whole screen, or takes it back with ""."""
        focused = self.focused.id if self.focused is not None else None
        self.zoom = zoom
        self.lay_out(self.app.size.width, self.app.size.height)
        if zoom == "streams":
            self.stream_zoom.focus()
        elif zoom == "jobs":
            current = self.jobs.current
            self.job_zoom.row = current.job if current is not None else self.job_zoom.row
            self.job_zoom.focus()
        elif zoom == "failures":
            self.failure_zoom.enter(self.failures.row)
        elif not zoom:
            self.query_one(f"#{focused if focused in PANE_OF else FIRST[self.pane]}").focus()
        self.refresh_panes()

    def action_zoom(self) -> None:
        focused = self.focused.id if self.focused is not None else None
        self.zoom_to("" if self.zoom else focused if focused in PANE_OF and focused is not None else FIRST[self.pane])

    def action_back(self) -> None:
        """esc: out of the filter, the level, the zoom, in this order."""
        if self.zoom == "failures" and self.failure_zoom.leave():
            return
        name = {"1": "tail", "2": "jobs", "3": "failures"}.get(self.pane, "")
        if name == "tail" and self.picture.filter:
            self._filter("tail", "")
        elif self.picture.filters.get(name):
            self._filter(name, "")
        elif self.zoom:
            self.zoom_to("")
        elif self.focused is not None and self.focused.id in {"tail", "state"}:
            self.streams.streams.focus()

    def on_opened(self, message: Opened) -> None:
        message.stop()
        if message.pane == "strips":
            self.show_pane(message.row)
        elif message.pane == "problems":
            self.run_worker(self.app.run_action("problems"))
        elif message.pane == "stream-zoom":
            self.zoom_to("tail")
            self.streams.tail.focus()
        elif message.pane in {"jobs", "failures"} or message.pane == "state" or (message.pane == "tail" and message.row == "row"):
            self.zoom_to(message.pane)
        elif message.pane == "tail" and message.row.isdigit():
            self.zoom = "failures"
            self.lay_out(self.app.size.width, self.app.size.height)
            self.failure_zoom.enter(record=int(message.row))

    # Keys

    def action_pause_view(self) -> None:
        self.streams.toggle_pause()

    def action_control(self, action: Action) -> None:
        """A command on the chosen stream: its plan first."""
        self.run_worker(self.controls.run(action), group="control", exclusive=True)

    def action_add_column(self) -> None:
        drifts = self.picture.unseen or self.picture.drifts
        self.add_column(next((drift for drift in drifts if drift.addable), drifts[0] if drifts else None))

    def add_column(self, drift: DriftStatus | None) -> None:
        self.run_worker(self.controls.add_column(drift), group="control", exclusive=True)

    def action_ask(self, what: str) -> None:
        """`late` or `windows` of the view that is shown, as SQL in a tab of its own."""
        if why := missing(self.picture, what):
            self.footer.say(why, "warning")
        elif self.picture.view:
            self.show_pane("4")
            self.sql.look_at(copying.VIEW_QUESTIONS[what](self.picture.view))
        else:
            self.footer.say("This stream has no running state.", "warning")

    def action_kept_rows(self) -> None:
        """Rows that broke the rule under the cursor and are in their table, as SQL in a tab of its own."""
        rule = self.failure_zoom.rules.current
        if rule is None or rule.action != "mark":
            self.footer.say("This rule keeps no rows: all that broke it are in quarantine.", "warning")
        else:
            self.show_pane("4")
            self.sql.look_at(copying.kept_sql(rule))

    def action_filter(self) -> None:
        name = {"1": "tail", "2": "jobs", "3": "failures"}.get(self.pane)
        if name is not None:
            value = self.picture.filter if name == "tail" else self.picture.filters.get(name, "")
            self._ask(f"filter {name}", "/", value, "enter keeps the filter, esc drops it")

    def action_goto(self) -> None:
        self._ask("goto", ":", "", "")

    def _ask(self, purpose: str, sign: str, value: str, hint: str) -> None:
        self._before = self.focused
        self.footer.display = False
        suggest = None
        if purpose == "goto":
            suggest = lambda typed: [(place.name, place.kind) for place in matching(self.picture, typed)]  # noqa: E731
        self.prompt.ask(purpose, sign, value, suggest, hint)

    def on_prompt_changed(self, message: PromptChanged) -> None:
        message.stop()
        if message.purpose.startswith("filter "):
            self._filter(message.purpose.removeprefix("filter "), message.value)

    def on_prompt_done(self, message: PromptDone) -> None:
        message.stop()
        self.footer.display = True
        if self._before is not None:
            self._before.focus()
        if message.purpose == "goto" and message.accepted:
            found = next((p for p in matching(self.picture, message.value) if p.name == message.value), None)
            if found is not None:
                self.go_to(found)
        elif message.purpose.startswith("filter "):
            self._filter(message.purpose.removeprefix("filter "), message.value if message.accepted else "")
        self.footer.frame()

    def _filter(self, name: str, value: str) -> None:
        if name == "tail":
            self.picture.filter = value
            self.link.look_now()
        else:
            self.picture.filters[name] = value
        self.refresh_panes()

    def go_to(self, place: Place) -> None:
        """Shows a place by name."""
        if place.kind == "pane":
            self.show_pane({"streams": "1", "jobs": "2", "failures": "3", "sql": "4"}[place.name])
        elif place.kind == "engine":
            self.link.restart()
        elif place.kind in {"stream", "running state", "source"}:
            self.picture.choose(place.stream)
            if place.kind == "running state":
                self.picture.view, self.picture.state = place.name, None
            self.show_pane("1")
            self.link.look_now()
        elif place.kind == "job":
            run = next((r for r in self.jobs.runs() if r.job == place.name), None)
            self.jobs.row = str(run.id) if run is not None else self.jobs.row
            self.show_pane("2")
        elif place.kind == "rule":
            self.failures.row = self.picture.rule_key(place.stream, place.name)
            self.show_pane("3")
        else:
            self.show_pane("4")
            self.sql.put(f"SELECT * FROM {place.name} LIMIT 100;", run=True)
        self.refresh_panes()

    def action_copy(self) -> None:
        text, what = copy_of(self)
        if text:
            self.post_message(Copy(text, what))
        else:
            self.footer.say("There is nothing here to copy.", "warning")

    def action_export(self) -> None:
        self.run_worker(export_of(self, self.footer.say), group="export", exclusive=True)

    def action_refresh_job(self) -> None:
        run = self.job_zoom.current if self.zoom == "jobs" else self.jobs.current
        if run is None:
            self.footer.say("Choose a job first.", "warning")
        else:
            self.run_worker(self._refresh(run.job), group="refresh")

    async def _refresh(self, job: str) -> None:
        engine = self.link.engine
        if engine is not None:
            try:
                self.footer.say((await engine.refresh(job)).text)
            except (WorkbenchError, OSError) as error:
                self.footer.say(str(error), "error")

    def _look_at_last(self) -> None:
        last = newest(rules_of(self.picture))
        now = self.picture.clock()
        have = self.failures.last.row.id if self.failures.last is not None else None
        if last is None or last.last_id in {None, have} or 0 <= now - self._last_look < EACH_SECOND or self.picture.paused:
            return
        self._last_look = now
        self.run_worker(self._fetch_last(int(last.last_id or 0)), group="last", exclusive=True)

    async def _fetch_last(self, record: int) -> None:
        engine = self.link.engine
        if engine is not None:
            try:
                self.failures.last = await engine.quarantine_detail(record)
                self.failures.frame()
            except (WorkbenchError, OSError):
                return
