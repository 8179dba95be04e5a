"""An engine in memory with believable data, for the tests of the terminal."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from workbench.errors import EngineUnavailable, PlanOutdated
from workbench.protocol import (
    PROTOCOL,
    Action,
    ControlPlan,
    Dataset,
    Hello,
    Notice,
    Page,
    QuarantineDetail,
    QuarantinePage,
    QuarantineRow,
    QueryStatus,
    Reply,
    RuleStatus,
    RuleVerdict,
    RunStatus,
    Snapshot,
    StatePage,
    StateRow,
    StreamState,
    StreamStatus,
    Tail,
    TailRow,
)

NOW = 1_795_368_280.118
"""2026-11-22 17:24:40.118 UTC."""

RAW = (
    '{"order_id":"o-884216","customer":"u-55310","country":"XX","amount":-12.50,"currency":"EUR","status":"refund",'
    '"ts":"2026-11-22T17:24:40.131Z","items":[{"sku":"K-118","n":1},{"sku":"K-902","n":2}]}'
)
CUSTOMERS = ("u-21992", "u-86424", "u-10471", "u-55310", "u-73004", "u-18846", "u-40917", "u-62285")
COUNTRIES = ("DE", "FR", "NL", "DE", "ES", "IT", "AT", "PL")
METHODS = ("card", "paypal", "ideal", "card", "card", "wallet", "card", "blik")


def noise(seed: int, i: int) -> float:
    """0…1, the same each time."""
    x = math.sin(seed * 127.1 + i * 311.7) * 43758.5453
    return x - math.floor(x)


def stream(name: str, state: StreamState, rate: float, seed: int, *, lag: float, rows: int, queue: float, rejected: int) -> StreamStatus:
    """A stream with a minute of history."""
    trend = -0.8 if state == "LAG" else 0.2
    spark = tuple(max(0.0, rate * (0.8 + 0.3 * (noise(seed, i // 4) - 0.5) + trend * (i / 60 - 0.5))) for i in range(60))
    if state == "PAUSE":
        spark = tuple(2_000.0 + 400 * noise(seed, i) if i < 17 else 0.0 for i in range(60))
    views = ("revenue_by_minute", "revenue_by_country") if name == "orders" else ()
    return StreamStatus(
        name=name,
        state=state,
        rate=rate,
        spark=spark,
        lag_seconds=lag,
        lag_rows=rows,
        queue=queue,
        rows_in=41_201_334,
        accepted=41_198_130,
        rejected=rejected * 10,
        filtered=0,
        blank=0,
        rejected_recently=rejected,
        source=f"{name}/*.ndjson",
        views=views,
    )


def streams() -> tuple[StreamStatus, ...]:
    """Five of them, one behind and one paused."""
    return (
        stream("orders", "RUN", 98_200, 1, lag=0.1, rows=1_100, queue=0.05, rejected=171),
        replace(stream("clicks", "LAG", 41_700, 2, lag=8.4, rows=43_100, queue=0.46, rejected=41), slow="decode", catch_up=21.0),
        stream("payments", "RUN", 9_840, 3, lag=0.2, rows=310, queue=0.02, rejected=0),
        stream("stock", "RUN", 2_010, 4, lag=0.1, rows=40, queue=0.0, rejected=0),
        stream("audit", "PAUSE", 0, 5, lag=186.0, rows=512_000, queue=1.0, rejected=2),
    )


def run(number: int, job: str, state: str, **more: object) -> RunStatus:
    """A run of a job."""
    values: dict[str, object] = {"progress": None, "started_at": NOW - 60, "seconds": 12.0, "cause": "update of orders"} | more
    return RunStatus(id=number, job=job, state=state, **values)  # type: ignore[arg-type]


def runs() -> tuple[RunStatus, ...]:
    """Two running, one failed, two waiting, three done."""
    return (
        run(41, "load_customers", "running", progress=0.66, left=12.0, seconds=23.0),
        run(42, "rollup_daily", "running", progress=0.27, left=40.0, seconds=15.0),
        run(43, "publish_daily", "waiting", cause="after #42", seconds=0.0),
        run(44, "export_eu", "waiting", cause="after #42 #41", seconds=0.0),
        run(40, "dedupe_clicks", "failed", seconds=48.1, error="Out of memory: could not allocate 256 MB\nselect distinct on (click_id) *"),
        run(39, "orders_daily", "done", seconds=41.0, started_at=NOW - 161, rows=884_216),
        run(38, "stock_levels", "done", seconds=3.2, started_at=NOW - 363, rows=1_204),
        run(37, "dedupe_clicks", "done", seconds=24.0, started_at=NOW - 864, rows=11_800_000),
    )


def rule(name: str, stream_name: str, recent: int, total: int, share: float, seed: int, trend: float, **more: object) -> RuleStatus:
    """A rule with five minutes of history."""
    spark = (
        tuple(int(recent / 12 * max(0.0, 0.6 + trend * (i / 30 - 0.5) + 0.4 * noise(seed, i))) for i in range(30)) if recent else (0,) * 30
    )
    values: dict[str, object] = {
        "first_seen": NOW - 19_349,
        "last_seen": NOW if recent else NOW - 4_000,
        "last_id": 10_482 if recent > 100 else 9_000,
    }
    return RuleStatus(name_of(stream_name), name, "drop", spark, recent, total, share, **(values | more))  # type: ignore[arg-type]


def name_of(stream_name: str) -> str:
    return stream_name


def rules() -> tuple[RuleStatus, ...]:
    """Four: one loud, one new, one that only marks, one quiet."""
    return (
        rule("amount_not_negative", "orders", 171, 3_204, 0.00058, 11, -0.5, predicate="amount >= 0"),
        rule("ts_not_null", "clicks", 41, 41, 0.021, 12, 0.9, new=True, first_seen=NOW - 98, last_seen=NOW - 5),
        rule("known_level", "audit", 2, 96, 0.00001, 13, 0.0, first_seen=NOW - 1_100_000, last_seen=NOW - 50),
        rule("_malformed", "clicks", 0, 4_917, 0.00098, 14, 0.0, first_seen=NOW - 4_400_000, last_id=None),
    )


DATASETS = (
    Dataset("orders", "streaming table", columns=(("order_id", "VARCHAR"), ("amount", "DOUBLE"))),
    Dataset("revenue_by_minute", "running state"),
    Dataset("rollup_daily", "materialized view"),
    Dataset("workbench.quarantine", "system"),
)


def snapshot(commit: int = 9_412) -> Snapshot:
    """Everything, as of now."""
    return Snapshot(
        at=NOW,
        commit=commit,
        streams=streams(),
        runs=runs(),
        rules=rules(),
        problems=(),
        notices=(Notice(1, NOW - 120, "info", "orders/2026-11-22.ndjson was rotated", "orders"),),
        datasets=DATASETS,
        rate=157_000,
        cpu=0.63,
        memory=420_000_000,
    )


def tail_row(i: int) -> TailRow:
    """The i-th record; every seventh breaks a rule."""
    bad = i % 7 == 3
    amount = "-12.50" if bad else f"{12 + 240 * noise(3, i):,.2f}"
    status = "refund" if i % 3 else "paid"
    return TailRow(
        at=NOW - 100 + i * 0.07,
        line=884_213 + i,
        cells=(f"o-{884213 + i}", CUSTOMERS[i % 8], COUNTRIES[i % 8], METHODS[i % 8], amount, "EUR", status),
        rules=("amount_not_negative",) if bad else (),
        dropped=bad,
        quarantine_id=10_482 if bad else None,
    )


COLUMNS = ("order_id", "customer", "country", "method", "amount", "currency", "status")
NUMERIC = (False, False, False, False, True, False, False)


def state_page(view: str) -> StatePage:
    """Four minutes of orders."""
    base = (
        ("17:24", 3_980, 85_597.40, 1_204.0),
        ("17:23", 5_870, 126_330.10, 3.0),
        ("17:22", 5_811, 122_904.75, 0.0),
        ("17:21", 5_902, 127_018.20, 0.0),
    )
    rows = tuple(
        StateRow((minute, f"{orders:,}", f"{revenue:,.2f}", f"{revenue / orders:,.2f}"), i == 0, changed, revenue)
        for i, (minute, orders, revenue, changed) in enumerate(base)
    )
    return StatePage(
        view, ("minute", "orders", "revenue", "average"), (False, True, True, True), rows, 1_440, 1, NOW - 9, 9_412, late=0, amount=2
    )


def quarantine_row(number: int) -> QuarantineRow:
    """A rejected order."""
    return QuarantineRow(
        id=number,
        stream="orders",
        rules=("amount_not_negative", "country_known") if number % 3 == 0 else ("amount_not_negative",),
        file="orders/2026-11-22.ndjson",
        line=884_216 - (10_482 - number) * 7,
        offset=41_201_334 - (10_482 - number) * 1_400,
        arrived_at=NOW - (10_482 - number) * 1.7,
        preview=RAW[:80],
    )


def detail(number: int) -> QuarantineDetail:
    """The same, in full."""
    country, amount = RAW.index('"country"'), RAW.index('"amount"')
    return QuarantineDetail(
        row=quarantine_row(number),
        raw=RAW,
        size=len(RAW),
        commit=9_412,
        committed_at=NOW + 0.1,
        state="quarantined",
        verdicts=(
            RuleVerdict("amount_not_negative", True, "drop", "-12.50", "amount >= 0", "amount"),
            RuleVerdict("country_known", True, "mark", "'XX'", "country IN ('DE', 'FR')", "country"),
            RuleVerdict("order_id NOT NULL", False, "drop", "'o-884216'", "", "order_id"),
            RuleVerdict("currency_is_eur", False, "drop", "'EUR'", "currency = 'EUR'", "currency"),
        ),
        spans=((country, country + 14, "mark"), (amount, amount + 15, "drop")),
    )


PLAN = ControlPlan(
    "orders",
    "rewind",
    (
        "It goes back to commit 9,312, which was made at 17:07:41.",
        "3,204,118 rows of orders and 3,204 rejected ones that came after it are taken away, and read again from orders/2026-11-22.ndjson.",
        "revenue_by_minute and revenue_by_country go back with it; 118 windows that were closed open again.",
        "rollup_daily keeps what it has until it is refreshed.",
    ),
    token="t-1",
)
"""What a rewind would do."""


class FakeEngine:
    """Answers as an engine does. Snapshots come when `push` gives one; `calls` says what was asked; `dead` makes everything fail.

    `plans` are given one after the other, the last one again and again; `outdated` is how many times a command is refused for its plan.

    Queries: `results` by SQL text gives (columns, rows); `slow` keeps a query running until `finish`.
    """

    def __init__(self, first: Snapshot | None = None) -> None:
        self.now = first or snapshot()
        self.calls: list[tuple[object, ...]] = []
        self.dead = False
        self.slow = False
        self.fail: QueryStatus | None = None
        self.results: dict[str, tuple[tuple[tuple[str, str], ...], Sequence[tuple[str | None, ...]]]] = {}
        self.statuses: dict[str, QueryStatus] = {}
        self.rows: dict[str, Sequence[tuple[str | None, ...]]] = {}
        self.total = 884_213
        self.plans = [PLAN]
        self.outdated = 0
        self.tail_rows = tuple(tail_row(i) for i in range(60))
        self._news: asyncio.Queue[Snapshot | None] = asyncio.Queue()

    def push(self, snapshot_: Snapshot) -> None:
        self.now = snapshot_
        self._news.put_nowait(snapshot_)

    def die(self) -> None:
        self.dead = True
        self._news.put_nowait(None)

    def _call(self, *call: object) -> None:
        self.calls.append(call)
        if self.dead:
            raise EngineUnavailable("No engine answers.")

    async def hello(self) -> Hello:
        self._call("hello")
        return Hello("0.1.0", PROTOCOL, 48_213, "shop", "/data/shop", NOW - 3_600)

    async def snapshots(self) -> AsyncIterator[Snapshot]:
        yield self.now
        while True:
            news = await self._news.get()
            if news is None:
                return
            yield news

    async def tail(self, name: str, limit: int = 100, filter: str = "") -> Tail:
        self._call("tail", name, limit, filter)
        rows = [row for row in self.tail_rows if not filter or any(filter in cell for cell in row.cells)]
        matched, searched = (len(rows), 5_100) if filter else (0, 0)
        return Tail(name, COLUMNS, NUMERIC, tuple(rows[-limit:]), self.total, matched, searched)

    async def state(self, name: str, limit: int = 50) -> StatePage:
        self._call("state", name, limit)
        page = state_page(name)
        return replace(page, rows=page.rows[:limit])

    async def quarantine(self, stream: str | None = None, rule: str | None = None, offset: int = 0, limit: int = 100) -> QuarantinePage:
        self._call("quarantine", stream, rule, offset, limit)
        return QuarantinePage(tuple(quarantine_row(10_482 - i) for i in range(offset, min(171, offset + limit))), 171)

    async def quarantine_detail(self, id: int) -> QuarantineDetail:
        self._call("quarantine_detail", id)
        return detail(id)

    async def submit(self, sql: str) -> QueryStatus:
        self._call("submit", sql)
        number = f"q{len(self.statuses) + 1}"
        if self.fail is not None:
            status = replace(self.fail, id=number, sql=sql)
        else:
            columns, rows = self.results.get(sql, ((("n", "BIGINT"),), (("1",),)))
            self.rows[number] = rows
            state, progress = ("running", 0.44) if self.slow else ("done", None)
            status = QueryStatus(number, sql, state, 2.5 if self.slow else 0.21, len(rows), columns, progress, commit=9_412)  # type: ignore[arg-type]
        self.statuses[number] = status
        return status

    def finish(self, state: str = "done") -> None:
        """Ends every query that runs."""
        self.slow = False
        for number, status in self.statuses.items():
            if status.state == "running":
                self.statuses[number] = replace(status, state=state, progress=None)  # type: ignore[arg-type]

    async def query(self, id: str, wait: float = 0.0) -> QueryStatus:
        self._call("query", id)
        if self.statuses[id].state == "running":
            await asyncio.sleep(min(wait, 0.02))
        return self.statuses[id]

    async def page(self, id: str, offset: int, limit: int) -> Page:
        self._call("page", id, offset, limit)
        rows = self.rows[id]
        numeric = tuple(kind in {"BIGINT", "DOUBLE"} for _, kind in self.statuses[id].columns)
        return Page(offset, tuple(rows[i] for i in range(offset, min(len(rows), offset + limit))), len(rows), True, numeric)

    async def cancel(self, id: str) -> None:
        self._call("cancel", id)
        self.finish("cancelled")

    async def close_query(self, id: str) -> None:
        self._call("close_query", id)

    async def pause(self, name: str) -> Reply:
        self._call("pause", name)
        return Reply(f"{name} is paused")

    async def resume(self, name: str) -> Reply:
        self._call("resume", name)
        return Reply(f"{name} reads on")

    async def plan_control(self, stream: str, action: Action, **arguments: object) -> ControlPlan:
        self._call("plan_control", stream, action, arguments)
        return replace(self.plans.pop(0) if len(self.plans) > 1 else self.plans[0], stream=stream, action=action)

    async def control(self, stream: str, action: Action, token: str, **arguments: object) -> Reply:
        self._call("control", stream, action, token, arguments)
        if self.outdated:
            self.outdated -= 1
            raise PlanOutdated("What it would do has changed.")
        return Reply(f"{action} of {stream} is done")

    async def refresh(self, name: str, full: bool = False) -> Reply:
        self._call("refresh", name, full)
        return Reply(f"{name} is being refreshed")

    async def log(self, lines: int = 100) -> Sequence[str]:
        self._call("log", lines)
        return ["17:24:40 info started"]

    async def stop(self) -> Reply:
        self._call("stop")
        return Reply("stopped")

    async def aclose(self) -> None:
        return None

    def asked(self, name: str) -> list[tuple[object, ...]]:
        """The calls of that name."""
        return [call for call in self.calls if call[0] == name]
