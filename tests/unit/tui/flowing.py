"""A believable moment of several sources, event time, drift and control, for the tests of the terminal."""

from __future__ import annotations

from dataclasses import replace

from tests.unit.tui.fake_engine import NOW, RAW, snapshot
from workbench.protocol import DriftStatus, FlowStatus, Snapshot, ViewStatus


def sources() -> tuple[FlowStatus, ...]:
    """Where clicks come from: a file, senders over TCP, and UDP that lost some and is limited."""
    file = FlowStatus("clicks_eu", "read_files clicks/eu/*.ndjson", "RUN", 21_300.0, 0.1, 310, 67_000, event_time=NOW - 1)
    tcp = FlowStatus(
        name="clicks_us",
        source="read_socket tcp://0.0.0.0:5140",
        state="LAG",
        rate=15_400.0,
        lag_seconds=8.4,
        lag_rows=42_700,
        lag_bytes=9_400_000,
        rejected=1_204,
        held=118_000_000,
        hold_limit=256_000_000,
        peers=12,
        event_time=NOW - 39,
    )
    udp = FlowStatus(
        name="clicks_udp",
        source="read_socket udp://0.0.0.0:5141",
        state="RUN",
        rate=5_000.0,
        lag_seconds=0.2,
        lag_rows=90,
        lag_bytes=21_000,
        held=1_200_000,
        hold_limit=256_000_000,
        dropped=1_204,
        peers=3,
        limit=5_000.0,
        event_time=NOW - 63_300,
        watermark_idle=True,
    )
    return file, tcp, udp


def views() -> tuple[ViewStatus, ...]:
    """One of each kind that says something else."""
    minute = ViewStatus("revenue_by_minute", "orders", "tumbling", NOW - 9, 2, 1_438, 12, "list", 4_320, 311_000)
    country = ViewStatus("revenue_by_country", "orders", "groups", None, state_rows=42, state_bytes=3_100)
    visit = ViewStatus("clicks_by_visit", "clicks", "session", NOW - 69, 318, 90_412, 1_777, "update", 1_271_000, 96_400_000)
    once = ViewStatus("clicks_once", "clicks", "distinct", NOW - 69, 0, 0, 3, "drop", 88_000, 4_100_000)
    return (
        replace(minute, expires="windows are kept, 30 s for late rows"),
        replace(country, expires="nothing is let go: one row a country"),
        replace(visit, expires="open visits 5 min after their last click", waits_for=("clicks_us",)),
        replace(once, expires="keys older than 10 min", waits_for=("clicks_us",)),
    )


def drifts() -> tuple[DriftStatus, ...]:
    """A new field, and one that came to be text."""
    return (
        DriftStatus("orders", "coupon", "new", "VARCHAR", RAW[:-1] + ',"coupon":"SUMMER-26"}', 41, NOW - 95),
        DriftStatus("clicks", "visitor", "retyped", "VARCHAR", '{"click_id":9,"visitor":"v-77"}', 3, NOW - 20, addable=False),
    )


def flowing(commit: int = 9_412) -> Snapshot:
    """Everything, with several sources, event time, who is slow, a limit, and a stream that was stopped."""
    first = snapshot(commit)
    orders, clicks, payments, stock, audit = first.streams
    flow = FlowStatus(
        "orders", "read_files orders/2026-11-22.ndjson", "RUN", 98_200.0, 0.1, 1_100, 242_000, rejected=1_710, event_time=NOW - 2
    )
    orders = replace(orders, flows=(flow,), lag_bytes=242_000, queue_bytes=3_300_000, queue_limit=67_000_000, commit=commit)
    clicks = replace(clicks, flows=sources(), views=("clicks_by_visit", "clicks_once"), queue_limit=67_000_000, commit=commit)
    clicks = replace(clicks, lag_bytes=9_500_000, queue_bytes=31_000_000)
    stock = replace(stock, state="STOP", rate=0.0, spark=(*(2_000.0,) * 20, *(0.0,) * 40), lag_seconds=71.0, lag_rows=141_000)
    payments, audit = replace(payments, lag_bytes=61_000), replace(audit, lag_bytes=98_000_000)
    return replace(first, streams=(orders, clicks, payments, stock, audit), views=views())
