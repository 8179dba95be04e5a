"""Failures on the whole screen: rules over rows beside one record; one level at a time where it is narrow."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from workbench.errors import WorkbenchError
from workbench.tui.link import Link
from workbench.tui.messages import Chosen, Opened
from workbench.tui.widgets.failure_detail import FailureDetail
from workbench.tui.widgets.failure_rows import FailureRows
from workbench.tui.widgets.failure_rules import FailureRules
from workbench.tui.widgets.failures import rules_of

LIMIT = 200
NARROW = 100
ROWS = 45
"""Cells of the list of rows, at least, beside one of them."""


class FailureZoom(Vertical):
    """Three levels: enter goes in, esc goes out; `leave` says False once there is no level left to leave."""

    DEFAULT_CSS = """
    FailureZoom { height: 1fr; }
    FailureZoom #failure-below { height: 1fr; }
    FailureZoom FailureRows { width: 45; margin: 0 2 0 0; }
    FailureZoom FailureDetail { width: 1fr; }
    """

    def __init__(self, link: Link, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._link = link
        self.rules = FailureRules(link.picture, id="failure-rules")
        self.records = FailureRows(link.picture, id="failure-rows")
        self.one = FailureDetail(link.picture, id="failure-detail")
        self._level = 0

    def compose(self) -> ComposeResult:
        yield self.rules
        with Horizontal(id="failure-below"):
            yield self.records
            yield self.one

    def lay_out(self, width: int, height: int) -> None:
        """Sizes of the levels; below 100 columns only the one that has the focus shows."""
        narrow = width < NARROW
        count = max(1, len(self.rules.rows()))
        self.rules.display = not narrow or self._level == 0
        self.query_one("#failure-below").display = not narrow or self._level > 0
        self.records.display = not narrow or self._level == 1
        self.one.display = not narrow or self._level == 2
        self.rules.styles.height = "1fr" if narrow else min(count + 3, max(5, height // 3))
        self.records.styles.width = "1fr" if narrow else max(ROWS, width * 9 // 20)
        self.records.styles.margin = (0, 0, 0, 0) if narrow else (0, 2, 0, 0)

    def enter(self, rule: str = "", record: int | None = None) -> None:
        """Comes in: at a rule, or at a record."""
        if rule:
            self.rules.row = rule
        self._go(2 if record is not None else 0)
        self.load_rule(record)

    def leave(self) -> bool:
        """One level out; False when that leaves the zoom."""
        if self._level == 0:
            return False
        self._go(self._level - 1)
        return True

    def frame(self) -> None:
        for pane in (self.rules, self.records, self.one):
            pane.frame()

    def redraw(self) -> None:
        for pane in (self.rules, self.records, self.one):
            pane.redraw()

    def on_chosen(self, message: Chosen) -> None:
        message.stop()
        if message.pane == "failure-rules":
            self.load_rule()
        elif message.pane == "failure-rows":
            self._open_record(int(message.row))

    def on_opened(self, message: Opened) -> None:
        if message.pane == "failure-rules":
            message.stop()
            rule = self.rules.current
            if rule is not None:
                self._link.picture.opened.add(self._link.picture.rule_key(rule.stream, rule.rule))
            self._go(1)
        elif message.pane == "failure-rows":
            message.stop()
            self._go(2)

    def on_descendant_focus(self) -> None:
        focused = self.screen.focused
        levels = [self.rules, self.records, self.one]
        if focused in levels:
            self._level = levels.index(focused)

    def load_rule(self, record: int | None = None) -> None:
        """Asks for the rows of the rule under the cursor, and for one of them in full."""
        self.run_worker(self._load(record), group="failure-rows", exclusive=True)

    def _go(self, level: int) -> None:
        self._level = level
        self.lay_out(self.size.width or self.app.size.width, self.size.height or self.app.size.height)
        (self.rules, self.records, self.one)[level].focus()
        self.frame()

    async def _load(self, record: int | None) -> None:
        engine, rule = self._link.engine, self.rules.current
        if engine is None or (rule is None and record is None):
            return
        try:
            if record is not None:
                detail = await engine.quarantine_detail(record)
                wanted = [r for r in rules_of(self._link.picture) if r.stream == detail.row.stream and r.rule in detail.row.rules]
                if wanted:
                    rule = wanted[0]
                    self.rules.row = self._link.picture.rule_key(rule.stream, rule.rule)
            page = await engine.quarantine(rule.stream, rule.rule, 0, LIMIT) if rule is not None else None
            chosen = record if record is not None else (page.rows[0].id if page is not None and page.rows else None)
            one = await engine.quarantine_detail(chosen) if chosen is not None else None
            if rule is not None and page is not None:
                self.records.marks = rule.action == "mark"
                self.records.kept = max(0, rule.total - page.total) if self.records.marks else 0
                self.records.rule, self.records.stream = rule.rule, rule.stream
                self.records.records, self.records.total = page.rows, page.total
                self.records.row = str(chosen) if chosen is not None else ""
            self.one.show(one)
        except (WorkbenchError, OSError) as error:
            self.one.show(None, str(error))
        self.frame()

    def _open_record(self, record: int) -> None:
        self.run_worker(self._load_one(record), group="failure-detail", exclusive=True)

    async def _load_one(self, record: int) -> None:
        engine = self._link.engine
        if engine is None:
            return
        try:
            if record == int(self.records.row or -1) and record == int(self.records.rows()[-1]):
                await self._more()
            self.one.show(await engine.quarantine_detail(record))
        except (WorkbenchError, OSError) as error:
            self.one.show(None, str(error))

    async def _more(self) -> None:
        """The cursor stands on the last row that is here: fetch those after it."""
        engine, rule, have = self._link.engine, self.rules.current, self.records.records
        if engine is None or rule is None or len(have) >= self.records.total:
            return
        page = await engine.quarantine(rule.stream, rule.rule, len(have), LIMIT)
        known = {record.id for record in have}
        self.records.records = have + tuple(record for record in page.rows if record.id not in known)
        self.records.total = page.total
        self.records.frame()
